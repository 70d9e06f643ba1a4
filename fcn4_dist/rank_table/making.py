"""Make the table of one host, and join those of several."""

import ipaddress
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fcn4_dist.errors import InputError
from fcn4_dist.rank_table.checking import check_content, read_content, refuse_table


def generate_rank_table(
    addresses: Mapping[int, str],
    server_ip: str,
    generation: str = "",
    superpod: str = "",
    numbers_in_superpod: Mapping[int, str] | None = None,
) -> dict[str, Any]:
    """Make the table of one host, with ranks in the order of the cards.

    Args:
        addresses: Network address of each card, by its physical id.
        server_ip: Address the other hosts reach this one by.
        generation: "910", "A2" or "A3"; "" leaves their own rules unchecked.
        superpod: Id of the superpod this host is a part of, if it is of one.
        numbers_in_superpod: Each card's id there, by its physical id.

    Returns:
        The table's JSON object, of version 1.0, or 1.2 for a host of a superpod.

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
    for device in devices if superpod else ():
        device["super_device_id"] = (numbers_in_superpod or {})[int(device["device_id"])]
    content: dict[str, Any] = {
        "version": "1.2" if superpod else "1.0",
        "server_count": "1",
        "server_list": [
            {
                "server_id": server_ip,
                "device": devices,
                "host_nic_ip": "reserve",
                "pod_ip": server_ip,
            }
        ],
    }
    if superpod:
        member = {"super_pod_id": superpod, "server_list": [{"server_id": server_ip}]}
        content["super_pod_list"] = [member]
    content["status"] = "completed"
    name = f"what this host says of cards {_joined(addresses, ', ')}"
    refuse_table(check_content(content, generation), name)
    return content


def generated_name(content: Mapping[str, Any]) -> str:
    """Name the table of one host as the ModelZoo's tool does: hccl_2p_01_192.0.2.1.json.

    Ids of two digits are parted by "-", as in hccl_2p_8-10_192.0.2.1.json.
    """
    server = content["server_list"][0]
    ids = [int(device["device_id"]) for device in server["device"]]
    joined = _joined(ids, "-" if max(ids) > 9 else "")
    return f"hccl_{len(ids)}p_{joined}_{server['server_id']}.json"


def merge_rank_tables(paths: Sequence[Path], generation: str = "") -> dict[str, Any]:
    """Join tables into one, with ranks in the dictionary order of the servers' names.

    Args:
        paths: The tables, in any order.
        generation: "910", "A2" or "A3"; "" leaves their own rules unchecked.

    Returns:
        The joined table's JSON object.

    Raises:
        InputError: If one does not pass the check, or they do not go together.
    """
    if len(paths) < 2:
        raise InputError("there is nothing to merge: name two tables or more")
    contents = {path: read_content(path, generation) for path in paths}
    _check_versions(contents)
    _check_servers(contents)
    merged = _merge(list(contents.values()))
    refuse_table(check_content(merged, generation), f"the join of {', '.join(map(str, paths))}")
    return merged


def merged_name(content: Mapping[str, Any]) -> str:
    """Name a joined table as the ModelZoo's tool does: hccl_2s_16p.json."""
    servers = content["server_list"]
    return f"hccl_{len(servers)}s_{sum(len(server['device']) for server in servers)}p.json"


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


def _check_versions(contents: Mapping[Path, dict[str, Any]]) -> None:
    versions = {content["version"]: path for path, content in contents.items()}
    if len(versions) > 1:
        found = ", ".join(f"{version} in {path}" for version, path in versions.items())
        raise InputError(f"the tables have several versions ({found}): generate them alike")
    with_pods = {"super_pod_list" in content for content in contents.values()}
    if len(with_pods) > 1:
        raise InputError("some tables have super_pod_list and some not: generate them alike")


def _check_servers(contents: Mapping[Path, dict[str, Any]]) -> None:
    seen: dict[str, Path] = {}
    for path, content in contents.items():
        for server in content["server_list"]:
            name = server["server_id"]
            if name in seen:
                raise InputError(
                    f"server {name} is in {seen[name]} and in {path}: name each server's table once"
                )
            seen[name] = path


def _merge(contents: Sequence[dict[str, Any]]) -> dict[str, Any]:
    pods: dict[str, list[str]] = {}
    for content in contents:
        for pod in content.get("super_pod_list", []):
            members = pods.setdefault(pod["super_pod_id"], [])
            members += [member["server_id"] for member in pod["server_list"]]
    # A superpod stays together, so its first server decides where it stands.
    first_of_pod = {name: min(members) for members in pods.values() for name in members}
    servers = sorted(
        (server for content in contents for server in content["server_list"]),
        key=lambda server: (
            first_of_pod.get(server["server_id"], server["server_id"]),
            server["server_id"],
        ),
    )
    merged: dict[str, Any] = {
        "version": contents[0]["version"],
        "server_count": str(len(servers)),
        "server_list": _renumbered(servers),
    }
    if pods:
        merged["super_pod_list"] = [
            {
                "super_pod_id": pod,
                "server_list": [{"server_id": name} for name in sorted(members)],
            }
            for pod, members in sorted(pods.items(), key=lambda item: min(item[1]))
        ]
    merged["status"] = "completed"
    return merged


def _renumbered(servers: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    renumbered = []
    rank = 0
    for server in servers:
        devices = []
        for device in sorted(server["device"], key=lambda entry: int(entry["rank_id"])):
            devices.append({**device, "rank_id": str(rank)})
            rank += 1
        renumbered.append({**server, "device": devices})
    return renumbered
