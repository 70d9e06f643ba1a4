"""Tables as Markdown, LaTeX and CSV: whatever is in them, they are tables, and nothing is lost."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from fcn4_dist.evaluation.differences import Difference
from fcn4_dist.reports.table_formats import csv_text, difference_cells, latex_text, markdown_text
from fcn4_dist.reports.tables import Row, Table
from fcn4_dist.text import cleaned, text_of_cell

# Texts of the signs that mean something to a format, beside any others.
SIGNS = st.sampled_from([*"\\|*_`~<>[](){}&%$#^\"'!-=+.:,? ", "hip_hop", "R&B", "電子", "é", "\n"])
CELL = st.one_of(st.lists(SIGNS, max_size=8).map("".join), st.text(max_size=12))
TABLES = st.integers(1, 4).flatmap(
    lambda columns: st.lists(
        st.lists(CELL, min_size=columns, max_size=columns), min_size=2, max_size=4
    )
)
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
# What LaTeX reads as a sign of ours, and then as the sign itself.
SPELT = {
    r"\textbackslash{}": "\\", r"\textasciitilde{}": "~", r"\textasciicircum{}": "^",
    r"\textless{}": "<", r"\textgreater{}": ">", r"\textbar{}": "|", r"$\pm$": "±", "$-$": "-",
    "{''}": '"', "{[}": "[", "{]}": "]", "{}": "",
    **{f"\\{sign}": sign for sign in "&%$#_{}"},
}  # fmt: skip
TOKEN = re.compile("|".join(map(re.escape, SPELT)) + r"|[^\\&%$#_{}~^<>|\"\[\]]", re.DOTALL)


def table_of(rows: list[list[str]], title: str = "Scores") -> Table:
    return Table(title, rows[0], [Row(name, cells) for name, *cells in rows[1:]])


@given(rows=TABLES)
def test_markdown_is_read_as_the_table_that_it_was(rows: list[list[str]]) -> None:
    tokens = MARKDOWN.parse(markdown_text(table_of(rows)))
    assert [token.type for token in tokens].count("tr_open") == len(rows)
    # Of an inline text that is nothing but text, and its escapes.
    cells = [token for token in tokens if token.type == "inline"][1:]
    shown = ["".join(child.content for child in cell.children or []) for cell in cells]
    assert not any(child.tag for cell in cells for child in cell.children or [])
    assert shown == [cleaned(cell).strip() for row in rows for cell in row]


@given(rows=TABLES, title=CELL)
def test_latex_has_a_cell_for_each_and_no_sign_that_is_not_spelt_out(
    rows: list[list[str]], title: str
) -> None:
    comment, begin, top, heading, middle, *body, bottom, end = latex_text(
        table_of(rows, title)
    ).split("\n")
    assert comment.startswith("% ")
    assert begin == f"\\begin{{tabular}}{{l{'l' * (len(rows[0]) - 1)}}}"
    assert (top, middle, bottom) == ("\\toprule", "\\midrule", "\\bottomrule")
    assert end == "\\end{tabular}"
    for line, row in zip([heading, *body], rows, strict=True):
        assert line.endswith(" \\\\")
        cells = line.removesuffix(" \\\\").split(" & ")
        assert [read_latex(cell) for cell in cells] == [cleaned(cell) for cell in row]


def read_latex(cell: str) -> str:
    assert not re.search(r"--|''(?!})|,,|``|[?!]`|^\s*\[", cell), "they would be another sign"
    read, place = "", 0
    while place < len(cell):
        token = TOKEN.match(cell, place)
        assert token, f"not spelt out: {cell[place:]}"
        read += SPELT.get(token[0], token[0])
        place = token.end()
    return read


@pytest.mark.parametrize(
    ("text", "markdown", "latex"),
    [
        ("R&B", r"R\&B", r"R\&B"),
        ("hip_hop", r"hip\_hop", r"hip\_hop"),
        ("50%", "50%", r"50\%"),
        ("電子 é Ω", "電子 é Ω", "電子 é Ω"),
        ("a|b", r"a\|b", r"a\textbar{}b"),
        ("-0.01 [-0.02, 0.03]", "-0.01 [-0.02, 0.03]", r"$-$0.01 {[}$-$0.02, 0.03{]}"),
        ("0.9 ± 0.1", "0.9 ± 0.1", r"0.9 $\pm$ 0.1"),
        ("fold-1", "fold-1", "fold-1"),
        ("<b>[x](y)", r"\<b\>[x\](y)", r"\textless{}b\textgreater{}{[}x{]}(y)"),
        ("\x1b[2J\n", r"\\x1b[2J\\n", r"\textbackslash{}x1b{[}2J\textbackslash{}n"),
    ],
)
def test_names_and_figures_are_written_so(text: str, markdown: str, latex: str) -> None:
    table = table_of([["name"], [text]])
    assert markdown_text(table).split("\n") == ["Scores", "", "| name |", "| :-- |", f"| {markdown} |"]  # fmt: skip  # noqa: E501
    assert latex_text(table).split("\n")[5] == f"{latex} \\\\"


@given(
    records=st.lists(
        st.fixed_dictionaries(
            {"run": CELL, "clips": st.integers()},
            optional={"score": st.floats(allow_nan=False), "accuracy": st.none()},
        ),
        min_size=1,
    )
)
def test_csv_gives_back_every_text_and_every_digit(
    records: list[dict[str, str | float | None]],
) -> None:
    heading, *rows = csv.reader(io.StringIO(csv_text(records) + "\n", newline=""), strict=True)
    assert len(rows) == len(records)
    for row, record in zip(rows, records, strict=True):
        for name, cell in zip(heading, row, strict=True):
            value = record.get(name)
            if isinstance(value, str):
                assert text_of_cell(cell) == value
            else:
                assert cell == "" if value is None else float(cell) == value


def test_a_difference_has_a_column_for_each_end_of_its_interval() -> None:
    differences = {"accuracy": Difference(0.1, (-0.1, 0.3)), "f1_macro": Difference(0.2, None)}
    assert difference_cells(differences) == {
        "accuracy": 0.1, "f1_macro": 0.2, "accuracy_lower": -0.1, "accuracy_upper": 0.3,
    }  # fmt: skip
