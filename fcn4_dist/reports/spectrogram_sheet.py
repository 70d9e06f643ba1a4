"""A sheet of small mel-spectrograms, a few for each class."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fcn4_dist.reports.pictures import (
    SPECTROGRAM_COLOURS,
    draw_spectrogram,
    empty_figure,
    fit,
    one_line,
    own_style,
    write_png,
)

# In inches: a picture, the room to the next one for titles and ticks, the room around them all.
_WIDTH, _HEIGHT = 2.5, 1.2
_GAP_WIDTH, _GAP_HEIGHT = 0.35, 0.7
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.55, 1.1, 0.9, 0.5
_SMALLEST_SHEET = 6.5
_BAR_WIDTH, _LARGEST_BAR = 0.12, 5.0
_WIDTH_BY_HEIGHT = 1.5
_HEADING_POINTS, _TITLE_POINTS, _SMALL_POINTS = 11, 8, 6.5
_GREY = "0.4"


@dataclass(frozen=True)
class Picture:
    """One box of the sheet.

    Attributes:
        title: Its class.
        subtitle: Its clip, or why there is none.
        spectrogram: Decibels of shape (n_mels, frames); None for an empty box.
    """

    title: str
    subtitle: str
    spectrogram: np.ndarray | None = None


@own_style()
def write_sheet(
    path: Path,
    heading: str,
    groups: Sequence[Sequence[Picture]],
    *,
    seconds: float,
    decibels: str,
) -> None:
    """Draw spectrograms on one sheet, in one scale of colours, and write it as PNG.

    The same input gives the same bytes.

    Args:
        path: File to write.
        heading: Title of the sheet.
        groups: The pictures of each class, the same number for each; they stay side by side.
        seconds: Length of every spectrogram.
        decibels: What the colours mean.
    """
    write_png(path, draw_sheet(heading, groups, seconds=seconds, decibels=decibels))


@own_style()
def draw_sheet(
    heading: str, groups: Sequence[Sequence[Picture]], *, seconds: float, decibels: str
) -> Figure:
    """Draw the sheet that :func:`write_sheet` writes; the arguments are the same."""
    pictures = [picture for group in groups for picture in group]
    columns = _columns(len(groups), len(groups[0]))
    spectrograms = [x.spectrogram for x in pictures if x.spectrogram is not None]
    lowest = min((float(values.min()) for values in spectrograms), default=0)
    highest = max((float(values.max()) for values in spectrograms), default=0)
    scale = Normalize(lowest, highest)
    figure, boxes = _grid(len(pictures), columns)
    for number, (box, picture) in enumerate(zip(boxes, pictures, strict=True)):
        _draw_picture(box, picture, seconds, scale)
        if number % columns == 0:
            box.set_ylabel("mel band", fontsize=_SMALL_POINTS)
        if number + columns >= len(pictures):
            box.set_xlabel("seconds", fontsize=_SMALL_POINTS)
    if spectrograms:
        _draw_colour_bar(figure, columns, scale, decibels)
    width, height = figure.get_size_inches()
    place = (_LEFT / width, 1 - 0.2 / height)
    text = figure.text(*place, one_line(heading), fontsize=_HEADING_POINTS, va="top")
    fit(text, width - _LEFT)
    return figure


def _columns(groups: int, pictures_a_group: int) -> int:
    """Choose the columns of pictures: for a sheet a little wider than high, with few holes."""
    width = pictures_a_group * (_WIDTH + _GAP_WIDTH)
    ideal = math.sqrt(_WIDTH_BY_HEIGHT * groups * (_HEIGHT + _GAP_HEIGHT) / width)
    nearby = range(max(1, round(ideal) - 1), min(groups, round(ideal) + 2) + 1)
    return pictures_a_group * min(nearby, key=lambda number: (-groups % number, -number))


def _grid(pictures: int, columns: int) -> tuple[Figure, list[Axes]]:
    rows = math.ceil(pictures / columns)
    width = _LEFT + columns * (_WIDTH + _GAP_WIDTH) - _GAP_WIDTH + _RIGHT
    height = _TOP + rows * (_HEIGHT + _GAP_HEIGHT) - _GAP_HEIGHT + _BOTTOM
    figure = empty_figure(max(width, _SMALLEST_SHEET), height)
    places = (divmod(number, columns) for number in range(pictures))
    return figure, [_box(figure, row, column, _WIDTH, _HEIGHT) for row, column in places]


def _box(figure: Figure, row: int, column: int, width: float, height: float) -> Axes:
    """Add axes of a size in inches whose upper left corner is that of a place of the grid."""
    sheet_width, sheet_height = figure.get_size_inches()
    left = _LEFT + column * (_WIDTH + _GAP_WIDTH)
    bottom = sheet_height - _TOP - row * (_HEIGHT + _GAP_HEIGHT) - height
    return figure.add_axes(
        (left / sheet_width, bottom / sheet_height, width / sheet_width, height / sheet_height)
    )


def _draw_picture(box: Axes, picture: Picture, seconds: float, scale: Normalize) -> None:
    box.tick_params(labelsize=_SMALL_POINTS, length=2, width=0.5, pad=1.5)
    title = box.set_title(
        one_line(picture.title), fontsize=_TITLE_POINTS, fontweight="bold", loc="left", pad=11
    )
    fit(title, _WIDTH)
    subtitle = box.text(0, 1.04, one_line(picture.subtitle), transform=box.transAxes)
    subtitle.set(fontsize=_SMALL_POINTS, color=_GREY)
    fit(subtitle, _WIDTH)
    if picture.spectrogram is None:
        box.set(xticks=[], yticks=[], facecolor="0.95")
        subtitle.set(position=(0.5, 0.5), ha="center", va="center")
        return
    draw_spectrogram(box, picture.spectrogram, seconds, scale)
    box.xaxis.set_major_locator(MaxNLocator(6))
    box.yaxis.set_major_locator(MaxNLocator(4, integer=True))


def _draw_colour_bar(figure: Figure, columns: int, scale: Normalize, decibels: str) -> None:
    _, height = figure.get_size_inches()
    bar = _box(figure, 0, columns, _BAR_WIDTH, min(height - _TOP - _BOTTOM, _LARGEST_BAR))
    bar.tick_params(labelsize=_SMALL_POINTS, length=2)
    figure.colorbar(ScalarMappable(scale, SPECTROGRAM_COLOURS), cax=bar)
    bar.set_ylabel(decibels, fontsize=_SMALL_POINTS)
