"""Tables made by this program are right, whatever the hosts."""

import ipaddress
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fcn4_dist.errors import InputError
from fcn4_dist.rank_table import (
    check_rank_table,
    generate_rank_table,
    generated_name,
    merge_rank_tables,
    merged_name,
)
from tests.rank_table.cases import one_server, put, server, superpods, two_servers

some = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
card_addresses = st.integers(2**24, 2**24 * 220).filter(
    lambda number: not ipaddress.ip_address(number).is_loopback
)


def write(folder: Path, table: Any, name: str = "table.json") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(json.dumps(table), "utf-8")
    return path


@some
@given(data=st.data(), cards=st.sets(st.integers(0, 15), min_size=1))
def test_generated_tables_pass_the_check(
    data: st.DataObject, cards: set[int], tmp_path: Path
) -> None:
    numbers = data.draw(
        st.lists(card_addresses, min_size=len(cards), max_size=len(cards), unique=True)
    )
    addresses = {
        card: str(ipaddress.ip_address(number))
        for card, number in zip(sorted(cards), numbers, strict=True)
    }
    table = generate_rank_table(addresses, "192.0.2.1", "A2")
    assert check_rank_table(write(tmp_path, table, generated_name(table)), "A2") == []


@pytest.mark.parametrize(
    ("cards", "name"),
    [
        (range(8), "hccl_8p_01234567_192.0.2.1.json"),
        ((0, 2, 5), "hccl_3p_025_192.0.2.1.json"),
        ((8, 10, 11), "hccl_3p_8-10-11_192.0.2.1.json"),
        ((10,), "hccl_1p_10_192.0.2.1.json"),
    ],
)
def test_a_generated_table_is_named_as_users_know_it(cards: Any, name: str) -> None:
    addresses = {card: f"198.51.100.{card + 1}" for card in cards}
    assert generated_name(generate_rank_table(addresses, "192.0.2.1")) == name


def test_a_generated_table_says_where_msrun_finds_the_node() -> None:
    table = generate_rank_table({0: "198.51.100.1"}, "192.0.2.1")
    assert table["server_list"][0]["pod_ip"] == table["server_list"][0]["server_id"]


@pytest.mark.parametrize("address", ["127.0.1.1", "127.0.0.1", "::1", "0.0.0.0"])
def test_a_loop_back_server_is_refused_with_the_way_out(address: str) -> None:
    with pytest.raises(InputError, match=r"hostname -I.*--server_ip ADDRESS"):
        generate_rank_table({0: "198.51.100.1"}, address)


@pytest.mark.parametrize("address", ["", "-.-.-.-"])
def test_a_card_without_address_is_named_with_the_command_that_sets_one(address: str) -> None:
    with pytest.raises(InputError, match=r"card 12 .*'hccn_tool -i 12 -ip -s address"):
        generate_rank_table({3: "198.51.100.1", 12: address}, "192.0.2.1")


def test_cards_that_share_an_address_are_refused() -> None:
    with pytest.raises(InputError, match=r"device\[1\].device_ip: 198.51.100.1 is the address"):
        generate_rank_table({0: "198.51.100.1", 1: "198.51.100.1"}, "192.0.2.1")


@some
@given(
    hosts=st.lists(st.integers(1, 254), min_size=2, max_size=6, unique=True),
    seed=st.integers(0, 1000),
    cut=st.integers(1, 5),
)
def test_a_merge_is_the_same_in_any_order_and_from_any_parts(
    hosts: list[int], seed: int, cut: int, tmp_path: Path
) -> None:
    paths = []
    for number, host in enumerate(hosts):
        entry = server(1, 2)
        entry["server_id"] = entry["pod_ip"] = f"192.0.2.{host}"
        for card, device in enumerate(entry["device"]):
            device["device_ip"] = f"203.0.113.{number * 2 + card + 1}"
        table = {**one_server(), "server_list": [entry]}
        paths.append(write(tmp_path, table, f"host{number}.json"))
    merged = merge_rank_tables(paths)
    shuffled = list(paths)
    random.Random(seed).shuffle(shuffled)
    assert merge_rank_tables(shuffled) == merged
    names = [entry["server_id"] for entry in merged["server_list"]]
    assert names == sorted(names)
    whole = write(tmp_path, merged, merged_name(merged))
    assert check_rank_table(whole, "A2") == []
    cut = min(cut, len(paths) - 1)
    if cut >= 2 and len(paths) - cut >= 2:
        first = write(tmp_path, merge_rank_tables(shuffled[:cut]), "first.json")
        second = write(tmp_path, merge_rank_tables(shuffled[cut:]), "second.json")
        assert merge_rank_tables([second, first]) == merged


