"""What a check has found: how bad it is, what and where, and what to do about it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from fcn4_dist.errors import InputError
from fcn4_dist.refusals import explain


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
        return f"{self.sentence}: {self.mend}" if self.mend else self.sentence


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
    if lines := list(map(str, errors_in(findings))):
        raise InputError("\n  ".join([heading, *lines]) if heading else "\n".join(lines))


def counted(items: Sequence[str], shown: int = 3) -> str:
    """Say how many items there are, and show the first: ``5, like a, b, c``."""
    # A line break in a file name must not break the line.
    examples = [item if item.isprintable() else repr(item) for item in items[:shown]]
    return f"{len(items)}, like {', '.join(examples)}"
