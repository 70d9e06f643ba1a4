"""What a site's scheduler says of a job's nodes: Slurm and Kubernetes tell each of them its place.

Slurm's variables are those of srun(1). The Kubernetes ones are those of MindCluster's Ascend
operator (component/ascend-operator of Ascend/mind-cluster), which also fills in a rank table.
"""

import os
import re
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from fcn4_dist.cluster.topology import LARGEST_PORT, LaunchRequest
from fcn4_dist.errors import InputError
from fcn4_dist.host.cards import find_main_address

MINDCLUSTER_TABLE = Path("/user/serverid/devindex/config/hccl.json")
"""Where MindCluster shows a pod its rank table; the path is fixed."""

# What an AscendJob gives every pod, and no process of an earlier job of ours or of msrun has.
_POD_VARIABLES = (
    "MS_SCHED_HOST",
    "MS_SCHED_PORT",
    "MS_WORKER_NUM",
    "MS_LOCAL_WORKER",
    "MS_NODE_RANK",
)
_POD_VARIABLES_OF_SOME = ("MS_ROLE", "MS_SERVER_NUM")
_OF_A_WORKER = ("MS_NODE_ID", "RANK_ID")

# Below those that systems hand out by themselves; each job has two.
_FIRST_SLURM_PORT = 20000
_SLURM_PORTS = 10000


@dataclass(frozen=True)
class Site:
    """A job's nodes, as the scheduler of a site has placed them.

    Attributes:
        name: Of the scheduler.
        nnodes: Number of nodes.
        node_rank: Number of this one, from 0.
        master_addr: Address of node 0.
        master_port: Port of MindSpore's scheduler there.
        device_num: Workers on each node; None where the scheduler does not tell.
    """

    name: str
    nnodes: int
    node_rank: int
    master_addr: str
    master_port: int
    device_num: int | None = None

    def __str__(self) -> str:
        return f"{self.name}: node {self.node_rank} of {self.nnodes}, master {self.master_addr}"


def find_site(environment: Mapping[str, str], addresses: Collection[str]) -> Site | None:
    """Read which node of which job this is by the site's scheduler.

    Args:
        environment: Variables of this process.
        addresses: Those of this host.

    Returns:
        The place, or None where no scheduler tells, or only of a single node.

    Raises:
        InputError: If there is no launcher on every node, or more than one, or what the scheduler
            says does not go together.
    """
    if pod_variables(environment):
        return _pod(environment, addresses)
    return _slurm_step(environment)


