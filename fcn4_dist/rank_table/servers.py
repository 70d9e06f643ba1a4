"""The rules of ``server_list``, one server and one card at a time."""

from dataclasses import dataclass

from fcn4_dist.rank_table.entries import Address, Entry, shown

LONGEST_SERVER_ID = 64
SDID_MEND = "write the SDID that 'npu-smi info -t spod-info' shows"
_HIGHEST_DEVICE_ID = {"910": 7}
_HIGHEST_DEVICE_ID_ELSEWHERE = 15


@dataclass(frozen=True)
class ReadDevice:
    """What could be read of a card; None where there is an error."""

    entry: Entry
    device_id: int | None
    addresses: tuple[Address, ...]
    rank_id: int | None
    super_device_id: int | None

    @property
    def lacks_address(self) -> bool:
        """Whether its address is missing; one that is wrong is not."""
        return self.entry.content.get("device_ip", "") == ""


@dataclass(frozen=True)
class ReadServer:
    """What could be read of a server; None where there is an error."""

    entry: Entry
    server_id: str | None
    devices: tuple[ReadDevice, ...]


def take_servers(table: Entry, version: str, generation: str) -> tuple[ReadServer, ...]:
    """Read ``server_list``, checking every value by itself.

    Args:
        table: The table.
        version: "1.0" or "1.2".
        generation: Of the cards; "" for unknown.

    Returns:
        Its servers, in the order of the file.
    """
    return tuple(
        _take_server(entry, version, generation)
        for entry in table.objects("server_list", "list the servers with their cards")
    )


def _take_server(entry: Entry, version: str, generation: str) -> ReadServer:
    server_id = entry.text("server_id", "name the server, best by its address")
    if server_id is not None:
        _check_server_id(entry, server_id)
    for key in ("host_nic_ip", "pod_ip", "container_ip"):
        entry.optional_text(key)
    if len(entry.addresses("host_ip")) > 1 or entry.content.get("host_ip") == "":
        entry.error("host_ip", "this is not one address", "write one")
    devices = entry.objects("device", "list the cards of the server")
    return ReadServer(
        entry, server_id, tuple(_take_device(device, version, generation) for device in devices)
    )


def _check_server_id(entry: Entry, server_id: str) -> None:
    length = len(server_id.encode("utf-8", "surrogatepass"))
    if length > LONGEST_SERVER_ID:
        entry.error(
            "server_id",
            f"the name has {length} characters",
            f"HCCL takes at most {LONGEST_SERVER_ID}",
        )
    if server_id.startswith("127.") or server_id in ("::1", "localhost"):
        entry.warning(
            "server_id",
            f"{shown(server_id)} is what every server calls itself",
            "write an address the other servers reach it by",
        )


def _take_device(entry: Entry, version: str, generation: str) -> ReadDevice:
    device_id = entry.number("device_id", "write the number in /dev/davinciN of the card")
    highest = _HIGHEST_DEVICE_ID.get(generation, _HIGHEST_DEVICE_ID_ELSEWHERE)
    if device_id is not None and device_id > highest:
        problem = f"{device_id} is the number of no card"
        entry.error("device_id", problem, f"a server has 0 to {highest}")
        device_id = None
    entry.check_ports()
    for key in ("net_position", "net_protocol"):
        entry.optional_text(key)
    entry.addresses("backup_device_ip")
    has_super_device_id = version == "1.2" and "super_device_id" in entry.content
    return ReadDevice(
        entry,
        device_id,
        entry.addresses("device_ip"),
        entry.number("rank_id", "number the cards of all servers from 0 on"),
        entry.number("super_device_id", SDID_MEND) if has_super_device_id else None,
    )
