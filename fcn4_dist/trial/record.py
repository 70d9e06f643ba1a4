"""What ranks find out while they try their device: a file of each, line by line.

A rank that dies has written what it had begun, so that it is known what killed it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fcn4_dist import documents
from fcn4_dist.errors import InputError
from fcn4_dist.findings import Finding, Level

BEGUN = "begun"
"""Level of a line of what is going to be tried."""


@dataclass(frozen=True)
class Line(documents.Document):
    """Something that was begun, or found.

    Attributes:
        check: Section it belongs to.
        level: Level of the finding; "begun" for what was begun.
        sentence: What was found, the same on every rank that found it; or what was begun.
        cause: The likely cause, and what to do; "" for nothing.
        figures: What was measured, by name.
    """

    check: str
    level: Literal["begun", "ok", "note", "warning", "error"]
    sentence: str
    cause: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)


class Record:
    """Writes the lines of a rank.

    Args:
        path: Its file; what is there is replaced.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")

    def begin(self, check: str, what: str) -> None:
        """Note what is going to be tried."""
        self._write(Line(check, "begun", what))

    def found(self, finding: Finding, **figures: float) -> None:
        """Note what was found."""
        level: Any = finding.level.value
        self._write(Line(finding.check, level, finding.sentence, finding.mend, figures))

    def _write(self, line: Line) -> None:
        self._file.write(documents.to_line(line) + "\n")
        # What is written is there, whatever becomes of this process.
        self._file.flush()


def record_file(folder: Path, rank: int) -> Path:
    """Name the file of a rank."""
    return folder / f"trial_rank_{rank}.jsonl"


def read_record(path: Path) -> list[Line]:
    """Read the lines of a rank, those that are whole; none if there is no file."""
    try:
        texts = path.read_bytes().splitlines()
    except OSError:
        return []
    lines = []
    for text in texts:
        try:
            lines.append(documents.parse(text, Line, path.name))
        except InputError:
            continue
    return lines


def findings_of(records: Mapping[int, Sequence[Line]], checks: Sequence[str]) -> list[Finding]:
    """Put together what ranks have found: what several found alike is said once.

    Args:
        records: The lines of each rank.
        checks: Sections that every rank should have come to the end of.

    Returns:
        Findings in the order of the sections, errors first within each.
    """
    found: dict[tuple[str, str, str, str], list[int]] = {}
    for rank, lines in records.items():
        for line in [*(line for line in lines if line.level != BEGUN), *_unfinished(lines, checks)]:
            found.setdefault((line.check, line.level, line.sentence, line.cause), []).append(rank)
    order = {check: number for number, check in enumerate(checks)}
    severity = [Level.ERROR, Level.WARNING, Level.NOTE, Level.OK]
    findings = [
        Finding(Level(level), _of_ranks(ranks, len(records)) + sentence, cause, check)
        for (check, level, sentence, cause), ranks in found.items()
    ]
    return sorted(
        findings, key=lambda each: (order.get(each.check, -1), severity.index(each.level))
    )


def _unfinished(lines: Sequence[Line], checks: Sequence[str]) -> list[Line]:
    done = {line.check for line in lines if line.level != BEGUN}
    missing = [check for check in checks if check not in done]
    if not missing:
        return []
    begun = [line for line in lines if line.level == BEGUN]
    last = f"ended while {begun[-1].sentence}" if begun else "ended before it began"
    return [Line(missing[0], "error", last, "its log says more")] + [
        Line(check, "note", "not tried") for check in missing[1:]
    ]


def _of_ranks(ranks: Sequence[int], size: int) -> str:
    if len(ranks) == size:
        return ""
    return f"rank {', '.join(map(str, sorted(ranks)))}: "
