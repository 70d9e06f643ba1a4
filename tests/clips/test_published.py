"""What the readers of published collections share: folders, tables and counts."""

from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import pytest

from fcn4_dist.clips.published import (
    TableRow,
    check_fields,
    find_audio,
    find_below,
    find_root,
    find_table,
    held_against_published,
    holds,
    read_table,
    unnamed_audio,
)
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.findings import Level

LAYOUTS = {"meta/all.csv": "audio", "all.csv": "."}


def test_a_folder_is_found_by_what_it_holds_or_right_below(tmp_path: Path) -> None:
    root = tmp_path / "unpacked"
    _put(root / "meta" / "all.csv")
    assert find_below(tmp_path, "meta/all.csv") == find_below(root, "meta/all.csv") == root
    assert find_below(tmp_path.parent, "meta/all.csv") is None
    assert holds("meta/all.csv", "meta")(tmp_path)
    assert not holds("meta/all.csv", "audio")(tmp_path)
    assert not holds("meta")(root / "meta" / "all.csv")


def test_what_is_not_audio_may_be_elsewhere(tmp_path: Path) -> None:
    _put(tmp_path / "info" / "meta" / "all.csv")
    settings = _settings(tmp_path / "music", info_path=tmp_path)
    assert find_root(settings, "meta/all.csv", "All") == tmp_path / "info"
    with pytest.raises(InputError, match=r"music holds no meta/none\.csv of All: name the folder"):
        find_root(settings, "meta/none.csv", "All")


def test_of_several_copies_one_has_to_be_named(tmp_path: Path) -> None:
    for copy in ("a", "b"):
        _put(tmp_path / copy / "meta" / "all.csv")
    with pytest.raises(
        InputError, match=r"in several folders: 2, like .*a, .*b; name the one that"
    ):
        find_root(_settings(tmp_path), "meta/all.csv", "All")
    assert find_root(_settings(tmp_path / "b"), "meta/all.csv", "All") == tmp_path / "b"


@pytest.mark.parametrize(("table", "audio"), LAYOUTS.items())
def test_the_audio_is_where_the_layout_of_the_table_has_it(
    table: str, audio: str, tmp_path: Path
) -> None:
    _put(tmp_path / "a" / table)
    (tmp_path / "music").mkdir()
    found = find_table(_settings(tmp_path / "a"), LAYOUTS, "All")
    assert found == (tmp_path / "a" / table, tmp_path / "a" / audio)
    elsewhere = _settings(tmp_path / "music", info_path=tmp_path)
    assert find_table(elsewhere, LAYOUTS, "All") == (tmp_path / "a" / table, tmp_path / "music")


def test_a_table_is_rows_by_the_names_of_columns_and_their_lines(tmp_path: Path) -> None:
    file = _put(tmp_path / "a.csv", "\ufeffname, fold ,more\n\na, 3.0 ,x\n")
    (row,) = read_table(file, ",", ["name", "fold"])
    assert (row["name"], row.number("fold"), row.line) == ("a", 3, 3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name;fold\na;3\n", "lacks columns, as it is separated by semicolons: 2, like name, fold"),
        ("name,fold,fold\na,3,4\n", "has several columns of one name: 1, like fold"),
        ("name,fold\na,3,4\nb\n", r"header: 2, like line 2 \(3 fields\), line 3 \(1 field\)"),
        ("name,fold\na,x\n", "column fold that are no number that it can hold: 1, like 'x' in li"),
        ("name,fold\na,7\n", "column fold that are no number that it can hold: 1, like '7' in li"),
        ("name,fold\n ,3\n", "column name that are empty: 1, like '' in line 2"),
    ],
)
def test_a_damaged_table_is_refused_in_a_sentence(text: str, said: str, tmp_path: Path) -> None:
    file = _put(tmp_path / "a.csv", text)
    with pytest.raises(InputError, match=said):
        check_fields(file, read_table(file, ",", ["name", "fold"]), {"name": None, "fold": {3}})


@hypothesis.given(st.text() | st.from_regex("[-0-9.e\u0663\uff11 ]*"))
def test_no_text_but_whole_numbers_is_a_number(text: str) -> None:
    number = TableRow(1, {"fold": text}).number("fold")
    assert number == -1 or (text.strip().isascii() and float(text) == number)


@hypothesis.given(st.integers(0, 10**15 - 1), st.sampled_from(["", ".", ".0", ".00 "]))
def test_whole_numbers_are_read_also_as_pandas_writes_them(number: int, tail: str) -> None:
    assert TableRow(1, {"fold": f" {number}{tail}"}).number("fold") == number


def test_files_in_another_format_or_folder_are_found_and_others_are_named(tmp_path: Path) -> None:
    named = ["1/a.wav", "1/b.wav", "1/c.wav", "1/d.wav"]
    for name in ("1/a.wav", "1/b.flac", "2/c.wav", "2/e.wav", "2/.DS_Store"):
        _put(tmp_path / name)
    files, (note,) = find_audio(tmp_path, named)
    found = [path.relative_to(tmp_path).as_posix() for path in files.values()]
    assert found == ["1/a.wav", "1/b.flac", "2/c.wav", "1/d.wav"]
    assert "another format or folder than published: 2, like 1/b.flac, 2/c.wav" in str(note)
    (extra,) = unnamed_audio(tmp_path, tmp_path, set(files.values()), "all.csv")
    assert "that all.csv does not name: 1, like 2/e.wav; they are ignored" in str(extra)


def test_other_numbers_than_published_are_counted() -> None:
    published = {"clips of fold 1": 3, "clips of fold 2": 4}
    (finding,) = held_against_published({"clips of fold 1": 3}, published, "All", Path("all.csv"))
    assert "All is not whole in all.csv, or is more" in str(finding)
    assert "1, like 0 of 4 clips of fold 2; what is there is used" in str(finding)
    (finding,) = held_against_published(published, published, "All", Path("all.csv"))
    assert finding.level is Level.NOTE
    assert str(finding) == "All has what was published: 3 clips of fold 1, 4 clips of fold 2"


def _put(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _settings(audio_path: Path, info_path: Path = Path("nowhere")) -> Settings:
    return Settings(audio_path=str(audio_path), info_path=str(info_path))
