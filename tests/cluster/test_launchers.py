"""The connection between the launchers of several hosts, over real sockets of this one."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist import __version__
from fcn4_dist.cluster import connection, meeting
from fcn4_dist.cluster.callers import MOST_CALLERS
from fcn4_dist.cluster.heartbeat import Standing
from fcn4_dist.cluster.launchers import Launchers, meet, of_others
from fcn4_dist.cluster.secret import Secret
from fcn4_dist.cluster.topology import LOOP_BACK, Nodes, free_port
from fcn4_dist.config import Settings
from fcn4_dist.errors import Fcn4DistError, InputError
from tests.cluster.speaking import Speaker, call

REPOSITORY = Path(__file__).parents[2]
SECONDS = 20.0
MEGABYTE = 1_000_000

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")


@pytest.fixture(autouse=True)
def _quick_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meeting, "_SECONDS_BETWEEN_TRIES", 0.05)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SECONDS_OF_SILENCE", 1.0)
    monkeypatch.setattr(connection, "SECONDS_BETWEEN_SIGNS", 0.1)


def several(count: int) -> list[Nodes]:
    """Give the nodes of a job as each of them sees them, all on this host."""
    port = free_port() - 1
    return [Nodes(count, rank, LOOP_BACK, port) for rank in range(count)]


def quiet(line: str) -> None:
    pass


@contextmanager
def met_nodes(nodes: list[Nodes]) -> Iterator[list[Launchers]]:
    with ExitStack() as stack:
        met = at_once([lambda node=node: meet(node, quiet, SECONDS) for node in nodes])
        for one in met:
            stack.callback(one.close)
        yield met


def at_once(works: list[Callable[[], Any]]) -> list[Any]:
    """Do several things at the same time, and give what each returns."""
    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result(SECONDS) for future in [pool.submit(work) for work in works]]


def exchange(met: list[Launchers], values: list[Any]) -> list[list[Any]]:
    return at_once(
        [
            lambda one=one, value=value: one.all_gather(value)
            for one, value in zip(met, values, strict=True)
        ]
    )


def end_of(waiting: Launchers) -> str:
    """Wait in an exchange that cannot be, for the sentence it ends with."""
    with pytest.raises(Fcn4DistError) as caught:
        waiting.all_gather("I am here")
    assert caught.value.exit_code == 1
    return str(caught.value)


def refusal(node: Nodes, say: Callable[[str], None] = quiet, seconds: float = SECONDS) -> str:
    with pytest.raises(InputError) as caught:
        meet(node, say, seconds).close()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def another_process(node: Nodes) -> "subprocess.Popen[bytes]":
    """Start a process that joins, says so, and then stays."""
    program = (
        "import sys\n"
        "from fcn4_dist.cluster import connection, launchers\n"
        "from fcn4_dist.cluster.topology import Nodes\n"
        "connection.SECONDS_BETWEEN_SIGNS = 0.1\n"
        f"joined = launchers.meet(Nodes({node.count}, {node.rank}, {node.master_addr!r}, "
        f"{node.master_port}), lambda line: None)\n"
        "print('joined', flush=True)\n"
        "joined.all_gather('joined')\n"
        "sys.stdin.read()\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
    )


@pytest.mark.parametrize("count", [2, 3, 5])
def test_everyone_gets_the_value_of_each_node_in_their_order(count: int) -> None:
    with met_nodes(several(count)) as met:
        for turn in range(3):
            values = [{"node": rank, "turn": turn} for rank in range(count)]
            assert exchange(met, values) == [values] * count


@pytest.mark.parametrize("value", [None, 0, "", [], "zwölf 🎵", {"lr": 0.1, "mr_name": ["a", "b"]}])
def test_a_value_arrives_as_it_was(value: Any) -> None:
    with met_nodes(several(2)) as met:
        assert exchange(met, [value, value]) == [[value, value]] * 2


def test_values_larger_than_any_buffer_cross_without_a_deadlock() -> None:
    with met_nodes(several(3)) as met:
        values = [{f"setting {n}": str(rank) * 1000 for n in range(5000)} for rank in range(3)]
        assert exchange(met, values) == [values] * 3


def test_messages_and_bytes_of_an_agreement_grow_with_the_number_of_nodes_and_no_faster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[int] = []
    send = connection.Connection._send

    def counted(self: connection.Connection, data: bytes) -> None:
        if b'"alive"' not in data:
            sent.append(len(data))
        send(self, data)

    def agree(one: Launchers) -> None:
        one.broadcast_of(dict[str, Any], Settings().as_dict())
        one.check_agreement({"shards": "0" * 12})
        with suppress(InputError):
            one.refuse_together([f"card {card} is missing" for card in range(8)])

    monkeypatch.setattr(connection.Connection, "_send", counted)
    a_node = {}
    for count in (3, 9, 33):
        with met_nodes(several(count)) as met:
            sent.clear()
            at_once([lambda one=one: agree(one) for one in met])
            assert len(sent) == 3 * 2 * (count - 1)
            a_node[count] = sum(sent) / (count - 1)
    assert a_node[33] < 1.02 * a_node[3]


STANDINGS = st.lists(
    st.none() | st.builds(Standing, st.integers(0, 3), st.integers(0, 9), st.booleans()), min_size=1
)


@given(STANDINGS)
def test_each_node_is_told_how_far_the_ranks_of_all_the_others_are(
    standings: list[Standing | None],
) -> None:
    def joined(known: list[Standing]) -> Standing | None:
        return Standing.joined(known) if known else None

    assert of_others(standings) == [
        joined([each for other, each in enumerate(standings) if each and other != own])
        for own in range(len(standings))
    ]


def test_what_many_nodes_find_wrong_is_said_once_with_the_names_of_all() -> None:
    def refused(one: Launchers) -> list[str]:
        problems = ["no room", f"{one.rank} is odd"] if one.rank % 2 else ["no room"] * one.rank
        with pytest.raises(InputError) as caught:
            one.refuse_together(problems)
        return str(caught.value).splitlines()

    with met_nodes(several(5)) as met:
        found = at_once([lambda one=one: refused(one) for one in met])
    odd = ["node 1: 1 is odd", "node 3: 3 is odd"]
    assert found[0] == ["nodes 1 to 4: no room", *odd]
    assert found[3] == ["no room", "3 is odd", "nodes 1 to 4: no room", odd[0]]


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_a_failure_is_told_to_all(failing: int) -> None:
    with met_nodes(several(3)) as met:
        met[failing].tell("rank 4 is out of memory")
        others = [one for one in met if one is not met[failing]]
        expected = f"node {failing}: rank 4 is out of memory"
        assert at_once([lambda one=one: end_of(one) for one in others]) == [expected] * 2
        assert [one.failure() for one in others] == [expected] * 2
        assert met[failing].failure() == ""


def test_the_first_failure_is_the_one_that_is_told() -> None:
    with met_nodes(several(2)) as met:
        met[1].tell("the shard is gone")
        met[1].tell("stopped by SIGTERM")
        assert end_of(met[0]) == "node 1: the shard is gone"
        met[1].close()
        assert met[0].failure() == "node 1: the shard is gone"


def test_nodes_that_are_through_leave_without_a_failure() -> None:
    with met_nodes(several(3)) as met:
        exchange(met, [0, 1, 2])
        met[1].close()
        met[2].close()
        # What node 0 reads next is that they are through.
        assert "the launcher on node 1 (127.0.0.1) has ended" in end_of(met[0])
        assert [one.failure() for one in met] == ["", "", ""]


@pytest.mark.parametrize("leaving", [0, 1])
def test_nobody_waits_for_a_node_that_has_left_in_the_middle(leaving: int) -> None:
    with met_nodes(several(2)) as met:
        waiting = met[1 - leaving]
        with ThreadPoolExecutor() as pool:
            sentence = pool.submit(end_of, waiting)
            met[leaving].close()
            assert sentence.result(SECONDS) == (
                f"the launcher on node {leaving} (127.0.0.1) has ended; see its terminal"
            )


def test_nobody_waits_for_a_node_that_hangs_up_while_something_large_is_sent_to_it() -> None:
    with met_nodes(several(2)) as met, ThreadPoolExecutor() as pool:
        ends = pool.submit(pytest.raises, Fcn4DistError, met[1].all_gather, "x" * 20 * MEGABYTE)
        met[0].close()
        assert "node 0" in str(ends.result(SECONDS).value)


def test_a_value_that_came_before_the_end_still_counts() -> None:
    for _ in range(5):
        with met_nodes(several(2)) as met, ThreadPoolExecutor() as pool:
            answer = pool.submit(met[1].all_gather, "one")
            met[0].all_gather("zero")
            met[0].tell("no disk space")
            met[0].close()
            assert answer.result(SECONDS) == ["zero", "one"]


def test_a_link_can_be_closed_twice_and_told_of_things_afterwards() -> None:
    with met_nodes(several(2)) as met:
        met[1].close()
        met[1].close()
        met[1].tell("too late")
        met[0].tell("nobody listens")


@pytest.mark.parametrize("killed", [0, 1])
def test_a_launcher_that_is_killed_is_missed_at_once(killed: int) -> None:
    nodes = several(2)
    process = another_process(nodes[killed])
    try:
        with closing(meet(nodes[1 - killed], quiet, SECONDS)) as survivor:
            assert "joined" in survivor.all_gather("here")
            process.kill()
            assert end_of(survivor) == (
                f"the launcher on node {killed} (127.0.0.1) ended without a word; see its terminal"
            )
    finally:
        process.kill()
        process.communicate()


def test_a_killed_launcher_is_told_to_those_it_had_no_connection_to() -> None:
    nodes = several(3)
    process = another_process(nodes[2])
    try:
        with met_nodes(nodes[:2]) as met:
            exchange(met, [0, 1])
            process.kill()
            assert end_of(met[1]) == (
                "the launcher on node 2 (127.0.0.1) ended without a word; see its terminal"
            )
    finally:
        process.kill()
        process.communicate()


@pytest.mark.usefixtures("impatient")
def test_a_launcher_that_is_no_longer_heard_from_is_missed() -> None:
    nodes = several(2)
    process = another_process(nodes[1])
    try:
        with closing(meet(nodes[0], quiet, SECONDS)) as survivor:
            survivor.all_gather("here")
            process.send_signal(signal.SIGSTOP)
            assert end_of(survivor) == (
                "node 1 (127.0.0.1) has not been heard from for 1 s: the host or the network "
                "between is down"
            )
            # Telling one that reads nothing does not hang.
            survivor.tell("one host is down")
    finally:
        process.kill()
        process.communicate()


@pytest.mark.usefixtures("impatient")
def test_nodes_with_nothing_to_say_are_not_missed() -> None:
    with met_nodes(several(2)) as met, ThreadPoolExecutor() as pool:
        waiting = pool.submit(met[1].all_gather, "one")
        # More than the silence that is suffered; nothing else would show the signs of life.
        threading.Event().wait(1.5)
        met[0].all_gather("zero")
        assert waiting.result(SECONDS) == ["zero", "one"]


@pytest.mark.usefixtures("impatient")
def test_nodes_that_came_early_outlast_the_wait_for_the_last() -> None:
    nodes = several(3)
    with ThreadPoolExecutor() as pool:
        first = [pool.submit(meet, node, quiet, SECONDS) for node in nodes[:2]]
        early = first[1].result(SECONDS)
        threading.Event().wait(1.5)
        late = meet(nodes[2], quiet, SECONDS)
        met = [first[0].result(SECONDS), early, late]
        assert exchange(met, [0, 1, 2]) == [[0, 1, 2]] * 3
        for one in met:
            one.close()


def test_node_0_may_come_last() -> None:
    nodes = several(2)
    lines: list[str] = []
    tried = threading.Event()

    def say(line: str) -> None:
        lines.append(line)
        tried.set()

    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(meet, nodes[1], say, SECONDS)
        assert tried.wait(SECONDS)
        met = [meet(nodes[0], quiet, SECONDS), waiting.result(SECONDS)]
        assert exchange(met, [0, 1]) == [[0, 1]] * 2
        for one in met:
            one.close()
    assert lines[1:] == [f"waiting for node 0 on 127.0.0.1, port {nodes[1].launchers_port} …"]


@contextmanager
def waiting_node_0(nodes: list[Nodes]) -> Iterator[Callable[[], Launchers]]:
    """Let node 0 wait while something happens; the others that are missing come afterwards."""
    with ThreadPoolExecutor() as pool:
        node_0 = pool.submit(meet, nodes[0], quiet, SECONDS)
        try:
            yield lambda: node_0.result(SECONDS)
        finally:
            node_0.result(SECONDS).close()


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        (
            {"version": "0.0.1"},
            f"node 0 has fcn4_dist {__version__}: install the same version of fcn4_dist on every",
        ),
        ({"nnodes": 4}, "node 0 waits for 2 nodes: give the same --nnodes on every node"),
        ({"node_rank": 0}, "there is a node 0 already: give every node a --node_rank of its own"),
        (
            {"node_rank": [1]},
            "what it says is damaged at node_rank (expected int, got array): install the same "
            "version of fcn4_dist on every node",
        ),
        (
            # As the version before there was a secret has it.
            {"format": None, "nonce": None},
            "what it says has format None, this version reads 2: install the same version of "
            "fcn4_dist on every node",
        ),
    ],
    ids=["version", "number of nodes", "rank of node 0", "no number", "earlier version"],
)
def test_node_0_refuses_who_does_not_belong_to_its_job_and_waits_on(
    changes: dict[str, Any], answer: str
) -> None:
    nodes = several(2)
    with waiting_node_0(nodes) as node_0:
        with closing(Speaker(nodes[1])) as caller:
            assert caller.hello(**changes)["refused"].startswith(answer)
            assert caller.file.read() == b""
        with closing(meet(nodes[1], quiet, SECONDS)) as joined:
            assert exchange([node_0(), joined], [0, 1]) == [[0, 1]] * 2


@pytest.mark.parametrize("fault", ["another key", "sent again", "one byte changed"])
def test_a_message_without_the_seal_of_the_job_ends_the_connection_in_a_sentence(
    fault: str,
) -> None:
    nodes = several(2)
    message = {"kind": "value", "value": 1}
    with waiting_node_0(nodes) as node_0, closing(Speaker(nodes[1])) as caller:
        caller.greet()
        if fault == "another key":
            caller._key = b"x" * 64
        elif fault == "sent again":
            caller.say({"kind": "alive"})
            caller._sent = 0
        else:
            caller.say(b'{"kind": "alive"}', end=b" \n")
        caller.say(message)
        launchers = node_0()
        with closing(launchers), pytest.raises(Fcn4DistError, match="has not the seal of this job"):
            launchers.all_gather(0)


def test_who_is_refused_says_so_on_his_own_terminal() -> None:
    nodes = several(2)
    with waiting_node_0(nodes) as node_0:
        stranger = Nodes(3, 2, LOOP_BACK, nodes[0].master_port)
        assert refusal(stranger) == (
            "node 0 refuses this one: node 0 waits for 2 nodes: give the same --nnodes on every "
            "node"
        )
        with closing(meet(nodes[1], quiet, SECONDS)):
            node_0()


def test_a_second_node_of_the_same_number_is_refused() -> None:
    nodes = several(3)
    with waiting_node_0(nodes) as node_0, closing(meet(nodes[1], quiet, SECONDS)):
        assert refusal(nodes[1]) == (
            "node 0 refuses this one: there is a node 1 already: give every node a --node_rank of "
            "its own"
        )
        with closing(meet(nodes[2], quiet, SECONDS)):
            node_0()


def test_a_launcher_that_was_stopped_may_be_started_again_while_node_0_waits() -> None:
    nodes = several(3)
    with waiting_node_0(nodes) as node_0:
        process = another_process(nodes[1])
        assert process.stdout and process.stdout.readline() == b"joined\n"
        process.kill()
        process.communicate()
        with met_nodes(nodes[1:]) as others:
            assert exchange([node_0(), *others], [0, 1, 2]) == [[0, 1, 2]] * 3


def test_node_0_does_not_begin_with_a_launcher_that_was_stopped_before_the_last_has_joined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Between two looks at those that have joined.
    monkeypatch.setattr(meeting, "_SECONDS_BETWEEN_TRIES", 5.0)
    nodes = several(3)
    with waiting_node_0(nodes) as node_0:
        process = another_process(nodes[1])
        assert process.stdout and process.stdout.readline() == b"joined\n"
        process.kill()
        process.communicate()
        with ThreadPoolExecutor() as pool:
            last = pool.submit(meet, nodes[2], quiet, SECONDS)
            time.sleep(0.3)
            first = pool.submit(meet, nodes[1], quiet, SECONDS)
            with closing(first.result()) as one, closing(last.result()) as two:
                assert exchange([node_0(), one, two], [0, 1, 2]) == [[0, 1, 2]] * 3


@pytest.mark.parametrize(
    "rubbish",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"5\n",
        b"[]\n",
        b'{"program": "another"}\n',
        b"[" * 9_999 + b"\n",
        b"\xff\xfe\x00\n",
        b"x" * 100_000,
    ],
    ids=["http", "number", "list", "another program", "nested", "bytes", "endless"],
)
def test_a_stranger_who_sends_rubbish_is_hung_up_on_and_does_not_disturb(rubbish: bytes) -> None:
    nodes = several(2)
    with waiting_node_0(nodes) as node_0:
        with call(nodes[1]) as stranger:
            stranger.sendall(rubbish)
            # Reset is how a connection ends that is hung up before all was read.
            with suppress(ConnectionResetError):
                assert stranger.recv(1) == b""
        with closing(meet(nodes[1], quiet, SECONDS)) as joined:
            assert exchange([node_0(), joined], [0, 1]) == [[0, 1]] * 2


def test_strangers_who_say_nothing_or_speak_slowly_hold_nobody_up() -> None:
    nodes = several(2)
    with waiting_node_0(nodes) as node_0, ExitStack() as stack:
        for beginning in (b"", b"{", b""):
            stranger = stack.enter_context(call(nodes[1]))
            stranger.sendall(beginning)
        # Each is listened to for 20 s; the node that belongs to the job is not kept waiting.
        with closing(meet(nodes[1], quiet, seconds=5)):
            node_0()


@pytest.mark.usefixtures("impatient")
def test_another_server_on_the_port_of_node_0_is_not_taken_for_it() -> None:
    nodes = several(2)
    with socket.create_server((LOOP_BACK, nodes[0].launchers_port)) as server:

        def answer() -> None:
            with server.accept()[0] as connection:
                connection.recv(1000)
                connection.sendall(b'{"status": 404}\n')

        with ThreadPoolExecutor() as pool:
            pool.submit(answer)
            assert refusal(nodes[1], seconds=0.5).startswith("node 0 does not answer on 127.0.0.1")


def test_a_port_that_is_taken_is_said_at_once() -> None:
    nodes = several(2)
    with socket.create_server((LOOP_BACK, nodes[0].launchers_port)):
        assert refusal(nodes[0]) == (
            f"port {nodes[0].launchers_port} of 127.0.0.1, the one behind --master_port, cannot be "
            "listened on (Address already in use): another job may have it; give another "
            "--master_port on every node"
        )


def test_the_port_is_free_again_for_the_next_job() -> None:
    nodes = several(2)
    for _ in range(3):
        with met_nodes(nodes) as met:
            exchange(met, [0, 1])


def test_node_0_on_a_host_without_its_address_is_said_at_once() -> None:
    assert refusal(Nodes(2, 0, "203.0.113.9", 8118)) == (
        "--node_rank is 0 here, and --master_addr 203.0.113.9 is no address of this host: give "
        "node 0's own address on every node"
    )


@pytest.mark.parametrize("rank", [0, 1])
def test_an_address_that_is_none_is_said_at_once(rank: int) -> None:
    assert refusal(Nodes(2, rank, "fe80::1%nowhere", 8118)).startswith(
        "the address of the first host, fe80::1%nowhere, is not known here ("
    )


def test_node_0_names_who_has_not_come_and_how_to_start_it() -> None:
    nodes = several(3)
    lines: list[str] = []
    with ThreadPoolExecutor() as pool:
        early = pool.submit(meet, nodes[1], quiet, SECONDS)
        sentence = refusal(nodes[0], lines.append, seconds=1.0)
        early.result(SECONDS).close()
    port = nodes[0].launchers_port
    assert sentence == (
        "node 2 has not joined: start the same script there with --node_rank 2 --master_addr "
        f"127.0.0.1, and see that ports {port - 1} and {port} are not blocked"
    )
    assert lines[1:] == [f"waiting for nodes 1, 2 to join on port {port} …"]


def test_a_node_that_came_is_not_left_waiting_when_node_0_gives_up() -> None:
    nodes = several(3)
    with ThreadPoolExecutor() as pool:
        early = pool.submit(meet, nodes[1], quiet, SECONDS)
        refusal(nodes[0], seconds=1.0)
        with closing(early.result(SECONDS)) as met_early:
            assert end_of(met_early).startswith("node 0: node 2 has not joined: start the ")


def test_a_node_without_node_0_says_what_to_look_at() -> None:
    node = several(2)[1]
    port = node.launchers_port
    assert refusal(node, seconds=0.2) == (
        f"node 0 does not answer on 127.0.0.1, port {port}: start the same script there with "
        "--node_rank 0, and see that --master_addr and --master_port are right and ports "
        f"{port - 1} and {port} not blocked"
    )


SECRET = Secret(b"what only these nodes know")


def test_nodes_that_have_the_secret_work_together_and_say_nothing_of_others() -> None:
    nodes, lines = several(3), list[str]()
    met = at_once([lambda node=node: meet(node, lines.append, SECONDS, SECRET) for node in nodes])
    assert exchange(met, [0, 1, 2]) == [[0, 1, 2]] * 3
    assert all(one.known for one in met)
    for one in met:
        one.close()
    assert not [line for line in lines if "FCN4_DIST_SECRET" in line]


def test_without_a_secret_each_side_says_whom_it_takes_for_the_other() -> None:
    nodes, lines = several(2), list[str]()
    met = at_once([lambda node=node: meet(node, lines.append, SECONDS) for node in nodes])
    assert not any(one.known for one in met)
    for one in met:
        one.close()
    place = f"127.0.0.1, port {nodes[0].launchers_port},"
    assert {line for line in lines if not line.startswith("waiting")} == {
        f"without FCN4_DIST_SECRET, whoever reaches {place} may join this job as a node",
        f"without FCN4_DIST_SECRET, whatever answers on {place} is taken for node 0",
    }


def test_who_has_another_secret_is_told_so_on_both_sides_and_holds_nobody_up() -> None:
    nodes, lines = several(2), list[str]()
    with ThreadPoolExecutor() as pool:
        node_0 = pool.submit(meet, nodes[0], lines.append, SECONDS, SECRET)
        with pytest.raises(InputError, match="has another secret than this node: give every node"):
            meet(nodes[1], quiet, SECONDS, Secret(b"what others know of a job"))
        met = [meet(nodes[1], quiet, SECONDS, SECRET), node_0.result(SECONDS)]
        for one in met:
            one.close()
    assert lines[1:] == [
        "a launcher on 127.0.0.1 is refused: it has another secret than node 0: give every node "
        "the same FCN4_DIST_SECRET, or FCN4_DIST_SECRET_FILE"
    ]


def test_the_secret_is_not_shown() -> None:
    assert "know" not in repr(SECRET)


def test_more_strangers_than_are_listened_to_keep_no_node_from_joining() -> None:
    nodes = several(2)
    with waiting_node_0(nodes) as node_0, ExitStack() as stack:
        for _ in range(MOST_CALLERS + 50):
            stack.enter_context(call(nodes[1]))
        with closing(meet(nodes[1], quiet, seconds=5)) as joined:
            assert exchange([node_0(), joined], [0, 1]) == [[0, 1]] * 2
