"""The connection between the launchers of a job's nodes.

Launchers meet before anything is started: node 0 waits for the others, gives them the settings,
and all learn whether each is ready. While the job runs, a failure of one node is told to all at
once, and a node that is no longer heard from is missed within seconds. Node 0 is in the middle and
hands messages on.
"""

import selectors
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

from fcn4_dist.cluster import connection
from fcn4_dist.cluster.connection import Connection, Message, tell_all
from fcn4_dist.cluster.heartbeat import Standing
from fcn4_dist.cluster.meeting import Waiting, join, wait_for_all
from fcn4_dist.cluster.peers import Peers, as_sentence
from fcn4_dist.cluster.secret import SECRET_VARIABLE, Secret
from fcn4_dist.cluster.topology import Nodes
from fcn4_dist.errors import Fcn4DistError

SECONDS_TO_MEET = 600.0
_SECONDS_OF_A_LOOK = 0.1


class Launchers(Peers):
    """One launcher's place among those of all nodes; :func:`meet` makes it.

    In its context, what ends this launcher is told to the others, which may wait for it.

    Args:
        nodes: The nodes of the job, as this one sees them.
        others: Node number -> connection. Node 0 has one to every other node, the others to it;
            on a single host there are none.
        secret: What they know each other by.
    """

    def __init__(
        self,
        nodes: Nodes,
        others: Mapping[int, Connection] | None = None,
        secret: Secret | None = None,
    ) -> None:
        super().__init__(nodes.rank, nodes.count, noun="node")
        self.known = bool(secret) or nodes.count == 1
        self._others = others or {}
        self._failure = ""
        self._standing: Standing | None = None
        self._lock = threading.Lock()
        self._closed = False
        if self._others:
            selector = selectors.DefaultSelector()
            for other in self._others.values():
                selector.register(other, selectors.EVENT_READ, other)
            threading.Thread(target=self._attend, args=(selector,), daemon=True).start()

    def __enter__(self) -> "Launchers":
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is not None:
            self.tell(str(error).partition("\n")[0] or f"stopped by {type(error).__name__}")
        self.close()

    def all_gather(self, value: Any) -> list[Any]:
        """Exchange a value of each node, as :meth:`all_reduce` does, which sends less.

        Returns:
            The values of all nodes, by their number.
        """
        values = self.all_reduce(value, list)
        if len(values) != self.size:
            raise Fcn4DistError(self._others[0].unasked())
        return values

    def all_reduce(self, value: Any, reduce: Callable[[Sequence[Any]], Sequence[Any]]) -> list[Any]:
        """Have node 0 make a few values of those of all nodes, and give them to each.

        Args:
            value: This node's: a scalar as JSON has them, a list of such, or an object of both.
            reduce: Makes the few, each such a value, of those of all nodes by their number.

        Raises:
            Fcn4DistError: If another node has failed or is no longer there, or has sent what
                cannot be.
        """
        if self.rank == 0:
            values = [value]
            values += [
                self._take(self._others[rank], "value").value for rank in sorted(self._others)
            ]
            reduced = list(reduce(values))
            line = Message("values", values=tuple(reduced)).line()
            for other in self._others.values():
                other.send(line)
            return reduced
        self._others[0].send(Message("value", value).line())
        return list(self._take(self._others[0], "values").values)

    def failure(self) -> str:
        """Tell what has failed on another node; "" for nothing known."""
        with self._lock:
            return self._failure

    def report(self, standing: Standing) -> None:
        """Let the other nodes know how far the slowest rank of this one is."""
        self._standing = standing

    def elsewhere(self) -> Standing | None:
        """Tell how far the slowest rank of the other nodes is; None if that is not known yet."""
        return _slowest(other.standing for other in self._others.values() if not other.ended)

    def tell(self, sentence: str) -> None:
        """Tell all other nodes that this one has failed."""
        sentence = as_sentence(f"node {self.rank}: {sentence}")
        tell_all(Message("failure", sentence=sentence), self._others.values())

    def close(self) -> None:
        """Say that this node is through, and hang up."""
        self._closed = True
        tell_all(Message("done"), self._others.values())
        for other in self._others.values():
            other.close()

    def _take(self, other: Connection, kind: str) -> Message:
        while True:
            # Asked before the queue is: a value that came before the end still counts.
            ended = self.failure() or other.ended
            if message := other.take(kind, _SECONDS_OF_A_LOOK):
                return message
            if ended:
                raise Fcn4DistError(ended)

    def _on_failure(self, sentence: str, sender: Connection) -> None:
        with self._lock:
            self._failure = self._failure or sentence
        others = [other for other in self._others.values() if other is not sender]
        tell_all(Message("failure", sentence=sentence), others)

    def _attend(self, selector: selectors.BaseSelector) -> None:
        """Hear the others as they speak, and let them hear now and then that this one is alive."""
        next_sign = 0.0
        with selector:
            while not self._closed:
                seconds = next_sign - time.monotonic()
                if seconds > 0:
                    keys = [key for key, _ in selector.select(seconds)]
                else:
                    self._send_signs_of_life()
                    next_sign = time.monotonic() + connection.SECONDS_BETWEEN_SIGNS
                    # All of them, so that a silence is noticed.
                    keys = list(selector.get_map().values())
                for other in [key.data for key in keys]:
                    if not other.hear(self._on_failure):
                        selector.unregister(other)

    def _send_signs_of_life(self) -> None:
        others = list(self._others.values())
        standings = of_others([self._standing, *(other.standing for other in others)])[1:]
        for receiver, standing in zip(others, standings, strict=True):
            # Who does not read now has those before it still to read, and holds nobody up.
            receiver.tell(Message("alive", standing=standing), 0)


