"""This host, as far as its jobs need to know it.

A card has two numbers. Its physical id is that of /dev/davinciN, of rank tables and hccn_tool, and
what npu-smi shows; a container that got cards 3 to 7 shows these. Its logical id is CANN's, in
ASCEND_RT_VISIBLE_DEVICES: it counts the cards that are shown, from 0. Whatever names cards here
means physical ids, and :meth:`Host.logical` is the one place where they become the others.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from fcn4_dist.host.cards import find_card_ids, find_host_addresses
from fcn4_dist.host.driver import Driver
from fcn4_dist.host.npu_smi import Cards, ask_npu_smi

VISIBLE_VARIABLE = "ASCEND_RT_VISIBLE_DEVICES"
_LONGEST_VALUE = 128
"""Characters of the variable that CANN reads."""


@dataclass(frozen=True)
class Host:
    """What was found on this host.

    Attributes:
        cards: Physical ids of its Ascend cards, ascending.
        generation: Of the cards: "910", "A2", "A3", another name, or "" for not known.
        addresses: Its IP addresses.
        granted: The cards that ASCEND_RT_VISIBLE_DEVICES leaves to us; None for all.
        npu_smi: What npu-smi tells of the cards.
        driver: Their driver.
    """

    cards: tuple[int, ...]
    generation: str
    addresses: tuple[str, ...]
    granted: tuple[int, ...] | None = None
    npu_smi: Cards = field(default_factory=Cards)
    driver: Driver = field(default_factory=Driver)

    @property
    def usable(self) -> tuple[int, ...]:
        """The cards that are there and ours to use, in the order in which CANN counts them."""
        granted = self.cards if self.granted is None else self.granted
        return tuple(sorted(set(self.cards) & set(granted), key=self._logical_id))

    def logical(self, cards: Iterable[int]) -> tuple[int, ...]:
        """Give CANN's numbers of cards; a card that is not here keeps its own.

        Args:
            cards: Physical ids.
        """
        return tuple(map(self._logical_id, cards))

    @classmethod
    def find(cls, environment: Mapping[str, str] = os.environ) -> "Host":
        """Look at this host."""
        cards = find_card_ids()
        if not cards:
            return cls((), "", find_host_addresses())
        told = ask_npu_smi(cards)
        driver = Driver.find(cards)
        host = cls(cards, told.generation, find_host_addresses(), npu_smi=told, driver=driver)
        if VISIBLE_VARIABLE not in environment:
            return host
        seen = host.read_visible(environment[VISIBLE_VARIABLE])
        granted = tuple(card for card in host.usable if host._logical_id(card) in seen)
        return replace(host, granted=granted)

    def read_visible(self, text: str) -> tuple[int, ...]:
        """Read a value of ASCEND_RT_VISIBLE_DEVICES, as CANN does on this host.

        Args:
            text: The value.

        Returns:
            The logical ids of the cards it leaves.
        """
        return read_visible_devices(text, 1 + max(self.logical(self.cards)))

    def _logical_id(self, card: int) -> int:
        if card not in self.cards:
            return card
        return self.npu_smi.logical_ids.get(card, self.cards.index(card))


def read_visible_devices(text: str, count: int) -> tuple[int, ...]:
    """Read ASCEND_RT_VISIBLE_DEVICES as CANN's runtime does.

    It reads up to the first character or number that it does not take ("1, 2,3" is card 1 alone),
    and takes nothing at all of numbers that do not ascend (``Runtime::GetVisibleDevices``).

    Args:
        text: The value.
        count: How many cards CANN is shown.

    Returns:
        The logical ids of the cards it leaves.
    """
    found: list[int] = []
    for part in text[:_LONGEST_VALUE].split(","):
        match = re.match(r"[0-9]+", part)
        if not match or int(match[0]) >= count:
            break
        found.append(int(match[0]))
        if match[0] != part or len(found) == count:
            break
    return tuple(found) if found == sorted(set(found)) else ()
