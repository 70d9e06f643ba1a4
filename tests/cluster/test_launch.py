"""What is started on each host: the msrun command, and what msrun makes of it.

The files in golden/ hold what ``launch --dry_run`` prints of a plan. To write them anew:
python tests/cluster/test_launch.py
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fcn4_dist.cluster.launch import PROGRAM, Launch, file_prefix, plan_launch, stale_variables
from fcn4_dist.cluster.topology import (
    LaunchRequest,
    Nodes,
    Topology,
    local_topology,
    plan_nodes,
    plan_topology,
)
from fcn4_dist.host.host import Host
from fcn4_dist.rank_table import generate_rank_table

REPOSITORY = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
PYTHON_FOLDER = str(Path(sys.executable).parent)
ARGUMENTS = [PROGRAM, "train", "--config", "/job/settings.yaml"]
JOB = Path("/job")
STALE = {
    "MS_ROLE": "MS_WORKER",
    "MS_WORKER_NUM": "8",
    "MS_SCHED_HOST": "10.0.0.1",
    "MS_SCHED_PORT": "8118",
    "MS_NODE_ID": "3",
    "MS_TOPO_TIMEOUT": "30",
    "RANK_ID": "3",
    "RANK_SIZE": "8",
    "DEVICE_ID": "3",
    "FCN4_DIST_LAUNCHED": "/an/older/job",
}


@dataclass(frozen=True)
class Example:
    """A job, and which of its hosts this is.

    Args:
        name: Of the file.
        request: What the user asks for.
        device_target: Where it runs.
        cards: Cards of this host.
        table: Cards of each server of the rank table; none without one.
        environment: More variables of the user.
    """

    name: str
    request: LaunchRequest
    device_target: str = "Ascend"
    cards: tuple[int, ...] = tuple(range(8))
    table: tuple[tuple[int, ...], ...] = ()
    environment: Mapping[str, str] | None = None


def one_host(**wishes: Any) -> LaunchRequest:
    return LaunchRequest(master_port=8118, **wishes)


def node(rank: int) -> LaunchRequest:
    return LaunchRequest(nnodes=2, node_rank=rank, master_addr="192.0.2.1", device_num=8)


ALL_CARDS = tuple(range(8))
EXAMPLES = [
    Example("cpu_2", one_host(device_num=2), "CPU", cards=()),
    Example("cpu_2_after_an_earlier_job", one_host(device_num=2), "CPU", (), environment=STALE),
    Example("ascend_1", one_host(device_num=1)),
    Example("ascend_2", one_host(device_num=2)),
    Example("ascend_8", one_host()),
    Example("ascend_cards_4_to_7", one_host(devices=(4, 5, 6, 7))),
    Example("ascend_8_rank_table", one_host(), table=(ALL_CARDS,)),
    Example("ascend_4_rank_table_of_cards_4_to_7", one_host(), table=((4, 5, 6, 7),)),
    Example("ascend_2x8_node_0", node(0)),
    Example("ascend_2x8_node_1", node(1)),
    Example(
        "ascend_2x8_rank_table_node_0", LaunchRequest(node_rank=0), table=(ALL_CARDS, ALL_CARDS)
    ),
    Example(
        "ascend_2x8_rank_table_node_1", LaunchRequest(node_rank=1), table=(ALL_CARDS, ALL_CARDS)
    ),
]


def plan_of(example: Example, folder: Path) -> Launch:
    request = example.request
    if example.table:
        request = LaunchRequest(
            rank_table_file=write_table(folder, example.table),
            node_rank=request.node_rank,
            master_port=8118,
        )
    address = f"192.0.2.{(request.node_rank or 0) + 1}"
    host = Host(example.cards, "A2", (address,))
    nodes = plan_nodes(request, host)
    return plan_launch(
        ARGUMENTS,
        plan_topology(nodes, request, example.device_target, host),
        JOB,
        environment={"PATH": "/usr/bin:/bin", "HOME": "/root", **(example.environment or {})},
        variables={"HCCL_CONNECT_TIMEOUT": "1800"} if example.device_target == "Ascend" else {},
    )


def write_table(folder: Path, servers: tuple[tuple[int, ...], ...]) -> Path:
    tables = [
        generate_rank_table(
            {card: f"198.51.100.{number * 32 + card}" for card in cards}, f"192.0.2.{number}"
        )
        for number, cards in enumerate(servers, 1)
    ]
    whole = tables[0]
    for table in tables[1:]:
        for device in table["server_list"][0]["device"]:
            device["rank_id"] = str(int(device["rank_id"]) + 8)
        whole["server_list"] += table["server_list"]
    whole["server_count"] = str(len(tables))
    path = folder / "table.json"
    path.write_text(json.dumps(whole))
    return path


def described(example: Example, folder: Path) -> str:
    """Describe a plan as it is on every machine."""
    text = plan_of(example, folder).describe()
    for path, placeholder in (
        (str(folder), "TABLES"),
        (PYTHON_FOLDER, "PYTHON"),
        (str(REPOSITORY), "REPOSITORY"),
    ):
        text = text.replace(path, placeholder)
    return text + "\n"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_a_dry_run_prints_every_process_of_a_job(example: Example, tmp_path: Path) -> None:
    expected = (GOLDEN / f"{example.name}.txt").read_text("utf-8")
    assert described(example, tmp_path) == expected


def test_there_is_no_golden_file_without_a_test() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == {example.name for example in EXAMPLES}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_msrun_itself_understands_the_command(
    example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mindspore.parallel.cluster.run import get_args

    launch = plan_of(example, tmp_path)
    topology = launch.topology
    monkeypatch.setattr(sys, "argv", list(launch.command))
    understood = get_args()
    assert understood.worker_num == topology.ranks
    assert understood.local_worker_num == topology.local_ranks
    assert understood.master_addr == topology.nodes.master_addr
    assert understood.master_port == 8118
    assert understood.node_rank == topology.nodes.rank
    assert understood.join is True
    assert understood.log_dir == "/job"
    expected = str(launch.table_file) if example.table else ""
    assert understood.rank_table_file == expected
    assert understood.task_script == "python"
    assert understood.task_script_args == ARGUMENTS


def test_what_is_described_is_what_a_shell_runs() -> None:
    launch = plan_launch(
        ["x.py"],
        local_topology(2),
        Path("/my jobs/it's one"),
        environment={**STALE, "PATH": "/usr/bin:/bin"},
        variables={"HCCL_SOCKET_IFNAME": "=eth0 $HOME *"},
    )
    lines = [line for line in launch.describe().splitlines() if not line.startswith("#")]
    wanted = [launch.added, *(process.variables for process in launch.processes())]
    for line, variables in zip(lines, wanted, strict=True):
        assert variables.items() <= environment_given_by(line).items()
    assert not environment_given_by(lines[0]).keys() & set(STALE) - {"FCN4_DIST_LAUNCHED"}


def environment_given_by(line: str) -> dict[str, str]:
    """Run what stands before the program in a line of the description, where a job left things."""
    beginning = line.partition(" msrun ")[0].partition(" python ")[0]
    result = subprocess.run(
        f"{beginning} /usr/bin/env",
        shell=True,
        env=STALE | {"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return dict(entry.split("=", 1) for entry in result.stdout.splitlines())


PROGRAM_THAT_TELLS = """\
import json, os, sys
from pathlib import Path

