"""Attacks on the launchers' connection: strangers, nodes that have joined, and a false node 0.

Real launchers over real sockets; what is done to them is done by none of the package's code.
"""

import itertools
import json
import os
import random
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from fcn4_dist.cluster import callers, connection, meeting
from fcn4_dist.cluster.launchers import Launchers, meet
from fcn4_dist.cluster.secret import Secret
from fcn4_dist.cluster.topology import LOOP_BACK, Nodes, free_port
from fcn4_dist.config import SETTINGS, Settings, load_settings
from fcn4_dist.errors import Fcn4DistError
from fcn4_dist.host.cards import find_host_addresses
from fcn4_dist.jobs.prepare import adopt_from_main
from tests.attacks.outcome import HANG, SILENT_WRONG, Outcome, outcome_of
from tests.cluster.speaking import NONCE, Impostor, Speaker, call

REPOSITORY = Path(__file__).parents[2]
SILENCE = 1.0
SECONDS = 8.0
"""More than an attack may take, with a silence of one second suffered."""
SECRET = b"nobody knows this one"
STEERING = "\x1b[2J\x1b]0;owned\x07\r\nfcn4-dist: all is well\u202e\u2066\0\ud800"
DEEP = b"[" * 100_000
ODD = (None, True, -1, 2**63, 10**30, 1.5, float("nan"), "", STEERING, [], [[[[]]]], {}, {"a": {}})
_UNLUCKY = ("train", "/etc/cron.d", "../out", "~/.ssh", "runs/../../x", "/dev/shm/x", "a\0b")

Act = Callable[[], str]


def attacks(folder: Path, count: int, seed: int) -> Iterator[Outcome]:
    """Attack launchers in every way below, and with drawn messages until there are enough."""
    folder.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(connection, "SECONDS_OF_SILENCE", SILENCE)
        patch.setattr(connection, "SECONDS_BETWEEN_SIGNS", 0.1)
        patch.setattr(connection, "MOST_BYTES", 1 << 20)
        patch.setattr(callers, "SECONDS_TO_GREET", SILENCE)
        patch.setattr(meeting, "_SECONDS_BETWEEN_TRIES", 0.05)
        named = itertools.chain(_by_strangers(), _by_nodes(), _by_node_0(), _on_processes())
        made = 0
        for attack, act in named:
            made += 1
            yield _timed(attack, act)
        draw = random.Random(seed)
        for turn in range(count - made):
            attack, act = _drawn(draw)
            yield _timed(f"{attack}, draw {turn} of seed {seed}", act)


def _timed(attack: str, act: Act) -> Outcome:
    pool = ThreadPoolExecutor(1)
    doing = pool.submit(outcome_of, attack, act)
    pool.shutdown(wait=False)
    try:
        outcome = doing.result(60.0 if attack.startswith("process") else SECONDS)
    except NotYet:
        return Outcome(attack, HANG, "nothing was said within the time of silence")
    return Outcome(attack, HANG, outcome.detail) if outcome.detail == HANG else outcome


def _two(address: str = LOOP_BACK) -> list[Nodes]:
    port = free_port(address) - 1
    return [Nodes(2, rank, address, port) for rank in range(2)]


# Strangers who call node 0 while it waits for its nodes, which have to meet all the same.


def _by_strangers() -> Iterator[tuple[str, Act]]:
    for title, data in {
        "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "tls": bytes.fromhex("16030100c8010000c40303") + os.urandom(190) + b"\n",
        "deep JSON": DEEP + b"\n",
        "a deep hello": b'{"program": "fcn4_dist", "format": ' + DEEP + b"\n",
        "a number of many digits": b'{"program": "fcn4_dist", "format": ' + b"9" * 9000 + b"}\n",
        "bytes": b"\xff\xfe\x00\n",
        "only ends of lines": b"\n" * 5000,
        "16 MB on one line": b"x" * (1 << 24),
        "nothing": b"",
    }.items():
        yield f"stranger says {title}", lambda data=data: _meet_beside(lambda n: [_send(n, data)])
    for end in ("hang up", "reset", "half"):
        yield f"stranger ends by {end}", lambda end=end: _meet_beside(lambda n: [_cut(n, end)])
    yield "600 strangers say nothing", lambda: _meet_beside(lambda n: [call(n) for _ in range(600)])
    yield "strangers speak slowly", lambda: _meet_beside(_drip, seconds=0.5)
    for key, value in itertools.product(
        ("format", "program", "version", "node_rank", "nnodes", "nonce"), (None, STEERING, [1], -1)
    ):
        yield (
            f"hello with {key} {value!a}",
            lambda k=key, v=value: _meet_beside(lambda n: [_hello(n, **{k: v})]),
        )
    yield (
        "hello of the version before",
        lambda: _meet_beside(lambda n: [_hello(n, format=None, nonce=None)]),
    )
    yield "hello and nothing more", lambda: _meet_beside(lambda n: [_hello(n)])
    for title, proof in {
        "no proof": lambda caller, answer: "",
        "the wrong secret": lambda caller, answer: caller.proof("another node", answer),
        "node 0's own proof": lambda caller, answer: answer["proof"],
        "steering text": lambda caller, answer: STEERING,
    }.items():
        yield (
            f"stranger proves with {title}",
            lambda proof=proof: _meet_beside(lambda n: [_prove(n, proof)], secret=SECRET),
        )
    yield "what a node said is said again", _replay


