"""Which workers a job has; what is refused is in docs/launch_checks.md, see test_preflight."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.cluster.topology import (
    DEFAULT_MASTER_PORT,
    LaunchRequest,
    Nodes,
    Topology,
    free_port,
    local_topology,
    plan_nodes,
    plan_topology,
)
from fcn4_dist.errors import InputError
from fcn4_dist.host.host import Host
from fcn4_dist.host.npu_smi import Cards

HERE = "192.0.2.1"
EIGHT_CARDS = Host(tuple(range(8)), "A2", (HERE,))
NO_CARDS = Host((), "", (HERE,))


def table_file(folder: Path, cards: list[list[int]], **changes: Any) -> Path:
    """Write the table of servers 192.0.2.1, 192.0.2.2, … with the cards given for each."""
    rank = 0
    servers = []
    for number, ids in enumerate(cards, 1):
        devices = []
        for card in ids:
            address = f"198.51.100.{number * 32 + card}"
            devices.append({"device_id": f"{card}", "device_ip": address, "rank_id": f"{rank}"})
            rank += 1
        servers.append({"server_id": f"192.0.2.{number}", "device": devices} | changes)
    path = folder / "table.json"
    content = {
        "version": "1.0",
        "server_count": str(len(servers)),
        "server_list": servers,
        "status": "completed",
    }
    path.write_text(json.dumps(content))
    return path


def plan(
    request: LaunchRequest, host: Host = EIGHT_CARDS, device_target: str = "Ascend"
) -> Topology:
    return plan_topology(plan_nodes(request, host), request, device_target, host)


def test_without_any_wish_there_is_one_worker_for_each_card_of_this_host() -> None:
    topology = plan(LaunchRequest())
    assert (topology.ranks, topology.local_ranks, topology.cards) == (8, 8, ())
    assert topology.nodes.count == 1


def test_cards_that_are_all_kept_from_us_are_not_asked_for_by_number() -> None:
    with pytest.raises(InputError, match="ASCEND_RT_VISIBLE_DEVICES leaves none of this host's"):
        plan(LaunchRequest(), replace(EIGHT_CARDS, granted=()))


@pytest.mark.parametrize("target", ["Ascend", "CPU"])
def test_the_number_of_workers_is_the_one_asked_for(target: str) -> None:
    assert plan(LaunchRequest(device_num=2), device_target=target).ranks == 2


def test_cards_of_this_host_say_nothing_of_workers_on_its_processor() -> None:
    with pytest.raises(InputError, match="how many workers"):
        plan(LaunchRequest(), device_target="CPU")


@pytest.mark.parametrize("device_num", [None, 3])
def test_chosen_cards_are_the_workers(device_num: int | None) -> None:
    topology = plan(LaunchRequest(device_num=device_num, devices=(0, 2, 5)))
    assert (topology.ranks, topology.cards) == (3, (0, 2, 5))


SOME_CARDS = replace(EIGHT_CARDS, cards=(3, 4, 5, 6, 7))


def test_in_a_container_cards_are_named_by_the_hosts_numbers_and_given_by_canns() -> None:
    topology = plan(LaunchRequest(devices=(3, 7)), SOME_CARDS)
    assert (topology.cards, topology.visible_cards) == ((3, 7), (0, 4))


def test_in_a_container_a_table_names_the_hosts_numbers_too(tmp_path: Path) -> None:
    topology = plan(LaunchRequest(rank_table_file=table_file(tmp_path, [[4, 6]])), SOME_CARDS)
    assert (topology.cards, topology.visible_cards) == ((4, 6), (1, 3))


def test_cards_that_cann_counts_in_another_order_go_to_the_ranks_in_that_order(
    tmp_path: Path,
) -> None:
    turned = replace(EIGHT_CARDS, cards=(0, 1), npu_smi=Cards(logical_ids={0: 1, 1: 0}))
    topology = plan(LaunchRequest(devices=(0, 1)), turned)
    assert (topology.cards, topology.visible_cards) == ((1, 0), (0, 1))
    # A table says which rank has which card, and workers take them in CANN's order only.
    with pytest.raises(InputError, match="cards in ascending order only"):
        plan(LaunchRequest(rank_table_file=table_file(tmp_path, [[0, 1]])), turned)


def test_a_job_of_one_host_stays_on_it_and_takes_a_free_port() -> None:
    nodes = plan_nodes(LaunchRequest(device_num=2), NO_CARDS)
    assert (nodes.count, nodes.rank, nodes.master_addr) == (1, 0, "127.0.0.1")
    assert nodes.master_port >= 1024


def test_a_job_of_several_hosts_has_a_port_that_all_of_them_know() -> None:
    request = LaunchRequest(nnodes=2, node_rank=1, master_addr="192.0.2.9")
    nodes = plan_nodes(request, NO_CARDS)
    assert nodes == Nodes(2, 1, "192.0.2.9", DEFAULT_MASTER_PORT)
    assert nodes.launchers_port == DEFAULT_MASTER_PORT + 1


def test_a_port_that_is_given_is_taken() -> None:
    request = LaunchRequest(master_port=9000)
    assert plan_nodes(request, NO_CARDS).master_port == 9000


def test_the_workers_of_several_hosts_are_as_many_on_each() -> None:
    request = LaunchRequest(nnodes=3, node_rank=2, master_addr="192.0.2.9", device_num=4)
    topology = plan(request)
    assert (topology.ranks, topology.local_ranks) == (12, 4)
    assert topology.ranks_here == range(8, 12)


def test_a_table_says_all(tmp_path: Path) -> None:
    path = table_file(tmp_path, [[0, 1, 2], [4, 5, 6]])
    topology = plan(LaunchRequest(rank_table_file=path), replace(EIGHT_CARDS, generation=""))
    assert topology.ranks == 6
    assert topology.cards == (0, 1, 2)
    assert topology.nodes.table_file == path
    assert (topology.nodes.count, topology.nodes.rank) == (2, 0)
    assert topology.nodes.master_addr == HERE
    assert topology.nodes.master_port == DEFAULT_MASTER_PORT


def test_a_host_finds_itself_in_the_table_by_its_address(tmp_path: Path) -> None:
    path = table_file(tmp_path, [[0, 1], [2, 3]])
    second = Host((0, 1, 2, 3), "", ("10.0.0.7", "192.0.2.2"))
    topology = plan(LaunchRequest(rank_table_file=path), second)
    assert (topology.nodes.rank, topology.cards) == (1, (2, 3))
    assert topology.nodes.master_addr == HERE


def test_the_address_that_msrun_compares_goes_before_the_name_of_the_server(
    tmp_path: Path,
) -> None:
    path = table_file(tmp_path, [[0]], server_id="node-a", pod_ip=HERE)
    nodes = plan_nodes(LaunchRequest(rank_table_file=path), EIGHT_CARDS)
    assert nodes.master_addr == HERE


def test_a_host_the_table_does_not_know_by_address_is_told_its_number(tmp_path: Path) -> None:
    path = table_file(tmp_path, [[0], [0]])
    request = LaunchRequest(rank_table_file=path, node_rank=1)
    nodes = plan_nodes(request, replace(NO_CARDS, addresses=("10.0.0.7",)))
    assert (nodes.rank, nodes.master_addr) == (1, HERE)


def test_the_table_of_one_host_need_not_know_its_address(tmp_path: Path) -> None:
    path = table_file(tmp_path, [[0, 1]])
    nodes = plan_nodes(
        LaunchRequest(rank_table_file=path), replace(NO_CARDS, addresses=("10.0.0.7",))
    )
    assert (nodes.count, nodes.rank, nodes.master_addr) == (1, 0, "127.0.0.1")


def test_an_address_that_is_given_goes_before_that_of_the_table(tmp_path: Path) -> None:
    path = table_file(tmp_path, [[0], [0]])
    request = LaunchRequest(rank_table_file=path, master_addr="10.1.0.1", master_port=9000)
    nodes = plan_nodes(request, NO_CARDS)
    assert (nodes.master_addr, nodes.master_port) == ("10.1.0.1", 9000)


def test_flags_that_agree_with_the_table_are_taken(tmp_path: Path) -> None:
    path = table_file(tmp_path, [[0, 1], [0, 1]])
    request = LaunchRequest(
        rank_table_file=path, nnodes=2, node_rank=0, device_num=2, devices=(0, 1)
    )
    assert plan(request) == plan(LaunchRequest(rank_table_file=path))


def test_on_the_processor_a_table_gives_the_number_of_workers(tmp_path: Path) -> None:
    path = table_file(tmp_path, [[6, 7]])
    topology = plan(LaunchRequest(rank_table_file=path), NO_CARDS, "CPU")
    assert (topology.ranks, topology.cards) == (2, ())


def test_a_table_is_named_by_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table_file(tmp_path, [[0]])
    monkeypatch.chdir(tmp_path)
    nodes = plan_nodes(LaunchRequest(rank_table_file=Path("table.json")), NO_CARDS)
    assert nodes.table_file == tmp_path / "table.json"


def test_a_table_with_a_fault_is_refused_with_every_fault(tmp_path: Path) -> None:
    path = table_file(tmp_path, [[0, 0]])
    path.write_text(path.read_text().replace("completed", "initializing"))
    with pytest.raises(InputError) as caught:
        plan_nodes(LaunchRequest(rank_table_file=path), EIGHT_CARDS)
    lines = str(caught.value).splitlines()
    assert any("status" in line for line in lines)
    assert any("device_id" in line for line in lines)
    assert str(path) in lines[0]


def test_a_test_or_benchmark_gets_workers_of_this_host_without_asking() -> None:
    topology = local_topology(4)
    assert (topology.ranks, list(topology.ranks_here)) == (4, [0, 1, 2, 3])
    assert local_topology(1, port=9000).nodes.master_port == 9000


def test_ports_that_are_found_are_free_and_no_system_ports() -> None:
    assert {1024 <= free_port() <= 65535 for _ in range(20)} == {True}


@given(count=st.integers(1, 40), local=st.integers(1, 16))
def test_the_ranks_of_all_hosts_are_each_rank_once(count: int, local: int) -> None:
    request = LaunchRequest(nnodes=count, device_num=local, master_addr=HERE)
    topologies = [plan(replace(request, node_rank=rank), NO_CARDS, "CPU") for rank in range(count)]
    ranks = [rank for topology in topologies for rank in topology.ranks_here]
    assert ranks == list(range(count * local))
    assert {topology.ranks for topology in topologies} == {count * local}


@given(
    cards=st.integers(1, 8).flatmap(
        lambda number: st.lists(
            st.sets(st.integers(0, 15), min_size=number, max_size=number).map(sorted),
            min_size=1,
            max_size=4,
        )
    )
)
def test_every_rank_of_a_table_sees_the_card_that_the_table_gives_it(
    tmp_path_factory: pytest.TempPathFactory, cards: list[list[int]]
) -> None:
    path = table_file(tmp_path_factory.getbasetemp(), cards)
    seen = {}
    for number in range(1, len(cards) + 1):
        host = Host(tuple(range(16)), "", (f"192.0.2.{number}",))
        topology = plan(LaunchRequest(rank_table_file=path), host)
        seen |= dict(zip(topology.ranks_here, topology.cards, strict=True))
    table = json.loads(path.read_text())
    assert seen == {
        int(device["rank_id"]): int(device["device_id"])
        for server in table["server_list"]
        for device in server["device"]
    }


@given(data=st.data())
def test_whatever_is_asked_for_there_is_a_topology_or_one_sentence(data: st.DataObject) -> None:
    numbers = st.none() | st.integers(-2, 12)
    request_of = {
        "device_num": data.draw(numbers),
        "devices": data.draw(st.sampled_from([(), (0,), (4, 5, 6, 7), (90,)])),
        "nnodes": data.draw(numbers),
        "node_rank": data.draw(numbers),
        "master_addr": data.draw(st.sampled_from(["", HERE, "host-a", "10.0.0..1", "n" * 300])),
        "master_port": data.draw(st.none() | st.integers(-1, 70_000)),
    }
    target = data.draw(st.sampled_from(["Ascend", "CPU"]))
    host = data.draw(st.sampled_from([EIGHT_CARDS, NO_CARDS]))
    try:
        topology = plan(LaunchRequest(**request_of), host, target)
    except InputError as error:
        assert "\n" not in str(error)
        return
    assert topology.ranks >= 1
    assert set(topology.ranks_here) <= set(range(topology.ranks))
    assert topology.nodes.launchers_port <= 65535 or topology.nodes.count == 1
    assert not topology.cards or len(topology.cards) == topology.local_ranks
