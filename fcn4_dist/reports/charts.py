"""Line charts as SVG to stand within a page, in the colours of the page."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

PALETTE = (
    ("#1a66d6", "#6fb1ff"),
    ("#c8510a", "#ff9f5a"),
    ("#12805c", "#4fd1a1"),
    ("#9b2fae", "#e08af0"),
    ("#8a6a00", "#e3c04f"),
    ("#c2255c", "#ff8bb0"),
    ("#0b7c8f", "#4fd1e0"),
    ("#5c6773", "#b3bdc8"),
)
"""Colours of the lines, on a light and on a dark page; dashes begin where they end."""
STYLES = ("solid", "dashed", "dotted")
"""Strokes of the lines, as CSS calls them, and matplotlib too."""
POINTS_SHOWN = 300
"""Points of a line, above which it is thinned."""

# In points, which are the units of the SVG.
_WIDTH, _HEIGHT = 380, 225
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 10, 10, 36
_FONT_POINTS = 11.5
_MARKED_UP_TO = 40
_LOGARITHMIC_FROM = 100
# Stand for colours that the page decides; matplotlib leaves out black, which is the SVG's default.
_INK, _GRID = "#0000f1", "#0000f2"
_VARIABLES = {_INK: "var(--muted)", _GRID: "var(--line)"} | {
    f"#0000{number + 1:02x}": f"var(--run-{number})" for number in range(len(PALETTE))
}


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
        number: Which run it is of, from 0; decides colour and dashes.
        x: Where the values are, rising.
        y: The values; NaN for a gap.
        marked: Index of a point to be marked; None for none.
    """

    number: int
    x: np.ndarray
    y: np.ndarray
    marked: int | None = None


def draw_lines(
    name: str, lines: Sequence[Line], x_title: str, description: str, *, logarithmic: bool = False
) -> Markup:
    """Draw lines. The same input gives the same text.

    Lines of very many points are thinned to means, with a band from the lowest to the highest.

    Args:
        name: Name of the chart, another one for each of a page: ids are made from it.
        lines: The lines, with at least one value in all.
        x_title: What x is.
        description: What is to be seen, for those who do not see it.
        logarithmic: Whether y is logarithmic where values differ by more than two decades.

    Returns:
        An ``<svg>`` for pages with the colours ``--run-0`` …, ``--muted``
        and ``--line``.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        # The browser's own letters, and the same ids each time.
        matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": name})
        figure = _figure(lines, x_title, logarithmic)
        text = io.StringIO()
        nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(text, format="svg", transparent=True, metadata=nothing)
    return _for_the_page(text.getvalue(), description)


def thin(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, ...]:
    """Put neighbouring points together until they are few enough to be drawn.

    Args:
        x: Places of shape (points,).
        y: Values of shape (points,); NaN for a gap.

    Returns:
        Places, and the mean, the lowest and the highest value at each, of one shape.
    """
    if len(x) <= POINTS_SHOWN:
        return x, y, y, y
    starts = np.linspace(0, len(x), POINTS_SHOWN, endpoint=False).astype(int)
    known = ~np.isnan(y)
    counts = np.add.reduceat(known.astype(float), starts)
    sums = np.add.reduceat(np.where(known, y, 0), starts)
    gap = np.where(counts > 0, 1.0, np.nan)
    mean = sums / np.maximum(counts, 1) * gap
    low = np.fmin.reduceat(y, starts)
    high = np.fmax.reduceat(y, starts)
    # The ends stay where they are, so that lines of runs of one length end together.
    places = x[starts]
    places[-1] = x[-1]
    return places, mean, low, high


def _figure(lines: Sequence[Line], x_title: str, logarithmic: bool) -> Figure:
    figure = Figure((_WIDTH / 72, _HEIGHT / 72), dpi=72)
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    axes = figure.add_axes(
        (_LEFT / _WIDTH, _BOTTOM / _HEIGHT, width / _WIDTH, height / _HEIGHT), frameon=False
    )
    for line in lines:
        _draw(axes, line)
    _scale(axes, lines, logarithmic)
    axes.grid(color=_GRID, linewidth=0.8)
    axes.tick_params(which="both", colors=_INK, labelsize=_FONT_POINTS, length=0, pad=5)
    end = max(line.x[-1] for line in lines)
    axes.set_xlim(0, 1.03 * end)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=end >= 3))
    axes.xaxis.set_major_formatter(FuncFormatter(_number))
    axes.set_xlabel(x_title, color=_INK, fontsize=_FONT_POINTS, loc="right", labelpad=3)
    return figure


def _draw(axes: Axes, line: Line) -> None:
    colour = f"#0000{line.number % len(PALETTE) + 1:02x}"
    style = STYLES[line.number // len(PALETTE) % len(STYLES)]
    x, mean, low, high = thin(line.x, line.y)
    if len(x) < len(line.x):
        axes.fill_between(x, low, high, color=colour, alpha=0.16, linewidth=0)
    few = len(x) <= _MARKED_UP_TO
    axes.plot(x, mean, ls=style, color=colour, lw=1.8, marker="o" if few else "", markersize=3.2)
    if line.marked is not None:
        place = (line.x[line.marked], line.y[line.marked])
        axes.plot(*place, "o", color=colour, markersize=9, fillstyle="none", markeredgewidth=1.8)


def _scale(axes: Axes, lines: Sequence[Line], logarithmic: bool) -> None:
    values = np.concatenate([line.y for line in lines])
    lowest, highest = np.nanmin(values), np.nanmax(values)
    if logarithmic and 0 < lowest * _LOGARITHMIC_FROM < highest:
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5))
    if 0 < lowest == highest:
        # Otherwise the axis would be about nothing.
        axes.set_ylim(0, 1.5 * highest)
    axes.yaxis.set_major_formatter(FuncFormatter(_number))


def _number(value: float, _: object = None) -> str:
    if not 0 < abs(value) < 1e-3:
        return f"{value:.6g}"
    # Short enough for the room beside the axis.
    digits, exponent = f"{value:.2e}".split("e")
    return f"{float(digits):g}e{int(exponent)}"


def _for_the_page(text: str, description: str) -> Markup:
    text = text[text.index("<svg") :]
    # Its rule would hold for the whole page, which has it for charts.
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, count=1, flags=re.DOTALL)
    text = re.sub(r' id="[\w.]+_\d+"', "", text)
    text = re.sub(r"font: [^;\"]+", f"font-size: {_FONT_POINTS}px", text)
    # Hundredths of a point are enough; what stands between tags is for people.
    text = re.sub(r"<[^>]+>", lambda tag: re.sub(r"(\.\d\d)\d+", r"\1", tag[0]), text)
    text = re.sub(r"\s*\n\s*", "\n", text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    body = text[text.index(">") + 1 :]
    head = Markup(
        '<svg class="chart" role="img" viewBox="0 0 {} {}" aria-label="{}">\n<title>{}</title>'
    ).format(_WIDTH, _HEIGHT, description, description)
    return head + Markup(body)
