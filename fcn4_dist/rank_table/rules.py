"""The rules between the servers, cards and superpods of a table."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from fcn4_dist.findings import Level
from fcn4_dist.rank_table.entries import CARD_ADDRESS_MEND, Entry, shown
from fcn4_dist.rank_table.servers import SDID_MEND, ReadServer

FIRST_GENERATION = "910"
_COUNTS_OF_910 = (1, 2, 4, 8)
_TABLE_KEYS = {"version", "server_count", "server_list", "status"}
_SERVER_KEYS = {"server_id", "device", "host_ip", "host_nic_ip", "pod_ip"}
# What MindCluster's controller writes besides, and HCCL passes over.
_SERVER_KEYS_OF_A_SITE = {"container_ip", "hardware_type"}
_DEVICE_KEYS = {
    *("device_id", "device_ip", "rank_id", "device_port", "device_vnic_port"),
    *("backup_device_ip", "backup_device_port", "host_port", "net_position", "net_protocol"),
}


def check_keys(table: Entry, servers: Sequence[ReadServer], version: str) -> None:
    """Check that there are no keys but those of the table's version."""
    of_1_2 = version == "1.2"
    known = [(table, _TABLE_KEYS | ({"super_pod_list"} if of_1_2 else set()))]
    keys_of_device = _DEVICE_KEYS | ({"super_device_id"} if of_1_2 else set())
    for server in servers:
        known.append((server.entry, _SERVER_KEYS | _SERVER_KEYS_OF_A_SITE))
        known += [(device.entry, keys_of_device) for device in server.devices]
    entries_of = defaultdict(list)
    for entry, keys in known:
        for key in entry.content.keys() - keys:
            entries_of[key].append(entry)
    for key, entries in sorted(entries_of.items()):
        problem = "HCCL does not know this key"
        if key in ("super_device_id", "super_pod_list") and not of_1_2:
            problem = 'this key counts in version "1.2" only'
        count = f" (at {len(entries)} places)" if len(entries) > 1 else ""
        entries[0].warning(key, problem + count, "take it out")


def check_unique(servers: Sequence[ReadServer]) -> None:
    """Check what may be there once only: servers, cards of a server, card addresses, ranks."""
    seen: dict[tuple[str, Any], str] = {}

    def once(what: str, value: Any, entry: Entry, key: str, mend: str, scope: str = "") -> None:
        if value is None:
            return
        if first := seen.get((what + scope, value)):
            name = shown(value) if isinstance(value, str) else value
            entry.error(key, f"{name} is the {what} of {first} as well", mend)
        else:
            seen[what + scope, value] = entry.where

    for server in servers:
        mend = "give every server its own name"
        once("name", server.server_id, server.entry, "server_id", mend)
        for device in server.devices:
            mend = "a card of a server takes one rank"
            scope = server.entry.where
            once("number", device.device_id, device.entry, "device_id", mend, scope)
            for address in device.addresses:
                once("address", address, device.entry, "device_ip", "write each card's own")
            once("rank", device.rank_id, device.entry, "rank_id", "give every card its own")


def check_range(servers: Sequence[ReadServer]) -> None:
    """Check that no rank lies beyond the number of cards."""
    devices = [device for server in servers for device in server.devices]
    for device in devices:
        if device.rank_id is not None and device.rank_id >= len(devices):
            device.entry.error(
                "rank_id",
                f"{device.rank_id} is beyond the {len(devices)} cards of the table",
                f"number them 0 to {len(devices) - 1} without a gap",
            )


def check_order(servers: Sequence[ReadServer], pod_of: dict[str, str]) -> None:
    """Check that ranks go from server to server, in the dictionary order of their names.

    MindCluster numbers by pod, whatever the servers' names, and HCCL takes its tables.

    Args:
        servers: The servers.
        pod_of: Superpod of each server name; empty without superpods.
    """
    ranks = [sorted(d.rank_id for d in each.devices if d.rank_id is not None) for each in servers]
    cards = sum(len(server.devices) for server in servers)
    if sorted(rank for inner in ranks for rank in inner) != list(range(cards)):
        return
    mixed = [
        (server, inner)
        for server, inner in zip(servers, ranks, strict=True)
        if inner and inner[-1] - inner[0] >= len(inner)
    ]
    for server, inner in mixed:
        server.entry.error(
            "",
            f"its ranks {', '.join(map(str, inner))} mix with those of other servers",
            "number each server's cards in one go",
        )
    if mixed or any("container_ip" in server.entry.content for server in servers):
        return
    by_rank = sorted((inner[0], number) for number, inner in enumerate(ranks) if inner)
    for before, after in pairwise(servers[number] for _, number in by_rank):
        first, second = before.server_id or "", after.server_id or ""
        if first and second and pod_of.get(first) == pod_of.get(second) and first > second:
            after.entry.error(
                "server_id",
                f"{shown(second)} has higher ranks than {shown(first)}, which is behind it in "
                "dictionary order",
                "'fcn4-dist rank-table merge' numbers them as HCCL wants",
            )


