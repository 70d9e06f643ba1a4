"""Tables as people put them into papers and programs read them: text, Markdown, LaTeX and CSV."""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from fcn4_dist.evaluation.differences import Difference
from fcn4_dist.evaluation.intervals import Interval
from fcn4_dist.log import stdout_is_data
from fcn4_dist.reports.tables import Table
from fcn4_dist.terminal import put, say_result, table
from fcn4_dist.text import cleaned, csv_line

Record = dict[str, Any]
"""A row of a CSV file: texts, numbers and None, by the names of the columns."""

# In a table that is an inline text; a bracket matters where a link may follow.
_SPECIAL_IN_MARKDOWN = re.compile(r"[\\`*_<>|~&$]|\](?=[(\[:])")
# Behind a minus, two signs that would become one (dashes, quotation marks), and the others.
_SPECIAL_IN_LATEX = re.compile(r"(?<![^\s(\[])-(?=\d)|([-',])(?=\1)|[&%$#_{}\\~^<>|\"±`\[\]]")
_IN_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "{''}",
    "±": r"$\pm$",
    "`": "{}`{}",
    # Where a row begins with it, it would be an argument of the line break before.
    "[": "{[}",
    "]": "{]}",
}


def data_apart(form: str) -> AbstractContextManager[None]:
    """Keep standard output for :func:`show_tables` in this context, unless people read it."""
    return nullcontext() if form == "text" else stdout_is_data()


def show_tables(tables: Sequence[Table], records: Sequence[Record], form: str) -> None:
    """Print tables in one of :data:`~fcn4_dist.reports.TABLE_FORMATS`.

    Args:
        tables: What people are to see.
        records: The same, and what else programs may want, in full precision.
        form: The format.
    """
    if form == "text":
        for each in tables:
            say_result(f"{each.title}:")
            say_result(table(_rows(each)))
            say_result("")
    elif form == "csv":
        put(csv_text(records))
    else:
        write = latex_text if form == "latex" else markdown_text
        put("\n\n".join(map(write, tables)))


def markdown_text(of: Table) -> str:
    """Write a table of GitHub's Markdown, below its title."""

    def row(cells: Iterable[str]) -> str:
        return f"| {' | '.join(cells)} |"

    heading, *rows = [[_in_markdown(cell) for cell in cells] for cells in _rows(of)]
    rule = [":--", *["--:" if of.numbers else ":--"] * (len(heading) - 1)]
    return "\n".join([_in_markdown(of.title), "", row(heading), row(rule), *map(row, rows)])


def latex_text(of: Table) -> str:
    """Write a tabular of LaTeX and booktabs, below its title as a comment."""

    def row(cells: Iterable[str]) -> str:
        return f"{' & '.join(cells)} \\\\"

    heading, *rows = [[_in_latex(cell) for cell in cells] for cells in _rows(of)]
    lines = [
        f"% {cleaned(of.title)}",
        rf"\begin{{tabular}}{{l{('r' if of.numbers else 'l') * (len(heading) - 1)}}}",
        r"\toprule",
        row(heading),
        r"\midrule",
        *map(row, rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines)


def csv_text(records: Sequence[Record]) -> str:
    """Write a CSV file of what any record has, numbers with all their digits; without its end."""
    columns = list(dict.fromkeys(name for record in records for name in record))
    rows = [[record.get(name) for name in columns] for record in records]
    cells = [["" if value is None else value for value in row] for row in rows]
    return "\n".join(map(csv_line, [columns, *cells]))


def ends_of(intervals: Mapping[str, Interval | None]) -> dict[str, float]:
    """Give the ends of intervals the names of columns, beside those of their scores."""
    known = {name: interval for name, interval in intervals.items() if interval}
    lower = {f"{name}_lower": interval[0] for name, interval in known.items()}
    return lower | {f"{name}_upper": interval[1] for name, interval in known.items()}


def difference_cells(differences: Mapping[str, Difference]) -> dict[str, float]:
    """Give differences, and the ends of their intervals, the names of columns."""
    values = {name: difference.value for name, difference in differences.items()}
    return values | ends_of({name: each.interval for name, each in differences.items()})


def plain_value(value: Any) -> str | float | None:
    """Give the value of a setting as a cell of a CSV file has it."""
    return value if isinstance(value, str | int | float | None) else ", ".join(map(str, value))


def _rows(of: Table) -> list[list[str]]:
    return [
        [*of.columns, *(run.name for run in of.runs)],
        *([row.name, *row.cells] for row in of.rows),
    ]


def _in_markdown(text: str) -> str:
    return _SPECIAL_IN_MARKDOWN.sub(lambda found: f"\\{found[0]}", cleaned(text))


def _in_latex(text: str) -> str:
    return _SPECIAL_IN_LATEX.sub(_escaped_in_latex, cleaned(text))


def _escaped_in_latex(found: re.Match[str]) -> str:
    if found[1]:
        return f"{found[1]}{{}}"
    return "$-$" if found[0] == "-" else _IN_LATEX.get(found[0], f"\\{found[0]}")
