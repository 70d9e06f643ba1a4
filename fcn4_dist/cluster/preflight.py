"""What would stop a distributed job, found before anything is started.

Every check gives a finding with its own sentence; none raises for what it finds.
"""

import errno
import os
import shutil
import socket
from collections.abc import Mapping
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from fcn4_dist.cluster.device import NO_CARD, check_mindspore
from fcn4_dist.cluster.launch import path_of_workers, stale_variables
from fcn4_dist.cluster.sites import pod_variables
from fcn4_dist.cluster.topology import LOOP_BACK, Host, Nodes, Starter, Topology, free_port
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.findings import Finding, Level, errors_in, finding_of
from fcn4_dist.rank_table import check_rank_table

# From the version check of each MindSpore wheel: versions of CANN's compiler it accepts.
CANN_OF_MINDSPORE = {
    "2.7": ("7.8", "8.2", "8.3"),
    "2.8": ("8.2", "8.3", "8.5"),
    "2.9": ("8.2", "8.3", "8.5", "9.0"),
    "2.10": ("8.2", "8.3", "8.5", "9.0", "9.1"),
}
TRAINING_CARDS = ("910", "A2", "A3")
MPI_PACKAGE = "mpi4py"


def check_software(environment: Mapping[str, str], starter: Starter) -> list[Finding]:
    """Look for MindSpore and what starts its workers, and for what an earlier job left.

    Args:
        environment: The variables workers will start from.
        starter: What is to start them.
    """
    findings = [finding_of("MindSpore", check_mindspore)]
    if starter is Starter.NOTHING:
        return findings
    if starter is Starter.MSRUN and findings[0].level is Level.OK:
        findings.append(finding_of("msrun", lambda: _find_msrun(environment)))
    findings.append(_check_mpi())
    return [*findings, _check_variables(environment)]


def check_cards(
    device_target: str,
    host: Host,
    environment: Mapping[str, str],
    version: str,
    precision: str = "float32",
) -> list[Finding]:
    """Look whether this host has cards that the installed MindSpore and CANN can use.

    Args:
        device_target: "Ascend" or "CPU".
        host: This host.
        environment: The variables workers will start from.
        version: Of MindSpore; "" if there is none.
        precision: What is to be computed in.
    """
    if device_target == "CPU":
        cores = len(os.sched_getaffinity(0))
        return [Finding(Level.OK, f"CPU with {cores} cores", check="device")]
    if not host.cards:
        return [Finding(Level.ERROR, *NO_CARD, check="device")]
    found = f"{len(host.cards)} Ascend cards ({_listed(host.cards)})"
    kind = host.generation or "of unknown kind"
    findings = [Finding(Level.OK, f"{found}, {kind}", check="device")]
    findings.append(_check_generation(host.generation, version))
    if precision == "bfloat16" and host.generation == "910":
        sentence = "the first Ascend 910 has no bfloat16"
        mend = "give --amp_dtype float16"
        findings.append(Finding(Level.ERROR, sentence, mend, "precision"))
    findings.append(_check_cann(environment, version))
    return findings


def check_workers(
    topology: Topology, settings: Settings, host: Host, starter: Starter = Starter.MSRUN
) -> list[Finding]:
    """Hold the workers wanted against this host: rank table, cards, address, port.

    Args:
        topology: The workers.
        settings: Name the device.
        host: This host.
        starter: What is to start them; only msrun takes the address and the port from here.
    """
    findings = []
    if topology.nodes.table_file:
        findings += _check_table(topology, settings.device_target, host)
    if settings.device_target == "Ascend" and host.cards:
        enough = _ENOUGH_CARDS[starter]
        findings.append(finding_of("workers", lambda: enough(topology, settings, host)))
    else:
        findings.append(Finding(Level.OK, f"{topology.local_ranks} on this host", check="workers"))
    if starter is Starter.MSRUN:
        findings += [check_address(topology.nodes, host), _check_port(topology)]
    return findings


def check_address(nodes: Nodes, host: Host) -> Finding:
    """Hold the address of node 0 against this host, before the launchers try to meet there.

    Args:
        nodes: The nodes of the job, as this one sees them.
        host: This host.
    """
    return finding_of("address", lambda: _find_node_0(nodes, host))


def usable_port(topology: Topology) -> int:
    """Give the scheduler's port, or on a single host a free one where it is taken."""
    nodes = topology.nodes
    taken = nodes.count == 1 and port_in_use(nodes.master_addr, nodes.master_port)
    return free_port(nodes.master_addr) if taken else nodes.master_port


