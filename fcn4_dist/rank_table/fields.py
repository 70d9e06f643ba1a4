"""The rules of single values: strings, numbers, addresses, ports."""

import ipaddress
import json
import re
from typing import Any

from fcn4_dist.rank_table.report import Findings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LONGEST_SHOWN = 60
_HIGHEST_PORT = 65535
_HIGHEST_NUMBER = 2**32 - 2


def shown(value: Any) -> str:
    """Show a JSON value in a sentence."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = json.dumps(value)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."


def key_path(where: str, key: str) -> str:
    """Extend a JSON path by a key."""
    name = key if re.fullmatch(r"[\w-]{1,64}", key, re.ASCII) else shown(key)
    return f"{where}.{name}" if where else name


def take_text(
    entry: dict[str, Any], where: str, key: str, mend: str, findings: Findings
) -> str | None:
    """Take a string that has to be there.

    Args:
        entry: The object that holds it.
        where: JSON path of the object.
        key: Its key.
        mend: How to write it.
        findings: Where faults go.

    Returns:
        The string; None with a fault if it is missing, empty or no string.
    """
    place = key_path(where, key)
    if key not in entry:
        findings.fault(place, f"the key is missing: {mend}")
        return None
    text = take_optional_text(entry, where, key, findings)
    if text == "":
        findings.fault(place, f"the string is empty: {mend}")
    return text or None


def take_optional_text(
    entry: dict[str, Any], where: str, key: str, findings: Findings
) -> str | None:
    """Take a string that may be left out: None if it is, or with a fault if it is no string."""
    value = entry.get(key)
    if isinstance(value, str):
        return value
    if key in entry:
        mend = f', write "{shown(value)}"' if type(value) is int else ""
        findings.fault(
            key_path(where, key), f"{shown(value)} is no string: HCCL takes strings only{mend}"
        )
    return None


def take_number(
    entry: dict[str, Any], where: str, key: str, mend: str, findings: Findings
) -> int | None:
    """Take a number, written as a string, that has to be there."""
    text = take_text(entry, where, key, mend, findings)
    return None if text is None else _number(text, key_path(where, key), mend, findings)


def take_addresses(
    entry: dict[str, Any], where: str, key: str, findings: Findings
) -> tuple[Address, ...]:
    """Take network addresses, several being parted by commas; none if the key is left out."""
    found = []
    for text in (take_optional_text(entry, where, key, findings) or "").split(","):
        if not text:
            continue
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            findings.fault(
                key_path(where, key),
                f"{shown(text)} is no IP address: write the one that 'hccn_tool -i N -ip -g' "
                "prints on that server",
            )
            continue
        if address.is_unspecified or address.is_multicast:
            findings.fault(
                key_path(where, key), f"{text} is the address of no card: write the card's own"
            )
        found.append(address)
    return tuple(found)


def check_ports(entry: dict[str, Any], where: str, findings: Findings) -> None:
    """Check the ports a card may carry."""
    for key in ("device_port", "device_vnic_port", "backup_device_port", "host_port"):
        text = take_optional_text(entry, where, key, findings)
        if text is None:
            continue
        if not re.fullmatch(r"[1-9][0-9]{0,4}", text) or int(text) > _HIGHEST_PORT:
            findings.fault(
                key_path(where, key), f"{shown(text)} is no port: write 1 to {_HIGHEST_PORT}"
            )


def _number(text: str, place: str, mend: str, findings: Findings) -> int | None:
    if re.fullmatch(r"0|[1-9][0-9]{0,9}", text) and int(text) <= _HIGHEST_NUMBER:
        return int(text)
    findings.fault(
        place, f"{shown(text)} is no whole number without sign and leading zeros: {mend}"
    )
    return None
