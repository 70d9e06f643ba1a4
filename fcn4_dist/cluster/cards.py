"""The Ascend cards of this host: which there are, of which generation, with which addresses."""

import re
import shutil
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path

from fcn4_dist.errors import InputError

DEVICE_FOLDER = Path("/dev")
_SECONDS_TO_ANSWER = 30
_DRIVER_TOOLS = "/usr/local/Ascend/driver/tools"
_SYSTEM_TOOLS = "/usr/local/sbin:/usr/local/bin:/usr/sbin"


def find_card_ids(device_folder: Path = DEVICE_FOLDER) -> tuple[int, ...]:
    """Find the physical ids of this host's cards, in ascending order.

    Args:
        device_folder: Where the driver shows its cards.
    """
    names = (entry.name for entry in device_folder.glob("davinci*"))
    matches = (re.fullmatch(r"davinci([0-9]+)", name) for name in names)
    return tuple(sorted(int(match[1]) for match in matches if match))


def find_generation(command: str = "npu-smi") -> str:
    """Find the generation of this host's cards.

    Args:
        command: Name or path of the driver's program that knows.

    Returns:
        "910" for the first generation of training cards, "A2", "A3"; the chip's own name for
        others, like "310P3"; "" if the program is missing, or tells of none or of several.
    """
    # A row of a card: | 0     910B4               | OK            | 88.2        30 ...
    names = re.findall(
        r"^\|\s*[0-9]+\s+([A-Za-z0-9_-]+)\s*\|\s*[A-Z][A-Za-z]+\s*\|",
        _cards_table(command),
        re.MULTILINE,
    )
    # The second row of a card holds ids, and "NA" where it has no bus.
    generations = {_generation(name) for name in names if not re.fullmatch("[0-9]{1,2}", name)}
    return generations.pop() if len(generations) == 1 else ""


def find_card_cores(
    command: str = "npu-smi", devices: Path = Path("/sys/bus/pci/devices")
) -> dict[int, set[int]]:
    """Find the cores that are near each of this host's cards: those of its NUMA node.

    Args:
        command: Name or path of the driver's program that knows where the cards are.
        devices: Where the system tells of what is there.

    Returns:
        The cores, by the card's physical id; cards of which this is not known are left out.
    """
    found = {}
    # Two rows of a card: | 0     910B4     | OK     ... and | 0         | 0000:C1:00.0  | ...
    # A chip of an A3 card has an id of its own there:        | 1     1   | 0000:9F:00.0  | ...
    rows = re.findall(
        r"^\|\s*(\d+)\s+[^|]*\|[^\n]*\n\|\s*\d+\s*(\d*)\s*\|\s*([0-9A-Fa-f:]+\.[0-9])\s*\|",
        _cards_table(command),
        re.MULTILINE,
    )
    for card, chip, bus in rows:
        try:
            text = (devices / bus.lower() / "local_cpulist").read_text()
            found[int(chip or card)] = set(parse_devices(text.strip()))
        except (OSError, InputError):
            continue
    return found


def find_card_addresses(
    ids: Iterable[int],
    command: str = "hccn_tool",
    configuration: Path = Path("/etc/hccn.conf"),
) -> dict[int, str]:
    """Find the network addresses of cards.

    Args:
        ids: Physical ids of the cards.
        command: Name or path of the driver's program that knows.
        configuration: File that is read for cards the program says nothing of.

    Returns:
        The address of each card that has one, as it is printed: "-.-.-.-" is not left out.
    """
    program = shutil.which(command) or shutil.which(command, path=_DRIVER_TOOLS)
    configured = _configured_addresses(configuration)
    found = {}
    for card in ids:
        answer = _answer([program, "-i", str(card), "-ip", "-g"]) if program else ""
        match = re.search(r"^\s*ipaddr\s*:\s*(\S+)", answer, re.MULTILINE)
        address = match[1] if match else configured.get(card, "")
        if address:
            found[card] = address
    return found


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


def _cards_table(command: str) -> str:
    program = shutil.which(command) or shutil.which(command, path=_SYSTEM_TOOLS)
    return _answer([program, "info"]) if program else ""


def _generation(name: str) -> str:
    match = re.fullmatch(r"(Ascend)?-?910_?(.*)", name)
    if not match:
        return name
    rest = match[2]
    if re.match(r"B[1-9]", rest):
        return "A2"
    # The driver of A3 servers says no more than "Ascend910".
    if re.match(r"93|C", rest) or (not rest and match[1]):
        return "A3"
    return "910" if re.fullmatch(r"(Pro|Premium)?-?[AB]?", rest) else name


def _configured_addresses(configuration: Path) -> dict[int, str]:
    try:
        text = configuration.read_text("utf-8", "replace")
    except OSError:
        return {}
    lines = re.findall(r"^\s*address_([0-9]+)\s*=\s*(\S+)", text, re.MULTILINE)
    return {int(card): address for card, address in lines}


def _answer(command: list[str]) -> str:
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_SECONDS_TO_ANSWER
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout
