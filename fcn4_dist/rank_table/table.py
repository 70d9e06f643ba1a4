"""A rank table, typed: which card of which server has which rank."""

import ipaddress
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Device:
    """One card.

    Attributes:
        device_id: Its physical id on its server.
        device_ip: Its own network address; "" where the table leaves it out.
        rank_id: The rank of the process that uses it.
    """

    device_id: int
    device_ip: str
    rank_id: int


@dataclass(frozen=True)
class Server:
    """One server and its cards.

    Attributes:
        server_id: Its name in the table, mostly its address.
        pod_ip: Its address as MindSpore compares it; "" if the table has none.
        devices: Its cards, ordered by rank.
    """

    server_id: str
    pod_ip: str
    devices: tuple[Device, ...]


@dataclass(frozen=True)
class RankTable:
    """A checked rank table.

    Attributes:
        servers: Its servers, ordered by their first rank.
        content: Its JSON object, with a ``pod_ip`` for every server whose address is known.
    """

    servers: tuple[Server, ...]
    content: Mapping[str, Any]

    @property
    def ranks(self) -> int:
        """Number of ranks."""
        return sum(len(server.devices) for server in self.servers)

    def server_of(self, addresses: Collection[str]) -> int | None:
        """Find the server that has one of these addresses.

        Args:
            addresses: Addresses of a host.

        Returns:
            The index of the server whose ``server_id`` or ``pod_ip`` is among them, or None.
        """
        for index, server in enumerate(self.servers):
            if server.server_id in addresses or server.pod_ip in addresses:
                return index
        return None


def typed_table(content: dict[str, Any]) -> RankTable:
    """Make the typed table of the JSON object of one without errors."""
    entries = [_with_pod_ip(entry) for entry in content["server_list"]]
    servers = [
        Server(
            entry["server_id"],
            entry.get("pod_ip", ""),
            tuple(sorted(map(_typed_device, entry["device"]), key=lambda device: device.rank_id)),
        )
        for entry in entries
    ]
    return RankTable(
        tuple(sorted(servers, key=lambda server: server.devices[0].rank_id)),
        {**content, "server_list": entries},
    )


def _with_pod_ip(entry: dict[str, Any]) -> dict[str, Any]:
    # MindCluster calls a pod's address container_ip; MindSpore takes the ranks of a table only
    # where it finds its own address as pod_ip.
    address = entry.get("pod_ip") or entry.get("container_ip") or entry["server_id"]
    return {**entry, "pod_ip": address} if _is_address(address) else entry


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _typed_device(entry: dict[str, Any]) -> Device:
    return Device(int(entry["device_id"]), entry.get("device_ip", ""), int(entry["rank_id"]))
