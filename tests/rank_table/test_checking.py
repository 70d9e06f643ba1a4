"""What the check says of right and wrong tables."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fcn4_dist.errors import InputError
from fcn4_dist.rank_table import check_rank_table, read_rank_table
from tests.rank_table.cases import (
    CASES,
    Case,
    Table,
    document,
    drop,
    findings,
    old_form,
    one_server,
    put,
    superpods,
    two_servers,
)

REPOSITORY = Path(__file__).parents[2]
KEYS = [
    *("version", "status", "server_count", "server_list", "server_id", "device", "device_id"),
    *("device_ip", "rank_id", "super_pod_list", "super_pod_id", "super_device_id"),
    *("group_list", "host_ip"),
]
CARDS = ["910", "A2", "A3", ""]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(KEYS) | st.text(max_size=5),
            inner,
            max_size=6,
        )
    ),
    max_leaves=30,
)
many = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def write(folder: Path, table: Any) -> Path:
    path = folder / "table.json"
    path.write_text(json.dumps(table), "utf-8")
    return path


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.broken} ({case.card})")
def test_each_broken_rule_has_its_sentence(case: Case, tmp_path: Path) -> None:
    assert case.expected in findings(case.write(tmp_path), case.card)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.broken} ({case.card})")
def test_one_mistake_in_a_table_of_one_server_is_told_once(case: Case, tmp_path: Path) -> None:
    if callable(case.change) and case.good in (one_server, old_form):
        assert len(check_rank_table(case.write(tmp_path), case.card).faults) <= 1


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("good", [one_server, two_servers, superpods, old_form])
def test_good_tables_have_no_faults(good: Callable[[], Table], card: str, tmp_path: Path) -> None:
    assert not check_rank_table(write(tmp_path, good()), card).faults


@pytest.mark.parametrize("card", ["910", "A2", "A3"])
def test_a_generated_form_of_table_has_no_warnings_either(card: str, tmp_path: Path) -> None:
    assert findings(write(tmp_path, two_servers()), card) == []


def test_the_document_tells_what_is_printed(tmp_path: Path) -> None:
    # To write it anew: python tests/cluster/rank_table/test_checking.py
    expected = (REPOSITORY / "docs/rank_table_checks.md").read_text("utf-8")
    assert document(tmp_path) == expected


def test_all_faults_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    table = two_servers()
    for change in (
        put("status", "initializing"),
        put("server_count", "3"),
        put("server_list.0.device.0.device_ip", "-.-.-.-"),
        put("server_list.1.device.1.rank_id", "9"),
        drop("server_list.1.server_id"),
    ):
        change(table)
    assert [fault.where for fault in check_rank_table(write(tmp_path, table), "A2").faults] == [
        "status",
        "server_list[0].device[0].device_ip",
        "server_list[1].server_id",
        "server_count",
        "server_list[1].device[1].rank_id",
    ]


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    path.write_text(json.dumps(one_server()), "utf-8-sig")
    assert not check_rank_table(path, "A2").faults


@pytest.mark.parametrize("card", ["A2", "A3"])
def test_one_server_of_later_cards_needs_no_addresses(card: str, tmp_path: Path) -> None:
    table = one_server()
    for device in table["server_list"][0]["device"]:
        del device["device_ip"]
    assert findings(write(tmp_path, table), card) == []


def test_one_superpod_needs_no_addresses_and_two_do(tmp_path: Path) -> None:
    table = superpods()
    drop("server_list.0.device.0.device_ip")(table)
    assert check_rank_table(write(tmp_path, table), "A3").faults
    first, second = table["super_pod_list"]
    first["server_list"] += second["server_list"]
    table["super_pod_list"] = [first]
    for number, server in enumerate(table["server_list"]):
        for card, device in enumerate(server["device"]):
            device["super_device_id"] = str(number * 2 + card)
    assert findings(write(tmp_path, table), "A3") == []


def test_all_cards_may_have_ipv6_addresses(tmp_path: Path) -> None:
    table = two_servers()
    for number, server in enumerate(table["server_list"]):
        for device in server["device"]:
            device["device_ip"] = f"2001:db8::{number}:{device['device_id']}"
    assert findings(write(tmp_path, table), "910") == []


def test_fifteen_is_a_card_of_a2_and_not_of_910(tmp_path: Path) -> None:
    table = one_server()
    put("server_list.0.device.1.device_id", "15")(table)
    path = write(tmp_path, table)
    assert check_rank_table(path, "910").faults
    assert not check_rank_table(path, "A2").faults


def test_servers_may_stand_in_any_order_if_the_ranks_are_right(tmp_path: Path) -> None:
    table = two_servers()
    table["server_list"].reverse()
    assert findings(write(tmp_path, table), "A2") == []


def test_the_dictionary_order_is_that_of_strings(tmp_path: Path) -> None:
    table = two_servers()
    put("server_list.0.server_id", "192.0.2.10")(table)
    put("server_list.1.server_id", "192.0.2.9")(table)
    assert findings(write(tmp_path, table), "A2") == []


def test_a_table_is_read_by_rank(tmp_path: Path) -> None:
    table = two_servers()
    table["server_list"].reverse()
    table["server_list"][0]["device"].reverse()
    read = read_rank_table(write(tmp_path, table))
    assert read.ranks == 4
    assert [server.server_id for server in read.servers] == ["192.0.2.1", "192.0.2.2"]
    assert [device.rank_id for device in read.servers[1].devices] == [2, 3]
    assert read.server_of(["10.0.0.1", "192.0.2.2"]) == 1
    assert read.server_of(["10.0.0.1", ""]) is None


def test_reading_a_wrong_table_lists_its_faults(tmp_path: Path) -> None:
    table = one_server()
    put("server_list.0.device.0.device_ip", "-.-.-.-")(table)
    put("status", "initializing")(table)
    with pytest.raises(InputError) as caught:
        read_rank_table(write(tmp_path, table))
    assert "table.json" in str(caught.value)
    assert "status: " in str(caught.value)
    assert "server_list[0].device[0].device_ip: " in str(caught.value)


def test_the_old_form_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"version 1\.0 or 1\.2"):
        read_rank_table(write(tmp_path, old_form()))


@many
@given(value=json_values, card=st.sampled_from(CARDS))
def test_no_json_makes_the_check_fail(value: Any, card: str, tmp_path: Path) -> None:
    path = write(tmp_path, value)
    assert all(map(str, check_rank_table(path, card).faults))


@many
@given(content=st.binary(max_size=60))
def test_no_bytes_make_the_check_fail(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    path.write_bytes(content)
    check_rank_table(path)


@many
@given(data=st.data(), card=st.sampled_from(CARDS))
def test_any_value_anywhere_in_a_table_is_survived(
    data: st.DataObject, card: str, tmp_path: Path
) -> None:
    table = superpods()
    put(data.draw(st.sampled_from(_places(table, ""))), data.draw(json_values))(table)
    check_rank_table(write(tmp_path, table), card)


@many
@given(data=st.data())
def test_a_value_of_the_wrong_kind_is_a_fault(data: st.DataObject, tmp_path: Path) -> None:
    table = superpods()
    place = data.draw(st.sampled_from(_places(table, "")))
    wrong = data.draw(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False))
    put(place, wrong)(table)
    assert check_rank_table(write(tmp_path, table), "A3").faults


def _places(value: Any, where: str) -> list[str]:
    if not isinstance(value, dict | list):
        return []
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, inner in entries:
        place = f"{where}.{key}" if where else str(key)
        found += [place, *_places(inner, place)]
    return found


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        text = document(Path(folder))
    (REPOSITORY / "docs/rank_table_checks.md").write_text(text, "utf-8")
