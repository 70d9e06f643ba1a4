"""The tags of a song over time, as a picture."""

import re
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread
from matplotlib.text import Text

from fcn4_dist.reports.taggram_picture import clock_text, draw_taggram, write_taggram
from tests.reports.taggrams import HOSTILE, spectrogram_of, tagged


def test_the_same_song_gives_the_same_bytes_whatever_the_users_style(
    tmp_path: Path, real_clip: Path
) -> None:
    for name, style in (("a", {}), ("b", {"font.size": 30, "figure.facecolor": "black"})):
        with matplotlib.rc_context(style):
            write_taggram(tmp_path / name, tagged(real_clip), spectrogram_of(real_clip), 3)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("top_n", [1, 2, 99])
def test_the_picture_has_a_row_for_each_tag_that_is_asked_for(
    tmp_path: Path, real_clip: Path, top_n: int
) -> None:
    names = tuple("abcdefghij")
    write_taggram(tmp_path / "a.png", tagged(real_clip, names), spectrogram_of(real_clip), top_n)
    height = imread(tmp_path / "a.png").shape[0]
    assert height == {1: 460, 2: 460, 99: 696}[top_n]


def test_what_is_heard_is_seen_where_it_is_heard(tmp_path: Path, real_clip: Path) -> None:
    song = replace(
        tagged(real_clip, ("a",)),
        window_seconds=0.75,
        starts=np.array([0.0, 0.75]),
        window_scores=np.array([[0.0], [1.0]]),
    )
    write_taggram(tmp_path / "a.png", song, spectrogram_of(real_clip), 1)
    pixels = imread(tmp_path / "a.png")
    row = pixels[-100]
    dark, bright = np.array([0.267, 0.005, 0.329]), np.array([0.993, 0.906, 0.144])
    is_dark = np.abs(row[:, :3] - dark).max(axis=1) < 0.02
    is_bright = np.abs(row[:, :3] - bright).max(axis=1) < 0.02
    # Left of the colour bar.
    area = slice(0, 1085)
    assert is_dark[area].sum() > 100 and is_bright[area].sum() > 100
    assert np.flatnonzero(is_dark[area]).max() < np.flatnonzero(is_bright[area]).min() + 3


def test_any_name_fits(tmp_path: Path, real_clip: Path) -> None:
    path = tmp_path / ("long " * 40 + "$x^2$.ogg")
    path.symlink_to(real_clip)
    figure = draw_taggram(tagged(path, (*HOSTILE, "音" * 99)), spectrogram_of(path), 9)
    figure.canvas.draw()
    _, below, *_ = figure.axes
    assert {"موسيقى", r"$x^2$ \frac{"} <= {name.get_text() for name in below.texts}
    # Numbers beyond the ends of their axes are not drawn.
    for text in figure.findobj(lambda x: isinstance(x, Text) and re.search("[a-z]", x.get_text())):
        left, bottom, right, top = text.get_window_extent().extents
        assert min(left, bottom) >= 0, text
        assert right <= figure.bbox.width and top <= figure.bbox.height, text
    scores = [score.get_window_extent().x0 for score in below.get_yticklabels()]
    assert max(name.get_window_extent().x1 for name in below.texts) < min(scores)


def test_places_in_a_song_are_minutes_and_seconds() -> None:
    assert [clock_text(seconds) for seconds in (0, 59.6, 61, 3600)] == [
        *("0:00", "1:00", "1:01", "60:00")
    ]