def port_in_use(address: str, port: int) -> bool:
    """Tell whether something listens on a port of this host."""
    try:
        family = socket.getaddrinfo(address, None)[0][0]
        with socket.socket(family) as probe:
            # As servers do: a port that is only waiting for its last packets is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as error:
        return error.errno == errno.EADDRINUSE
    return False


def _find_msrun(environment: Mapping[str, str]) -> str:
    msrun = shutil.which("msrun", path=path_of_workers(environment))
    if msrun is None:
        raise InputError(
            "msrun, which comes with MindSpore, is not on the PATH: activate the environment that "
            "has MindSpore"
        )
    return msrun


def _check_mpi() -> Finding:
    try:
        version = metadata.version(MPI_PACKAGE)
    except metadata.PackageNotFoundError:
        sentence = "mpi4py is not installed; only 'mpirun' needs it"
        return Finding(Level.NOTE, sentence, "pip install mpi4py", "MPI")
    return Finding(Level.OK, f"mpi4py {version}, for those who start with mpirun", check="MPI")


def _check_variables(environment: Mapping[str, str]) -> Finding:
    of_site = pod_variables(environment)
    if stale := [name for name in stale_variables(environment) if name not in of_site]:
        sentence = f"left by an earlier job, and taken out for this one: {', '.join(stale)}"
        return Finding(Level.WARNING, sentence, check="variables")
    if of_site:
        return Finding(Level.OK, f"of this pod: {', '.join(of_site)}", check="variables")
    return Finding(Level.OK, "none are left of an earlier job", check="variables")


def _check_generation(generation: str, version: str) -> Finding:
    level, sentence, mend = Level.OK, f"MindSpore {version} on {generation}", ""
    if not version:
        level, sentence = Level.NOTE, "not checked, as there is no MindSpore"
    elif not generation:
        level = Level.NOTE
        sentence = (
            f"npu-smi does not tell the kind of the cards; whether MindSpore {version} supports "
            "them was not checked"
        )
    elif generation not in TRAINING_CARDS:
        level = Level.ERROR
        sentence = (
            f"the cards are {generation}, and MindSpore trains on the Ascend 910, A2 and A3 only"
        )
        mend = "give --device_target CPU, or use another host"
    elif generation == "910" and _minor(version) not in ("2.7", "2.8"):
        level = Level.WARNING
        sentence = (
            f"MindSpore {version} counts the graph engine, which the first 910 needs, as deprecated"
        )
        mend = "install MindSpore 2.8.0 if compiling fails"
    elif generation == "910":
        sentence += ", on the graph engine"
    return Finding(level, sentence, mend, "card and MindSpore")


def _check_cann(environment: Mapping[str, str], version: str) -> Finding:
    home = environment.get("ASCEND_HOME_PATH", "")
    if not home or not Path(home).is_dir():
        found = sorted(Path("/usr/local/Ascend").glob("*/set_env.sh"))
        script = found[0] if found else "/usr/local/Ascend/ascend-toolkit/set_env.sh"
        reason = f"names {home}, which is no folder" if home else "is not set"
        sentence = f"CANN's environment is missing (ASCEND_HOME_PATH {reason})"
        return Finding(Level.ERROR, sentence, f"source {script}", "CANN")
    information = Path(home) / "compiler" / "version.info"
    cann = _version_in(information)
    accepted = CANN_OF_MINDSPORE.get(_minor(version))
    if not cann or not accepted:
        sentence = f"{home}; its version was not checked ({information})"
        return Finding(Level.NOTE, sentence, check="CANN")
    if _minor(cann) not in accepted:
        return Finding(
            Level.WARNING,
            f"CANN {cann} in {home} does not match MindSpore {version}, which takes "
            f"{', '.join(accepted)}",
            "source the set_env.sh of a matching CANN, or install a matching MindSpore",
            "CANN",
        )
    return Finding(Level.OK, f"{cann} in {home}", check="CANN")


def _version_in(information: Path) -> str:
    if not information.is_file():
        return ""
    lines = information.read_text("utf-8", "replace").splitlines()
    return next((line[8:].strip() for line in lines if line.startswith("Version=")), "")


def _check_table(topology: Topology, device_target: str, host: Host) -> list[Finding]:
    path, table = topology.nodes.table_file, topology.nodes.table
    assert path and table
    findings = [
        replace(finding, sentence=f"{path}: {finding.sentence}", check="rank table")
        for finding in check_rank_table(path, host.generation)
        if finding.level is not Level.NOTE
    ]
    if device_target == "Ascend" and table.server_of(host.addresses) is None:
        server = table.servers[topology.nodes.rank].server_id
        sentence = f"{path}: server {server} is no address of this host ({_listed(host.addresses)})"
        findings.append(Finding(Level.WARNING, sentence, check="rank table"))
    if not errors_in(findings):
        servers = f"{topology.nodes.count} server" + "s" * (topology.nodes.count > 1)
        sentence = f"{path}: {table.ranks} ranks on {servers}"
        findings.append(Finding(Level.OK, sentence, check="rank table"))
    return findings


