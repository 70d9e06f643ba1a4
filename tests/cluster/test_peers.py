"""One specification for all peers: alone, launchers, MPI's ranks, MindSpore's ranks."""

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fcn4_dist.cluster.launchers import meet
from fcn4_dist.cluster.peers import Alone
from fcn4_dist.cluster.topology import LOOP_BACK, Nodes, free_port
from tests.cluster.peers_program import WORKS
from tests.cluster.test_mpi import MPIRUN

PROGRAM = Path(__file__).with_name("peers_program.py")
SEVERAL = 3
# Answers of all peers, by their number, to a work of the program.
Answers = Callable[[str], list[Any]]


def of_launchers(work: str) -> list[Any]:
    """Have launchers meet on this host and work, each in a thread."""
    port = free_port() - 1

    def launcher(rank: int) -> Any:
        with meet(Nodes(SEVERAL, rank, LOOP_BACK, port), lambda line: None, 20.0) as launchers:
            answer = WORKS[work](launchers)
            # Nobody hangs up before all have answered.
            launchers.all_gather(None)
            return answer

    with ThreadPoolExecutor(SEVERAL) as pool:
        return list(pool.map(launcher, range(SEVERAL)))


def of_mpi(folder: Path) -> Answers:
    def answers(work: str) -> list[Any]:
        mpirun = [str(Path(sys.executable).parent / MPIRUN[0]), *MPIRUN[1:], "-n", str(SEVERAL)]
        command = [*mpirun, sys.executable, str(PROGRAM), str(folder), work]
        result = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert result.returncode == 0, result.stderr
        return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(SEVERAL)]

    return answers


@pytest.fixture(params=["launchers", "MPI's ranks", "MindSpore's ranks"])
def answers(request: pytest.FixtureRequest, tmp_path: Path) -> Answers:
    if request.param == "launchers":
        return of_launchers
    if request.param == "MPI's ranks":
        return of_mpi(tmp_path)
    of_ranks = request.getfixturevalue("answers_of_ranks")
    return lambda work: [answer["as peers"][work] for answer in of_ranks]


def check_exchange(found: list[Any]) -> None:
    numbers = list(range(len(found)))
    assert found == [
        {
            "rank": rank,
            "size": len(found),
            "all_gather": [{"rank": each, "text": "Für Elise ♫"} for each in numbers],
            "gather": None if rank else [2 * each for each in numbers],
            "broadcast": [5, "", None],
            "on_main": None if rank else "made by 0",
        }
        for rank in numbers
    ]


def test_values_reach_those_they_are_for(answers: Answers) -> None:
    check_exchange(answers("exchange"))


def test_one_alone_gets_back_what_it_gives() -> None:
    check_exchange([WORKS["exchange"](Alone())])


def said_in(found: list[Any]) -> list[str]:
    """Give what is said; of MPI's ranks, which share a terminal, rank 0 says it for all."""
    if found[1:] == ["exit code 2"] * (len(found) - 1):
        return found[:1]
    return found


def test_an_error_of_number_0_is_raised_on_every_peer(answers: Answers) -> None:
    assert set(said_in(answers("fail_on_main"))) == {"the file is gone"}


def test_a_peer_that_differs_is_named_on_every_peer(answers: Answers) -> None:
    found = answers("disagree")
    # Not bad input, but a failure: exit code 1.
    said = found[:1] if found[1:] == ["exit code 1"] * 2 else found
    noun = said[0].split()[0]
    for sentence in said:
        assert sentence.startswith(
            f"{noun} 1 and {noun} 0 do not agree on the hash ({2**59 + 1} and {2**59})"
        )


def test_what_one_finds_wrong_is_refused_by_all_with_the_name_of_who_found_it(
    answers: Answers,
) -> None:
    found = answers("refuse")
    if len(said := said_in(found)) == 1:
        expected = ["rank 0: a is wrong\nrank 2: b is wrong\nrank 2: c is wrong"]
    else:
        noun = said[1].split()[0]
        expected = [
            f"a is wrong\n{noun} 2: b is wrong\n{noun} 2: c is wrong",
            f"{noun} 0: a is wrong\n{noun} 2: b is wrong\n{noun} 2: c is wrong",
            f"b is wrong\nc is wrong\n{noun} 0: a is wrong",
        ]
    assert said == expected


@pytest.mark.parametrize("work", ["fail_on_main", "refuse"])
def test_one_alone_refuses_with_its_own_words(work: str) -> None:
    expected = {"fail_on_main": "the file is gone", "refuse": "a is wrong"}
    assert WORKS[work](Alone()) == expected[work]
