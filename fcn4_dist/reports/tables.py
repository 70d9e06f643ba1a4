"""A table of a report, and what its cells say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fcn4_dist.config import SETTINGS
from fcn4_dist.evaluation.differences import Difference
from fcn4_dist.evaluation.intervals import Interval

if TYPE_CHECKING:
    from fcn4_dist.reports.run_view import RunView

NOTHING = "—"


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        name: Its first cell, which is a heading.
        cells: The others.
        note: A smaller text below the name.
        marked: Whether to point at it.
    """

    name: str
    cells: Sequence[str]
    note: str = ""
    marked: bool = False


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        title: What it shows.
        columns: Headings of the columns before those of runs.
        rows: The rows.
        runs: Runs that have a column each.
        numbers: Whether the cells are numbers.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Row]
    runs: Sequence["RunView"] = ()
    numbers: bool = False


def setting_text(value: Any, name: str = "") -> str:
    """Write a value, with its unit if it is that of a setting of this name."""
    if value is None:
        return NOTHING
    if value in ("", []):
        return "empty"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    unit = SETTINGS[name].unit if name in SETTINGS else ""
    return f"{text} {unit}".rstrip()


def settings_that_differ(names: Sequence[str], settings: Mapping[str, Sequence[Any]]) -> Table:
    """Lay out settings: a column for each of the named jobs, a row for each setting's values."""
    rows = [
        Row(setting, [setting_text(value, setting) for value in values])
        for setting, values in settings.items()
    ]
    return Table("Settings that differ", ["setting", *names], rows)


def score_text(value: float | None, interval: Interval | None = None) -> str:
    """Write a score, with its interval if there is one."""
    if value is None:
        return NOTHING
    return f"{value:.4f}" + ("" if interval is None else " [{:.3f}, {:.3f}]".format(*interval))


def difference_text(difference: Difference | None) -> str:
    """Write a difference of two scores, with its sign and its interval if it has one."""
    if difference is None:
        return NOTHING
    ends = "" if difference.interval is None else " [{:+.4f}, {:+.4f}]".format(*difference.interval)
    return f"{difference.value:+.4f}{ends}"
