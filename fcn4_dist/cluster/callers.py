"""Those who call node 0: all are listened to in one thread, and few of them are believed.

Whoever else has found the port, in whatever number, says nothing or speaks slowly, holds nobody up.
"""

import secrets
import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from fcn4_dist import __version__, documents
from fcn4_dist.cluster.connection import Connection
from fcn4_dist.cluster.greeting import (
    LONGEST_GREETING,
    Answer,
    Greeting,
    Hello,
    Proof,
    facts_of,
    has_another_secret,
    is_ours,
    keys_of,
)
from fcn4_dist.cluster.peers import SAME_VERSION
from fcn4_dist.cluster.secret import Secret, same
from fcn4_dist.cluster.topology import Nodes
from fcn4_dist.errors import InputError

SECONDS_TO_GREET = 10.0
MOST_CALLERS = 256
"""That are listened to at once; of more, those that have called first are hung up on."""
_MOST_AT_ONCE = MOST_CALLERS // 4
_MOST_REFUSALS_SAID = 20
_SECONDS_FOR_ROOM = 0.1


@dataclass
class _Caller:
    """Somebody who has called node 0, and has not shown yet to be one of its nodes."""

    socket: socket.socket
    address: str
    ends: float
    heard: bytes = b""
    hello: Hello | None = None
    nonce: str = ""


class Callers:
    """Those who have called node 0, and have not shown yet to be nodes of its job.

    In its context they are listened to; behind it, nobody is any more.

    Args:
        nodes: The nodes of the job.
        listener: Where they call.
        secret: That of the job.
        others: Gets the nodes that have shown to be some: node number -> connection.
        say: Prints a line.
    """

    def __init__(
        self,
        nodes: Nodes,
        listener: socket.socket,
        secret: Secret,
        others: dict[int, Connection],
        say: Callable[[str], None],
    ) -> None:
        self._nodes, self._listener, self._secret = nodes, listener, secret
        self._others, self._say = others, say
        self._said: set[str] = set()
        self._callers: dict[int, _Caller] = {}
        self._selector = selectors.DefaultSelector()
        self._listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)

    def hear(self, seconds: float) -> None:
        """Listen to all who speak within some seconds."""
        speaking = {key.fd for key, _ in self._selector.select(seconds)}
        for number in speaking:
            # Who was hung up on a moment ago is not there any more.
            if caller := self._callers.get(number):
                self._hear(caller)
        # Behind those who are here already, whom the new ones may push out.
        if self._listener.fileno() in speaking:
            self._accept()
        now = time.monotonic()
        for caller in [each for each in self._callers.values() if each.ends < now]:
            self._hang_up(caller)

    def __enter__(self) -> "Callers":
        return self

    def __exit__(self, *_: Any) -> None:
        self._listener.close()
        for caller in list(self._callers.values()):
            self._hang_up(caller)
        self._selector.close()

    def _accept(self) -> None:
        for _ in range(_MOST_AT_ONCE):
            first = next(iter(self._callers.values()), None)
            try:
                connected, address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError:
                # There may be no room for another open file.
                if first:
                    self._hang_up(first)
                else:
                    time.sleep(_SECONDS_FOR_ROOM)
                return
            if first and len(self._callers) >= MOST_CALLERS:
                self._hang_up(first)
            connected.setblocking(False)
            caller = _Caller(connected, address[0], time.monotonic() + SECONDS_TO_GREET)
            self._callers[connected.fileno()] = caller
            self._selector.register(connected, selectors.EVENT_READ)

    def _hear(self, caller: _Caller) -> None:
        try:
            data = caller.socket.recv(LONGEST_GREETING)
        except BlockingIOError:
            # It has got the number of one who has just been hung up on.
            return
        except OSError:
            data = b""
        caller.heard += data
        line, end, rest = caller.heard.partition(b"\n")
        if not data or len(line) > LONGEST_GREETING:
            self._hang_up(caller)
        elif end:
            caller.heard = rest
            problem = self._problem(caller, line)
            if problem is None:
                self._hang_up(caller)
            elif problem:
                self._refuse(caller, problem)

    def _problem(self, caller: _Caller, line: bytes) -> str | None:
        """Answer a line; give what is wrong with who has sent it, None if it is none of ours."""
        try:
            if caller.hello is None:
                if not is_ours(line):
                    return None
                hello = documents.parse(line, Hello, "what it says")
                if problem := self._refusal(hello):
                    return problem
                caller.hello, caller.nonce = hello, secrets.token_hex(32)
                proof = self._secret.proof("node 0", *facts_of(hello, caller.nonce))
                self._say_to(caller, Answer("", caller.nonce, proof))
                return ""
            proof = documents.parse(line, Proof, "what it says").proof
        except InputError as error:
            return str(error)
        expected = self._secret.proof("another node", *facts_of(caller.hello, caller.nonce))
        if not same(proof, expected):
            return has_another_secret("it", self._secret, "node 0")
        if problem := self._refusal(caller.hello):
            return problem
        self._say_to(caller, Answer(""))
        self._become_node(caller, caller.hello)
        return ""

    def _refusal(self, hello: Hello) -> str:
        rank = hello.node_rank
        if hello.version != __version__:
            return f"node 0 has fcn4_dist {__version__}: {SAME_VERSION}"
        if hello.nnodes != self._nodes.count:
            return (
                f"node 0 waits for {self._nodes.count} nodes: give the same --nnodes on every node"
            )
        # A launcher that was stopped and started again is welcome.
        taken = rank in self._others and not self._others[rank].gone()
        if rank not in range(1, self._nodes.count) or taken:
            return f"there is a node {rank} already: give every node a --node_rank of its own"
        return ""

    def _become_node(self, caller: _Caller, hello: Hello) -> None:
        del self._callers[caller.socket.fileno()]
        self._selector.unregister(caller.socket)
        name = f"node {hello.node_rank} ({caller.address})"
        keys = keys_of(self._secret, facts_of(hello, caller.nonce))
        self._others[hello.node_rank] = Connection(caller.socket, name, keys, caller.heard)

    def _refuse(self, caller: _Caller, problem: str) -> None:
        if problem not in self._said and len(self._said) < _MOST_REFUSALS_SAID:
            self._said.add(problem)
            self._say(f"a launcher on {caller.address} is refused: {problem}")
        self._say_to(caller, Answer(problem))
        self._hang_up(caller)

    def _say_to(self, caller: _Caller, greeting: Greeting) -> None:
        # There is room for so little; who has hung up is noticed when he is next listened to.
        with suppress(OSError):
            caller.socket.send(documents.to_line(greeting).encode() + b"\n")

    def _hang_up(self, caller: _Caller) -> None:
        del self._callers[caller.socket.fileno()]
        self._selector.unregister(caller.socket)
        caller.socket.close()
