"""Real ranks of MindSpore, started once for all tests of what they say to each other."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from fcn4_dist.cluster.launch import plan_launch
from fcn4_dist.cluster.supervision import run_launch
from fcn4_dist.cluster.topology import local_topology

RANKS = 3
PROGRAM = Path(__file__).with_name("collectives_program.py")

Answers = list[dict[str, Any]]


@pytest.fixture(scope="session")
def answers_of_ranks(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """What each rank answered, by rank."""
    folder = tmp_path_factory.mktemp("collectives")
    launch = plan_launch([str(PROGRAM), str(folder)], local_topology(RANKS), folder / "logs")
    exit_code = run_launch(launch)
    logs = "\n".join(launch.log_of(rank).read_text() for rank in range(RANKS))
    assert exit_code == 0, f"{shlex.join(launch.command)}\n{logs}"
    return [json.loads((folder / f"answers_{rank}.json").read_text()) for rank in range(RANKS)]
