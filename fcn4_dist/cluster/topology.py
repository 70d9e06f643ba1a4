"""Which workers a job has: hosts, ranks, cards, and where its scheduler listens.

Nothing is started here. A rank table, if there is one, decides; else the flags do.
"""

import socket
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from fcn4_dist.errors import InputError
from fcn4_dist.findings import counted
from fcn4_dist.host.host import VISIBLE_VARIABLE, Host
from fcn4_dist.rank_table import RankTable, read_rank_table

DEFAULT_MASTER_PORT = 8118
LOOP_BACK = "127.0.0.1"
LARGEST_PORT = 65535
_MOST_NAMED = 8


class Starter(Enum):
    """What starts the workers of a job; nothing does where this process is the only one."""

    MSRUN = "msrun"
    MPIRUN = "mpirun"
    NOTHING = "nothing"


@dataclass(frozen=True)
class LaunchRequest:
    """What a user asks of the launcher; what is not given is None or empty.

    Attributes:
        device_num: Workers on this host.
        rank_table_file: An HCCL rank table.
        devices: Physical ids of the cards of this host to use, as npu-smi and /dev have them.
        nnodes: Number of hosts.
        node_rank: Number of this host, from 0.
        master_addr: Address of host 0.
        master_port: Port of the scheduler on host 0.

    Raises:
        InputError: If a number is impossible.
    """

    device_num: int | None = None
    rank_table_file: Path | None = None
    devices: tuple[int, ...] = ()
    nnodes: int | None = None
    node_rank: int | None = None
    master_addr: str = ""
    master_port: int | None = None

    def __post_init__(self) -> None:
        for name in ("device_num", "nnodes"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"--{name} must be at least 1, got {value}")


@dataclass(frozen=True)
class Nodes:
    """The hosts of a job, as one of them sees them.

    Attributes:
        count: Number of hosts.
        rank: Number of this host, from 0.
        master_addr: Address of host 0.
        master_port: Port of the scheduler on host 0.
        table: The rank table, if there is one.
        table_file: Its absolute path.
    """

    count: int
    rank: int
    master_addr: str
    master_port: int
    table: RankTable | None = None
    table_file: Path | None = None

    @property
    def launchers_port(self) -> int:
        """Port on which host 0's launcher waits for those of the other hosts."""
        return self.master_port + 1


@dataclass(frozen=True)
class Topology:
    """The workers of a job.

    Attributes:
        nodes: Its hosts.
        local_ranks: Workers on each host.
        cards: Physical ids of the cards this host's workers see, in the order of their ranks;
            empty for all as they are (and on the CPU).
        visible_cards: The numbers by which CANN is told of these cards.
        mpi_ranks: Workers on all hosts, where mpirun may start another number on each.
    """

    nodes: Nodes
    local_ranks: int
    cards: tuple[int, ...] = ()
    visible_cards: tuple[int, ...] = ()
    mpi_ranks: int = 0

    @property
    def ranks(self) -> int:
        """Workers on all hosts."""
        return self.mpi_ranks or self.nodes.count * self.local_ranks

    @property
    def ranks_here(self) -> range:
        """Ranks of this host's workers."""
        first = self.nodes.rank * self.local_ranks
        return range(first, first + self.local_ranks)


def plan_nodes(request: LaunchRequest, host: Host) -> Nodes:
    """Decide which hosts a job has, and which of them this is.

    Args:
        request: What the user asks for.
        host: This host.

    Raises:
        InputError: If a flag is missing or contradicts another or the rank table.
    """
    if request.rank_table_file:
        return _nodes_of_table(request, host)
    count = request.nnodes or 1
    if count > 1 and (request.node_rank is None or not request.master_addr):
        raise InputError(
            f"--nnodes {count} needs --master_addr, the address of the first host, and "
            "--node_rank, 0 on that host and 1, 2, … on the others"
        )
    return Nodes(
        count=count,
        rank=_checked_node_rank(request.node_rank or 0, count),
        master_addr=_checked_address(request.master_addr or LOOP_BACK),
        master_port=_master_port(request, count),
    )


def plan_topology(nodes: Nodes, request: LaunchRequest, device_target: str, host: Host) -> Topology:
    """Decide which workers a job has.

    Args:
        nodes: Its hosts.
        request: What the user asks for.
        device_target: "Ascend" or "CPU".
        host: This host.

    Raises:
        InputError: If the number of workers is not given or contradicts something.
    """
    if request.devices and device_target == "CPU":
        raise InputError(
            "--devices names Ascend cards, and device_target is CPU: give the number of workers "
            "instead (DEVICE_NUM, --device_num)"
        )
    if nodes.table:
        return _topology_of_table(nodes, request, device_target, host)
    if request.devices and request.device_num not in (None, len(request.devices)):
        raise InputError(
            f"--devices names {len(request.devices)} cards and DEVICE_NUM is "
            f"{request.device_num}: leave one of them out"
        )
    local = request.device_num or len(request.devices)
    if not local and device_target == "Ascend":
        local = len(host.usable)
        if host.cards and not local:
            raise InputError(
                f"{VISIBLE_VARIABLE} leaves none of this host's cards to use: unset it, or have it "
                "name some"
            )
    if not local:
        raise InputError(
            "how many workers? give their number (DEVICE_NUM, as in 'run_distribute_train.sh 8', "
            "or --device_num)"
        )
    # Workers take the cards in the order in which CANN counts them.
    cards = tuple(sorted(request.devices, key=lambda card: host.logical([card])))
    return Topology(nodes, local, cards, host.logical(cards))


