"""The tags of a song over time, as a picture."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import FuncFormatter, MaxNLocator

from fcn4_dist.files import write_bytes
from fcn4_dist.reports.pictures import (
    draw_spectrogram,
    empty_figure,
    fit,
    one_line,
    own_style,
    png_of,
)
from fcn4_dist.tagging import MOST_COLUMNS, SongTags, fewer_columns

# In inches.
_WIDTH, _SPECTROGRAM_HEIGHT, _ROW_HEIGHT = 10.0, 1.8, 0.28
_LEFT, _RIGHT, _TOP, _BOTTOM, _GAP, _BAR_GAP, _BAR_WIDTH = 2.6, 0.75, 0.5, 0.5, 0.2, 0.12, 0.12
_TITLE_POINTS, _POINTS = 11, 8
_SCORE_WIDTH, _EDGE = 0.4, 0.1
RANGE_DB = 80
_SCORE_COLOURS = "viridis"


def write_taggram(path: Path, song: SongTags, spectrogram: np.ndarray, top_n: int) -> None:
    """Write what :func:`taggram_png` gives to a file."""
    write_bytes(path, taggram_png(song, spectrogram, top_n))


@own_style()
def taggram_png(song: SongTags, spectrogram: np.ndarray, top_n: int) -> bytes:
    """Draw the tags of a song over time under its spectrogram, as PNG.

    The same input gives the same bytes.

    Args:
        song: The tags.
        spectrogram: Decibels of shape (n_mels, frames), from the song's beginning to its end.
        top_n: How many tags: those of the highest scores.
    """
    return png_of(draw_taggram(song, spectrogram, top_n))


@own_style()
def draw_taggram(song: SongTags, spectrogram: np.ndarray, top_n: int) -> Figure:
    """Draw the picture that :func:`taggram_png` gives; the arguments are the same."""
    figure, above, below, bars = _axes(min(top_n, len(song.class_names)))
    title = above.set_title(one_line(song.path.name), fontsize=_TITLE_POINTS, loc="left")
    fit(title, _WIDTH - _LEFT - _EDGE)
    spectrogram = fewer_columns(spectrogram)
    loudest = float(spectrogram.max())
    scale = Normalize(loudest - RANGE_DB, loudest)
    image = draw_spectrogram(above, spectrogram, song.seconds, scale)
    above.set_ylabel("mel band", fontsize=_POINTS)
    above.tick_params(labelbottom=False)
    mesh = _draw_scores(below, song, top_n)
    for bar, drawn, label in ((bars[0], image, "dB"), (bars[1], mesh, "score")):
        figure.colorbar(drawn, cax=bar).set_label(label, fontsize=_POINTS)
    for axes in (above, below, *bars):
        axes.tick_params(labelsize=_POINTS, length=2, width=0.5)
    return figure


def _axes(rows: int) -> tuple[Figure, Axes, Axes, tuple[Axes, Axes]]:
    heights = (_SPECTROGRAM_HEIGHT, max(rows, 3) * _ROW_HEIGHT)
    height = _TOP + sum(heights) + _GAP + _BOTTOM
    figure = empty_figure(_WIDTH, height)
    width = _WIDTH - _LEFT - _RIGHT
    grid = GridSpec(
        2,
        2,
        figure,
        left=_LEFT / _WIDTH,
        right=1 - _RIGHT / _WIDTH,
        top=1 - _TOP / height,
        bottom=_BOTTOM / height,
        height_ratios=heights,
        width_ratios=(width - _BAR_GAP - _BAR_WIDTH, _BAR_WIDTH),
        hspace=_GAP / (sum(heights) / 2),
        wspace=_BAR_GAP / (width / 2),
    )
    above = figure.add_subplot(grid[0, 0])
    below = figure.add_subplot(grid[1, 0], sharex=above)
    return figure, above, below, (figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, 1]))


def _draw_scores(axes: Axes, song: SongTags, top_n: int) -> QuadMesh:
    top = song.top(top_n)
    columns = [song.class_names.index(name) for name, _ in top]
    edges, scores = song.over_time(MOST_COLUMNS)
    rows = np.arange(len(top) + 1)
    mesh = axes.pcolormesh(
        edges, rows, scores[:, columns].T, cmap=_SCORE_COLOURS, norm=Normalize(0, 1)
    )
    axes.set_yticks(rows[:-1] + 0.5, [f"{score:.2f}" for _, score in top])
    # Apart from their scores, which would stand before a name that is written from right to left.
    place = -_SCORE_WIDTH / (_WIDTH - _LEFT - _RIGHT - _BAR_GAP - _BAR_WIDTH)
    for row, (name, _) in enumerate(top):
        text = axes.text(place, row + 0.5, one_line(name), transform=axes.get_yaxis_transform())
        text.set(fontsize=_POINTS, ha="right", va="center")
        fit(text, _LEFT - _SCORE_WIDTH - _EDGE)
    axes.invert_yaxis()
    axes.xaxis.set_major_locator(MaxNLocator(10, steps=[1, 1.5, 2, 3, 6, 10], integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: clock_text(seconds)))
    return mesh


def clock_text(seconds: float) -> str:
    """Write a place in a song as minutes:seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
