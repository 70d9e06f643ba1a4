"""A table of a report."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fcn4_dist.config import SETTINGS
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
    runs: Sequence[RunView] = ()
    numbers: bool = False


def value_text(value: Any, name: str = "") -> str:
    """Write a value, with its unit if it is that of a setting.

    Args:
        value: The value; None for none.
        name: Name of the setting.
    """
    if value is None:
        return NOTHING
    if value in ("", []):
        return "empty"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    unit = SETTINGS[name].unit if name in SETTINGS else ""
    return f"{text} {unit}".rstrip()
