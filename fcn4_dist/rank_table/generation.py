"""Make the table of one host."""

import ipaddress
from collections.abc import Mapping
from typing import Any

from fcn4_dist.errors import InputError
from fcn4_dist.rank_table.checking import check_content, refuse_faults
from fcn4_dist.rank_table.report import Findings


def generate_rank_table(
    addresses: Mapping[int, str], server_ip: str, generation: str = ""
) -> dict[str, Any]:
    """Make the table of one host, of version 1.0, with ranks in the order of the cards.

    Args:
        addresses: Network address of each card, by its physical id.
        server_ip: Address the other hosts reach this one by.
        generation: "910", "A2" or "A3"; "" leaves their own rules unchecked.

    Returns:
        The table's JSON object.

    Raises:
        InputError: If the server's or a card's address is none.
    """
    _check_server_ip(server_ip)
    for card, address in sorted(addresses.items()):
        _check_card_ip(card, address)
    devices = [
        {"device_id": str(card), "device_ip": address, "rank_id": str(rank)}
        for rank, (card, address) in enumerate(sorted(addresses.items()))
    ]
    content = {
        "version": "1.0",
        "server_count": "1",
        "server_list": [
            {
                "server_id": server_ip,
                "device": devices,
                "host_nic_ip": "reserve",
                "pod_ip": server_ip,
            }
        ],
        "status": "completed",
    }
    findings = Findings()
    check_content(content, generation, findings)
    refuse_faults(findings.report(), f"what this host says of cards {_joined(addresses, ', ')}")
    return content


def generated_name(content: Mapping[str, Any]) -> str:
    """Name the table of one host as the ModelZoo's tool does: hccl_2p_01_192.0.2.1.json.

    Ids of two digits are parted by "-", as in hccl_2p_8-10_192.0.2.1.json.
    """
    server = content["server_list"][0]
    ids = [int(device["device_id"]) for device in server["device"]]
    joined = _joined(ids, "-" if max(ids) > 9 else "")
    return f"hccl_{len(ids)}p_{joined}_{server['server_id']}.json"


def _check_server_ip(server_ip: str) -> None:
    try:
        address = ipaddress.ip_address(server_ip)
    except ValueError as error:
        raise InputError(
            f"server_ip {server_ip!r} is no IP address: give --server_ip ADDRESS"
        ) from error
    if address.is_loopback or address.is_unspecified:
        raise InputError(
            f"server_ip {server_ip} is no address other hosts reach this one by: choose one that "
            "'hostname -I' prints and give --server_ip ADDRESS"
        )


def _check_card_ip(card: int, address: str) -> None:
    try:
        ipaddress.ip_address(address)
    except ValueError as error:
        known = f"has {address!r} for its address" if address else "has no address"
        raise InputError(
            f"card {card} {known}: set one with "
            f"'hccn_tool -i {card} -ip -s address ADDRESS netmask MASK'"
        ) from error


def _joined(ids: Any, between: str) -> str:
    return between.join(map(str, sorted(ids)))
