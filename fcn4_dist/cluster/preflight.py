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

from fcn4_dist.cluster.card_checks import check_cards_of_workers, listed
from fcn4_dist.cluster.device import check_mindspore
from fcn4_dist.cluster.launch import path_of_workers, stale_variables
from fcn4_dist.cluster.launchers import who_may_join
from fcn4_dist.cluster.secret import find_secret
from fcn4_dist.cluster.sites import pod_variables
from fcn4_dist.cluster.topology import LOOP_BACK, Nodes, Starter, Topology, free_port
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.findings import Finding, Level, errors_in, finding_of
from fcn4_dist.host.host import Host
from fcn4_dist.rank_table import check_rank_table
from fcn4_dist.versions import check_extra

MPI_PACKAGE = "mpi4py"


def check_software(environment: Mapping[str, str], starter: Starter) -> list[Finding]:
    """Look for MindSpore and what starts its workers, and for what an earlier job left.

    Args:
        environment: The variables workers will start from.
        starter: What is to start them.
    """
    findings = [finding_of("MindSpore", lambda: check_mindspore(environment))]
    if findings[0].level is Level.OK:
        # What brings MindSpore, too, is told otherwise.
        findings += errors_in([finding_of("packages", _find_packages)])
    if starter is Starter.NOTHING:
        return findings
    if starter is Starter.MSRUN and findings[0].level is Level.OK:
        findings.append(finding_of("msrun", lambda: _find_msrun(environment)))
    findings.append(_check_mpi())
    return [*findings, _check_variables(environment)]


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
        findings += check_cards_of_workers(topology, settings, host, starter)
    else:
        findings.append(Finding(Level.OK, f"{topology.local_ranks} on this host", check="workers"))
    if starter is Starter.MSRUN:
        findings += [check_address(topology.nodes, host), _check_port(topology)]
        if topology.nodes.count > 1:
            findings.append(_check_secret(topology.nodes))
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


def _find_packages() -> str:
    check_extra("ascend")
    return "all are installed"


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
        sentence = f"{path}: server {server} is no address of this host ({listed(host.addresses)})"
        findings.append(Finding(Level.WARNING, sentence, check="rank table"))
    if not errors_in(findings):
        servers = f"{topology.nodes.count} server" + "s" * (topology.nodes.count > 1)
        sentence = f"{path}: {table.ranks} ranks on {servers}"
        findings.append(Finding(Level.OK, sentence, check="rank table"))
    return findings


def _find_node_0(nodes: Nodes, host: Host) -> str:
    if nodes.count == 1 and nodes.master_addr == LOOP_BACK:
        return "one host"
    try:
        found = socket.getaddrinfo(nodes.master_addr, None)
    except socket.gaierror as error:
        raise InputError(
            f"the address of the first host, {nodes.master_addr}, is not known here "
            f"({error.strerror}): give one that is with --master_addr"
        ) from error
    here = any(entry[4][0] in host.addresses for entry in found)
    if nodes.count == 1:
        if not here:
            raise InputError(
                f"--master_addr {nodes.master_addr} is no address of this host "
                f"({listed(host.addresses)}), and there is no other: leave it out, or give the "
                "number of hosts with --nnodes"
            )
        return "one host"
    if nodes.rank == 0 and not here:
        raise InputError(
            f"--node_rank is 0 here, and --master_addr {nodes.master_addr} is no address of this "
            f"host ({listed(host.addresses)}): give node 0's own address on every node"
        )
    if nodes.rank > 0 and here:
        raise InputError(
            f"--node_rank is {nodes.rank} here, and --master_addr {nodes.master_addr} is this "
            "host: the host with that address is node 0"
        )
    return f"node {nodes.rank} of {nodes.count}, node 0 is {nodes.master_addr}"


def _check_secret(nodes: Nodes) -> Finding:
    try:
        if find_secret(os.environ):
            return Finding(Level.OK, "the launchers know each other by it", check="secret")
    except InputError as error:
        return Finding(Level.ERROR, str(error), check="secret")
    return Finding(Level.NOTE, who_may_join(nodes), check="secret")


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
