"""Texts of any length that fit into a picture."""

import math

from matplotlib.text import Text


def one_line(text: str) -> str:
    """Write what cannot be drawn, such as ends of lines, as spaces."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def fit(text: Text, inches: float) -> None:
    """Cut out the middle of a text, since the end tells clips apart, until it fits.

    Args:
        text: A text of a figure that has a canvas, which measures it.
        inches: How long it may be.
    """
    whole, shown = text.get_text(), len(text.get_text())
    while (excess := _length(text) / inches) > 1 and shown > 1:
        shown = min(shown - 1, int(shown / excess))
        head = math.ceil(shown / 2)
        text.set_text(f"{whole[:head]}…{whole[len(whole) - shown + head :]}")


def _length(text: Text) -> float:
    figure = text.get_figure(root=True)
    assert figure is not None
    return text.get_window_extent().width / figure.dpi
