"""FMA's tables, as far as their cells go; test_fma.py reads whole tables with their collection."""

import csv
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.clips.fma_tables import read_genres, read_id_list, read_tracks

REAL_TABLES = Path(__file__).parents[1] / "data" / "fma"


def test_real_rows_give_what_python_s_own_reader_finds_in_them() -> None:
    with (REAL_TABLES / "tracks.csv").open(encoding="utf-8", newline="") as file:
        above, below, _, *rows = csv.reader(file)
    tracks = read_tracks(REAL_TABLES / "tracks.csv")
    places = {names: place for place, names in enumerate(zip(above, below, strict=True))}
    assert [track.number for track in tracks] == [int(row[0]) for row in rows]
    for track, row in zip(tracks, rows, strict=True):
        assert track.split == row[places["set", "split"]]
        assert track.subset == row[places["set", "subset"]]
        assert track.artist == row[places["artist", "id"]]
        assert track.top == row[places["track", "genre_top"]]
        assert str(list(track.genres)) == row[places["track", "genres_all"]]
    # Texts of several lines that hold as many commas as there are columns.
    bios = [row[places["artist", "bio"]] for row in rows]
    assert any("\n" in bio and bio.count(",") >= len(above) for bio in bios)


def test_genres_have_their_titles_in_the_order_of_their_ids() -> None:
    titles = read_genres(REAL_TABLES / "genres.csv")
    assert titles[8] == "Old-Time / Historic"
    assert list(titles) == sorted(titles)


@given(st.lists(st.integers(0, 10**9 - 1)))
def test_a_list_that_python_writes_is_read_back(numbers: list[int]) -> None:
    assert read_id_list(f" {numbers} ") == tuple(numbers)


@given(st.text(alphabet="[](), 012-'x.\n"))
def test_any_other_text_is_no_list_and_never_an_error(text: str) -> None:
    numbers = read_id_list(text)
    if numbers is not None:
        assert text.strip()[0] + text.strip()[-1] == "[]"
        assert read_id_list(str(list(numbers))) == numbers
