"""The rules of ``server_list``, one server and one card at a time."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from fcn4_dist.rank_table.fields import (
    Address,
    check_ports,
    key_path,
    shown,
    take_addresses,
    take_number,
    take_optional_text,
    take_text,
)
from fcn4_dist.rank_table.report import Findings

LONGEST_SERVER_ID = 64
_SERVER_KEYS = {"server_id", "device", "host_ip", "host_nic_ip", "pod_ip"}
_DEVICE_KEYS = {
    "device_id",
    "device_ip",
    "rank_id",
    "device_port",
    "device_vnic_port",
    "backup_device_ip",
    "backup_device_port",
    "host_port",
    "net_position",
    "net_protocol",
}
_HIGHEST_DEVICE_ID = {"910": 7}
_HIGHEST_DEVICE_ID_ELSEWHERE = 15


@dataclass(frozen=True)
class ReadDevice:
    """What could be read of a card; None where a fault was found."""

    where: str
    device_id: int | None
    device_ips: tuple[Address, ...]
    ip_text: str
    rank_id: int | None
    super_device_id: int | None
    has_super_device_id: bool


@dataclass(frozen=True)
class ReadServer:
    """What could be read of a server; None where a fault was found."""

    where: str
    server_id: str | None
    pod_ip: str
    devices: tuple[ReadDevice, ...]


def take_servers(
    content: dict[str, Any], version: str, generation: str, findings: Findings
) -> tuple[ReadServer, ...]:
    """Read ``server_list``, checking every value by itself.

    Args:
        content: The table.
        version: "1.0" or "1.2".
        generation: Of the cards; "" for unknown.
        findings: Where faults go.

    Returns:
        Its servers, in the order of the file.
    """
    entries = take_objects(
        content, "", "server_list", "list the servers with their cards", findings
    )
    extra: Counter[str] = Counter()
    places: dict[str, str] = {}
    servers = []
    for where, entry in entries:
        devices = take_objects(entry, where, "device", "list the cards of the server", findings)
        known = _DEVICE_KEYS | ({"super_device_id"} if version == "1.2" else set())
        for holder, keys, place in [
            (entry, _SERVER_KEYS, where),
            *((device, known, inner) for inner, device in devices),
        ]:
            for key in holder.keys() - keys:
                extra[key] += 1
                places.setdefault(key, key_path(place, key))
        servers.append(
            ReadServer(
                where,
                _server_id(entry, where, findings),
                _pod_ip(entry, where, findings),
                tuple(_device(*item, version, generation, findings) for item in devices),
            )
        )
    for key in sorted(extra):
        count = f" (at {extra[key]} places)" if extra[key] > 1 else ""
        findings.warning(places[key], f"{unknown_key(key)}{count}: take it out")
    return tuple(servers)


def unknown_key(key: str) -> str:
    """Say why a key is not one of the table's version."""
    if key in ("super_device_id", "super_pod_list"):
        return 'this key counts in version "1.2" only'
    return "HCCL does not know this key"


def take_objects(
    entry: dict[str, Any], where: str, key: str, mend: str, findings: Findings
) -> list[tuple[str, dict[str, Any]]]:
    """Take a list of objects that has to be there, each with its JSON path."""
    place = key_path(where, key)
    value = entry.get(key)
    if key not in entry:
        findings.fault(place, f"the key is missing: {mend}")
    elif not isinstance(value, list):
        findings.fault(place, f"{shown(value)} is no list: {mend}")
    elif not value:
        findings.fault(place, f"the list is empty: {mend}")
    found = []
    for index, item in enumerate(value if isinstance(value, list) else []):
        if isinstance(item, dict):
            found.append((f"{place}[{index}]", item))
        else:
            findings.fault(f"{place}[{index}]", f"{shown(item)} is no JSON object: {mend}")
    return found


def _server_id(entry: dict[str, Any], where: str, findings: Findings) -> str | None:
    server_id = take_text(
        entry, where, "server_id", "name the server, best by its address", findings
    )
    if server_id is None:
        return None
    place = key_path(where, "server_id")
    length = len(server_id.encode("utf-8", "surrogatepass"))
    if length > LONGEST_SERVER_ID:
        findings.fault(
            place, f"the name has {length} characters: HCCL takes at most {LONGEST_SERVER_ID}"
        )
    if server_id.startswith("127.") or server_id in ("::1", "localhost"):
        findings.warning(
            place,
            f"{shown(server_id)} is what every server calls itself: write an address the other "
            "servers reach it by",
        )
    return server_id


def _pod_ip(entry: dict[str, Any], where: str, findings: Findings) -> str:
    take_optional_text(entry, where, "host_nic_ip", findings)
    if len(take_addresses(entry, where, "host_ip", findings)) > 1 or entry.get("host_ip") == "":
        findings.fault(key_path(where, "host_ip"), "this is not one address: write one")
    return take_optional_text(entry, where, "pod_ip", findings) or ""


def _device(
    where: str, entry: dict[str, Any], version: str, generation: str, findings: Findings
) -> ReadDevice:
    device_id = take_number(
        entry, where, "device_id", "write the number in /dev/davinciN of the card", findings
    )
    highest = _HIGHEST_DEVICE_ID.get(generation, _HIGHEST_DEVICE_ID_ELSEWHERE)
    if device_id is not None and device_id > highest:
        findings.fault(
            key_path(where, "device_id"),
            f"{device_id} is the number of no card: a server has 0 to {highest}",
        )
        device_id = None
    rank_id = take_number(
        entry, where, "rank_id", "number the cards of all servers from 0 on", findings
    )
    check_ports(entry, where, findings)
    for key in ("net_position", "net_protocol"):
        take_optional_text(entry, where, key, findings)
    take_addresses(entry, where, "backup_device_ip", findings)
    super_device_id = None
    if version == "1.2" and "super_device_id" in entry:
        super_device_id = take_number(
            entry,
            where,
            "super_device_id",
            "write the SDID that 'npu-smi info -t spod-info' shows",
            findings,
        )
    ips = take_addresses(entry, where, "device_ip", findings)
    text = entry.get("device_ip", "")
    # Text that is there and wrong has its fault already: it is not missing.
    ip_text = text if isinstance(text, str) else shown(text)
    return ReadDevice(
        where, device_id, ips, ip_text, rank_id, super_device_id, "super_device_id" in entry
    )
