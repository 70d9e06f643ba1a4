"""What all pictures have in common: style, file, and texts of any length that fit into them."""

import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.font_manager import get_font_names
from matplotlib.image import AxesImage
from matplotlib.text import Text

from fcn4_dist.files import write_bytes

SPECTROGRAM_COLOURS = "magma"

# DejaVu comes with matplotlib, and lacks the letters of East Asia.
_FONTS = ("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei")
_DPI = 120


@contextmanager
def own_style() -> Iterator[None]:
    """Draw the same whatever the user's settings of matplotlib, and take any text literally."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        installed = set(get_font_names())
        fonts = [name for name in _FONTS if name in installed]
        matplotlib.rcParams.update({"text.parse_math": False, "font.family": fonts})
        # A letter that no font has is drawn as a box, which says it all.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        yield


def empty_figure(width: float, height: float) -> Figure:
    """Begin a picture of a size in inches, on which texts can be measured."""
    figure = Figure((width, height), dpi=_DPI)
    FigureCanvasAgg(figure)
    return figure


def draw_spectrogram(
    axes: Axes, decibels: np.ndarray, seconds: float, scale: Normalize
) -> AxesImage:
    """Draw decibels of shape (n_mels, frames), which last so many seconds."""
    return axes.imshow(
        decibels,
        origin="lower",
        aspect="auto",
        extent=(0, seconds, 0, len(decibels)),
        cmap=SPECTROGRAM_COLOURS,
        norm=scale,
    )


def write_png(path: Path, figure: Figure) -> None:
    """Write a picture; the same one gives the same bytes."""
    write_bytes(path, png_of(figure))


def png_of(figure: Figure) -> bytes:
    """Give a picture as PNG; the same one gives the same bytes."""
    picture = io.BytesIO()
    # Otherwise matplotlib's version would be in the file.
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()


def one_line(text: str) -> str:
    """Write what cannot be drawn, such as ends of lines, as spaces."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def fit(text: Text, inches: float) -> None:
    """Cut out the middle of a text, since the end tells clips apart, until it fits.

    Args:
        text: A text of an :func:`empty_figure`.
        inches: How long it may be.
    """
    whole, shown = text.get_text(), len(text.get_text())
    while (excess := text.get_window_extent().width / _DPI / inches) > 1 and shown > 1:
        shown = min(shown - 1, int(shown / excess))
        head = math.ceil(shown / 2)
        text.set_text(f"{whole[:head]}…{whole[len(whole) - shown + head :]}")