def _meet_beside(
    disturb: Callable[[Nodes], list[Any]], secret: bytes = b"", seconds: float = 0.0
) -> str:
    """Have two nodes meet while somebody does something to node 0."""
    nodes, lines = _two(), list[str]()
    with ThreadPoolExecutor(2) as pool:
        node_0 = pool.submit(meet, nodes[0], lines.append, SECONDS, Secret(secret))
        held = disturb(nodes[1])
        time.sleep(seconds)
        begun = time.monotonic()
        try:
            joined = meet(nodes[1], lines.append, SECONDS, Secret(secret))
            with closing(joined), closing(node_0.result(SECONDS)) as first:
                wrong = _exchange(pool, first, joined)
        finally:
            for each in held:
                each.close()
    if time.monotonic() - begun > 3 * SILENCE:
        return HANG
    raw = [line for line in lines if not line.isprintable()]
    return f"raw text in {raw!a}" if raw else wrong


def _exchange(pool: ThreadPoolExecutor, node_0: Launchers, node_1: Launchers) -> str:
    other = pool.submit(node_1.all_gather, "one")
    both = [node_0.all_gather("zero"), other.result(SECONDS)]
    return "" if both == [["zero", "one"]] * 2 else f"the nodes have exchanged {both}"


def _send(node: Nodes, data: bytes) -> socket.socket:
    stranger = call(node)
    with suppress(OSError):
        stranger.sendall(data)
    return stranger


def _cut(node: Nodes, how: str) -> socket.socket:
    stranger = _send(node, b'{"program": "fcn4_dist"')
    if how == "half":
        stranger.shutdown(socket.SHUT_WR)
        return stranger
    if how == "reset":
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stranger.close()
    return stranger


def _drip(node: Nodes) -> list[socket.socket]:
    strangers = [call(node) for _ in range(20)]
    for _ in range(5):
        for stranger in strangers:
            stranger.sendall(b"{")
        time.sleep(0.05)
    return strangers


def _hello(node: Nodes, **changes: Any) -> Speaker:
    speaker = Speaker(node, seconds=SECONDS)
    answer = speaker.hello(**changes)
    if changes and answer.get("nonce"):
        # A number drawn by a stranger may be any text.
        assert set(changes) == {"nonce"}, answer
    return speaker


def _prove(node: Nodes, proof: Callable[[Speaker, dict[str, Any]], str]) -> Speaker:
    speaker = Speaker(node, b"another secret than that", SECONDS)
    shown = proof(speaker, speaker.hello())
    answer = speaker.ask(json.dumps({"format": 2, "proof": shown}).encode())
    assert answer.get("refused"), f"a stranger is a node now: {answer}"
    return speaker


def _replay() -> str:
    """Say to node 0 once more all that a node has said to it before."""
    said: list[bytes] = []

    def listen(node: Nodes) -> list[Any]:
        speaker = Speaker(node, SECRET, SECONDS)
        answer = speaker.hello()
        proof = speaker.proof("another node", answer)
        said.append(json.dumps({"format": 2, "proof": proof}).encode())
        return [speaker]

    _meet_beside(listen, SECRET)

    def again(node: Nodes) -> list[Any]:
        speaker = Speaker(node, b"", SECONDS)
        speaker.hello()
        answer = speaker.ask(said[0])
        assert answer.get("refused"), f"a stranger is a node now: {answer}"
        return [speaker]

    return _meet_beside(again, SECRET)


# Nodes that have joined, and then send what they should not.


