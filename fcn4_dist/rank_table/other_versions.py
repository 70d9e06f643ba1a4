"""Versions this program knows by name only: what holds for all of them."""

from typing import Any

from fcn4_dist.rank_table.fields import (
    key_path,
    take_addresses,
    take_number,
    take_optional_text,
)
from fcn4_dist.rank_table.report import Findings

_TEXTS = {
    "group_count",
    "group_name",
    "device_num",
    "device_count",
    "server_num",
    "server_count",
    "instance_count",
    "para_plane_nic_location",
    "deploy_mode",
    "pod_name",
    "server_id",
    "device_id",
}


def check_other_version(content: dict[str, Any], findings: Findings) -> None:
    """Check strings where they belong, and that no card shares its address or its rank."""
    ranks: dict[Any, str] = {}
    _check(content, "", {}, ranks, findings)
    for rank, where in ranks.items():
        if rank >= len(ranks):
            findings.fault(
                key_path(where, "rank_id"),
                f"{rank} is beyond the {len(ranks)} ranks of the table: number them 0 to "
                f"{len(ranks) - 1} without a gap",
            )


def _check(
    value: Any,
    where: str,
    addresses: dict[Any, str],
    ranks: dict[Any, str],
    findings: Findings,
) -> None:
    if isinstance(value, list):
        for index, item in enumerate(value):
            _check(item, f"{where}[{index}]", addresses, ranks, findings)
    if not isinstance(value, dict):
        return
    for key in value:
        if key in _TEXTS:
            take_optional_text(value, where, key, findings)
        elif key == "device_ip":
            for address in take_addresses(value, where, key, findings):
                _once(addresses, address, where, key, findings)
        elif key == "rank_id":
            mend = "number the ranks from 0 on"
            rank = take_number(value, where, key, mend, findings)
            if rank is not None:
                _once(ranks, rank, where, key, findings)
        else:
            _check(value[key], key_path(where, key), addresses, ranks, findings)


def _once(seen: dict[Any, str], value: Any, where: str, key: str, findings: Findings) -> None:
    if seen.setdefault(value, where) != where:
        findings.fault(
            key_path(where, key), f"{value} is that of {seen[value]} as well: give each its own"
        )
