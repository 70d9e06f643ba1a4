"""The connection between the launchers of a job's nodes.

Launchers meet before anything is started: node 0 waits for the others, gives them the settings,
and all learn whether each is ready. While the job runs, a failure of one node is told to all at
once, and a node that is no longer heard from is missed within seconds. A line of JSON is a
message; node 0 is in the middle and hands messages on.
"""

import errno
import json
import os
import queue
import select
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from fcn4_dist import __version__
from fcn4_dist.cluster.peers import Peers
from fcn4_dist.cluster.topology import Nodes
from fcn4_dist.errors import Fcn4DistError, InputError

SECONDS_TO_MEET = 600.0
SECONDS_BETWEEN_SIGNS = 2.0
SECONDS_OF_SILENCE = 20.0
_SECONDS_BETWEEN_TRIES = 0.5
_SECONDS_OF_A_TRY = 5.0
_SECONDS_BETWEEN_LINES = 10.0
_LONGEST_HELLO = 10_000


class Launchers(Peers):
    """One launcher's place among those of all nodes; :func:`meet` makes it.

    In its context, what ends this launcher is told to the others, which may wait for it.

    Args:
        nodes: The nodes of the job, as this one sees them.
        others: Node number -> connection. Node 0 has one to every other node, the others to it;
            on a single host there are none.
    """

    def __init__(self, nodes: Nodes, others: Mapping[int, "_Connection"] | None = None) -> None:
        super().__init__(nodes.rank, nodes.count, noun="node")
        self._others = others or {}
        self._failure = ""
        self._behind: int | None = None
        self._lock = threading.Lock()
        self._closed = threading.Event()
        for other in self._others.values():
            other.start(self._on_failure)
        if self._others:
            threading.Thread(target=self._send_signs_of_life, daemon=True).start()

    def __enter__(self) -> "Launchers":
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is not None:
            self.tell(str(error).partition("\n")[0] or f"stopped by {type(error).__name__}")
        self.close()

    def all_gather(self, value: Any) -> list[Any]:
        """Exchange a value of each node, as JSON can hold it.

        Args:
            value: This node's.

        Returns:
            The values of all nodes, by their number.

        Raises:
            Fcn4DistError: If another node has failed or is no longer there.
        """
        if self.rank == 0:
            values = [value] + [self._take(self._others[rank]) for rank in sorted(self._others)]
            for other in self._others.values():
                other.send({"value": values})
            return values
        self._others[0].send({"value": value})
        return self._take(self._others[0])

    def failure(self) -> str:
        """Tell what has failed on another node; "" for nothing known."""
        with self._lock:
            return self._failure

    def report(self, behind: int) -> None:
        """Let the other nodes know how far the slowest rank of this one is."""
        self._behind = behind

    def behind_elsewhere(self) -> int | None:
        """Tell how far the slowest rank of the other nodes is; None if that is not known yet."""
        known = [other.behind for other in self._others.values() if other.behind is not None]
        return min(known, default=None)

    def tell(self, sentence: str) -> None:
        """Tell all other nodes that this one has failed."""
        for other in self._others.values():
            other.send({"failure": f"node {self.rank}: {sentence}"})

    def close(self) -> None:
        """Say that this node is through, and hang up."""
        self._closed.set()
        for other in self._others.values():
            other.send({"done": True})
            other.close()

    def _take(self, other: "_Connection") -> Any:
        while True:
            # Asked before the queue is: a value that came before the end still counts.
            ended = self.failure() or other.ended
            with suppress(queue.Empty):
                return other.values.get(timeout=0.1)
            if ended:
                raise Fcn4DistError(ended)

    def _on_failure(self, sentence: str, sender: "_Connection") -> None:
        with self._lock:
            self._failure = self._failure or sentence
        for other in self._others.values():
            if other is not sender:
                other.send({"failure": sentence})

    def _send_signs_of_life(self) -> None:
        while not self._closed.wait(SECONDS_BETWEEN_SIGNS):
            for receiver in self._others.values():
                others = [other.behind for other in self._others.values() if other is not receiver]
                known = [count for count in [self._behind, *others] if count is not None]
                receiver.send({"alive": True, "behind": min(known, default=None)})


