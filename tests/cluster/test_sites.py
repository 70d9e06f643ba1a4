"""Which node of which job this is, by what Slurm and Kubernetes tell it."""

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.cluster import sites
from fcn4_dist.cluster.launch import plan_launch
from fcn4_dist.cluster.sites import at_site, first_host, pod_variables
from fcn4_dist.cluster.topology import LaunchRequest, plan_nodes, plan_topology
from fcn4_dist.errors import InputError
from fcn4_dist.host.host import Host
from tests.cluster.site_examples import BATCH, HERE, POD, SCHEDULER, STEP

THERE = "192.0.2.9"


@pytest.fixture(autouse=True)
def _no_table_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sites, "MINDCLUSTER_TABLE", tmp_path / "none" / "hccl.json")


def taken(environment: dict[str, str], **wishes: Any) -> tuple[LaunchRequest, str]:
    return at_site(LaunchRequest(**wishes), environment, (HERE,))


def refusal(environment: dict[str, str], **wishes: Any) -> str:
    with pytest.raises(InputError) as caught:
        taken(environment, **wishes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_step_of_slurm_tells_its_nodes() -> None:
    request, line = taken(STEP, device_num=2)
    assert line == "Slurm: node 1 of 2, master node1"
    assert request == LaunchRequest(
        device_num=2, nnodes=2, node_rank=1, master_addr="node1", master_port=20000 + 2 * 4321
    )


def test_jobs_of_slurm_that_share_a_node_have_ports_of_their_own() -> None:
    ports = [taken(STEP | {"SLURM_JOB_ID": str(job)})[0].master_port for job in range(1, 5000)]
    known = {port for port in ports if port is not None}
    assert len(known) == len(ports)
    assert all(20000 <= port < 30000 for port in known)
    assert not known & {port + 1 for port in known}


def test_node_0_of_slurm_whose_name_leads_to_itself_alone_gives_its_own_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As Debian's /etc/hosts has it.
    monkeypatch.setattr("socket.gethostbyname", lambda name: "127.0.1.1")
    monkeypatch.setattr(sites, "find_main_address", lambda: HERE)
    assert taken(STEP | {"SLURM_NODEID": "0"})[0].master_addr == HERE
    assert taken(STEP)[0].master_addr == "node1"


@pytest.mark.parametrize(
    "environment",
    [
        {},
        BATCH | {"SLURM_JOB_NUM_NODES": "1"},
        STEP | {"SLURM_STEP_NUM_NODES": "1", "SLURM_STEP_NUM_TASKS": "1", "SLURM_NODEID": "0"},
    ],
    ids=["no Slurm", "a batch script on one node", "a step on one node"],
)
def test_on_a_single_node_nothing_is_taken_from_slurm(environment: dict[str, str]) -> None:
    assert taken(environment, device_num=2) == (LaunchRequest(device_num=2), "")


def test_a_batch_script_of_several_nodes_needs_srun() -> None:
    assert "put 'srun --ntasks-per-node=1' before it" in refusal(BATCH)


def test_more_tasks_than_nodes_are_refused() -> None:
    sentence = refusal(STEP | {"SLURM_STEP_NUM_TASKS": "16"})
    assert sentence.startswith("srun has started 16 launchers on 2 nodes, ")
    # Also where there is one node.
    alone = {"SLURM_STEP_NUM_NODES": "1", "SLURM_STEP_NUM_TASKS": "8", "SLURM_NODEID": "0"}
    assert refusal(STEP | alone).startswith("srun has started 8 launchers on 1 node, ")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"SLURM_NODEID": "2"}, "do not go together (SLURM_NODEID 2 of 2, nodes node1)"),
        ({"SLURM_STEP_NODELIST": ""}, "do not go together (SLURM_NODEID 1 of 2, nodes not named)"),
        ({"SLURM_NODEID": "first"}, "SLURM_NODEID is 'first', and no number"),
    ],
)
def test_what_slurm_says_has_to_go_together(changes: dict[str, str], sentence: str) -> None:
    assert sentence in refusal(STEP | changes)


