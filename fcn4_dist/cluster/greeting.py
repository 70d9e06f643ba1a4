"""What two launchers say before they know each other, and how the one that calls says it.

The caller says who it is and draws a number; node 0 draws one, too, and shows by a proof over both
that it has the job's secret; so does the caller. From the same numbers follow the keys by which all
later messages are sealed. A job without a secret does the same with none.
"""

import secrets
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, ClassVar

from msgspec import Meta

from fcn4_dist import __version__, documents
from fcn4_dist.cluster.connection import Connection, Lines
from fcn4_dist.cluster.peers import LONGEST_SENTENCE, SAME_VERSION, as_sentence
from fcn4_dist.cluster.secret import SECRET_FILE_VARIABLE, SECRET_VARIABLE, Secret, same
from fcn4_dist.cluster.topology import Nodes
from fcn4_dist.errors import InputError

LONGEST_GREETING = 10_000

_Drawn = Annotated[str, Meta(max_length=64)]
_Sentence = Annotated[str, Meta(max_length=LONGEST_SENTENCE)]


@dataclass(frozen=True, slots=True)
class Greeting(documents.Document):
    """What is said before two launchers know each other."""

    format: ClassVar[int] = 2
    mend: ClassVar[str] = SAME_VERSION


@dataclass(frozen=True, slots=True)
class Hello(Greeting):
    """What a caller says first."""

    program: str
    version: str
    node_rank: documents.Integer
    nnodes: documents.Integer
    nonce: _Drawn


@dataclass(frozen=True, slots=True)
class Answer(Greeting):
    """What node 0 says to that, and to the proof: what is wrong, or "" with a proof of its own."""

    refused: _Sentence
    nonce: _Drawn = ""
    proof: _Drawn = ""


@dataclass(frozen=True, slots=True)
class Proof(Greeting):
    """How the caller shows that it has the secret; "" where it sees that node 0 has another."""

    proof: _Drawn


@dataclass(frozen=True, slots=True)
class _OfOurs(documents.Document):
    program: str


@dataclass(frozen=True, slots=True)
class _FromNode0(documents.Document):
    refused: _Sentence


def greeted(nodes: Nodes, connected: socket.socket, secret: Secret) -> Connection | None:
    """Show node 0 who this is, and have it do the same.

    Args:
        nodes: The nodes of the job.
        connected: To what may be node 0.
        secret: That of the job.

    Returns:
        The connection, to be started; None if it does not answer as node 0.

    Raises:
        InputError: If it refuses this node, or does not have the secret.
    """
    hello = Hello("fcn4_dist", __version__, nodes.rank, nodes.count, secrets.token_hex(32))
    name = f"node 0 ({nodes.master_addr})"
    lines = Lines(connected, name, LONGEST_GREETING)
    try:
        answer = _answered(name, connected, lines, hello)
        if answer is None:
            return None
        facts = facts_of(hello, answer.nonce)
        if not (answer.nonce and same(answer.proof, secret.proof("node 0", *facts))):
            _say(connected, Proof(""))
            who = f"what answers as node 0 on {nodes.master_addr}, port {nodes.launchers_port},"
            raise InputError(has_another_secret(who, secret, "this node"))
        if _answered(name, connected, lines, Proof(secret.proof("another node", *facts))) is None:
            return None
    except OSError:
        return None
    theirs, ours = keys_of(secret, facts)
    return Connection(connected, name, (ours, theirs), lines.rest())


def has_another_secret(who: str, secret: Secret, than: str) -> str:
    """Give the sentence about one who has not shown to have the secret that another has."""
    has = "another secret than" if secret else "a secret, unlike"
    return (
        f"{who} has {has} {than}: give every node the same {SECRET_VARIABLE}, or "
        f"{SECRET_FILE_VARIABLE}"
    )


def is_ours(line: bytes) -> bool:
    """Tell whether who says this is a launcher, of whatever version."""
    with suppress(InputError):
        return documents.parse(line, _OfOurs, "").program == "fcn4_dist"
    return False


def facts_of(hello: Hello, nonce: str) -> tuple[str | int, ...]:
    """Give what proofs and keys are made of: the place of the caller, and what both have drawn."""
    return hello.node_rank, hello.nnodes, hello.nonce, nonce


def keys_of(secret: Secret, facts: tuple[str | int, ...]) -> tuple[bytes, bytes]:
    """Give the keys of what node 0 sends and of what the other node does."""
    own, other = (secret.proof(f"messages of {who}", *facts) for who in ("node 0", "another node"))
    return own.encode(), other.encode()


def _answered(
    name: str, connected: socket.socket, lines: Lines, greeting: Greeting
) -> Answer | None:
    _say(connected, greeting)
    try:
        line = next(lines, b"")
        refused = documents.parse(line, _FromNode0, "").refused
    except InputError:
        return None
    if refused:
        raise InputError(f"node 0 refuses this one: {as_sentence(refused)}")
    return documents.parse(line, Answer, f"what {name} says")


def _say(connected: socket.socket, greeting: Greeting) -> None:
    connected.sendall(documents.to_line(greeting).encode() + b"\n")
