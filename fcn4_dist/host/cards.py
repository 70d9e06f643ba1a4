"""The Ascend cards of this host and how a user names them, and the host's own addresses."""

import re
import socket
from pathlib import Path

from fcn4_dist.errors import InputError
from fcn4_dist.host.driver import host_path

DEVICE_FOLDER = Path("/dev")


def find_card_ids(device_folder: Path | None = None) -> tuple[int, ...]:
    """Find the physical ids of this host's cards, in ascending order.

    Args:
        device_folder: Where the driver shows its cards; None for /dev.
    """
    folder = device_folder or host_path(DEVICE_FOLDER)
    names = (entry.name for entry in folder.glob("davinci*"))
    matches = (re.fullmatch(r"davinci([0-9]+)", name) for name in names)
    return tuple(sorted(int(match[1]) for match in matches if match))


def find_host_addresses() -> tuple[str, ...]:
    """Find this host's own network addresses, IPv4 first, without loop-back ones."""
    import psutil

    found = []
    for family in (socket.AF_INET, socket.AF_INET6):
        for interface in psutil.net_if_addrs().values():
            found += [
                entry.address.partition("%")[0] for entry in interface if entry.family == family
            ]
    return tuple(
        dict.fromkeys(text for text in found if not text.startswith("127.") and text != "::1")
    )


def find_main_address() -> str:
    """Find the address this host is reached by: the one its default route leaves from.

    Returns:
        The address; the only one of :func:`find_host_addresses` without such a route, else "".
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Connecting a datagram socket picks the route, and sends nothing.
            probe.connect(("203.0.113.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            addresses = find_host_addresses()
    return addresses[0] if len(addresses) == 1 else ""


def parse_devices(text: str) -> tuple[int, ...]:
    """Read a choice of cards.

    Args:
        text: Ids and ranges with both ends, parted by commas: "0-7", "0,2,5", "0-3,6".

    Returns:
        The ids in ascending order.

    Raises:
        InputError: If it is anything else, or names a card twice.
    """
    ids: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,3})\s*(?:-\s*([0-9]{1,3})\s*)?", part, re.ASCII)
        if not match:
            raise InputError(f"devices {text!r} is no list of cards: write it like 0-7 or 0,2,5")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise InputError(f"devices {text!r} has the descending range {part.strip()}: turn it")
        ids += range(first, last + 1)
    repeated = sorted({card for card in ids if ids.count(card) > 1})
    if repeated:
        names = ", ".join(map(str, repeated))
        raise InputError(f"devices {text!r} has card {names} more than once: name each card once")
    return tuple(sorted(ids))