def meet(nodes: Nodes, say: Callable[[str], None], seconds: float = SECONDS_TO_MEET) -> Launchers:
    """Wait until the launchers of all nodes are connected.

    Args:
        nodes: The nodes of the job, as this one sees them.
        say: Prints a line.
        seconds: How long to wait.

    Raises:
        InputError: If a port is taken, a launcher does not come, or one that comes is of another
            job or version.
    """
    if nodes.count == 1:
        return Launchers(nodes)
    waiting = _Waiting(say, seconds)
    return _wait_for_all(nodes, waiting) if nodes.rank == 0 else _join(nodes, waiting)


class _Waiting:
    def __init__(self, say: Callable[[str], None], seconds: float) -> None:
        self._say, self.ends = say, time.monotonic() + seconds
        self._next_line = 0.0

    def goes_on(self, what: str) -> bool:
        now = time.monotonic()
        if now >= self._next_line:
            self._say(f"waiting for {what} …")
            self._next_line = now + _SECONDS_BETWEEN_LINES
        return now < self.ends


class _Connection:
    """A connection to another launcher, read in a thread of its own."""

    def __init__(self, connected: socket.socket, name: str) -> None:
        self.name = name
        self.ended = ""
        self.behind: int | None = None
        self.values: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._socket = connected
        self._file = connected.makefile("rb")
        self._sending = threading.Lock()
        self._closed = False

    def send(self, message: dict[str, Any]) -> None:
        """Send a message; that it cannot be sent is noticed by the thread that reads."""
        with self._sending, suppress(OSError):
            self._socket.sendall(json.dumps(message).encode() + b"\n")

    def receive_hello(self) -> dict[str, Any]:
        """Wait for the first message of whoever has called; {} if it is not one of ours."""
        try:
            line = self._file.readline(_LONGEST_HELLO)
            message = json.loads(line)
        except (OSError, ValueError, RecursionError):
            return {}
        return message if isinstance(message, dict) else {}

    def gone(self) -> bool:
        """Tell whether the other side has hung up; while nothing is read it is not noticed."""
        if self._closed:
            return True
        poll = select.poll()
        poll.register(self._socket, getattr(select, "POLLRDHUP", 0))
        return bool(poll.poll(0))

    def start(self, on_failure: Callable[[str, "_Connection"], None]) -> None:
        """Read from now on, in the background."""
        self._socket.settimeout(SECONDS_OF_SILENCE)
        threading.Thread(target=self._read, args=(on_failure,), daemon=True).start()

    def close(self) -> None:
        """Hang up."""
        self._closed = True
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _read(self, on_failure: Callable[[str, "_Connection"], None]) -> None:
        problem = f"the launcher on {self.name} ended without a word; see its terminal"
        try:
            while (line := self._file.readline()).endswith(b"\n"):
                message = json.loads(line)
                if "value" in message:
                    self.values.put(message["value"])
                elif "alive" in message:
                    self.behind = message.get("behind")
                elif "failure" in message:
                    on_failure(message["failure"], self)
                elif "done" in message:
                    self.ended = f"the launcher on {self.name} has ended; see its terminal"
                    return
        except TimeoutError:
            problem = (
                f"{self.name} has not been heard from for {SECONDS_OF_SILENCE:.0f} s: the host or "
                "the network between is down"
            )
        except ConnectionResetError:
            # How a connection ends whose other side was killed before it had read all.
            pass
        except (OSError, ValueError) as error:
            problem = f"the connection to {self.name} broke ({error})"
        if not self._closed:
            on_failure(problem, self)