def _by_nodes() -> Iterator[tuple[str, Act]]:
    fields = ("kind", "value", "values", "standing", "sentence")
    for key, value in itertools.product(fields, ODD):
        kind = {"values": "values", "standing": "alive", "sentence": "failure"}.get(key, "value")
        message = {"kind": kind, key: value}
        yield f"node sends {message!a}", lambda m=message: _from_node([m], m.get("value"))
    for title, data in {
        "no JSON": b"?",
        "deep JSON": DEEP,
        "a deep value": b'{"kind": "value", "value": ' + b"[" * 500 + b"]" * 500 + b"}",
        "a number": b"5",
        "a list": b"[]",
        "a number of many digits": b'{"kind": "value", "value": ' + b"9" * 9000 + b"}",
        "bytes": b'{"kind": "failure", "sentence": "\xff\xfe"}',
        "too much at once": b" " * (1 << 22),
        "a key twice": b'{"kind": "value", "kind": "done"}',
    }.items():
        yield f"node sends {title}", lambda data=data: _from_node([data])
    yield "node sends values without end", lambda: _from_node([{"kind": "value"}] * 50, read=0.5)
    yield "node says its end first", lambda: _from_node([{"kind": "done"}, {"kind": "value"}])
    for title, act in {
        "unsealed": lambda node: node.socket.sendall(b'{"kind": "value"}\n'),
        "sealed for another": lambda node: _other_key(node),
        "twice the same line": lambda node: _same_line(node),
        "half a line, and hangs up": lambda node: (node.say(b'{"kind"', end=b""), node.close()),
        "slowly": lambda node: _slowly(node),
        "nothing": lambda node: None,
    }.items():
        yield f"node sends {title}", lambda act=act: _from_node([], act=act)


def _from_node(
    messages: list[Any],
    expected: Any = None,
    act: Callable[[Speaker], Any] = lambda node: None,
    read: float = 0.0,
) -> str:
    """Have node 0 wait for a value of a node that sends something."""
    nodes = _two()
    with ThreadPoolExecutor(1) as pool, ExitStack() as held:
        node_0 = pool.submit(meet, nodes[0], lambda line: None, SECONDS)
        speaker = held.enter_context(closing(Speaker(nodes[1], seconds=SECONDS)))
        assert speaker.greet()["refused"] == ""
        launchers = held.enter_context(closing(node_0.result(SECONDS)))
        sending = pool.submit(_speak, speaker, messages, act)
        time.sleep(read)
        begun = time.monotonic()
        try:
            values = launchers.all_gather("zero")
        except Fcn4DistError:
            if time.monotonic() - begun > 3 * SILENCE:
                return HANG
            raise
        finally:
            held.close()
            sending.cancel()
    same = json.dumps(values) == json.dumps(["zero", expected])
    return "" if same else f"node 0 has taken {values!a} for what was sent"


def _speak(speaker: Speaker, messages: list[Any], act: Callable[[Speaker], Any]) -> None:
    with suppress(OSError, ValueError):
        for message in messages:
            speaker.say(message)
        act(speaker)


def _other_key(node: Speaker) -> None:
    node._key = b"0" * 64
    node.say({"kind": "value"})


def _same_line(node: Speaker) -> None:
    node.say({"kind": "alive"})
    node._sent = 0
    node.say({"kind": "alive"})


def _slowly(node: Speaker) -> None:
    for _ in range(100):
        node.socket.sendall(b"0")
        time.sleep(0.1)


# A false node 0, which others call, and which sends them what they are to do.


def _by_node_0() -> Iterator[tuple[str, Act]]:
    for title, answer in {
        "no JSON": b"HTTP/1.1 400 Bad Request\r\n",
        "deep JSON": DEEP,
        "too much": b"x" * 200_000,
        "another program's": b'{"status": 404}',
        "the hello itself": None,
        "a refusal that steers": json.dumps({"refused": STEERING}).encode(),
        "a long refusal": json.dumps({"refused": "x" * 9000}).encode(),
        "the version before": b'{"refused": ""}',
        "wrong types": b'{"format": 2, "refused": "", "nonce": 5, "proof": []}',
    }.items():
        yield f"node 0 answers {title}", lambda answer=answer: _call_impostor(answer)
    yield "node 0 has no proof", lambda: _call_impostor(proof="")
    yield "node 0 has another secret", lambda: _call_impostor(secret=b"another secret than that")
    yield "node 0 sends the caller's own proof", lambda: _call_impostor(proof=NONCE)
    own = Settings(run_dir="runs/here").as_dict()
    for key, value in itertools.product(("lr", "mr_name", "run_dir", "resume"), ODD):
        yield f"node 0 sets {key} to {value!a}", lambda k=key, v=value: _adopt({**own, k: v})
    for path in _UNLUCKY:
        yield f"node 0 has others write to {path!a}", lambda p=path: _adopt({**own, "run_dir": p})
    for title, settings in {
        "no settings": {},
        "a list": [],
        "text": "lr: 1",
        "nothing": None,
        "unknown ones": {**own, "LD_PRELOAD": "/tmp/x.so", "__class__": "x"},
    }.items():
        yield f"node 0 sends {title} as settings", lambda s=settings: _adopt(s)


