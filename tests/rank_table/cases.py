"""Every broken rule of a rank table, and what the check says of it."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


@dataclass(frozen=True)
class Case:
    """One broken rule.

    Args:
        broken: What is broken, for the document.
        change: Breaks a good table; or the text of the file; or None for no file.
        expected: The kind and the printed text of a finding that the check has to give.
        good: Makes the good table.
        card: Generation the check is told.
        name: Name of the file.
    """

    broken: str
    change: Callable[[Table], object] | str | None
    expected: str
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


def findings(path: Path, card: str) -> list[str]:
    """Check a file, and give each finding as ``rank-table check`` prints it."""
    report = check_rank_table(path, card)
    return [
        f"{kind}: {finding}"
        for kind, found in (
            ("fault", report.faults),
            ("warning", report.warnings),
            ("note", report.notes),
        )
        for finding in found
    ]


def document(folder: Path) -> str:
    """Write docs/rank_table_checks.md from what the check prints for the cases."""
    lines = [
        "# What `fcn4-dist rank-table check` says",
        "",
        "Each row is one test case: a good table, one thing broken in it, and the sentence that is",
        "printed. A table with a fault ends with exit code 2; warnings and notes do not. A rule of",
        "one generation of cards is checked where `--card`, or the cards of the host, name it.",
        "",
        "| what is broken | cards | what is printed |",
        "|---|---|---|",
    ]
    for case in CASES:
        found = findings(case.write(folder), case.card)
        printed = case.expected if case.expected in found else f"MISSING: {found}"
        text = printed.replace("|", "\\|").replace("<", "\\<").replace("*", "\\*")
        lines.append(f"| {case.broken} | {case.card or 'not known'} | {text} |")
    return "\n".join(lines) + "\n"


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


def _swap_ranks_of_servers(table: Table) -> None:
    first, second = table["server_list"]
    for one, other in zip(first["device"], second["device"], strict=True):
        one["rank_id"], other["rank_id"] = other["rank_id"], one["rank_id"]


_S0 = "server_list.0"
_D0 = "server_list.0.device.0"
_D1 = "server_list.0.device.1"
_RANKS = "number the cards of all servers from 0 on"
_IP = "write the one that 'hccn_tool -i N -ip -g' prints on that server"
_SDID = "write the SDID that 'npu-smi info -t spod-info' shows"

_FILE = [
    Case("there is no file", None, "fault: there is no such file: name a rank table"),
    Case("a folder", None, "fault: this is no regular file: name a rank table", name="."),
    Case(
        "a file that cannot be read",
        None,
        "fault: the file cannot be read (File name too long): name another, or mend its rights",
        name="n" * 300 + ".json",
    ),
    Case("the file is empty", "", "fault: the file is empty: make the table again"),
    Case(
        "the file breaks off",
        '{"version": "1.0"',
        "fault: the file is not JSON (Expecting ',' delimiter: line 1 column 18 (char 17)): mend "
        "that place, or make the table again",
    ),
    Case(
        "comments, as the documents' examples have",
        '{\n"version": "1.0", // or 1.2\n"status": "completed"}',
        "fault: the file is not JSON (Expecting property name enclosed in double quotes: line 2 "
        "column 19 (char 20)): JSON has no comments, take them out",
    ),
    Case(
        "a number that JSON does not have",
        '{"version": NaN}',
        "fault: the file is not JSON (NaN is no JSON value): mend that place, or make the table "
        "again",
    ),
    Case(
        "a list instead of an object",
        "[]",
        "fault: the file holds a list, and a rank table is a JSON object",
    ),
    Case(
        "a thousand brackets",
        "[" * 100_000,
        "fault: the file is nested too deeply for a rank table: make it again",
    ),
    Case(
        "bytes that are no text", "\xff\xfe", "fault: the file is not UTF-8 text: save it as UTF-8"
    ),
    Case(
        "a key that is there twice",
        '{"status": "completed", "server_list": [], "status": "completed"}',
        "fault: status: the key is there more than once, and only one counts: keep one",
    ),
    Case(
        "another ending of the file's name",
        lambda table: None,
        "fault: the file name does not end in .json: HCCL refuses it, rename the file",
        name="table.txt",
    ),
    Case(
        "the ending twice",
        lambda table: None,
        "fault: the file name has .json more than once: HCCL refuses it, rename it",
        name="table.json.json",
    ),
]

_TOP = [
    Case(
        '`status` is "initializing"',
        put("status", "initializing"),
        'fault: status: "initializing" lets HCCL wait up to 30 minutes for "completed": finish '
        "the table",
    ),
    Case("no `status`", drop("status"), 'fault: status: the key is missing: write "completed"'),
    Case(
        "no `version`",
        drop("version"),
        'fault: version: the key is missing: write "1.0", or "1.2" for superpods',
    ),
    Case(
        "an unknown `version`",
        put("version", "1.3"),
        'fault: version: "1.3" is no version of HCCL\'s: write "1.0" or "1.2"',
    ),
    Case(
        "`version` as a number",
        put("version", 1.0),
        "fault: version: 1.0 is no string: HCCL takes strings only",
    ),
    Case(
        '`version` "1.2" on cards that have no superpods',
        lambda table: None,
        'warning: version: "1.2" is for superpods of A3 cards, not for 910: write "1.0"',
        good=superpods,
        card="910",
    ),
    Case(
        '`version` "1.1"',
        put("version", "1.1"),
        'note: version: "1.1" is for unlike servers: only what holds for all versions was checked',
    ),
    Case(
        '`version` "2.0"',
        put("version", "2.0"),
        'note: version: "2.0" is for Ascend 950: only what holds for all versions was checked',
        card="",
    ),
    Case(
        '`version` "2.0" on older cards',
        put("version", "2.0"),
        'fault: version: cards A2 do not take version "2.0": write "1.0"',
    ),
    Case(
        "the old form",
        lambda table: None,
        "note: group_list: this is the old form without a version: only what holds for all "
        "versions was checked; 'fcn4-dist rank-table generate' writes the present one",
        good=old_form,
        card="910",
    ),
    Case(
        "the old form on later cards",
        lambda table: None,
        "warning: group_list: this old form is for cards 910, not A2",
        good=old_form,
    ),
    Case(
        "the old form with a number where a string belongs",
        put("group_list.0.device_num", 2),
        'fault: group_list[0].device_num: 2 is no string: HCCL takes strings only, write "2"',
        good=old_form,
        card="910",
    ),
    Case(
        "the old form with one address twice",
        put("group_list.0.instance_list.1.devices.0.device_ip", "198.51.100.1"),
        "fault: group_list[0].instance_list[1].devices[0].device_ip: 198.51.100.1 is that of "
        "group_list[0].instance_list[0].devices[0] as well: give each its own",
        good=old_form,
        card="910",
    ),
    Case(
        "the old form with a gap in the ranks",
        put("group_list.0.instance_list.1.rank_id", "2"),
        "fault: group_list[0].instance_list[1].rank_id: 2 is beyond the 2 ranks of the table: "
        "number them 0 to 1 without a gap",
        good=old_form,
        card="910",
    ),
    Case(
        "no generation of cards known",
        lambda table: None,
        "note: rules of one card generation were not checked (no card is known): --card names one",
        card="",
    ),
    Case(
        "a generation without rules here",
        lambda table: None,
        "note: rules of one card generation were not checked (there are no rules for 310P3 here): "
        "--card names one",
        card="310P3",
    ),
    Case(
        "no `server_count`",
        drop("server_count"),
        "warning: server_count: the key is missing, which HCCL's documents ask for",
    ),
    Case(
        "a wrong `server_count`",
        put("server_count", "2"),
        "fault: server_count: 2 is not the length of server_list: write 1",
    ),
    Case(
        "`server_count` as a number",
        put("server_count", 1),
        'fault: server_count: 1 is no string: HCCL takes strings only, write "1"',
    ),
    Case(
        "a key HCCL does not know",
        put("help", "see the README"),
        "warning: help: HCCL does not know this key: take it out",
    ),
    Case(
        "superpods in version 1.0",
        put("super_pod_list", []),
        'warning: super_pod_list: this key counts in version "1.2" only: take it out',
    ),
    Case(
        "no `server_list`",
        drop("server_list"),
        "fault: server_list: the key is missing: list the servers with their cards",
    ),
    Case(
        "an empty `server_list`",
        put("server_list", []),
        "fault: server_list: the list is empty: list the servers with their cards",
    ),
    Case(
        "`server_list` is no list",
        put("server_list", {}),
        "fault: server_list: an object is no list: list the servers with their cards",
    ),
    Case(
        "a server that is no object",
        put(_S0, "192.0.2.1"),
        'fault: server_list[0]: "192.0.2.1" is no JSON object: list the servers with their cards',
    ),
]

_SERVER = [
    Case(
        "no `server_id`",
        drop(f"{_S0}.server_id"),
        "fault: server_list[0].server_id: the key is missing: name the server, best by its address",
    ),
    Case(
        "an empty `server_id`",
        put(f"{_S0}.server_id", ""),
        "fault: server_list[0].server_id: the string is empty: name the server, best by its "
        "address",
    ),
    Case(
        "a `server_id` that is too long",
        put(f"{_S0}.server_id", "n" * 65),
        "fault: server_list[0].server_id: the name has 65 characters: HCCL takes at most 64",
    ),
    Case(
        "`server_id` is null",
        put(f"{_S0}.server_id", None),
        "fault: server_list[0].server_id: null is no string: HCCL takes strings only",
    ),
    Case(
        "a loop-back `server_id`",
        put(f"{_S0}.server_id", "127.0.1.1"),
        'warning: server_list[0].server_id: "127.0.1.1" is what every server calls itself: write '
        "an address the other servers reach it by",
    ),
    Case(
        "one `server_id` twice",
        put("server_list.1.server_id", "192.0.2.1"),
        'fault: server_list[1].server_id: "192.0.2.1" is the name of server_list[0] as well: give '
        "every server its own name",
        good=two_servers,
    ),
    Case(
        "no `pod_ip`",
        drop(f"{_S0}.pod_ip"),
        "warning: server_list[0].pod_ip: the key is missing, and msrun keeps its own order of "
        "ranks: write each server's address",
    ),
    Case(
        "`pod_ip` is true",
        put(f"{_S0}.pod_ip", True),
        "fault: server_list[0].pod_ip: true is no string: HCCL takes strings only",
    ),
    Case(
        "`host_nic_ip` is a list",
        put(f"{_S0}.host_nic_ip", []),
        "fault: server_list[0].host_nic_ip: a list is no string: HCCL takes strings only",
    ),
    Case(
        "an empty `host_ip`",
        put(f"{_S0}.host_ip", ""),
        "fault: server_list[0].host_ip: this is not one address: write one",
    ),
    Case(
        "no `device`",
        drop(f"{_S0}.device"),
        "fault: server_list[0].device: the key is missing: list the cards of the server",
    ),
    Case(
        "a server without cards",
        put(f"{_S0}.device", []),
        "fault: server_list[0].device: the list is empty: list the cards of the server",
    ),
    Case(
        "unequal numbers of cards, on 910",
        lambda table: table["server_list"][1]["device"].pop(),
        "fault: server_list[1]: its number of cards is 1, and that of the first server 2: cards "
        "910 need as many on every server",
        good=two_servers,
        card="910",
    ),
    Case(
        "unequal numbers of cards",
        lambda table: table["server_list"][1]["device"].pop(),
        "warning: server_list[1]: its number of cards is 1, and that of the first server 2: "
        "cards 910 refuse that, A2 and A3 do not",
        good=two_servers,
        card="",
    ),
    Case(
        "cards that are no group of a 910 server",
        put(f"{_D1}.device_id", "4"),
        "warning: server_list[0].device: cards 0, 4 are no group that 910 servers are built for: "
        "take 1, 2 or 4 of 0-3 or of 4-7, or all 8",
        card="910",
    ),
]

_DEVICE = [
    Case(
        "no `device_id`",
        drop(f"{_D0}.device_id"),
        "fault: server_list[0].device[0].device_id: the key is missing: write the number in "
        "/dev/davinciN of the card",
    ),
    Case(
        "`device_id` as a number",
        put(f"{_D0}.device_id", 0),
        "fault: server_list[0].device[0].device_id: 0 is no string: HCCL takes strings only, "
        'write "0"',
    ),
    Case(
        "a `device_id` beyond 7, on 910",
        put(f"{_D1}.device_id", "8"),
        "fault: server_list[0].device[1].device_id: 8 is the number of no card: a server has 0 to "
        "7",
        card="910",
    ),
    Case(
        "a `device_id` beyond 15",
        put(f"{_D1}.device_id", "16"),
        "fault: server_list[0].device[1].device_id: 16 is the number of no card: a server has 0 "
        "to 15",
    ),
    Case(
        "one `device_id` twice in a server",
        put(f"{_D1}.device_id", "0"),
        "fault: server_list[0].device[1].device_id: 0 is the number of server_list[0].device[0] "
        "as well: a card of a server takes one rank",
    ),
    Case(
        "a key of version 1.2",
        put(f"{_D0}.super_device_id", "0"),
        'warning: server_list[0].device[0].super_device_id: this key counts in version "1.2" '
        "only: take it out",
    ),
    Case(
        "an unknown key of every card",
        _all(put(f"{_D0}.reference", ""), put(f"{_D1}.reference", "")),
        "warning: server_list[0].device[0].reference: HCCL does not know this key (at 2 "
        "places): take it out",
    ),
    Case(
        "a card without an address, which hccl_tools.py lets pass",
        put(f"{_D0}.device_ip", "-.-.-.-"),
        f'fault: server_list[0].device[0].device_ip: "-.-.-.-" is no IP address: {_IP}',
    ),
    Case(
        "an address that is nobody's",
        put(f"{_D0}.device_ip", "0.0.0.0"),
        "fault: server_list[0].device[0].device_ip: 0.0.0.0 is the address of no card: write the "
        "card's own",
    ),
    Case(
        "one `device_ip` twice",
        put("server_list.1.device.0.device_ip", "198.51.100.32"),
        "fault: server_list[1].device[0].device_ip: 198.51.100.32 is the address of "
        "server_list[0].device[0] as well: write each card's own",
        good=two_servers,
    ),
    Case(
        "IPv4 and IPv6",
        put(f"{_D1}.device_ip", "2001:db8::1"),
        "fault: server_list[0].device[1].device_ip: this is an IPv6 address, and the first card "
        "has IPv4: use one family for all cards",
    ),
    Case(
        "two addresses of one card",
        put(f"{_D1}.device_ip", "198.51.100.1,198.51.100.2"),
        "fault: server_list[0].device[1].device_ip: this card has 2 addresses, and the first has "
        "1: give every card as many",
    ),
    Case(
        "no `device_ip`, with several servers",
        drop(f"{_D0}.device_ip"),
        "fault: server_list[0].device[0].device_ip: the card's address is missing, which several "
        f"servers need: {_IP}",
        good=two_servers,
    ),
    Case(
        "no `device_ip`, on 910",
        drop(f"{_D0}.device_ip"),
        "fault: server_list[0].device[0].device_ip: the card's address is missing, which cards "
        f"910 need: {_IP}",
        card="910",
    ),
    Case(
        "no `device_ip` on one server",
        drop(f"{_D0}.device_ip"),
        "warning: server_list[0].device[0].device_ip: the card's address is missing, which only "
        f"A2 and A3 allow: {_IP}",
        card="",
    ),
    Case(
        "a port that is none",
        put(f"{_D0}.device_port", "65536"),
        'fault: server_list[0].device[0].device_port: "65536" is no port: write 1 to 65535',
    ),
]

_RANK = [
    Case(
        "no `rank_id`",
        drop(f"{_D0}.rank_id"),
        f"fault: server_list[0].device[0].rank_id: the key is missing: {_RANKS}",
    ),
    Case(
        "a negative `rank_id`",
        put(f"{_D0}.rank_id", "-1"),
        'fault: server_list[0].device[0].rank_id: "-1" is no whole number without sign and '
        f"leading zeros: {_RANKS}",
    ),
    Case(
        "a `rank_id` with leading zeros",
        put(f"{_D1}.rank_id", "01"),
        'fault: server_list[0].device[1].rank_id: "01" is no whole number without sign and '
        f"leading zeros: {_RANKS}",
    ),
    Case(
        "one `rank_id` twice",
        put(f"{_D1}.rank_id", "0"),
        "fault: server_list[0].device[1].rank_id: 0 is the rank of server_list[0].device[0] as "
        "well: give every card its own",
    ),
    Case(
        "a gap in the ranks",
        put(f"{_D1}.rank_id", "2"),
        "fault: server_list[0].device[1].rank_id: 2 is beyond the 2 cards of the table: number "
        "them 0 to 1 without a gap",
    ),
    Case(
        "ranks that go to and fro between servers",
        _all(put(f"{_D1}.rank_id", "2"), put("server_list.1.device.0.rank_id", "1")),
        "fault: server_list[0]: its ranks 0, 2 mix with those of other servers: number each "
        "server's cards in one go",
        good=two_servers,
    ),
    Case(
        "ranks against the dictionary order of `server_id`",
        _swap_ranks_of_servers,
        'fault: server_list[0].server_id: "192.0.2.1" has higher ranks than "192.0.2.2", which is '
        "behind it in dictionary order: 'fcn4-dist rank-table merge' numbers them as HCCL wants",
        good=two_servers,
    ),
]

_POD = [
    Case(
        "no `super_pod_list`",
        drop("super_pod_list"),
        "warning: super_pod_list: the key is missing, and HCCL takes the servers for no superpod: "
        'list the superpods, or use version "1.0"',
        good=superpods,
        card="A3",
    ),
    Case(
        "an empty `super_pod_list`",
        put("super_pod_list", []),
        "fault: super_pod_list: the list is empty: list the superpods",
        good=superpods,
        card="A3",
    ),
    Case(
        "no `super_pod_id`",
        drop("super_pod_list.0.super_pod_id"),
        "fault: super_pod_list[0].super_pod_id: the key is missing: give the superpod a name",
        good=superpods,
        card="A3",
    ),
    Case(
        "one `super_pod_id` twice",
        put("super_pod_list.1.super_pod_id", "0"),
        'fault: super_pod_list[1].super_pod_id: there is another superpod "0": list each once, '
        "with all its servers",
        good=superpods,
        card="A3",
    ),
    Case(
        "a superpod without servers",
        put("super_pod_list.0.server_list", []),
        "fault: super_pod_list[0].server_list: the list is empty: list the superpod's servers",
        good=superpods,
        card="A3",
    ),
    Case(
        "a superpod's server that is not in `server_list`",
        put("super_pod_list.0.server_list.0.server_id", "192.0.2.9"),
        'fault: super_pod_list[0].server_list[0].server_id: "192.0.2.9" is no server of '
        "server_list: write one of those",
        good=superpods,
        card="A3",
    ),
    Case(
        "a server in two superpods",
        put("super_pod_list.1.server_list.0.server_id", "192.0.2.1"),
        'fault: super_pod_list[1].server_list[0].server_id: "192.0.2.1" is in a superpod already: '
        "a server belongs to one",
        good=superpods,
        card="A3",
    ),
    Case(
        "a server in no superpod",
        lambda table: table["super_pod_list"][1]["server_list"].pop(),
        'fault: server_list[3].server_id: "192.0.2.4" is in no superpod: add it to one in '
        "super_pod_list",
        good=superpods,
        card="A3",
    ),
    Case(
        "superpods whose servers stand mixed",
        _all(
            put("super_pod_list.0.server_list.1.server_id", "192.0.2.3"),
            put("super_pod_list.1.server_list.0.server_id", "192.0.2.2"),
        ),
        'fault: server_list[2]: it belongs to superpod "0", and a server of another stands '
        "between: list the servers of a superpod together",
        good=superpods,
        card="A3",
    ),
    Case(
        "no `super_device_id`",
        drop(f"{_D0}.super_device_id"),
        f"fault: server_list[0].device[0].super_device_id: the key is missing: {_SDID}",
        good=superpods,
        card="A3",
    ),
    Case(
        "an empty `super_device_id`",
        put(f"{_D0}.super_device_id", ""),
        f"fault: server_list[0].device[0].super_device_id: the string is empty: {_SDID}",
        good=superpods,
        card="A3",
    ),
    Case(
        "one `super_device_id` twice in a superpod",
        put("server_list.1.device.0.super_device_id", "0"),
        "fault: server_list[1].device[0].super_device_id: 0 is the number of "
        "server_list[0].device[0] in the same superpod: write each card's own",
        good=superpods,
        card="A3",
    ),
]

CASES = [*_FILE, *_TOP, *_SERVER, *_DEVICE, *_RANK, *_POD]
