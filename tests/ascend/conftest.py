"""The graphs of training, evaluation and exports, compiled once for all tests of this folder."""

import json
from pathlib import Path

import pytest

from fcn4_dist.cluster.launch import plan_launch
from fcn4_dist.cluster.supervision import run_launch
from fcn4_dist.cluster.topology import local_topology
from tests.ascend.graphs import Node, nodes_of

RANKS = 2
PROGRAM = Path(__file__).with_name("compile_program.py")


@pytest.fixture(scope="session")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Node]]:
    """Name of a graph -> its operators and their types, compiled by a rank of two."""
    folder = tmp_path_factory.mktemp("graphs")
    launch = plan_launch([str(PROGRAM), str(folder)], local_topology(RANKS), folder / "logs")
    assert run_launch(launch) == 0
    files = json.loads((folder / "graphs.json").read_text())
    return {name: nodes_of(Path(file).read_text()) for name, file in files.items()}
