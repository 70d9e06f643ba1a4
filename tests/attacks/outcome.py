"""What attacks from outside came to; each kind of attack is a module beside this one."""

import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from fcn4_dist.errors import Fcn4DistError
from fcn4_dist.text import Lines, cleaned

REFUSED = "refused in a sentence"
UNHARMED = "right result"
SILENT_WRONG = "silent wrong"
TRACEBACK = "traceback"
HANG = "hang"
LOST = "file lost"

KINDS = {
    "manifests": 500,
    "features": 300,
    "audio": 300,
    "annotations": 300,
    "settings": 1000,
    "messages": 100,
    "kills": 40,
    "full_disks": 10,
}
"""Module -> how many attacks of its kind are the proof."""


@dataclass(frozen=True)
class Outcome:
    """What one attack came to.

    Attributes:
        attack: What was done, so that it can be done again.
        came_to: One of the words above.
        detail: The sentence it ended in, or what went wrong.
    """

    attack: str
    came_to: str
    detail: str = ""

    @property
    def harmless(self) -> bool:
        return self.came_to in (REFUSED, UNHARMED)


def attacks(kind: str, folder: Path, count: int, seed: int = 0) -> Iterator[Outcome]:
    """Make attacks of a kind: ``attacks(folder, count, seed)`` of its module."""
    outcomes: Iterator[Outcome] = import_module(f"tests.attacks.{kind}").attacks(
        folder, count, seed
    )
    yield from outcomes


def outcome_of(attack: str, act: Callable[[], str]) -> Outcome:
    """Do something that may be refused.

    Args:
        attack: What was done before.
        act: Uses what was attacked; gives what came out wrong without a word, "" for nothing.
    """
    try:
        wrong = act()
    except Fcn4DistError as error:
        sentence = str(error)
        if sentence != cleaned(Lines(sentence)):
            return Outcome(attack, SILENT_WRONG, f"raw text in {sentence!a}")
        return Outcome(attack, REFUSED, sentence)
    except Exception:
        return Outcome(attack, TRACEBACK, traceback.format_exc())
    return Outcome(attack, SILENT_WRONG, wrong) if wrong else Outcome(attack, UNHARMED)


def counts(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """Count outcomes: word -> how many."""
    found = Counter(outcome.came_to for outcome in outcomes)
    return {word: found[word] for word in (REFUSED, UNHARMED, SILENT_WRONG, TRACEBACK, HANG, LOST)}
