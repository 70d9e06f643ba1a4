"""This host, as far as its jobs need to know it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from fcn4_dist.cluster.cards import find_card_ids, find_generation, find_host_addresses


@dataclass(frozen=True)
class Host:
    """What was found on this host.

    Attributes:
        cards: Physical ids of its Ascend cards.
        generation: Of the cards: "910", "A2", "A3", another name, or "" for not known.
        addresses: Its IP addresses.
        granted: The cards that ASCEND_RT_VISIBLE_DEVICES leaves to us; None for all.
    """

    cards: tuple[int, ...]
    generation: str
    addresses: tuple[str, ...]
    granted: tuple[int, ...] | None = None

    @property
    def usable(self) -> tuple[int, ...]:
        """The cards that are there and ours to use."""
        if self.granted is None:
            return self.cards
        return tuple(card for card in self.cards if card in self.granted)

    @classmethod
    def find(cls, environment: Mapping[str, str] = os.environ) -> "Host":
        """Look at this host."""
        cards = find_card_ids()
        text = environment.get("ASCEND_RT_VISIBLE_DEVICES", "")
        granted = tuple(int(part) for part in text.split(",") if part.strip().isdecimal())
        return cls(
            cards,
            find_generation() if cards else "",
            find_host_addresses(),
            granted if text else None,
        )