def of_others(standings: Sequence[Standing | None]) -> list[Standing | None]:
    """Give for each of several launchers how far the ranks behind all the others are.

    Args:
        standings: Of the ranks behind each; None where it has not said so.
    """

    def joined(one: Standing | None, other: Standing | None) -> Standing | None:
        return _slowest([one, other])

    before = accumulate([None, *standings[:-1]], joined)
    behind = accumulate([None, *standings[:0:-1]], joined)
    return [joined(*each) for each in zip(before, reversed(list(behind)), strict=True)]


def meet(
    nodes: Nodes,
    say: Callable[[str], None],
    seconds: float = SECONDS_TO_MEET,
    secret: Secret | None = None,
) -> Launchers:
    """Wait until the launchers of all nodes are connected.

    Args:
        nodes: The nodes of the job, as this one sees them.
        say: Prints a line.
        seconds: How long to wait.
        secret: What they know each other by; None for nothing.

    Raises:
        InputError: If a port is taken, a launcher does not come, or one that comes is of another
            job or version, or has another secret.
    """
    if nodes.count == 1:
        return Launchers(nodes)
    secret, waiting = secret or Secret(), Waiting(say, seconds)
    if not secret:
        say(who_may_join(nodes))
    if nodes.rank == 0:
        others = wait_for_all(nodes, waiting, secret)
    else:
        others = {0: join(nodes, waiting, secret)}
    return Launchers(nodes, others, secret)


def who_may_join(nodes: Nodes) -> str:
    """Say whom a launcher takes for another one of its job where there is no secret.

    Args:
        nodes: The nodes of the job, as this one sees them.
    """
    place = f"{nodes.master_addr}, port {nodes.launchers_port}"
    if nodes.rank == 0:
        return f"without {SECRET_VARIABLE}, whoever reaches {place}, may join this job as a node"
    return f"without {SECRET_VARIABLE}, whatever answers on {place}, is taken for node 0"


def _slowest(standings: Iterable[Standing | None]) -> Standing | None:
    known = [standing for standing in standings if standing is not None]
    return Standing.joined(known) if known else None