def local_topology(ranks: int, port: int | None = None) -> Topology:
    """Give the topology of some workers on this host alone.

    Args:
        ranks: Number of workers.
        port: Port of the scheduler; None for a free one.
    """
    return Topology(Nodes(1, 0, LOOP_BACK, port or free_port()), ranks)


def free_port(address: str = LOOP_BACK) -> int:
    """Find a port of this host on which nothing listens.

    Args:
        address: The address of this host on which it is to be free.
    """
    with socket.socket(socket.getaddrinfo(address, None)[0][0]) as listener:
        listener.bind((address, 0))
        return int(listener.getsockname()[1])


def _nodes_of_table(request: LaunchRequest, host: Host) -> Nodes:
    assert request.rank_table_file
    table = read_rank_table(request.rank_table_file, host.generation)
    count = len(table.servers)
    if request.nnodes not in (None, count):
        raise InputError(
            f"{request.rank_table_file} has {count} servers, and the job {request.nnodes} nodes by "
            "--nnodes or by its site: give the right table, or leave --nnodes out"
        )
    found = table.server_of(host.addresses)
    if request.node_rank is not None:
        rank = _checked_node_rank(request.node_rank, count)
        if found not in (None, rank):
            raise InputError(
                f"--node_rank is {rank}, and this host is server_list[{found}] of "
                f"{request.rank_table_file} by its address: leave --node_rank out"
            )
    elif found is None and count > 1:
        names = [server.pod_ip or server.server_id for server in table.servers]
        told = ", ".join(names) if len(names) <= _MOST_NAMED else counted(names)
        raise InputError(
            f"none of the servers of {request.rank_table_file} ({told}) has an address of this "
            f"host ({', '.join(host.addresses)}): give the table of these hosts, or --node_rank"
        )
    else:
        rank = found or 0
    # MindSpore takes the ranks from the table where it sees the node by the table's address.
    known_here = found is not None or count > 1
    first = table.servers[0]
    return Nodes(
        count=count,
        rank=rank,
        master_addr=_checked_address(
            request.master_addr or ((first.pod_ip or first.server_id) if known_here else LOOP_BACK)
        ),
        master_port=_master_port(request, count),
        table=table,
        table_file=request.rank_table_file.absolute(),
    )


def _topology_of_table(
    nodes: Nodes, request: LaunchRequest, device_target: str, host: Host
) -> Topology:
    assert nodes.table
    numbers = [len(server.devices) for server in nodes.table.servers]
    if len(set(numbers)) > 1:
        raise InputError(
            f"{nodes.table_file} gives its servers {', '.join(map(str, dict.fromkeys(numbers)))} "
            "cards, and msrun starts the same number of workers on every host: make the table with "
            "equal numbers"
        )
    cards = tuple(device.device_id for device in nodes.table.servers[nodes.rank].devices)
    if request.device_num not in (None, len(cards)):
        raise InputError(
            f"{nodes.table_file} has {len(cards)} cards for this host and DEVICE_NUM is "
            f"{request.device_num}: leave DEVICE_NUM out, or make a table for that many cards "
            "with 'fcn4-dist rank-table generate --devices'"
        )
    if request.devices and request.devices != cards:
        raise InputError(
            f"{nodes.table_file} has the cards {_listed(cards)} for this host and --devices names "
            f"{_listed(request.devices)}: leave --devices out"
        )
    if device_target == "CPU":
        return Topology(nodes, len(cards))
    visible = host.logical(cards)
    if list(visible) != sorted(visible):
        raise InputError(
            f"{nodes.table_file} gives the ranks of this host the cards {_listed(cards)}, and "
            "workers can be given cards in ascending order only: number the ranks by card, as "
            "'fcn4-dist rank-table generate' does"
        )
    return Topology(nodes, len(cards), cards, visible)


def _checked_node_rank(rank: int, count: int) -> int:
    if not 0 <= rank < count:
        raise InputError(
            f"--node_rank is {rank}, and of {count} host{'s' * (count > 1)} the last number is "
            f"{count - 1}: give another, or the number of hosts with --nnodes"
        )
    return rank


def _checked_address(address: str) -> str:
    try:
        # What looking a name up begins with; "10.0.0..1" does not survive it.
        address.encode("idna")
    except UnicodeError as error:
        raise InputError(
            f"the address of the first host, {address}, is no address: give it with --master_addr"
        ) from error
    if ":" in address:
        raise InputError(
            f"the address of the first host, {address}, is IPv6, which msrun does not take: give "
            "its IPv4 address with --master_addr"
        )
    return address


def _master_port(request: LaunchRequest, count: int) -> int:
    if request.master_port is not None:
        # The launchers of several hosts meet on the port behind it.
        if not 1024 <= request.master_port < LARGEST_PORT:
            raise InputError(
                f"--master_port must be from 1024 to {LARGEST_PORT - 1}, got {request.master_port}"
            )
        return request.master_port
    return free_port() if count == 1 else DEFAULT_MASTER_PORT


def _listed(cards: tuple[int, ...]) -> str:
    return ",".join(map(str, cards))
