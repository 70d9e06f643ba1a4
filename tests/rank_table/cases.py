"""Every broken rule of a rank table, and what the check says of it."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fcn4_dist.findings import Level
from fcn4_dist.rank_table import check_rank_table

Table = dict[str, Any]


def server(number: int, cards: int, first_rank: int = 0) -> Table:
    """Make a server's entry: cards 0 on, with addresses of the documentation range."""
    return {
        "server_id": f"192.0.2.{number}",
        "device": [
            {
                "device_id": str(card),
                "device_ip": f"198.51.100.{number * 32 + card}",
                "rank_id": str(first_rank + card),
            }
            for card in range(cards)
        ],
        "host_nic_ip": "reserve",
        "pod_ip": f"192.0.2.{number}",
    }


def one_server(cards: int = 2) -> Table:
    """Make the table of one server."""
    return {
        "version": "1.0",
        "server_count": "1",
        "server_list": [server(1, cards)],
        "status": "completed",
    }


def two_servers(cards: int = 2) -> Table:
    """Make the table of two servers."""
    table = one_server(cards)
    table["server_count"] = "2"
    table["server_list"].append(server(2, cards, first_rank=cards))
    return table


def superpods() -> Table:
    """Make a table of version 1.2: two superpods of two servers."""
    table = {**one_server(), "version": "1.2", "server_count": "4"}
    table["server_list"] = [server(number + 1, 2, number * 2) for number in range(4)]
    for number, entry in enumerate(table["server_list"]):
        for card, device in enumerate(entry["device"]):
            device["super_device_id"] = str(number % 2 * 2 + card)
    table["super_pod_list"] = [
        {
            "super_pod_id": str(pod),
            "server_list": [
                {"server_id": f"192.0.2.{pod * 2 + 1}"},
                {"server_id": f"192.0.2.{pod * 2 + 2}"},
            ],
        }
        for pod in range(2)
    ]
    return table


def old_form() -> Table:
    """Make a table of the form without a version."""
    instances = [
        {
            "devices": [{"device_id": str(card), "device_ip": f"198.51.100.{card + 1}"}],
            "rank_id": str(card),
            "server_id": "192.0.2.1",
        }
        for card in range(2)
    ]
    return {
        "group_count": "1",
        "group_list": [
            {
                "device_num": "2",
                "server_num": "1",
                "group_name": "",
                "instance_count": "2",
                "instance_list": instances,
            }
        ],
        "para_plane_nic_location": "device",
        "status": "completed",
    }


def ascend_950() -> Table:
    """Make a table of version 2.0, whose numbers are numbers and which has no status."""
    cards = [
        {
            "rank_id": card,
            "device_id": card,
            "local_id": card,
            "level_list": [
                {
                    "net_layer": 0,
                    "net_instance_id": "superpod1_1",
                    "net_type": "TOPO_FILE_DESC",
                    "rank_addr_list": [
                        {"addr_type": "EID", "addr": "0" * 30 + f"{card:02}", "ports": ["1/0"]}
                    ],
                }
            ],
        }
        for card in range(2)
    ]
    return {"version": "2.0", "rank_count": "2", "rank_list": cards}


@dataclass(frozen=True)
class Case:
    """One broken rule.

    Args:
        broken: What is broken, for the document.
        change: Breaks a good table; or the text of the file; or None for no file.
        good: Makes the good table.
        card: Generation the check is told.
        name: Name of the file.
    """

    broken: str
    change: Callable[[Table], object] | str | None
    good: Callable[[], Table] = one_server
    card: str = "A2"
    name: str = "table.json"

    def write(self, folder: Path) -> Path:
        """Write the broken file."""
        path = folder / self.name
        if self.change is None:
            return path
        if isinstance(self.change, str):
            path.write_bytes(self.change.encode("latin-1"))
        else:
            table = copy.deepcopy(self.good())
            self.change(table)
            path.write_text(json.dumps(table), "utf-8")
        return path


def printed(path: Path, card: str) -> list[str]:
    """Check a file, and give what ``rank-table check`` prints of it."""
    words = {Level.ERROR: "fault", Level.WARNING: "warning", Level.NOTE: "note"}
    return [f"{words[found.level]}: {found}" for found in check_rank_table(path, card)]


def document(folder: Path) -> str:
    """Write docs/rank_table_checks.md from what the check prints for the cases."""
    lines = [
        "# What `fcn4-dist rank-table check` says",
        "",
        "Each row is one test case: a good table, one thing broken in it, and what is printed. A",
        "table with a fault ends with exit code 2; warnings and notes do not. A rule of one",
        "generation of cards is checked where `--card`, or the cards of the host, name it. Of a",
        "table of another version than 1.0 and 1.2 it is only said that its rules are not checked.",
        "",
        "| what is broken | cards | what is printed |",
        "|---|---|---|",
    ]
    for case in CASES:
        text = "<br>".join(
            found.replace("|", "\\|").replace("<", "\\<").replace("*", "\\*")
            for found in printed(case.write(folder), case.card)
        )
        lines.append(f"| {case.broken} | {case.card or 'not known'} | {text} |")
    return "\n".join(lines) + "\n"


