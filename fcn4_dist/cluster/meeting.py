"""How the launchers of a job's nodes find each other: node 0 waits, and the others call it."""

import errno
import os
import socket
import time
from collections.abc import Callable

from fcn4_dist.cluster.callers import MOST_CALLERS, Callers
from fcn4_dist.cluster.connection import Connection, Message, tell_all
from fcn4_dist.cluster.greeting import greeted
from fcn4_dist.cluster.secret import Secret
from fcn4_dist.cluster.topology import Nodes
from fcn4_dist.errors import InputError
from fcn4_dist.processes import allow_open_files
from fcn4_dist.text import named

_SECONDS_BETWEEN_TRIES = 0.5
_SECONDS_OF_A_TRY = 5.0
_SECONDS_BETWEEN_LINES = 10.0


class Waiting:
    """Waits some time for other nodes, and says now and then for what.

    Args:
        say: Prints a line.
        seconds: How long to wait.
    """

    def __init__(self, say: Callable[[str], None], seconds: float) -> None:
        self.say, self._ends = say, time.monotonic() + seconds
        self._next_line = 0.0

    def goes_on(self, what: str) -> bool:
        """Tell whether there is time left."""
        now = time.monotonic()
        if now >= self._next_line:
            self.say(f"waiting for {what} …")
            self._next_line = now + _SECONDS_BETWEEN_LINES
        return now < self._ends


def wait_for_all(nodes: Nodes, waiting: Waiting, secret: Secret) -> dict[int, Connection]:
    """Wait on node 0 until all others have called.

    Args:
        nodes: The nodes of the job.
        waiting: How long.
        secret: That of the job.

    Returns:
        The connection to each of them.

    Raises:
        InputError: If it cannot be listened, or one of them does not come.
    """
    others: dict[int, Connection] = {}
    # Where it does not, those that call last wait for those before them.
    allow_open_files(nodes.count + MOST_CALLERS)
    with Callers(nodes, _listener(nodes), secret, others, waiting.say) as callers:
        while missing := _still_to_come(nodes, others):
            what = f"{named('node', missing)} to join on port {nodes.launchers_port}"
            if not waiting.goes_on(what):
                raise _have_not_joined(nodes, missing, others)
            next_look = time.monotonic() + _SECONDS_BETWEEN_TRIES
            while len(others) < nodes.count - 1 and (left := next_look - time.monotonic()) > 0:
                callers.hear(left)
    return others


def join(nodes: Nodes, waiting: Waiting, secret: Secret) -> Connection:
    """Call node 0 until it answers.

    Args:
        nodes: The nodes of the job.
        waiting: How long.
        secret: That of the job.

    Raises:
        InputError: If it does not, refuses this node, or does not have the secret.
    """
    place = (nodes.master_addr, nodes.launchers_port)
    while waiting.goes_on(f"node 0 on {nodes.master_addr}, port {nodes.launchers_port}"):
        try:
            connected = socket.create_connection(place, timeout=_SECONDS_OF_A_TRY)
        except socket.gaierror as error:
            raise _no_address(nodes, error) from error
        except OSError:
            time.sleep(_SECONDS_BETWEEN_TRIES)
            continue
        try:
            if peer := greeted(nodes, connected, secret):
                return peer
        except InputError:
            connected.close()
            raise
        connected.close()
        time.sleep(_SECONDS_BETWEEN_TRIES)
    raise InputError(
        f"node 0 does not answer on {nodes.master_addr}, port {nodes.launchers_port}: start the "
        "same script there with --node_rank 0, and see that --master_addr and --master_port are "
        f"right and ports {nodes.master_port} and {nodes.launchers_port} not blocked"
    )


def _still_to_come(nodes: Nodes, others: dict[int, Connection]) -> list[int]:
    for rank, peer in list(others.items()):
        # One of them may have been stopped since it joined.
        if peer.gone():
            del others[rank]
        else:
            # Those that have joined would miss a node 0 that says nothing.
            peer.tell(Message("alive"), 0)
    return [rank for rank in range(1, nodes.count) if rank not in others]


def _have_not_joined(nodes: Nodes, missing: list[int], others: dict[int, Connection]) -> InputError:
    problem = (
        f"{named('node', missing)} {'has' if len(missing) == 1 else 'have'} not joined: start the "
        f"same script there with --node_rank {missing[0]} --master_addr {nodes.master_addr}, and "
        f"see that ports {nodes.master_port} and {nodes.launchers_port} are not blocked"
    )
    tell_all(Message("failure", sentence=f"node 0: {problem}"), others.values())
    for peer in others.values():
        peer.close()
    return InputError(problem)


def _listener(nodes: Nodes) -> socket.socket:
    try:
        # A scheduler starts all launchers at once, and they call at once.
        return socket.create_server(
            (nodes.master_addr, nodes.launchers_port),
            family=_family(nodes.master_addr),
            backlog=MOST_CALLERS + nodes.count,
        )
    except socket.gaierror as error:
        raise _no_address(nodes, error) from error
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise InputError(
                f"--node_rank is 0 here, and --master_addr {nodes.master_addr} is no address of "
                "this host: give node 0's own address on every node"
            ) from error
        raise InputError(
            f"port {nodes.launchers_port} of {nodes.master_addr}, the one behind --master_port, "
            f"cannot be listened on ({os.strerror(error.errno or 0)}): another job may have it; "
            "give another --master_port on every node"
        ) from error


def _no_address(nodes: Nodes, error: socket.gaierror) -> InputError:
    return InputError(
        f"the address of the first host, {nodes.master_addr}, is not known here "
        f"({error.strerror}): give one that is with --master_addr"
    )


def _family(address: str) -> socket.AddressFamily:
    return socket.getaddrinfo(address, None)[0][0]
