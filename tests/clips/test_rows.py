"""Rows of text files, in all the forms that programs write them."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fcn4_dist.clips.rows import iter_rows, read_rows
from fcn4_dist.errors import InputError

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
TABLES = st.integers(2, 4).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=2, max_size=5)
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TABLES, st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from(["utf-8", "utf-8-sig"]))
def test_what_is_written_is_read_back(
    tmp_path: Path, table: list[list[str]], end: str, encoding: str
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=end).writerows(table)
    file = tmp_path / "table.csv"
    file.write_bytes(text.getvalue().encode(encoding))
    assert [fields for _, fields in iter_rows(file, ",", prose=True)] == table


def test_a_row_is_known_by_the_line_at_which_it_begins(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_bytes(b'a,b\n"1\n2\r\n",3\n\n4,5\n')
    assert read_rows(file, ",") == (["a", "b"], [(2, ["1\n2\r\n", "3"]), (6, ["4", "5"])])


def test_prose_may_hold_lines_of_as_many_commas_as_there_are_columns(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text('a,b\n"songs:\none, two",1\n', "utf-8")
    assert len(list(iter_rows(file, ",", prose=True))) == 2
    with pytest.raises(InputError, match=r"line 2, holds a quote .* without its partner"):
        list(iter_rows(file, ","))


def test_long_prose_is_read_where_it_is_meant(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text(f"a,b\n{'x' * 200_000},1\n", "utf-8")
    begun = iter_rows(file, ",", prose=True)
    next(begun)
    with pytest.raises(InputError, match=r"line 2: a field of it has 200000 characters, 131072 ar"):
        list(iter_rows(file, ","))
    assert len(list(begun)) == 1


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"a,b\n1,2\n3,\xff\n", "line 3, is not UTF-8"),
        (b"a,b\n1,\0\n", "line 2, holds zero bytes"),
        ("a,b\n1,2\n".encode("utf-16"), "line 1, holds zero bytes"),
    ],
)
def test_other_encodings_are_named_with_their_line(
    tmp_path: Path, data: bytes, problem: str
) -> None:
    file = tmp_path / "table.csv"
    file.write_bytes(data)
    with pytest.raises(InputError, match=problem):
        read_rows(file, ",")