def _wait_for_all(nodes: Nodes, waiting: _Waiting) -> Launchers:
    others: dict[int, _Connection] = {}
    changing = threading.Lock()
    with _listener(nodes) as listener:
        listener.settimeout(_SECONDS_BETWEEN_TRIES)
        while missing := sorted(set(range(1, nodes.count)) - set(others)):
            what = f"node {', '.join(map(str, missing))} to join on port {nodes.launchers_port}"
            if not waiting.goes_on(what):
                problem = (
                    f"node {missing[0]} has not joined: start the same script there with "
                    f"--node_rank {missing[0]} --master_addr {nodes.master_addr}, and see that "
                    f"ports {nodes.master_port} and {nodes.launchers_port} are not blocked"
                )
                with changing:
                    for peer in others.values():
                        peer.send({"failure": f"node 0: {problem}"})
                        peer.close()
                raise InputError(problem)
            with suppress(TimeoutError):
                connection, address = listener.accept()
                # In a thread: whoever else has found the port may say nothing for long.
                threading.Thread(
                    target=_welcome,
                    args=(nodes, connection, address[0], others, changing),
                    daemon=True,
                ).start()
            with changing:
                for rank, peer in list(others.items()):
                    # Those that have joined would miss a node 0 that says nothing.
                    peer.send({"alive": True})
                    if peer.gone():
                        del others[rank]
    return Launchers(nodes, others)


def _listener(nodes: Nodes) -> socket.socket:
    try:
        return socket.create_server(
            (nodes.master_addr, nodes.launchers_port), family=_family(nodes.master_addr)
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


def _welcome(
    nodes: Nodes,
    connection: socket.socket,
    address: str,
    others: dict[int, _Connection],
    changing: threading.Lock,
) -> None:
    connection.settimeout(SECONDS_OF_SILENCE)
    unnamed = _Connection(connection, address)
    hello = unnamed.receive_hello()
    if hello.get("program") != "fcn4_dist":
        # Whoever else has found the port.
        unnamed.close()
        return
    with changing:
        problem = _refusal(nodes, hello, others)
        unnamed.send({"refused": problem})
        if problem:
            unnamed.close()
            return
        rank = hello["node_rank"]
        unnamed.name = f"node {rank} ({address})"
        others[rank] = unnamed


def _refusal(nodes: Nodes, hello: dict[str, Any], others: dict[int, _Connection]) -> str:
    rank: Any = hello.get("node_rank")
    if hello.get("version") != __version__:
        return f"node 0 has fcn4_dist {__version__}: install the same version on every node"
    if hello.get("nnodes") != nodes.count:
        return f"node 0 waits for {nodes.count} nodes: give the same --nnodes on every node"
    # A launcher that was stopped and started again is welcome.
    if rank not in range(1, nodes.count) or (rank in others and not others[rank].gone()):
        return f"there is a node {rank} already: give every node a --node_rank of its own"
    return ""


def _join(nodes: Nodes, waiting: _Waiting) -> Launchers:
    place = (nodes.master_addr, nodes.launchers_port)
    hello: dict[str, Any] = {
        "program": "fcn4_dist",
        "version": __version__,
        "node_rank": nodes.rank,
        "nnodes": nodes.count,
    }
    while waiting.goes_on(f"node 0 on {nodes.master_addr}, port {nodes.launchers_port}"):
        try:
            connection = socket.create_connection(place, timeout=_SECONDS_OF_A_TRY)
        except socket.gaierror as error:
            raise _no_address(nodes, error) from error
        except OSError:
            time.sleep(_SECONDS_BETWEEN_TRIES)
            continue
        connection.settimeout(SECONDS_OF_SILENCE)
        peer = _Connection(connection, f"node 0 ({nodes.master_addr})")
        peer.send(hello)
        answer = peer.receive_hello()
        if answer.get("refused"):
            raise InputError(f"node 0 refuses this one: {answer['refused']}")
        if "refused" in answer:
            return Launchers(nodes, {0: peer})
        peer.close()
        time.sleep(_SECONDS_BETWEEN_TRIES)
    raise InputError(
        f"node 0 does not answer on {nodes.master_addr}, port {nodes.launchers_port}: start the "
        "same script there with --node_rank 0, and see that --master_addr and --master_port are "
        f"right and ports {nodes.master_port} and {nodes.launchers_port} not blocked"
    )
