"""The tags of a song over time, as one page that plays it and needs nothing but itself."""

import base64
import io
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import numpy as np
from markupsafe import Markup
from matplotlib.image import imsave

from fcn4_dist import __version__
from fcn4_dist.files import write_bytes
from fcn4_dist.reports.pages import render_page
from fcn4_dist.reports.pictures import SPECTROGRAM_COLOURS
from fcn4_dist.reports.playable_audio import playable_audio
from fcn4_dist.reports.taggram_picture import RANGE_DB, clock_text
from fcn4_dist.tagging import SongTags, fewer_columns

LONGEST_INSIDE = 1200
"""Seconds of a song that are put into the page, as 19 MB of MP3; of a longer one it is a link."""
MOST_STRETCHES = 2000
_TICKS = 8
_LAST_TICK = 0.95
_ROUND_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600)
_STRIP_WIDTH = 100_000


def write_taggram_page(path: Path, song: SongTags, spectrogram: np.ndarray, top_n: int) -> None:
    """Write what :func:`taggram_page` gives of a song to a file.

    Raises:
        InputError: If the song cannot be decoded again, to be put into the page.
    """
    inside = song.seconds <= LONGEST_INSIDE
    audio = playable_audio(song.path) if inside else _link(song.path, path)
    write_bytes(path, taggram_page(song, spectrogram, audio, top_n))


def taggram_page(song: SongTags, spectrogram: np.ndarray, audio: bytes | str, top_n: int) -> bytes:
    """Make the page. The same input gives the same bytes.

    Args:
        song: The tags.
        spectrogram: Decibels of shape (n_mels, frames), from the song's beginning to its end.
        audio: The song as MP3; or where it is, seen from the page.
        top_n: How many tags are shown over time: those of the highest scores.

    Returns:
        HTML in UTF-8 that loads nothing. Without scripts it shows and plays the same, and its
        playhead stands still.
    """
    edges, scores = song.over_time(MOST_STRETCHES)
    columns = [song.class_names.index(name) for name, _ in song.top(top_n)]
    windows = f"{len(song.starts)} windows" if len(song.starts) > 1 else "one window"
    facts = [clock_text(song.seconds), f"{windows} of {song.window_seconds:g} s"]
    if len(scores) == MOST_STRETCHES:
        facts.append(f"means over {song.seconds / MOST_STRETCHES:.1f} s")
    content: dict[str, Any] = {
        "title": song.path.name,
        "facts": facts,
        "seconds": song.seconds,
        "length": clock_text(song.seconds),
        "audio": audio if isinstance(audio, str) else _embedded("audio/mpeg", audio),
        "is_inside": not isinstance(audio, str),
        "spectrogram": _embedded("image/png", _picture(spectrogram)),
        "strips": [_strip(song, edges, scores, column) for column in columns],
        "strip_width": _STRIP_WIDTH,
        "ticks": _ticks(song.seconds),
        "all_tags": [(name, f"{score:.3f}") for name, score in song.top(len(song.class_names))],
        "version": __version__,
        # Numbers only, so that nothing in it can end the element it stands in.
        "data": Markup(
            json.dumps(
                {
                    "seconds": song.seconds,
                    "edges": edges.round(3).tolist(),
                    "scores": scores[:, columns].round(3).tolist(),
                }
            )
        ),
    }
    return render_page("taggram.html.j2", content)


def _link(song: Path, page: Path) -> str:
    """Give the place of a song, seen from a page."""
    return quote_from_bytes(os.fsencode(os.path.relpath(song, page.parent)))


def _embedded(kind: str, content: bytes) -> Markup:
    return Markup(f"data:{kind};base64,{base64.b64encode(content).decode()}")


def _picture(spectrogram: np.ndarray) -> bytes:
    spectrogram = fewer_columns(spectrogram)
    loudest = spectrogram.max()
    content = io.BytesIO()
    imsave(
        content,
        spectrogram,
        vmin=loudest - RANGE_DB,
        vmax=loudest,
        cmap=SPECTROGRAM_COLOURS,
        origin="lower",
        format="png",
        # Without matplotlib's version, which would be in the file.
        metadata={"Software": None},  # type: ignore[dict-item]
    )
    return content.getvalue()


def _strip(
    song: SongTags, edges: np.ndarray, scores: np.ndarray, column: int
) -> tuple[str, float, list[tuple[int, int, str]]]:
    """Give a tag, its score in the whole song, and place, width and score of each stretch."""
    # Whole numbers, so that a box ends exactly where the next one begins.
    places = (edges / song.seconds * _STRIP_WIDTH).round().astype(int)
    boxes = [
        (place, width, f"{score:.3f}")
        for place, width, score in zip(places, np.diff(places), scores[:, column], strict=False)
    ]
    return song.class_names[column], float(song.scores[column]), boxes


def _ticks(seconds: float) -> list[tuple[str, str]]:
    """Place round times: (percent of the width, text)."""
    enough = (each for each in _ROUND_SECONDS if seconds / each <= _TICKS)
    step = next(enough, max(1, round(seconds / _TICKS)))
    # No text fits in at the right edge.
    times = np.arange(0, _LAST_TICK * seconds, step)
    return [(f"{100 * time / seconds:.3f}", clock_text(time)) for time in times]