def _cards_for_msrun(topology: Topology, settings: Settings, host: Host) -> str:
    if strangers := [card for card in topology.cards if card not in host.usable]:
        raise InputError(
            f"this host has no card {_listed(strangers)} to use, only {_usable(host)}: name "
            "cards that are there with --devices, or make the rank table on this host"
        )
    if topology.local_ranks > len(host.usable):
        raise InputError(
            f"{topology.local_ranks} workers need as many cards, and this host has "
            f"{len(host.usable)} to use ({_usable(host)}): lower DEVICE_NUM"
        )
    used = topology.cards or host.usable[: topology.local_ranks]
    return f"{topology.local_ranks} on this host, on cards {_listed(used)}"


def _cards_for_mpirun(topology: Topology, settings: Settings, host: Host) -> str:
    if topology.local_ranks > len(host.usable):
        raise InputError(
            f"mpirun started {topology.local_ranks} processes on this host, which has "
            f"{len(host.usable)} cards to use: lower the number of processes a host"
        )
    used = host.usable[: topology.local_ranks]
    return f"{topology.local_ranks} on this host, on cards {_listed(used)}"


def _card_of_its_own(topology: Topology, settings: Settings, host: Host) -> str:
    # In a container the variable may number the cards anew: how many there are is what counts.
    cards = host.granted or host.cards
    if settings.device_id >= len(cards):
        why = ", by ASCEND_RT_VISIBLE_DEVICES" if host.granted else ""
        raise InputError(
            f"device_id is {settings.device_id}, and the cards this host has to use "
            f"({_listed(cards)}{why}) are numbered from 0 to {len(cards) - 1}: give another "
            "--device_id"
        )
    return f"1 on this host, on card {cards[settings.device_id]}"


_ENOUGH_CARDS = {
    Starter.MSRUN: _cards_for_msrun,
    Starter.MPIRUN: _cards_for_mpirun,
    Starter.NOTHING: _card_of_its_own,
}


def _usable(host: Host) -> str:
    why = "" if host.granted is None else ", by ASCEND_RT_VISIBLE_DEVICES"
    return f"{_listed(host.usable)}{why}"


def _find_node_0(nodes: Nodes, host: Host) -> str:
    if nodes.count == 1 and nodes.master_addr == LOOP_BACK:
        return "one host"
    try:
        found = socket.getaddrinfo(nodes.master_addr, None)
    except socket.gaierror as error:
        raise InputError(
            f"--master_addr {nodes.master_addr} is no address ({error.strerror})"
        ) from error
    here = any(entry[4][0] in host.addresses for entry in found)
    if nodes.count == 1:
        if not here:
            raise InputError(
                f"--master_addr {nodes.master_addr} is no address of this host "
                f"({_listed(host.addresses)}), and there is no other: leave it out, or give the "
                "number of hosts with --nnodes"
            )
        return "one host"
    if nodes.rank == 0 and not here:
        raise InputError(
            f"--node_rank is 0 here, and --master_addr {nodes.master_addr} is no address of this "
            f"host ({_listed(host.addresses)}): give node 0's own address on every node"
        )
    if nodes.rank > 0 and here:
        raise InputError(
            f"--node_rank is {nodes.rank} here, and --master_addr {nodes.master_addr} is this "
            "host: the host with that address is node 0"
        )
    return f"node {nodes.rank} of {nodes.count}, node 0 is {nodes.master_addr}"


def _check_port(topology: Topology) -> Finding:
    nodes = topology.nodes
    if nodes.rank > 0:
        return Finding(Level.OK, f"{nodes.master_port}, which node 0 looks at", check="port")
    if not port_in_use(nodes.master_addr, nodes.master_port):
        return Finding(Level.OK, f"{nodes.master_port} is free", check="port")
    if nodes.count == 1:
        sentence = f"port {nodes.master_port} is in use, so another is taken"
        return Finding(Level.WARNING, sentence, check="port")
    return Finding(
        Level.ERROR,
        f"port {nodes.master_port} of {nodes.master_addr} is in use",
        "end the job that has it, or give another --master_port on every node",
        "port",
    )


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _listed(items: tuple[int, ...] | tuple[str, ...] | list[int]) -> str:
    return ", ".join(map(str, items))
