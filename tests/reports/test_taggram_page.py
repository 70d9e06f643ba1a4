"""The page that plays a song and shows its tags over time."""

import base64
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from fcn4_dist.reports.taggram_page import taggram_page, write_taggram_page
from tests.reports.taggrams import HOSTILE, spectrogram_of, tagged


def page_of(path: Path, top_n: int = 5, **changes: object) -> str:
    song = replace(tagged(path), **changes)
    return taggram_page(song, spectrogram_of(path), b"mp3 bytes", top_n).decode()


def test_the_same_song_gives_the_same_bytes(real_clip: Path) -> None:
    assert page_of(real_clip) == page_of(real_clip)


def test_the_music_and_the_spectrogram_are_inside(real_clip: Path) -> None:
    page = page_of(real_clip)
    assert f"data:audio/mpeg;base64,{base64.b64encode(b'mp3 bytes').decode()}" in page
    encoded = re.search(r"data:image/png;base64,([^\"]+)", page)
    assert encoded
    picture = imread(io.BytesIO(base64.b64decode(encoded[1])))
    spectrogram = spectrogram_of(real_clip)
    assert picture.shape[:2] == spectrogram.shape
    # Low bands below: the loudest pixel is where the loudest value is, seen from the bottom.
    band, frame = np.unravel_index(spectrogram.argmax(), spectrogram.shape)
    assert picture[len(spectrogram) - 1 - band, frame, :3].sum() == picture[..., :3].sum(-1).max()


def test_a_long_songs_spectrogram_is_drawn_narrower(real_clip: Path) -> None:
    long = np.repeat(spectrogram_of(real_clip), 200, axis=1)
    page = taggram_page(tagged(real_clip), long, b"", 1).decode()
    encoded = re.search(r"data:image/png;base64,([^\"]+)", page)
    assert encoded
    assert imread(io.BytesIO(base64.b64decode(encoded[1]))).shape[1] == 2000


def test_a_long_song_is_linked_and_its_page_stays_small(real_clip: Path, tmp_path: Path) -> None:
    song = tmp_path / "music" / "a: <b> é.wav"
    song.parent.mkdir()
    song.symlink_to(real_clip)
    starts = np.arange(0, 10_800, 2.0)
    scores = np.random.default_rng(1).uniform(size=(len(starts), 3))
    tags = replace(
        tagged(real_clip),
        path=song,
        seconds=10_800.0,
        window_seconds=29.12,
        starts=starts,
        window_scores=scores,
        levels=0 * starts,
    )
    write_taggram_page(tmp_path / "a.html", tags, np.zeros((96, 500_000), np.float32), 5)
    page = (tmp_path / "a.html").read_text()
    assert len(page) < 1_000_000
    assert page.count('href="music/a%3A%20%3Cb%3E%20%C3%A9.wav"') == 1
    assert 'src="music/a%3A%20%3Cb%3E%20%C3%A9.wav"' in page and "data:audio" not in page
    assert "media-src data: 'self' file:" in page and "means over 5.4 s" in page


def test_each_strip_shows_its_tag_over_the_whole_song(real_clip: Path) -> None:
    song = tagged(real_clip)
    page = taggram_page(song, spectrogram_of(real_clip), b"", 2).decode()
    strips = re.findall(r"<svg viewBox.*?</svg>", page, re.DOTALL)
    assert len(strips) == 2
    edges, scores = song.over_time()
    for strip, (name, _) in zip(strips, song.top(2), strict=True):
        boxes = re.findall(
            r'x="([\d.]+)" width="([\d.]+)" height="1" fill-opacity="([\d.]+)"', strip
        )
        places = np.array(boxes, dtype=float)
        expected_places = 100_000 * edges[:-1] / song.seconds
        np.testing.assert_allclose(places[:, 0], expected_places, atol=0.51)
        # Each ends exactly where the next one begins.
        ends = places[:, 0] + places[:, 1]
        assert ends.tolist() == [*places[1:, 0], 100_000]
        expected = scores[:, song.class_names.index(name)]
        np.testing.assert_allclose(places[:, 2], expected, atol=6e-4)


def test_the_script_reads_the_same_numbers(real_clip: Path) -> None:
    song = tagged(real_clip)
    page = taggram_page(song, spectrogram_of(real_clip), b"", 2).decode()
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', page)
    assert found
    data = json.loads(found[1])
    edges, scores = song.over_time()
    columns = [song.class_names.index(name) for name, _ in song.top(2)]
    assert data["seconds"] == song.seconds
    np.testing.assert_allclose(data["edges"], edges, atol=6e-4)
    np.testing.assert_allclose(data["scores"], scores[:, columns], atol=6e-4)


def test_all_tags_of_the_song_are_in_a_table(real_clip: Path) -> None:
    song = tagged(real_clip)
    page = taggram_page(song, spectrogram_of(real_clip), b"", 1).decode()
    rows = re.findall(r"<bdi>([^<]+)</bdi></th><td>([\d.]+)</td>", page)
    assert rows == [(name, f"{score:.3f}") for name, score in song.top(3)]


def test_names_are_escaped(real_clip: Path) -> None:
    song = replace(tagged(real_clip, HOSTILE), path=Path("<img src=x>.mp3"))
    page = taggram_page(song, spectrogram_of(real_clip), b"", 5).decode()
    assert "<img src=x" not in page and "<script>alert" not in page
    assert "&lt;img src=x&gt;.mp3" in page


@pytest.mark.parametrize(
    ("seconds", "last"), [(0.4, "0:00"), (8.0, "0:07"), (61.0, "0:50"), (36000.0, "525:00")]
)
def test_ticks_are_at_round_times(real_clip: Path, seconds: float, last: str) -> None:
    page = page_of(
        real_clip, seconds=seconds, starts=np.array([0.0]), window_scores=np.ones((1, 3))
    )
    ticks = re.findall(r'<span style="left: ([\d.]+)%">([\d:]+)</span>', page)
    assert ticks[0] == ("0.000", "0:00") and ticks[-1][1] == last
    assert len(ticks) <= 11 and all(float(place) < 95 for place, _ in ticks)
