"""What a check has found: how bad it is, what and where, and what to do about it."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from fcn4_dist.errors import InputError
from fcn4_dist.refusals import explain
from fcn4_dist.text import Lines, cleaned, shorten

_MOST_OF_A_KIND, _SHOWN_OF_A_KIND = 8, 3


class Level(Enum):
    """How a check came out."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """One thing a check has found.

    Attributes:
        level: Whether it is in order.
        sentence: What was found, and where.
        mend: What to do about it; "" where nothing is to be done.
        check: What was checked, for those that list checks: "device", "rank table".
    """

    level: Level
    sentence: str
    mend: str = ""
    check: str = ""

    def __str__(self) -> str:
        """Give it as a line that can be shown; Lines, where it is an error that had several."""
        return cleaned(f"{self.sentence}: {self.mend}" if self.mend else self.sentence)


def finding_of(check: str, work: Callable[[], str]) -> Finding:
    """Run a check that gives what it found, or raises what is wrong.

    Args:
        check: What is checked.
        work: The check.
    """
    try:
        return Finding(Level.OK, work(), check=check)
    except InputError as error:
        return Finding(Level.ERROR, str(error), check=check)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return Finding(Level.ERROR, f"{where}{explain(error)}", check=check)


def errors_in(findings: Iterable[Finding]) -> list[Finding]:
    """Give the findings that are errors."""
    return [finding for finding in findings if finding.level is Level.ERROR]


def refuse_errors(findings: Iterable[Finding], heading: str = "") -> None:
    """Raise InputError with a line for each error among findings, if there are any.

    Args:
        findings: What was found.
        heading: A line to stand above the errors, which are then indented.
    """
    # Several checks may stumble over the same.
    if lines := list(dict.fromkeys(map(str, errors_in(findings)))):
        lines = in_short(lines)
        if heading:
            lines = [cleaned(heading), *(f"  {line}" for line in lines)]
        raise InputError(Lines("\n".join(lines)))


def in_short(lines: Sequence[str]) -> list[str]:
    """Tell of many lines that differ in numbers alone the first, how many there are, and the last.

    Args:
        lines: Those that there are; in their order.
    """
    kinds = [re.sub(r"\d+", "0", line) for line in lines]
    numbers, seen, told = Counter(kinds), Counter[str](), []
    for kind, line in zip(kinds, lines, strict=True):
        seen[kind] += 1
        if numbers[kind] <= _MOST_OF_A_KIND or seen[kind] <= _SHOWN_OF_A_KIND:
            told.append(line)
        elif seen[kind] == numbers[kind]:
            told.append(
                f"… and {numbers[kind] - _SHOWN_OF_A_KIND} more like these, the last: {line}"
            )
    return told


def counted(items: Sequence[str], shown: int = 3) -> str:
    """Say how many items there are, and show the first: ``5, like a, b, c``."""
    return f"{len(items)}, like {', '.join(map(as_shown, items[:shown]))}"


def as_shown(name: str) -> str:
    """Give a name for a sentence: not too long, and in quotes where it holds what is not seen."""
    short = shorten(name)
    return short if short.isprintable() else repr(short)
