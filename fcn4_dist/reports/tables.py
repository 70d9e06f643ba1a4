"""A table of a report."""

from collections.abc import Sequence
from dataclasses import dataclass

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