rank = os.environ["RANK_ID"] if os.environ["MS_ROLE"] == "MS_WORKER" else "scheduler"
told = {"variables": dict(os.environ), "command": sys.orig_argv}
Path(sys.argv[1], f"{rank}.json").write_text(json.dumps(told))
print("I am", rank)
"""


@pytest.mark.parametrize(
    ("nodes", "cards"),
    [
        # Only where the address of node 0 is none of this host does msrun start no scheduler.
        (Nodes(1, 0, "127.0.0.1", 8118), ()),
        (Nodes(2, 1, "127.0.0.2", 8118, None, Path("/tables/table.json")), (4, 5)),
    ],
    ids=["the only host", "the second host, with cards of a rank table"],
)
def test_what_is_described_is_what_msrun_gives_its_processes(
    tmp_path: Path, nodes: Nodes, cards: tuple[int, ...]
) -> None:
    (tmp_path / "tell.py").write_text(PROGRAM_THAT_TELLS)
    launch = plan_launch(
        [str(tmp_path / "tell.py"), str(tmp_path)],
        Topology(nodes, 2, cards, cards),
        tmp_path / "logs",
        environment={**os.environ, **STALE, "RANK_TABLE_FILE": "/site.json"},
        variables={"HCCL_BUFFSIZE": "200"},
    )
    result = subprocess.run(
        launch.command, env=dict(launch.environment), capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    for process in launch.processes():
        name = process.title.removeprefix("rank ")
        told = json.loads((tmp_path / f"{name}.json").read_text())
        given = {
            variable: value
            for variable, value in told["variables"].items()
            if variable.startswith(("MS_", "RANK_")) or variable == "DEVICE_ID"
        }
        # Some versions tell the number of the host besides.
        given.pop("MS_NODE_RANK", None)
        assert given == process.variables
        assert launch.added.items() <= told["variables"].items()
        assert tuple(told["command"]) == process.command
        assert process.log.read_text() == f"I am {name}\n"
    assert len(list(tmp_path.glob("*.json"))) == len(launch.processes())


def test_what_an_earlier_job_left_in_the_environment_is_taken_out() -> None:
    left = {**STALE, "MS_SCHED_ANYTHING": "1", "MS_NODE_RANK": "1", "MS_SIMULATION_LEVEL": "1"}
    launch = plan_launch(["x.py"], local_topology(2), JOB, environment={**left, "GLOG_v": "1"})
    assert set(launch.environment) == {"PATH", "GLOG_v", "FCN4_DIST_LAUNCHED"}
    assert launch.environment["FCN4_DIST_LAUNCHED"] == "/job"
    assert launch.removed == tuple(sorted(left)) == stale_variables(left)


@pytest.mark.parametrize(
    "name", ["MS_DEV_RUNTIME_CONF", "MS_COMPILER_CACHE_ENABLE", "RANK", "HCCL_BUFFSIZE", "GLOG_v"]
)
def test_what_a_user_may_set_is_kept(name: str) -> None:
    launch = plan_launch(["x.py"], local_topology(2), JOB, environment={name: "1"})
    assert launch.environment[name] == "1"
    assert launch.removed == ()


def test_a_table_of_the_site_reaches_the_workers_through_msrun_alone() -> None:
    launch = plan_launch(
        ["x.py"], local_topology(2), JOB, environment={"RANK_TABLE_FILE": "/site.json"}
    )
    assert "RANK_TABLE_FILE" not in launch.environment


def test_cards_that_the_job_chose_go_before_those_the_user_made_visible() -> None:
    # As in a container that got cards 3 to 5, which CANN numbers from 0.
    topology = Topology(Nodes(1, 0, "127.0.0.1", 8118), 2, (4, 5), (1, 2))
    given = {"ASCEND_RT_VISIBLE_DEVICES": "0,1"}
    launch = plan_launch(["x.py"], topology, JOB, environment=given)
    assert launch.environment["ASCEND_RT_VISIBLE_DEVICES"] == "1,2"
    launch = plan_launch(["x.py"], local_topology(2), JOB, environment=given)
    assert launch.environment["ASCEND_RT_VISIBLE_DEVICES"] == "0,1"


def test_workers_run_this_python_and_import_nothing_from_where_they_start() -> None:
    # An empty entry of PYTHONPATH is the working directory.
    given = {"PATH": "/usr/bin", "PYTHONPATH": ":/cann/python::"}
    launch = plan_launch(["x.py"], local_topology(2), JOB, environment=given)
    assert launch.environment["PATH"] == f"{PYTHON_FOLDER}:/usr/bin"
    assert launch.environment["PYTHONPATH"] == "/cann/python"


def test_no_program_of_a_worker_is_told_the_secret_of_the_launchers() -> None:
    given = {"FCN4_DIST_SECRET": "0123456789abcdef", "FCN4_DIST_SECRET_FILE": "/run/secret"}
    launch = plan_launch(["x.py"], local_topology(2), JOB, environment=given)
    assert not any("SECRET" in name for name in launch.environment)
    assert "0123456789abcdef" not in launch.describe()


def test_files_of_several_hosts_in_one_folder_do_not_meet() -> None:
    nodes = [Nodes(2, rank, "192.0.2.1", 8118) for rank in range(2)]
    plans = [plan_launch(["x.py"], Topology(one, 2), JOB, environment={}) for one in nodes]
    assert [str(plan.msrun_log) for plan in plans] == ["/job/msrun.log", "/job/node_1_msrun.log"]
    assert [file_prefix(rank) for rank in range(3)] == ["", "node_1_", "node_2_"]
    logs = [process.log for plan in plans for process in plan.processes()]
    assert len(set(logs)) == len(logs) == 5


if __name__ == "__main__":
    for old in GOLDEN.iterdir():
        old.unlink()
    with tempfile.TemporaryDirectory() as temporary:
        for one in EXAMPLES:
            (GOLDEN / f"{one.name}.txt").write_text(described(one, Path(temporary)), "utf-8")