def as_it_is(table: Table) -> None:
    """Leave a good table as it is, for what is not about the table."""


def put(place: str, value: Any) -> Callable[[Table], None]:
    """Change the value at a place like "server_list.0.device.0.rank_id"."""

    def change(table: Table) -> None:
        *path, last = [int(part) if part.isdigit() else part for part in place.split(".")]
        holder: Any = table
        for part in path:
            holder = holder[part]
        holder[last] = value

    return change


def drop(place: str) -> Callable[[Table], None]:
    """Take out the key at a place."""

    def change(table: Table) -> None:
        *path, last = place.split(".")
        holder: Any = table
        for part in path:
            holder = holder[int(part) if part.isdigit() else part]
        del holder[last]

    return change


def _all(*changes: Callable[[Table], object]) -> Callable[[Table], None]:
    def change(table: Table) -> None:
        for one in changes:
            one(table)

    return change


def _number_cards_throughout(table: Table) -> None:
    for number, entry in enumerate(table["server_list"]):
        for card, device in enumerate(entry["device"]):
            device["super_device_id"] = str(number * 2 + card)


def _later_version(table: Table) -> None:
    table["version"] = "2.0"
    del table["status"]


def _swap_ranks_of_servers(table: Table) -> None:
    first, second = table["server_list"]
    for one, other in zip(first["device"], second["device"], strict=True):
        one["rank_id"], other["rank_id"] = other["rank_id"], one["rank_id"]


_S0 = "server_list.0"
_D0 = "server_list.0.device.0"
_D1 = "server_list.0.device.1"
_FILE = [
    Case("there is no file", None),
    Case("a folder", None, name="."),
    Case("a file that cannot be read", None, name="n" * 300 + ".json"),
    Case("the file is empty", ""),
    Case("the file breaks off", '{"version": "1.0"'),
    Case(
        "comments, as the documents' examples have",
        '{\n"version": "1.0", // or 1.2\n"status": "completed"}',
    ),
    Case("a number that JSON does not have", '{"version": NaN}'),
    Case("a list instead of an object", "[]"),
    Case("a thousand brackets", "[" * 100_000),
    Case("bytes that are no text", "\xff\xfe"),
    Case(
        "a key that is there twice",
        '{"status": "completed", "server_list": [], "status": "completed"}',
    ),
    Case("another ending of the file's name", as_it_is, name="table.txt"),
    Case("the ending twice", as_it_is, name="table.json.json"),
]

_TOP = [
    Case('`status` is "initializing"', put("status", "initializing")),
    Case("no `status`", drop("status")),
    Case("no `version`", drop("version")),
    Case("`version` as a number", put("version", 1.0)),
    Case(
        '`version` "1.2" on cards that have no superpods',
        as_it_is,
        good=superpods,
        card="910",
    ),
    Case('`version` "1.1"', put("version", "1.1")),
    Case('`version` "2.0"', as_it_is, good=ascend_950, card=""),
    Case('`version` "2.0" on older cards', as_it_is, good=ascend_950),
    Case('`version` "2.0" in the form of "1.0", without `status`', _later_version, card=""),
    Case("any other `version`", put("version", "3.0-beta")),
    Case("the old form", as_it_is, good=old_form, card="910"),
    Case("the old form on later cards", as_it_is, good=old_form),
    Case("no generation of cards known", as_it_is, card=""),
    Case("a generation without rules here", as_it_is, card="310P3"),
    Case("no `server_count`", drop("server_count")),
    Case("a wrong `server_count`", put("server_count", "2")),
    Case("`server_count` as a number", put("server_count", 1)),
    Case("a key HCCL does not know", put("help", "see the README")),
    Case("superpods in version 1.0", put("super_pod_list", [])),
    Case("no `server_list`", drop("server_list")),
    Case("an empty `server_list`", put("server_list", [])),
    Case("`server_list` is no list", put("server_list", {})),
    Case("a server that is no object", put(_S0, "192.0.2.1")),
]

_SERVER = [
    Case("no `server_id`", drop(f"{_S0}.server_id")),
    Case("an empty `server_id`", put(f"{_S0}.server_id", "")),
    Case("a `server_id` that is too long", put(f"{_S0}.server_id", "n" * 65)),
    Case("`server_id` is null", put(f"{_S0}.server_id", None)),
    Case("a loop-back `server_id`", put(f"{_S0}.server_id", "127.0.1.1")),
    Case("one `server_id` twice", put("server_list.1.server_id", "192.0.2.1"), good=two_servers),
    Case("no `pod_ip`", drop(f"{_S0}.pod_ip")),
    Case("`pod_ip` is true", put(f"{_S0}.pod_ip", True)),
    Case("`host_nic_ip` is a list", put(f"{_S0}.host_nic_ip", [])),
    Case("an empty `host_ip`", put(f"{_S0}.host_ip", "")),
    Case("no `device`", drop(f"{_S0}.device")),
    Case("a server without cards", put(f"{_S0}.device", [])),
    Case(
        "unequal numbers of cards, on 910",
        lambda table: table["server_list"][1]["device"].pop(),
        good=two_servers,
        card="910",
    ),
    Case(
        "unequal numbers of cards",
        lambda table: table["server_list"][1]["device"].pop(),
        good=two_servers,
        card="",
    ),
    Case("cards that are no group of a 910 server", put(f"{_D1}.device_id", "4"), card="910"),
]

