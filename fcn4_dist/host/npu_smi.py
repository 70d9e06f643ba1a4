"""What npu-smi tells of this host's cards."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fcn4_dist.host.driver import ask

# Rows of "npu-smi info"; the second of a chip has its Phy-ID on A3 only:
# | 0     910B3               | OK            | 96.8        32                0    / 0             |
# | 0                         | 0000:C1:00.0  | 0           0    / 0          3425 / 65536         |
_FIRST_ROW = re.compile(
    r"\|\s*(\d{1,9})\s+([A-Za-z][\w-]*|\d\w{2,}[\w-]*)\s*\|\s*([A-Z][A-Za-z]+)\s*\|"
)
_SECOND_ROW = re.compile(r"\|\s*(\d{1,9})(?:\s+(\d{1,9}))?\s*\|\s*([0-9A-Fa-f:.]+|NA)\s*\|")
# | 0       0                 | 1067983       | python                   | 56373                   |
_PROCESS_ROW = re.compile(
    r"\|\s*(\d{1,9})\s+(\d{1,9})\s*\|\s*(\d{1,9})\s*\|\s*([^|]*?)\s*\|\s*(\d{1,9})\s*\|"
)

_LARGEST_ID = 63
_IN_NO_SUPERPOD = str(2**32 - 1)


@dataclass(frozen=True)
class Chip:
    """A chip that computes: a card of its own for CANN, in /dev and in rank tables.

    Attributes:
        npu: The number by which npu-smi knows the board it is on.
        position: Its number on this board.
        name: Its kind, like "910B3".
        health: "OK", "Warning", "Alarm", "Critical" or "UNKNOWN".
        physical_id: Its number on the whole host; None where npu-smi does not tell it.
        bus: Where it is, like "0000:C1:00.0", or "NA".
        processes: What runs on it: name, process and device memory.
    """

    npu: int
    position: int
    name: str
    health: str
    physical_id: int | None = None
    bus: str = "NA"
    processes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cards:
    """What npu-smi tells, by the physical ids of cards.

    Attributes:
        generation: "910", "A2", "A3", the chip's own name for others, or "" for not known.
        logical_ids: The numbers CANN has for the cards.
        health: Of each card, as npu-smi says it.
        buses: Where each card is, like "0000:C1:00.0", or "NA".
        processes: What runs on each card.
        places: The board a card is on, by the number npu-smi has for it, and its place there.
        failure: What npu-smi said instead, if it failed.
    """

    generation: str = ""
    logical_ids: Mapping[int, int] = field(default_factory=dict)
    health: Mapping[int, str] = field(default_factory=dict)
    buses: Mapping[int, str] = field(default_factory=dict)
    processes: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    places: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    failure: str = ""


@dataclass(frozen=True)
class Superpod:
    """The superpod that cards of A3 servers are a part of.

    Attributes:
        name: Its id.
        numbers: The id of each card in the superpod (SDID), by its physical id.
    """

    name: str
    numbers: Mapping[int, str]


def ask_npu_smi(cards: Sequence[int]) -> Cards:
    """Ask npu-smi for all it knows of this host's cards.

    Args:
        cards: Their physical ids, as /dev shows them; what npu-smi says of others is left aside.
    """
    answer = ask("npu-smi", "info")
    chips = read_chips(answer.text)
    by_card = {} if answer.failure else _by_physical_id(chips, cards)
    known = _logical_ids(ask("npu-smi", "info", "-m").text) if by_card else {}
    places = {card: (chip.npu, chip.position) for card, chip in by_card.items()}
    logical = {card: known[place] for card, place in places.items() if place in known}
    if len(set(logical.values())) < len(logical) or max(logical.values(), default=0) > _LARGEST_ID:
        # No two cards have one number.
        logical = {}
    return Cards(
        generation=generation_of(chips),
        # CANN counts the cards it is shown in the order of their physical ids.
        logical_ids={card: index for index, card in enumerate(sorted(cards))} | logical,
        health={card: chip.health for card, chip in by_card.items()},
        buses={card: chip.bus for card, chip in by_card.items()},
        processes={card: chip.processes for card, chip in by_card.items() if chip.processes},
        places=places,
        failure=answer.failure,
    )


def find_superpod(cards: Sequence[int], places: Mapping[int, tuple[int, int]]) -> Superpod | None:
    """Ask npu-smi which superpod cards are a part of.

    Args:
        cards: Their physical ids.
        places: Where they are, as :class:`Cards` has it.

    Returns:
        The superpod; None if npu-smi does not tell it of all of them, or they are in none.
    """
    pods, numbers = set(), {}
    for card in cards:
        npu, position = places.get(card, (card, 0))
        place = ("-i", str(npu), "-c", str(position))
        text = ask("npu-smi", "info", "-t", "spod-info", *place).text
        found = dict(re.findall(r"^\s*(SDID|Super Pod ID)\s*:\s*(\d+)", text, re.MULTILINE))
        if len(found) < 2 or _IN_NO_SUPERPOD in found.values():
            return None
        pods.add(found["Super Pod ID"])
        numbers[card] = found["SDID"]
    return Superpod(pods.pop(), numbers) if len(pods) == 1 else None


def find_generation() -> str:
    """Find the generation of this host's cards, as :class:`Cards` has it."""
    return generation_of(read_chips(ask("npu-smi", "info").text))


def read_chips(text: str) -> list[Chip]:
    """Read the chips off what "npu-smi info" prints.

    Args:
        text: Its two tables, of chips and of processes.
    """
    processes: dict[tuple[int, int], list[str]] = {}
    found: list[Chip] = []
    first: re.Match[str] | None = None
    for line in text.splitlines():
        if match := _PROCESS_ROW.match(line):
            npu, position, process, name, memory = match.groups()
            title = f"process {process} ({name}, {memory} MB)" if name else f"process {process}"
            processes.setdefault((int(npu), int(position)), []).append(title)
        elif first and (match := _SECOND_ROW.match(line)):
            physical = None if match[2] is None else int(match[2])
            place = int(first[1]), int(match[1])
            found.append(Chip(*place, first[2], first[3], physical, match[3]))
            first = None
        else:
            first = _FIRST_ROW.match(line)
    return [
        Chip(**vars(chip) | {"processes": tuple(processes.get((chip.npu, chip.position), ()))})
        for chip in found
    ]


def generation_of(chips: Sequence[Chip]) -> str:
    """Name the generation of chips; "" if there are none, or of several.

    Args:
        chips: All of a host.
    """
    # What is not to be had is "NA" to npu-smi.
    generations = {_generation(chip.name) for chip in chips if chip.name != "NA"}
    return generations.pop() if len(generations) == 1 else ""


def _by_physical_id(chips: Sequence[Chip], cards: Sequence[int]) -> dict[int, Chip]:
    with_id = {chip.physical_id: chip for chip in chips if chip.physical_id is not None}
    # Where no Phy-ID is told a board has one chip, and in servers the board's number is the chip's.
    for told in (with_id, {chip.npu: chip for chip in chips}):
        if len(told) == len(chips) and set(told) <= set(cards):
            return told
    return dict(zip(sorted(cards), chips, strict=True)) if len(chips) == len(cards) else {}


def _logical_ids(text: str) -> dict[tuple[int, int], int]:
    # NPU ID, Chip ID, Chip Logic ID, …; the row of a board's controller has "-" for the third.
    rows = re.findall(r"^\s*(\d{1,9})\s+(\d{1,9})\s+(\d{1,9})\s", text, re.MULTILINE)
    if "Chip Logic ID" not in text:
        return {}
    return {(int(npu), int(position)): int(logical) for npu, position, logical in rows}


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