@contextmanager
def _impostor(node: Nodes, secret: bytes = b"") -> Iterator[tuple[Impostor, ThreadPoolExecutor]]:
    with closing(Impostor(node, secret, SECONDS)) as impostor, ThreadPoolExecutor(1) as pool:
        yield impostor, pool


def _call_impostor(
    line: bytes | None = b"", secret: bytes | None = None, proof: str | None = None
) -> str:
    """Have a node with a secret call somebody who answers with a line, or with a proof."""
    node = _two()[1]
    with _impostor(node, secret or b"") as (impostor, pool):

        def answer() -> None:
            with suppress(OSError, ValueError):
                hello = impostor.accept()
                if secret is None and proof is None:
                    impostor.send(hello.strip() if line is None else line)
                else:
                    impostor.answer(hello, **({} if proof is None else {"proof": proof}))

        answering = pool.submit(answer)
        try:
            meet(node, lambda text: None, 0.5, Secret(SECRET)).close()
        finally:
            impostor.close()
            _quietly(answering)
    return "a node works with a node 0 that has not shown the secret"


def _quietly(future: "Future[None]") -> None:
    with suppress(Exception):
        future.result(SECONDS)


def _adopt(settings: Any) -> str:
    """Have a node take settings of a node 0 that nobody knows."""
    node = _two()[1]
    with _impostor(node) as (impostor, pool):
        welcome = pool.submit(impostor.welcome)
        with closing(meet(node, lambda text: None, SECONDS)) as launchers:
            welcome.result(SECONDS)
            impostor.say({"kind": "values", "values": [settings]})
            adopted = adopt_from_main("train", load_settings(), launchers).settings
    for name, declaration in SETTINGS.items():
        declaration.check(getattr(adopted, name))
    inside = Path(adopted.run_dir).resolve().is_relative_to(Path.cwd())
    return "" if inside else f"the node would write to {adopted.run_dir}"


# The whole program, as a person starts it.


def _on_processes() -> Iterator[tuple[str, Act]]:
    if not find_host_addresses():
        # Without a network there are no other hosts.
        return
    yield (
        "process: node 0 gets steering text",
        lambda: _process_0({"kind": "failure", "sentence": f"no disk {STEERING}"[:-1]}),
    )
    yield "process: node 0 gets no message", lambda: _process_0(b"[" * 50_000)


def _process_0(message: Any) -> str:
    """Start node 0 as a person does, join it, and send it something."""
    address = find_host_addresses()[0]
    nodes = _two(address)
    flags = ["--nnodes", "2", "--node_rank", "0", "--master_addr", address, "--device_num", "1"]
    port = ["--master_port", str(nodes[0].master_port), "--device_target", "CPU"]
    process = subprocess.Popen(
        [sys.executable, "-m", "fcn4_dist", "launch", "train", *flags, *port],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        with closing(Speaker(nodes[1], seconds=SECONDS * 3)) as speaker:
            speaker.greet()
            speaker.say(message)
            output = process.communicate(timeout=SECONDS * 3)[0]
    finally:
        process.kill()
        process.communicate()
    if process.returncode not in (1, 2) or "Traceback" in output:
        return f"exit code {process.returncode}: {output}"
    raw = [line for line in output.splitlines() if not line.isprintable()]
    return f"raw text in {raw!a}" if raw else ""


# Messages that chance makes.


def _drawn(draw: random.Random) -> tuple[str, Act]:
    message = {
        "kind": draw.choice(("value", "values", "alive", "failure", "done", "other", 5)),
        draw.choice(("value", "values", "standing", "sentence", "more")): _value(draw, 3),
    }
    if draw.random() < 0.3:
        data = bytearray(json.dumps(message).encode())
        for _ in range(draw.randint(1, 5)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        garbled = bytes(data).replace(b"\n", b" ")
        return f"node sends {garbled!a}", lambda: _ends(garbled)
    return f"node sends {message!a}", lambda: _ends(message)


def _ends(message: Any) -> str:
    """Have a node send something and go, which node 0 has to survive, whatever it is."""
    with suppress(AssertionError):
        wrong = _from_node([message], act=Speaker.close)
        return wrong if wrong == HANG else ""
    return SILENT_WRONG


def _value(draw: random.Random, depth: int) -> Any:
    if depth and draw.random() < 0.5:
        items = [_value(draw, depth - 1) for _ in range(draw.randint(0, 3))]
        return items if draw.random() < 0.5 else {f"k{n}": item for n, item in enumerate(items)}
    return draw.choice((*ODD, draw.randint(-(2**70), 2**70), draw.random(), "x" * 3000))
