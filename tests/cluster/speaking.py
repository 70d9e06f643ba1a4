"""Whoever speaks to a launcher without being one: says what it likes, sealed as it should be.

The proofs and seals are made here again from what the protocol is, by none of the package's code.
"""

import hashlib
import hmac
import json
import socket
import time
from typing import Any

from fcn4_dist import __version__
from fcn4_dist.cluster.topology import Nodes

NONCE = "ab" * 32


class Speaker:
    """Calls node 0 as one of its nodes may.

    Args:
        node: The place in the job that is claimed.
        secret: The secret that is shown.
        seconds: How long node 0 may take for anything.
    """

    def __init__(self, node: Nodes, secret: bytes = b"", seconds: float = 20.0) -> None:
        self.node, self.secret = node, secret
        self.socket = call(node, seconds)
        self.file = self.socket.makefile("rb")
        self._key, self._sent = b"", 0

    def hello(self, **changes: Any) -> dict[str, Any]:
        """Say the first message, with changes; give the answer, {} for none."""
        hello = {
            "format": 2,
            "program": "fcn4_dist",
            "version": __version__,
            "node_rank": self.node.rank,
            "nnodes": self.node.count,
            "nonce": NONCE,
        }
        changed = {key: value for key, value in (hello | changes).items() if value is not None}
        return self.ask(json.dumps(changed).encode())

    def ask(self, line: bytes) -> dict[str, Any]:
        """Send a line, and give what comes back; {} if node 0 hangs up."""
        try:
            self.socket.sendall(line + b"\n")
            answer = self.file.readline()
        except ConnectionError:
            return {}
        return dict(json.loads(answer)) if answer else {}

    def proof(self, role: str, answer: dict[str, Any]) -> str:
        facts = [role, self.node.rank, self.node.count, NONCE, answer["nonce"]]
        return seal(self.secret, json.dumps(facts).encode())

    def greet(self) -> dict[str, Any]:
        """Join as a node does; give the last answer."""
        answer = self.hello()
        assert answer["proof"] == self.proof("node 0", answer)
        self._key = self.proof("messages of another node", answer).encode()
        proof = {"format": 2, "proof": self.proof("another node", answer)}
        return self.ask(json.dumps(proof).encode())

    def say(self, message: "bytes | dict[str, Any]", *, end: bytes = b"\n") -> None:
        """Send a message, sealed."""
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        line = seal(self._key, b"%d " % self._sent + data).encode() + data
        self._sent += 1
        self.socket.sendall(line + end)

    def close(self) -> None:
        self.file.close()
        self.socket.close()


class Impostor:
    """Answers as node 0, on its port.

    Args:
        node: The place of the node that will call.
        secret: The secret that is shown.
        seconds: How long the other side may take for anything.
    """

    def __init__(self, node: Nodes, secret: bytes = b"", seconds: float = 20.0) -> None:
        self.secret = secret
        self.listener = socket.create_server((node.master_addr, node.launchers_port))
        self.listener.settimeout(seconds)
        self._key, self._sent = b"", 0

    def accept(self) -> bytes:
        """Wait for a call; give what the caller says first."""
        self.socket, _ = self.listener.accept()
        self.socket.settimeout(20.0)
        self.file = self.socket.makefile("rb")
        return self.file.readline()

    def answer(self, hello: bytes, **changes: Any) -> bytes:
        """Answer as node 0 does, with changes; give what the caller says to that."""
        said = json.loads(hello)
        self._facts = [said["node_rank"], said["nnodes"], said["nonce"], NONCE]
        answer = {"format": 2, "refused": "", "nonce": NONCE, "proof": self.proof("node 0")}
        self.send(answer | changes)
        return self.file.readline()

    def welcome(self) -> None:
        """Take the caller for a node of the job."""
        self.answer(self.accept())
        self.send({"format": 2, "refused": ""})
        self._key = self.proof("messages of node 0").encode()

    def proof(self, role: str) -> str:
        return seal(self.secret, json.dumps([role, *self._facts]).encode())

    def send(self, message: "bytes | dict[str, Any]") -> None:
        """Send a line as it is."""
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.socket.sendall(data + b"\n")

    def say(self, message: "bytes | dict[str, Any]") -> None:
        """Send a message, sealed."""
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.send(seal(self._key, b"%d " % self._sent + data).encode() + data)
        self._sent += 1

    def close(self) -> None:
        self.listener.close()
        if hasattr(self, "socket"):
            self.file.close()
            self.socket.close()


def seal(key: bytes, data: bytes) -> str:
    return hmac.new(key, data, hashlib.sha256).hexdigest()


def call(node: Nodes, seconds: float = 20.0) -> socket.socket:
    """Connect to node 0 as anybody can, as soon as it listens."""
    ends = time.monotonic() + seconds
    while True:
        try:
            return socket.create_connection((node.master_addr, node.launchers_port), seconds)
        except ConnectionRefusedError:
            assert time.monotonic() < ends, "node 0 does not listen"
            time.sleep(0.02)
