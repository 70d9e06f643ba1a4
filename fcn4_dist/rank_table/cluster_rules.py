"""The rules between the servers and cards of a table."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from fcn4_dist.rank_table.fields import key_path, shown
from fcn4_dist.rank_table.report import Findings
from fcn4_dist.rank_table.servers import ReadDevice, ReadServer

FIRST_GENERATION = "910"
_COUNTS_OF_910 = (1, 2, 4, 8)


def check_unique(servers: Sequence[ReadServer], findings: Findings) -> None:
    """Check what may be there once only: servers, cards of a server, card addresses, ranks."""
    seen: dict[tuple[str, Any], str] = {}
    for server in servers:
        if server.server_id is not None:
            _once(
                seen,
                ("server", server.server_id),
                key_path(server.where, "server_id"),
                f"{shown(server.server_id)} is the name of",
                "give every server its own name",
                findings,
            )
        for device in server.devices:
            _check_device(seen, server.where, device, findings)


def check_addresses(
    servers: Sequence[ReadServer],
    version: str,
    superpods: int,
    generation: str,
    findings: Findings,
) -> None:
    """Check that card addresses are of one family, and there where HCCL needs them."""
    devices = [device for server in servers for device in server.devices]
    families = [(ip.version, device) for device in devices for ip in device.device_ips]
    for family, device in families:
        if family != families[0][0]:
            findings.fault(
                key_path(device.where, "device_ip"),
                f"this is an IPv{family} address, and the first card has IPv{families[0][0]}: "
                "use one family for all cards",
            )
    counts = [len(device.device_ips) for device in devices if device.device_ips]
    for device in devices:
        if device.device_ips and len(device.device_ips) != counts[0]:
            findings.fault(
                key_path(device.where, "device_ip"),
                f"this card has {len(device.device_ips)} addresses, and the first has {counts[0]}: "
                "give every card as many",
            )
    for device in devices:
        if not device.ip_text:
            _check_missing_address(device, len(servers), version, superpods, generation, findings)


def check_counts(servers: Sequence[ReadServer], generation: str, findings: Findings) -> None:
    """Check how many cards each server has, which matters to the first generation."""
    for server in servers:
        if len(server.devices) != len(servers[0].devices):
            problem = (
                f"its number of cards is {len(server.devices)}, and that of the first server "
                f"{len(servers[0].devices)}"
            )
            if generation == FIRST_GENERATION:
                findings.fault(server.where, f"{problem}: cards 910 need as many on every server")
            elif not generation:
                findings.warning(
                    server.where, f"{problem}: cards 910 refuse that, A2 and A3 do not"
                )
        if generation == FIRST_GENERATION:
            _check_halves(server, findings)


def check_order(servers: Sequence[ReadServer], pod_of: dict[str, str], findings: Findings) -> None:
    """Check that ranks go from server to server, in the dictionary order of their names.

    Args:
        servers: The servers.
        pod_of: Superpod of each server name; empty without superpods.
        findings: Where faults go.
    """
    ranks = [[device.rank_id for device in server.devices] for server in servers]
    flat = [rank for inner in ranks for rank in inner if rank is not None]
    if sorted(flat) != list(range(sum(map(len, ranks)))):
        return
    mixed = False
    for server, inner in zip(servers, ranks, strict=True):
        numbers = sorted(rank for rank in inner if rank is not None)
        if numbers and numbers[-1] - numbers[0] >= len(numbers):
            mixed = True
            findings.fault(
                server.where,
                f"its ranks {', '.join(map(str, numbers))} mix with those of other servers: "
                "number each server's cards in one go",
            )
    if mixed:
        return
    ordered = sorted(
        (server for server in servers if server.devices),
        key=lambda server: min(device.rank_id or 0 for device in server.devices),
    )
    for before, after in pairwise(ordered):
        first, second = before.server_id or "", after.server_id or ""
        if first and second and pod_of.get(first) == pod_of.get(second) and first > second:
            findings.fault(
                key_path(after.where, "server_id"),
                f"{shown(second)} has higher ranks than {shown(first)}, which is behind it in "
                "dictionary order: 'fcn4-dist rank-table merge' numbers them as HCCL wants",
            )


def _once(
    seen: dict[tuple[str, Any], str],
    what: tuple[str, Any],
    where: str,
    problem: str,
    mend: str,
    findings: Findings,
) -> None:
    if what in seen:
        findings.fault(where, f"{problem} {seen[what]} as well: {mend}")
    else:
        seen[what] = where.rpartition(".")[0]


def _check_device(
    seen: dict[tuple[str, Any], str], server: str, device: ReadDevice, findings: Findings
) -> None:
    if device.device_id is not None:
        _once(
            seen,
            (f"card of {server}", device.device_id),
            key_path(device.where, "device_id"),
            f"{device.device_id} is the number of",
            "a card of a server takes one rank",
            findings,
        )
    for ip in device.device_ips:
        _once(
            seen,
            ("address", ip),
            key_path(device.where, "device_ip"),
            f"{ip} is the address of",
            "write each card's own",
            findings,
        )
    if device.rank_id is not None:
        _once(
            seen,
            ("rank", device.rank_id),
            key_path(device.where, "rank_id"),
            f"{device.rank_id} is the rank of",
            "give every card its own",
            findings,
        )


def check_range(servers: Sequence[ReadServer], findings: Findings) -> None:
    """Check that no rank lies beyond the number of cards."""
    devices = [device for server in servers for device in server.devices]
    for device in devices:
        if device.rank_id is not None and device.rank_id >= len(devices):
            findings.fault(
                key_path(device.where, "rank_id"),
                f"{device.rank_id} is beyond the {len(devices)} cards of the table: number them "
                f"0 to {len(devices) - 1} without a gap",
            )


def _check_missing_address(
    device: ReadDevice,
    servers: int,
    version: str,
    superpods: int,
    generation: str,
    findings: Findings,
) -> None:
    place = key_path(device.where, "device_ip")
    mend = "write the one that 'hccn_tool -i N -ip -g' prints on that server"
    one_superpod = version == "1.2" and superpods <= 1 and generation in ("A3", "")
    if servers > 1 and not one_superpod:
        findings.fault(place, f"the card's address is missing, which several servers need: {mend}")
    elif generation == FIRST_GENERATION:
        findings.fault(place, f"the card's address is missing, which cards 910 need: {mend}")
    elif not generation:
        findings.warning(
            place, f"the card's address is missing, which only A2 and A3 allow: {mend}"
        )


def _check_halves(server: ReadServer, findings: Findings) -> None:
    ids = [device.device_id for device in server.devices if device.device_id is not None]
    halves = {number // 4 for number in ids}
    if len(ids) not in _COUNTS_OF_910 or (len(ids) < max(_COUNTS_OF_910) and len(halves) > 1):
        findings.warning(
            key_path(server.where, "device"),
            f"cards {', '.join(map(str, sorted(ids)))} are no group that 910 servers are built "
            "for: take 1, 2 or 4 of 0-3 or of 4-7, or all 8",
        )
