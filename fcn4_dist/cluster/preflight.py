"""What would stop a distributed job, found before anything is started.

Every check gives a result with its own sentence; none raises for what it finds.
"""

import errno
import os
import shutil
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from importlib import metadata
from pathlib import Path

from fcn4_dist import findings
from fcn4_dist.cluster.device import check_device, check_mindspore
from fcn4_dist.cluster.launch import path_of_workers, stale_variables
from fcn4_dist.cluster.topology import LOOP_BACK, Host, Nodes, Topology, free_port
from fcn4_dist.errors import InputError
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


class Level(Enum):
    """How a check came out."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Result:
    """How a check came out.

    Attributes:
        check: What was checked.
        level: Whether it is in order.
        sentence: What was found and, if it is not in order, what to do.
    """

    check: str
    level: Level
    sentence: str


def result_of(check: str, work: Callable[[], str]) -> Result:
    """Run a check that gives what it found, or raises what is wrong.

    Args:
        check: What is checked.
        work: The check.
    """
    try:
        return Result(check, Level.OK, work())
    except InputError as error:
        return Result(check, Level.ERROR, str(error))
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        return Result(check, Level.ERROR, f"{error.strerror or error}{where}")


def check_software(environment: Mapping[str, str]) -> list[Result]:
    """Look for MindSpore, its launcher and MPI, and for what an earlier job left.

    Args:
        environment: The variables workers will start from.
    """
    results = [result_of("MindSpore", check_mindspore)]
    msrun = shutil.which("msrun", path=path_of_workers(environment))
    if results[0].level is Level.OK:
        results.append(result_of("msrun", lambda: _found_msrun(msrun)))
    results.append(_check_mpi())
    stale = stale_variables(environment)
    if stale:
        sentence = f"left by an earlier job, and taken out for this one: {', '.join(stale)}"
        results.append(Result("variables", Level.WARNING, sentence))
    else:
        results.append(Result("variables", Level.OK, "none are left of an earlier job"))
    return results


def check_cards(
    device_target: str,
    host: Host,
    environment: Mapping[str, str],
    version: str,
    precision: str = "float32",
) -> list[Result]:
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
        return [Result("device", Level.OK, f"CPU with {cores} cores")]
    if not host.cards:
        return [result_of("device", lambda: _no_cards(device_target))]
    found = f"{len(host.cards)} Ascend cards ({_listed(host.cards)})"
    results = [Result("device", Level.OK, f"{found}, {host.generation or 'of unknown kind'}")]
    results.append(_check_generation(host.generation, version))
    if precision == "bfloat16" and host.generation == "910":
        sentence = "the first Ascend 910 has no bfloat16: give --amp_dtype float16"
        results.append(Result("precision", Level.ERROR, sentence))
    results.append(_check_cann(environment, version))
    return results


def check_workers(topology: Topology, device_target: str, host: Host) -> list[Result]:
    """Hold the workers wanted against this host: cards, rank table, port.

    Args:
        topology: The workers.
        device_target: "Ascend" or "CPU".
        host: This host.
    """
    results = []
    if topology.nodes.table_file:
        results += _check_table(topology, device_target, host)
    if device_target == "Ascend" and host.cards:
        results.append(result_of("workers", lambda: _enough_cards(topology, host)))
    else:
        results.append(Result("workers", Level.OK, f"{topology.local_ranks} on this host"))
    results.append(check_address(topology.nodes, host))
    results.append(_check_port(topology))
    return results


def check_address(nodes: Nodes, host: Host) -> Result:
    """Hold the address of node 0 against this host, before the launchers try to meet there.

    Args:
        nodes: The nodes of the job, as this one sees them.
        host: This host.
    """
    return result_of("address", lambda: _find_node_0(nodes, host))


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


def _no_cards(device_target: str) -> str:
    check_device(device_target)
    return "cards appeared while this was checked"


def _found_msrun(msrun: str | None) -> str:
    if msrun is None:
        raise InputError(
            "msrun, which comes with MindSpore, is not on the PATH: activate the environment that "
            "has MindSpore"
        )
    return msrun


def _check_mpi() -> Result:
    try:
        version = metadata.version(MPI_PACKAGE)
    except metadata.PackageNotFoundError:
        sentence = "mpi4py is not installed; only 'mpirun' needs it: pip install mpi4py"
        return Result("MPI", Level.NOTE, sentence)
    return Result("MPI", Level.OK, f"mpi4py {version}, for those who start with mpirun")


def _check_generation(generation: str, version: str) -> Result:
    name = "card and MindSpore"
    if not version:
        return Result(name, Level.NOTE, "not checked, as there is no MindSpore")
    if not generation:
        sentence = "npu-smi does not tell the kind of the cards; whether MindSpore "
        return Result(name, Level.NOTE, sentence + f"{version} supports them was not checked")
    if generation not in TRAINING_CARDS:
        return Result(
            name,
            Level.ERROR,
            f"the cards are {generation}, and MindSpore trains on the Ascend 910, A2 and A3 only: "
            "give --device_target CPU, or use another host",
        )
    if generation == "910" and _minor(version) not in ("2.7", "2.8"):
        return Result(
            name,
            Level.WARNING,
            f"MindSpore {version} counts the graph engine, which the first 910 needs, as "
            "deprecated: install MindSpore 2.8.0 if compiling fails",
        )
    engine = ", on the graph engine" if generation == "910" else ""
    return Result(name, Level.OK, f"MindSpore {version} on {generation}{engine}")


def _check_cann(environment: Mapping[str, str], version: str) -> Result:
    home = environment.get("ASCEND_HOME_PATH", "")
    if not home or not Path(home).is_dir():
        found = sorted(Path("/usr/local/Ascend").glob("*/set_env.sh"))
        script = found[0] if found else "/usr/local/Ascend/ascend-toolkit/set_env.sh"
        reason = f"names {home}, which is no folder" if home else "is not set"
        return Result(
            "CANN",
            Level.ERROR,
            f"CANN's environment is missing (ASCEND_HOME_PATH {reason}): source {script}",
        )
    information = Path(home) / "compiler" / "version.info"
    cann = _version_in(information)
    accepted = CANN_OF_MINDSPORE.get(_minor(version))
    if not cann or not accepted:
        return Result("CANN", Level.NOTE, f"{home}; its version was not checked ({information})")
    if ".".join(cann.split(".")[:2]) not in accepted:
        return Result(
            "CANN",
            Level.WARNING,
            f"CANN {cann} in {home} does not match MindSpore {version}, which takes "
            f"{', '.join(accepted)}: source the set_env.sh of a matching CANN, or install a "
            "matching MindSpore",
        )
    return Result("CANN", Level.OK, f"{cann} in {home}")


def _version_in(information: Path) -> str:
    if not information.is_file():
        return ""
    lines = information.read_text("utf-8", "replace").splitlines()
    return next((line[8:].strip() for line in lines if line.startswith("Version=")), "")


def _check_table(topology: Topology, device_target: str, host: Host) -> list[Result]:
    path = topology.nodes.table_file
    assert path and topology.nodes.table
    results = [
        Result("rank table", Level(finding.level.value), f"{path}: {finding}")
        for finding in check_rank_table(path, host.generation)
        if finding.level is not findings.Level.NOTE
    ]
    if device_target == "Ascend" and topology.nodes.table.server_of(host.addresses) is None:
        server = topology.nodes.table.servers[topology.nodes.rank].server_id
        sentence = f"{path}: server {server} is no address of this host ({_listed(host.addresses)})"
        results.append(Result("rank table", Level.WARNING, sentence))
    if not any(result.level is Level.ERROR for result in results):
        servers = f"{topology.nodes.count} server" + "s" * (topology.nodes.count > 1)
        sentence = f"{path}: {topology.nodes.table.ranks} ranks on {servers}"
        results.append(Result("rank table", Level.OK, sentence))
    return results


def _enough_cards(topology: Topology, host: Host) -> str:
    usable = host.usable
    why = "" if host.granted is None else ", by ASCEND_RT_VISIBLE_DEVICES"
    if strangers := [card for card in topology.cards if card not in usable]:
        raise InputError(
            f"this host has no card {_listed(strangers)} to use, only {_listed(usable)}{why}: name "
            "cards that are there with --devices, or make the rank table on this host"
        )
    if topology.local_ranks > len(usable):
        raise InputError(
            f"{topology.local_ranks} workers need as many cards, and this host has "
            f"{len(usable)} to use ({_listed(usable)}{why}): lower DEVICE_NUM"
        )
    used = topology.cards or usable[: topology.local_ranks]
    return f"{topology.local_ranks} on this host, on cards {_listed(used)}"


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


def _check_port(topology: Topology) -> Result:
    nodes = topology.nodes
    if nodes.rank > 0:
        return Result("port", Level.OK, f"{nodes.master_port}, which node 0 looks at")
    if not port_in_use(nodes.master_addr, nodes.master_port):
        return Result("port", Level.OK, f"{nodes.master_port} is free")
    if nodes.count == 1:
        sentence = f"port {nodes.master_port} is in use, so another is taken"
        return Result("port", Level.WARNING, sentence)
    return Result(
        "port",
        Level.ERROR,
        f"port {nodes.master_port} of {nodes.master_addr} is in use: end the job that has it, or "
        "give another --master_port on every node",
    )


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _listed(items: tuple[int, ...] | tuple[str, ...] | list[int]) -> str:
    return ", ".join(map(str, items))