def check_addresses(servers: Sequence[ReadServer], superpods: int, generation: str) -> None:
    """Check that card addresses are of one family, and there where HCCL needs them.

    Args:
        servers: The servers.
        superpods: Number of superpods; 0 for a version that has none.
        generation: Of the cards; "" for unknown.
    """
    devices = [device for server in servers for device in server.devices]
    with_addresses = [device for device in devices if device.addresses]
    for device in with_addresses:
        first = with_addresses[0].addresses
        others = {address.version for address in device.addresses} - {first[0].version}
        for family in sorted(others):
            device.entry.error(
                "device_ip",
                f"this is an IPv{family} address, and the first card has IPv{first[0].version}",
                "use one family for all cards",
            )
        if len(device.addresses) != len(first):
            device.entry.error(
                "device_ip",
                f"this card has {len(device.addresses)} addresses, and the first has {len(first)}",
                "give every card as many",
            )
    one_superpod = superpods == 1 and generation in ("A3", "")
    level, why = Level.OK, ""
    if len(servers) > 1 and not one_superpod:
        level, why = Level.ERROR, "which several servers need"
    elif generation == FIRST_GENERATION:
        level, why = Level.ERROR, "which cards 910 need"
    elif not generation:
        level, why = Level.WARNING, "which only A2 and A3 allow"
    for device in devices:
        if device.lacks_address and level is not Level.OK:
            problem = f"the card's address is missing, {why}"
            device.entry.add(level, "device_ip", problem, CARD_ADDRESS_MEND)


def check_counts(servers: Sequence[ReadServer], generation: str) -> None:
    """Check how many cards each server has, which matters to the first generation."""
    for server in servers:
        if len(server.devices) != len(servers[0].devices):
            problem = (
                f"its number of cards is {len(server.devices)}, and that of the first server "
                f"{len(servers[0].devices)}"
            )
            if generation == FIRST_GENERATION:
                server.entry.error("", problem, "cards 910 need as many on every server")
            elif not generation:
                server.entry.warning("", problem, "cards 910 refuse that, A2 and A3 do not")
        if generation == FIRST_GENERATION:
            _check_halves(server)


def _check_halves(server: ReadServer) -> None:
    ids = sorted(device.device_id for device in server.devices if device.device_id is not None)
    halves = {number // 4 for number in ids}
    if len(ids) not in _COUNTS_OF_910 or (len(ids) < max(_COUNTS_OF_910) and len(halves) > 1):
        server.entry.warning(
            "device",
            f"cards {', '.join(map(str, ids))} are no group that 910 servers are built for",
            "take 1, 2 or 4 of 0-3 or of 4-7, or all 8",
        )


def take_superpods(table: Entry, servers: Sequence[ReadServer]) -> dict[str, str]:
    """Read the ``super_pod_list`` of version 1.2, and check it against the servers.

    Args:
        table: The table.
        servers: Its servers.

    Returns:
        The superpod of each server's name; empty if there are none.
    """
    if "super_pod_list" not in table.content:
        table.warning(
            "super_pod_list",
            "the key is missing, and HCCL takes the servers for no superpod",
            'list the superpods, or use version "1.0"',
        )
        return {}
    pod_of: dict[str, str] = {}
    names = {server.server_id for server in servers}
    seen: set[str] = set()
    for entry in table.objects("super_pod_list", "list the superpods"):
        pod = entry.text("super_pod_id", "give the superpod a name")
        if pod is not None and pod in seen:
            problem = f"there is another superpod {shown(pod)}"
            entry.error("super_pod_id", problem, "list each once, with all its servers")
        seen.add(pod or "")
        for member in entry.objects("server_list", "list the superpod's servers"):
            _take_member(member, pod or entry.where, names, pod_of)
    _check_members(servers, pod_of)
    _check_together(servers, pod_of)
    return pod_of


def _take_member(member: Entry, pod: str, names: set[str | None], pod_of: dict[str, str]) -> None:
    name = member.text("server_id", "write a server_id of server_list")
    if name is None:
        return
    if name not in names:
        problem = f"{shown(name)} is no server of server_list"
        member.error("server_id", problem, "write one of those")
    elif name in pod_of:
        problem = f"{shown(name)} is in a superpod already"
        member.error("server_id", problem, "a server belongs to one")
    else:
        pod_of[name] = pod


def _check_members(servers: Sequence[ReadServer], pod_of: dict[str, str]) -> None:
    seen: dict[tuple[str, int], str] = {}
    for server in servers:
        pod = pod_of.get(server.server_id or "")
        if server.server_id is not None and pod is None:
            problem = f"{shown(server.server_id)} is in no superpod"
            server.entry.error("server_id", problem, "add it to one in super_pod_list")
        for device in server.devices:
            number, where = device.super_device_id, device.entry.where
            if "super_device_id" not in device.entry.content:
                device.entry.error("super_device_id", "the key is missing", SDID_MEND)
            elif (
                number is not None
                and pod is not None
                and (other := seen.setdefault((pod, number), where)) != where
            ):
                device.entry.error(
                    "super_device_id",
                    f"{number} is the number of {other} in the same superpod",
                    "write each card's own",
                )


def _check_together(servers: Sequence[ReadServer], pod_of: dict[str, str]) -> None:
    passed: list[str] = []
    for server in servers:
        pod = pod_of.get(server.server_id or "")
        if pod is None or passed[-1:] == [pod]:
            continue
        if pod in passed:
            server.entry.error(
                "",
                f"it belongs to superpod {shown(pod)}, and a server of another stands between",
                "list the servers of a superpod together",
            )
        passed.append(pod)
