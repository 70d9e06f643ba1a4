"""What a network hears in a song, as a whole and over time."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.tagging import SongTags

SCORES = np.array([[0.1, 0.9, 0.5], [0.3, 0.7, 0.5], [0.8, 0.2, 0.5]])


def song(starts: list[float], seconds: float = 10.0, window: float = 4.0) -> SongTags:
    scores, levels = SCORES[: len(starts)], np.full(len(starts), -20.0)
    return SongTags(
        Path("a.mp3"), seconds, ("b", "a", "c"), window, np.array(starts), scores, levels
    )


def test_the_score_of_a_song_is_the_mean_over_its_windows() -> None:
    assert song([0.0, 4.0, 6.0]).scores == pytest.approx([0.4, 0.6, 0.5])


def test_the_top_tags_are_those_of_the_highest_scores() -> None:
    names = [name for name, _ in song([0.0, 4.0, 6.0]).top(2)]
    assert names == ["a", "c"]
    assert len(song([0.0]).top(99)) == 3


def test_where_windows_overlap_the_score_is_their_mean() -> None:
    edges, scores = song([0.0, 4.0, 6.0]).over_time()
    assert edges.tolist() == [0.0, 4.0, 6.0, 8.0, 10.0]
    assert scores[:, 0] == pytest.approx([0.1, 0.3, 0.55, 0.8])


def test_between_windows_there_is_no_gap() -> None:
    edges, scores = song([0.0, 4.02], seconds=8.04).over_time()
    assert edges.tolist() == [0.0, 4.02, 8.04]
    assert scores[:, 0].tolist() == [0.1, 0.3]


def test_a_song_shorter_than_a_window_is_one_stretch() -> None:
    edges, scores = song([0.0], seconds=2.5).over_time()
    assert edges.tolist() == [0.0, 2.5]
    assert scores.tolist() == [[0.1, 0.9, 0.5]]


@given(seconds=st.floats(5, 500), hop=st.floats(0.5, 4.1), score=st.floats(0, 1))
def test_a_song_that_always_sounds_the_same_has_one_score_from_beginning_to_end(
    seconds: float, hop: float, score: float
) -> None:
    room = seconds - 4.0
    starts = np.linspace(0, room, 1 + int(-(-room // hop)))
    scores = np.full((len(starts), 1), score)
    tags = SongTags(Path("a.mp3"), seconds, ("a",), 4.0, starts, scores, 0 * starts)
    edges, scores = tags.over_time()
    assert edges[0] == 0 and edges[-1] == seconds and (np.diff(edges) > 0).all()
    assert scores == pytest.approx(np.full((len(edges) - 1, 1), score))


def test_it_shows_itself_in_a_line() -> None:
    assert repr(song([0.0, 4.0])) == "<SongTags of a.mp3: a 0.800, c 0.500, b 0.200>"