@given(
    prefix=st.sampled_from(["n", "gpu-a", "rack1-node"]),
    width=st.integers(1, 4),
    numbers=st.sets(st.integers(0, 9), min_size=1).map(sorted),
    others=st.sampled_from(["", ",z9", ",z[1-4,7]n[0-1]"]),
)
def test_the_first_of_a_list_of_nodes_is_found(
    prefix: str, width: int, numbers: list[int], others: str
) -> None:
    names = [f"{number:0{width}}" for number in numbers]
    inside = names[0] if len(names) == 1 else f"[{','.join(names)}]"
    assert first_host(f"{prefix}{inside}{others}") == f"{prefix}{names[0]}"


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("node0", "node0"),
        ("rack[0-1]n[07,09-12],gpu3", "rack0n07"),
        ("c[001-128]-ib", "c001-ib"),
        ("node7,node[1-3]", "node7"),
    ],
)
def test_lists_of_nodes_as_slurm_writes_them(nodes: str, first: str) -> None:
    assert first_host(nodes) == first


@pytest.mark.parametrize("name", ["node1..site", "n" * 64])
def test_a_name_of_node_0_that_no_host_can_have_is_no_address(name: str) -> None:
    request, _ = taken(STEP | {"SLURM_NODEID": "0", "SLURM_STEP_NODELIST": name}, device_num=1)
    with pytest.raises(InputError, match=f"first host, {name}, is no address"):
        plan_nodes(request, Host((), "", (HERE,)))


def test_a_pod_of_kubernetes_tells_its_node() -> None:
    request, line = taken(POD)
    assert line == "Kubernetes: node 1 of 2, master 10.96.0.12"
    assert request == LaunchRequest(
        device_num=8, nnodes=2, node_rank=1, master_addr="10.96.0.12", master_port=2222
    )


def test_a_scheduler_with_cards_is_node_0() -> None:
    request, line = taken(SCHEDULER)
    assert line == f"Kubernetes: node 0 of 2, master {HERE}"
    assert (request.node_rank, request.master_addr) == (0, HERE)


def test_the_only_pod_of_a_job_has_as_many_workers_as_kubernetes_says() -> None:
    request, line = taken(SCHEDULER | {"MS_WORKER_NUM": "8"})
    assert line == f"Kubernetes: node 0 of 1, master {HERE}"
    assert (request.nnodes, request.device_num, request.master_addr) == (1, 8, "")


def test_flags_go_before_what_a_site_says() -> None:
    wishes: dict[str, Any] = {"device_num": 4, "master_addr": THERE, "master_port": 9000}
    for environment in (STEP, POD):
        request, _ = taken(environment, **wishes)
        assert request == LaunchRequest(**wishes, nnodes=2, node_rank=1)
        alone: dict[str, Any] = {"nnodes": 1, "device_num": 4}
        assert taken(environment, **alone) == (LaunchRequest(**alone), "")
    assert taken(BATCH, nnodes=1)[0].nnodes == 1
    assert taken(POD, devices=(4, 5))[0].device_num is None


def test_a_node_rank_against_that_of_the_site_is_refused() -> None:
    assert "--node_rank is 0, and Slurm has made this node 1 of 2" in refusal(STEP, node_rank=0)


@pytest.mark.parametrize(
    "environment",
    [
        POD | {"RANK_ID": "3", "MS_NODE_ID": "3"},
        {name: value for name, value in POD.items() if name != "MS_LOCAL_WORKER"},
        POD | {"MS_SCHED_HOST": ""},
    ],
    ids=["those of a worker", "not all of them", "an empty one"],
)
def test_variables_of_an_earlier_job_are_not_taken_for_a_sites(
    environment: dict[str, str],
) -> None:
    assert pod_variables(environment) == ()
    assert taken(environment) == (LaunchRequest(), "")


@pytest.mark.parametrize(
    ("environment", "which"),
    [
        (SCHEDULER | {"NPU_POD": "false"}, "this pod"),
        (POD | {"MS_NODE_RANK": "0"}, "another pod of this job"),
    ],
)
def test_a_scheduler_without_cards_is_refused_in_each_pod(
    environment: dict[str, str], which: str
) -> None:
    assert refusal(environment).startswith(f"{which} is a Scheduler without cards")


@pytest.mark.parametrize(
    "changes",
    [
        {"MS_WORKER_NUM": "12"},
        {"MS_NODE_RANK": "2"},
        {"MS_LOCAL_WORKER": "0"},
        {"MS_SCHED_PORT": "80"},
        {"MS_WORKER_NUM": "many"},
    ],
)
def test_what_kubernetes_says_has_to_go_together(changes: dict[str, str]) -> None:
    name, value = next(iter(changes.items()))
    sentence = refusal(POD | changes)
    assert name in sentence
    assert value in sentence
    assert "unset" in sentence


def test_a_node_0_without_the_address_it_is_said_to_have_is_refused() -> None:
    sentence = refusal(SCHEDULER | {"MS_SCHED_HOST": "192.0.2.99"})
    assert f"MS_SCHED_HOST is no address of it ({HERE}): unset them" in sentence