def test_a_merge_keeps_superpods(tmp_path: Path) -> None:
    whole = superpods()
    paths = []
    for number, entry in enumerate(whole["server_list"]):
        for rank, device in enumerate(entry["device"]):
            device["rank_id"] = str(rank)
        pod = {
            "super_pod_id": str(number // 2),
            "server_list": [{"server_id": entry["server_id"]}],
        }
        table = {
            **whole,
            "server_count": "1",
            "server_list": [entry],
            "super_pod_list": [pod],
        }
        paths.append(write(tmp_path, table, f"host{number}.json"))
    merged = merge_rank_tables([paths[2], paths[0], paths[3], paths[1]], "A3")
    assert merged["super_pod_list"] == superpods()["super_pod_list"]
    assert merged["server_list"] == superpods()["server_list"]
    assert merged_name(merged) == "hccl_4s_8p.json"


def test_a_superpod_stays_together_where_names_would_part_it(tmp_path: Path) -> None:
    table = superpods()
    put("super_pod_list.0.server_list.1.server_id", "192.0.2.5")(table)
    put("super_pod_list.1.server_list.0.server_id", "192.0.2.2")(table)
    put("super_pod_list.1.server_list.1.server_id", "192.0.2.3")(table)
    for entry, name in zip(table["server_list"], "1523", strict=True):
        entry["server_id"] = f"192.0.2.{name}"
    paths = []
    for number, (entry, pod) in enumerate(zip(table["server_list"], "0011", strict=True)):
        for rank, device in enumerate(entry["device"]):
            device["rank_id"] = str(rank)
        member = {"super_pod_id": pod, "server_list": [{"server_id": entry["server_id"]}]}
        one = {**table, "server_count": "1", "server_list": [entry], "super_pod_list": [member]}
        paths.append(write(tmp_path, one, f"host{number}.json"))
    merged = merge_rank_tables(paths, "A3")
    names = [entry["server_id"][-1] for entry in merged["server_list"]]
    assert names == ["1", "5", "2", "3"]


def test_one_table_is_nothing_to_merge(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two tables or more"):
        merge_rank_tables([write(tmp_path, one_server())])


def test_a_server_in_two_tables_is_refused(tmp_path: Path) -> None:
    first = write(tmp_path, one_server(), "first.json")
    second = write(tmp_path, two_servers(), "second.json")
    with pytest.raises(
        InputError, match=r"server 192\.0\.2\.1 is in .*first\.json and in .*second"
    ):
        merge_rank_tables([first, second])


def test_tables_of_two_versions_are_refused(tmp_path: Path) -> None:
    first = write(tmp_path, one_server(), "first.json")
    second = write(tmp_path, superpods(), "second.json")
    with pytest.raises(InputError, match=r"1\.0 in .*first\.json, 1\.2 in .*second\.json"):
        merge_rank_tables([first, second])


def test_a_wrong_table_is_refused_with_its_errors(tmp_path: Path) -> None:
    table = one_server()
    put("server_list.0.device.0.device_ip", "-.-.-.-")(table)
    with pytest.raises(InputError, match=r"first\.json.*\n.*device_ip"):
        merge_rank_tables([write(tmp_path, table, "first.json"), tmp_path / "second.json"])


def test_addresses_shared_between_hosts_are_refused(tmp_path: Path) -> None:
    other = one_server()
    put("server_list.0.server_id", "192.0.2.7")(other)
    paths = [write(tmp_path, one_server(), "a.json"), write(tmp_path, other, "b.json")]
    with pytest.raises(InputError, match="is the address of"):
        merge_rank_tables(paths)


@pytest.mark.parametrize("card", ["910", "A2", "A3"])
def test_the_examples_pass_the_check(card: str) -> None:
    folder = Path(__file__).parents[2] / "rank_table"
    examples = sorted(folder.glob("*.json"))
    assert len(examples) == 5
    for example in examples:
        assert check_rank_table(example, card) == [], example


def test_a_host_of_a_superpod_gets_a_table_of_version_1_2(tmp_path: Path) -> None:
    addresses = {card: f"198.51.100.{card + 1}" for card in (4, 5)}
    numbers = {4: "50855936", 5: "50921473"}
    table = generate_rank_table(addresses, "192.0.2.1", "A3", "2", numbers)
    devices = table["server_list"][0]["device"]
    assert table["version"] == "1.2"
    assert [device["super_device_id"] for device in devices] == ["50855936", "50921473"]
    assert table["super_pod_list"] == [
        {"super_pod_id": "2", "server_list": [{"server_id": "192.0.2.1"}]}
    ]
    assert check_rank_table(write(tmp_path, table, generated_name(table)), "A3") == []
