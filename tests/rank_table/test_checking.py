"""What the check says of right and wrong tables."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fcn4_dist.errors import InputError
from fcn4_dist.findings import Finding, Level, errors_in
from fcn4_dist.rank_table import TableState, check_rank_table, read_rank_table, state_of_table
from tests.rank_table.cases import (
    CASES,
    Case,
    Table,
    ascend_950,
    document,
    drop,
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


def errors(folder: Path, table: Any, card: str = "A2") -> list[Finding]:
    return errors_in(check_rank_table(write(folder, table), card))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.broken} ({case.card})")
def test_one_mistake_in_a_table_of_one_server_is_told_once(case: Case, tmp_path: Path) -> None:
    found = check_rank_table(case.write(tmp_path), case.card)
    assert found
    if callable(case.change) and case.good is one_server:
        assert len(errors_in(found)) <= 1


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("good", [one_server, two_servers, superpods, old_form, ascend_950])
def test_good_tables_have_no_errors(good: Callable[[], Table], card: str, tmp_path: Path) -> None:
    assert not errors(tmp_path, good(), card)


@pytest.mark.parametrize("card", ["910", "A2", "A3"])
def test_a_generated_form_of_table_has_no_warnings_either(card: str, tmp_path: Path) -> None:
    assert check_rank_table(write(tmp_path, two_servers()), card) == []


def test_the_document_tells_what_is_printed(tmp_path: Path) -> None:
    # To write it anew: python -m tests.rank_table.test_checking
    expected = (REPOSITORY / "docs/rank_table_checks.md").read_text("utf-8")
    assert document(tmp_path).splitlines() == expected.splitlines()


def test_a_file_that_is_larger_than_any_table_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    with path.open("wb") as file:
        file.truncate(1 << 36)
    (finding,) = errors_in(check_rank_table(path, "A2"))
    assert "which no rank table has" in str(finding)


def test_all_errors_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    table = two_servers()
    for change in (
        put("status", "initializing"),
        put("server_count", "3"),
        put("server_list.0.device.0.device_ip", "-.-.-.-"),
        put("server_list.1.device.1.rank_id", "9"),
        drop("server_list.1.server_id"),
    ):
        change(table)
    assert [str(error).split(": ")[0] for error in errors(tmp_path, table)] == [
        "status",
        "server_list[0].device[0].device_ip",
        "server_list[1].server_id",
        "server_count",
        "server_list[1].device[1].rank_id",
    ]


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    path.write_text(json.dumps(one_server()), "utf-8-sig")
    assert not errors_in(check_rank_table(path, "A2"))


@pytest.mark.parametrize("card", ["A2", "A3"])
def test_one_server_of_later_cards_needs_no_addresses(card: str, tmp_path: Path) -> None:
    table = one_server()
    for device in table["server_list"][0]["device"]:
        del device["device_ip"]
    assert check_rank_table(write(tmp_path, table), card) == []


def test_one_superpod_needs_no_addresses_and_two_do(tmp_path: Path) -> None:
    table = superpods()
    drop("server_list.0.device.0.device_ip")(table)
    assert errors(tmp_path, table, "A3")
    first, second = table["super_pod_list"]
    first["server_list"] += second["server_list"]
    table["super_pod_list"] = [first]
    for number, server in enumerate(table["server_list"]):
        for card, device in enumerate(server["device"]):
            device["super_device_id"] = str(number * 2 + card)
    assert check_rank_table(write(tmp_path, table), "A3") == []


def test_all_cards_may_have_ipv6_addresses(tmp_path: Path) -> None:
    table = two_servers()
    for number, server in enumerate(table["server_list"]):
        for device in server["device"]:
            device["device_ip"] = f"2001:db8::{number}:{device['device_id']}"
    assert check_rank_table(write(tmp_path, table), "910") == []


def test_fifteen_is_a_card_of_a2_and_not_of_910(tmp_path: Path) -> None:
    table = one_server()
    put("server_list.0.device.1.device_id", "15")(table)
    path = write(tmp_path, table)
    assert errors_in(check_rank_table(path, "910"))
    assert not errors_in(check_rank_table(path, "A2"))


def test_servers_may_stand_in_any_order_if_the_ranks_are_right(tmp_path: Path) -> None:
    table = two_servers()
    table["server_list"].reverse()
    assert check_rank_table(write(tmp_path, table), "A2") == []


def test_the_dictionary_order_is_that_of_strings(tmp_path: Path) -> None:
    table = two_servers()
    put("server_list.0.server_id", "192.0.2.10")(table)
    put("server_list.1.server_id", "192.0.2.9")(table)
    assert check_rank_table(write(tmp_path, table), "A2") == []


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


def test_reading_a_wrong_table_lists_its_errors(tmp_path: Path) -> None:
    table = one_server()
    put("server_list.0.device.0.device_ip", "-.-.-.-")(table)
    put("status", "initializing")(table)
    with pytest.raises(InputError) as caught:
        read_rank_table(write(tmp_path, table))
    assert "table.json" in str(caught.value)
    assert "status: " in str(caught.value)
    assert "server_list[0].device[0].device_ip: " in str(caught.value)


@pytest.mark.parametrize("good", [old_form, ascend_950])
def test_a_table_whose_rules_are_not_known_cannot_be_read(
    good: Callable[[], Table], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"version 1\.0 or 1\.2"):
        read_rank_table(write(tmp_path, good()))


@many
@given(data=st.data(), version=st.text(min_size=1).filter(lambda text: text not in ("1.0", "1.2")))
def test_no_rule_is_held_against_another_version(
    data: st.DataObject, version: str, tmp_path: Path
) -> None:
    table = superpods()
    value = data.draw(st.none() | st.integers() | st.text() | st.just([]) | st.just({}))
    put(data.draw(st.sampled_from(_places(table, ""))), value)(table)
    table["version"] = version
    (note,) = check_rank_table(write(tmp_path, table))
    assert note.level is (Level.NOTE if version in ("1.1", "2.0") else Level.WARNING)
    assert "whose rules are not checked" in note.sentence


@many
@given(value=json_values, card=st.sampled_from(CARDS))
def test_no_json_makes_the_check_fail(value: Any, card: str, tmp_path: Path) -> None:
    path = write(tmp_path, value)
    assert all(map(str, check_rank_table(path, card)))


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
def test_a_value_of_the_wrong_kind_is_an_error(data: st.DataObject, tmp_path: Path) -> None:
    table = superpods()
    place = data.draw(st.sampled_from(_places(table, "")))
    wrong = data.draw(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False))
    put(place, wrong)(table)
    assert errors(tmp_path, table, "A3")


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


def test_what_mindcluster_writes_besides_and_its_order_by_pod_are_no_faults(
    tmp_path: Path,
) -> None:
    # As pkg/ranktable/common/server.go of its Ascend operator has it.
    table = two_servers()
    for entry, name in zip(table["server_list"], ["server-b", "server-a"], strict=True):
        entry["container_ip"] = entry.pop("pod_ip")
        entry |= {"server_id": name, "host_ip": "203.0.113.1", "hardware_type": "800I-A2-32G"}
    assert check_rank_table(write(tmp_path, table), "A2") == []


@pytest.mark.parametrize(
    ("text", "state"),
    [
        (None, TableState.MISSING),
        ("", TableState.INITIALIZING),
        (" \n", TableState.INITIALIZING),
        ('{"status" : "initializing"}', TableState.INITIALIZING),
        ('{\n    "status":"initializing"\n}', TableState.INITIALIZING),
        ('{"status": "completed", "server_list": [{"dev', TableState.NO_JSON),
        ("a table", TableState.NO_JSON),
        ('{"note": "initializing", "status": "completed"}', TableState.COMPLETED),
        ("[]", TableState.COMPLETED),
    ],
)
def test_how_far_a_table_is_that_is_filled_in_while_a_job_waits(
    tmp_path: Path, text: str | None, state: TableState
) -> None:
    path = tmp_path / "hccl.json"
    if text is not None:
        path.write_text(text)
    assert state_of_table(path) is state