def site_table(folder: Path, **of_server: str) -> Path:
    """Write the table of two pods as MindCluster's operator does, ordered by pod."""
    pods = [("node-z", THERE), ("node-a", HERE)]
    servers = [
        {
            "device": [
                {
                    "device_id": f"{card}",
                    "device_ip": f"198.51.100.{8 * pod + card}",
                    "rank_id": f"{2 * pod + card}",
                }
                for card in range(2)
            ],
            "server_id": name,
            "host_ip": f"203.0.113.{pod}",
            "container_ip": address,
        }
        | of_server
        for pod, (name, address) in enumerate(pods)
    ]
    content = {
        "status": "completed",
        "server_list": servers,
        "server_count": "2",
        "version": "1.0",
    }
    path = folder / "hccl.json"
    path.write_text(json.dumps(content))
    return path


def test_the_table_that_a_site_names_is_taken_where_no_other_is_given() -> None:
    assert taken({"RANK_TABLE_FILE": "/site.json"})[0].rank_table_file == Path("/site.json")
    own = Path("own.json")
    request, _ = taken({"RANK_TABLE_FILE": "/site.json"}, rank_table_file=own)
    assert request.rank_table_file == own
    assert taken({"RANK_TABLE_FILE": ""})[0].rank_table_file is None


def test_the_table_that_mindcluster_shows_a_pod_needs_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "hccl.json"
    monkeypatch.setattr(sites, "MINDCLUSTER_TABLE", path)
    assert taken({})[0].rank_table_file is None
    path.write_text('{"status":"initializing"}')
    assert taken({})[0].rank_table_file == path
    # The variables are there from the beginning, and in every pod.
    assert taken(POD)[0].rank_table_file is None


def test_a_table_on_shared_storage_is_expected_where_its_folder_is_mounted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sites, "MINDCLUSTER_TABLE", Path("/proc/hccl.json"))
    assert taken({})[0].rank_table_file == Path("/proc/hccl.json")


def test_a_folder_that_may_not_be_entered_shows_no_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "stat", refuse)
    monkeypatch.setattr(os, "lstat", refuse)
    assert taken({})[0].rank_table_file is None


def test_a_table_goes_before_what_a_scheduler_says(tmp_path: Path) -> None:
    table = site_table(tmp_path)
    assert taken(STEP, rank_table_file=table)[0] == LaunchRequest(rank_table_file=table)
    assert taken(BATCH, rank_table_file=table)[0] == LaunchRequest(rank_table_file=table)


def test_pods_know_themselves_in_the_table_by_their_own_addresses(tmp_path: Path) -> None:
    request, _ = taken(POD, rank_table_file=site_table(tmp_path))
    host = Host((0, 1), "A2", (HERE,))
    nodes = plan_nodes(request, host)
    assert (nodes.count, nodes.rank, nodes.master_addr, nodes.master_port) == (2, 1, THERE, 2222)
    topology = plan_topology(nodes, request, "Ascend", host)
    assert list(topology.ranks_here) == [2, 3]
    with pytest.raises(InputError, match="has 2 servers, and the job 3 nodes"):
        plan_nodes(replace(request, nnodes=3), host)
    stranger = replace(host, addresses=("192.0.2.99",))
    with pytest.raises(InputError, match=rf"none of the servers of \S+ \({THERE}, {HERE}\)"):
        plan_nodes(request, stranger)


@pytest.mark.parametrize(
    ("of_server", "expected"),
    [
        ({}, [THERE, HERE]),
        ({"pod_ip": "192.0.2.50"}, ["192.0.2.50", "192.0.2.50"]),
        ({"container_ip": ""}, [None, None]),
    ],
    ids=["of the pods", "those that are there already", "none that is known"],
)
def test_mindspore_gets_a_table_with_the_addresses_it_looks_for(
    tmp_path: Path, of_server: dict[str, str], expected: list[str | None]
) -> None:
    path = site_table(tmp_path, **of_server)
    before = path.read_text()
    request = LaunchRequest(rank_table_file=path, node_rank=1)
    host = Host((0, 1), "A2", ())
    nodes = plan_nodes(request, host)
    assert nodes.table
    assert [entry.get("pod_ip") for entry in nodes.table.content["server_list"]] == expected
    assert path.read_text() == before
    launch = plan_launch(["x.py"], plan_topology(nodes, request, "Ascend", host), Path("/job"))
    assert "--rank_table_file=/job/node_1_rank_table.json" in launch.command
