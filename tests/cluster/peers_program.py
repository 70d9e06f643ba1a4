"""What each peer does in the tests of peers; under mpirun its answer goes to ``RANK.json``."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fcn4_dist.cluster.mpi import MpiRanks
from fcn4_dist.cluster.peers import Peers
from fcn4_dist.errors import Fcn4DistError, InputError


def exchange(peers: Peers) -> dict[str, Any]:
    """Use everything that nobody refuses."""
    peers.check_agreement({"steps": 7, "hash": 2**59 + 1})
    peers.refuse_together([])
    gathered = peers.gather(peers.rank * 2)
    return {
        "rank": peers.rank,
        "size": peers.size,
        "all_gather": list(peers.all_gather({"rank": peers.rank, "text": "Für Elise ♫"})),
        "gather": None if gathered is None else list(gathered),
        "broadcast": peers.broadcast([peers.rank + 5, "", None]),
        "on_main": peers.on_main(lambda: f"made by {peers.rank}"),
    }


def fail_on_main(peers: Peers) -> str:
    def fail() -> None:
        raise InputError("the file is gone")

    return refusal(lambda: peers.on_main(fail))


def disagree(peers: Peers) -> str:
    facts = {"steps": 7, "hash": 2**59 + (peers.rank == 1)}
    return refusal(lambda: peers.check_agreement(facts))


def refuse(peers: Peers) -> str:
    problems = {0: ["a is wrong"], 1: [], 2: ["b is wrong", "c is wrong"]}
    return refusal(lambda: peers.refuse_together(problems[peers.rank]))


def refusal(work: Callable[[], object]) -> str:
    """Give the lines that are said; "exit code 2" where number 0 says them for all."""
    try:
        work()
    except Fcn4DistError as error:
        return str(error)
    except SystemExit as end:
        return f"exit code {end.code}"
    return "nothing"


WORKS: dict[str, Callable[[Peers], Any]] = {
    "exchange": exchange,
    "fail_on_main": fail_on_main,
    "disagree": disagree,
    "refuse": refuse,
}


if __name__ == "__main__":
    with MpiRanks() as ranks:
        answer = WORKS[sys.argv[2]](ranks)
    Path(sys.argv[1], f"{ranks.rank}.json").write_text(json.dumps(answer))