_DEVICE = [
    Case("no `device_id`", drop(f"{_D0}.device_id")),
    Case("`device_id` as a number", put(f"{_D0}.device_id", 0)),
    Case("a `device_id` beyond 7, on 910", put(f"{_D1}.device_id", "8"), card="910"),
    Case("a `device_id` beyond 15", put(f"{_D1}.device_id", "16")),
    Case("one `device_id` twice in a server", put(f"{_D1}.device_id", "0")),
    Case("a key of version 1.2", put(f"{_D0}.super_device_id", "0")),
    Case(
        "an unknown key of every card",
        _all(put(f"{_D0}.reference", ""), put(f"{_D1}.reference", "")),
    ),
    Case(
        "a card without an address, which hccl_tools.py lets pass",
        put(f"{_D0}.device_ip", "-.-.-.-"),
    ),
    Case("an address that is nobody's", put(f"{_D0}.device_ip", "0.0.0.0")),
    Case(
        "one `device_ip` twice",
        put("server_list.1.device.0.device_ip", "198.51.100.32"),
        good=two_servers,
    ),
    Case("IPv4 and IPv6", put(f"{_D1}.device_ip", "2001:db8::1")),
    Case("two addresses of one card", put(f"{_D1}.device_ip", "198.51.100.1,198.51.100.2")),
    Case("no `device_ip`, with several servers", drop(f"{_D0}.device_ip"), good=two_servers),
    Case("no `device_ip`, on 910", drop(f"{_D0}.device_ip"), card="910"),
    Case("no `device_ip` on one server", drop(f"{_D0}.device_ip"), card=""),
    Case("a port that is none", put(f"{_D0}.device_port", "65536")),
]

_RANK = [
    Case("no `rank_id`", drop(f"{_D0}.rank_id")),
    Case("a negative `rank_id`", put(f"{_D0}.rank_id", "-1")),
    Case("a `rank_id` with leading zeros", put(f"{_D1}.rank_id", "01")),
    Case("one `rank_id` twice", put(f"{_D1}.rank_id", "0")),
    Case("a gap in the ranks", put(f"{_D1}.rank_id", "2")),
    Case(
        "ranks that go to and fro between servers",
        _all(put(f"{_D1}.rank_id", "2"), put("server_list.1.device.0.rank_id", "1")),
        good=two_servers,
    ),
    Case(
        "ranks against the dictionary order of `server_id`",
        _swap_ranks_of_servers,
        good=two_servers,
    ),
]

_POD = [
    Case("no `super_pod_list`", drop("super_pod_list"), good=superpods, card="A3"),
    Case("an empty `super_pod_list`", put("super_pod_list", []), good=superpods, card="A3"),
    Case("no `super_pod_id`", drop("super_pod_list.0.super_pod_id"), good=superpods, card="A3"),
    Case(
        "one `super_pod_id` twice",
        _all(_number_cards_throughout, put("super_pod_list.1.super_pod_id", "0")),
        good=superpods,
        card="A3",
    ),
    Case(
        "a superpod without servers",
        put("super_pod_list.0.server_list", []),
        good=superpods,
        card="A3",
    ),
    Case(
        "a superpod's server that is not in `server_list`",
        put("super_pod_list.0.server_list.0.server_id", "192.0.2.9"),
        good=superpods,
        card="A3",
    ),
    Case(
        "a server in two superpods",
        put("super_pod_list.1.server_list.0.server_id", "192.0.2.1"),
        good=superpods,
        card="A3",
    ),
    Case(
        "a server in no superpod",
        lambda table: table["super_pod_list"][1]["server_list"].pop(),
        good=superpods,
        card="A3",
    ),
    Case(
        "superpods whose servers stand mixed",
        _all(
            _number_cards_throughout,
            put("super_pod_list.0.server_list.1.server_id", "192.0.2.3"),
            put("super_pod_list.1.server_list.0.server_id", "192.0.2.2"),
        ),
        good=superpods,
        card="A3",
    ),
    Case("no `super_device_id`", drop(f"{_D0}.super_device_id"), good=superpods, card="A3"),
    Case(
        "an empty `super_device_id`", put(f"{_D0}.super_device_id", ""), good=superpods, card="A3"
    ),
    Case(
        "one `super_device_id` twice in a superpod",
        put("server_list.1.device.0.super_device_id", "0"),
        good=superpods,
        card="A3",
    ),
]

CASES = [*_FILE, *_TOP, *_SERVER, *_DEVICE, *_RANK, *_POD]