def pod_variables(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Name the variables by which Kubernetes tells a pod its place; none if there are none.

    Those of an earlier job's worker are not taken for them.
    """
    if not all(environment.get(name) for name in _POD_VARIABLES):
        return ()
    if any(name in environment for name in _OF_A_WORKER):
        return ()
    return tuple(
        name for name in sorted(_POD_VARIABLES + _POD_VARIABLES_OF_SOME) if name in environment
    )


def table_of_the_site(environment: Mapping[str, str]) -> Path | None:
    """Find the rank table that a site hands over, which may not be completed, or there, yet."""
    if named := environment.get("RANK_TABLE_FILE", ""):
        return Path(named)
    # Where variables tell a pod its place, they do so from the beginning and in every pod.
    if pod_variables(environment):
        return None
    # Not of pathlib, which raises where the folders above may not be entered.
    mounted = os.path.exists(MINDCLUSTER_TABLE) or os.path.ismount(MINDCLUSTER_TABLE.parent)
    return MINDCLUSTER_TABLE if mounted else None


def at_site(
    request: LaunchRequest, environment: Mapping[str, str], addresses: Collection[str]
) -> tuple[LaunchRequest, str]:
    """Take from the site what the user leaves open.

    A rank table goes before what a scheduler says, and so does --nnodes: who gives it describes
    the nodes by himself.

    Args:
        request: What the user asks for.
        environment: Variables of this process.
        addresses: Those of this host.

    Returns:
        The completed request, and what was taken from the scheduler, as a line; "" for nothing.

    Raises:
        InputError: As :func:`find_site`, or if a flag contradicts the scheduler.
    """
    if request.rank_table_file is None:
        request = replace(request, rank_table_file=table_of_the_site(environment))
    # Slurm has an order of its own, which is not that of a table.
    if request.nnodes is not None or (request.rank_table_file and not pod_variables(environment)):
        return request, ""
    site = find_site(environment, addresses)
    if site is None:
        return request, ""
    if request.node_rank not in (None, site.node_rank):
        raise InputError(
            f"--node_rank is {request.node_rank}, and {site.name} has made this node "
            f"{site.node_rank} of {site.nnodes}: leave --node_rank out, or give --nnodes, too"
        )
    own = replace(request, master_port=request.master_port or site.master_port)
    own = replace(own, nnodes=site.nnodes)
    if request.rank_table_file:
        # The pods' own addresses are in the table, which may be that of an earlier job;
        # MS_SCHED_HOST is the address of a service.
        return own, ""
    site = replace(site, master_addr=request.master_addr or site.master_addr)
    local = None if request.devices else site.device_num
    own = replace(own, node_rank=site.node_rank, device_num=request.device_num or local)
    if site.nnodes > 1:
        own = replace(own, master_addr=site.master_addr)
    return own, str(site)


def first_host(nodes: str) -> str:
    """Give the first name of a list of nodes as Slurm writes it, like "rack[0-1]n[07,09],gpu3"."""
    first = re.match(r"(?:[^,\[]|\[[^\]]*\])*", nodes)
    assert first
    return re.sub(r"\[(\d+)[^\]]*\]", r"\1", first[0])


def _slurm_step(environment: Mapping[str, str]) -> Site | None:
    if "SLURM_JOB_ID" not in environment:
        return None
    if "SLURM_STEP_NUM_TASKS" not in environment:
        given = environment.get("SLURM_JOB_NUM_NODES", "1")
        if given == "1":
            return None
        raise InputError(
            f"Slurm has given this job {given} nodes, and this command runs on one of them alone: "
            "put 'srun --ntasks-per-node=1' before it, or give --nnodes 1 to use this node only"
        )
    numbers = _numbers(
        environment,
        ("SLURM_STEP_NUM_TASKS", "SLURM_STEP_NUM_NODES", "SLURM_NODEID", "SLURM_JOB_ID"),
    )
    tasks, nodes, rank, job = numbers
    if tasks > nodes:
        count = f"{nodes} node" + "s" * (nodes > 1)
        raise InputError(
            f"srun has started {tasks} launchers on {count}, and each would start all workers of "
            "its node: give srun --ntasks-per-node=1, and the number of workers with DEVICE_NUM"
        )
    if nodes == 1:
        return None
    name = first_host(environment.get("SLURM_STEP_NODELIST", ""))
    if not (name and rank < nodes):
        raise InputError(
            f"Slurm's variables do not go together (SLURM_NODEID {rank} of {nodes}, nodes "
            f"{name or 'not named'}): give --nnodes, --node_rank and --master_addr"
        )
    port = _FIRST_SLURM_PORT + 2 * job % _SLURM_PORTS
    return Site("Slurm", nodes, rank, _own_address(name) if rank == 0 else name, port)


def _own_address(name: str) -> str:
    """Give an address of this host that others reach, where its name leads to itself only."""
    try:
        looped = socket.gethostbyname(name).startswith("127.")
    except (OSError, UnicodeError):
        # No name has an empty part, or one of more than 63 letters; who checks addresses says so.
        looped = False
    return (find_main_address() or name) if looped else name


def _pod(environment: Mapping[str, str], addresses: Collection[str]) -> Site:
    workers, here, rank, port = _numbers(
        environment, ("MS_WORKER_NUM", "MS_LOCAL_WORKER", "MS_NODE_RANK", "MS_SCHED_PORT")
    )
    master, role = environment["MS_SCHED_HOST"], environment.get("MS_ROLE", "")
    # The operator numbers pods from the Scheduler on, or without it where it has no cards.
    if environment.get("NPU_POD") == "false" or (rank == 0 and role == "MS_WORKER"):
        which = "this pod" if role == "MS_SCHED" else "another pod of this job"
        raise InputError(
            f"{which} is a Scheduler without cards, and there is no use for one here: give the "
            "Scheduler cards like a Worker, and one Worker less, as docs/volcano.yaml does"
        )
    shown = ", ".join(f"{name}={environment[name]}" for name in _POD_VARIABLES)
    mend = "unset them if an earlier job has left them, else correct the job"
    if not here or workers % here or rank * here >= workers or not 1024 <= port < LARGEST_PORT:
        raise InputError(f"what Kubernetes says of this pod does not go together ({shown}): {mend}")
    if rank == 0 and master not in addresses:
        raise InputError(
            f"this pod is node 0 by its variables ({shown}), and MS_SCHED_HOST is no address of it "
            f"({', '.join(addresses)}): {mend}"
        )
    return Site("Kubernetes", workers // here, rank, master, port, here)


def _numbers(environment: Mapping[str, str], names: tuple[str, ...]) -> list[int]:
    numbers = []
    for name in names:
        text = environment.get(name, "")
        if not re.fullmatch(r"[0-9]{1,10}", text, re.ASCII):
            raise InputError(f"the variable {name} is {text!r}, and no number: unset or correct it")
        numbers.append(int(text))
    return numbers
