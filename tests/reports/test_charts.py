"""Line charts."""

import re
import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pytest

from fcn4_dist.reports.charts import POINTS_SHOWN, Line, draw_lines, thin


def _texts(svg: str) -> list[str]:
    return [text.strip() for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


def _line(values: object, number: int = 0) -> Line:
    y = np.array(values, dtype=np.float64)
    return Line(number, np.arange(1.0, len(y) + 1), y)


def test_few_points_are_not_thinned() -> None:
    x = np.arange(float(POINTS_SHOWN))
    for thinned in thin(x, x):
        np.testing.assert_array_equal(thinned, x)


@pytest.mark.parametrize("points", [POINTS_SHOWN + 1, 1999, 30_000])
def test_thinned_lines_keep_mean_and_extremes(points: int) -> None:
    y = np.random.default_rng(1).normal(size=points)
    places, mean, low, high = thin(np.arange(1.0, points + 1), y)
    assert len(places) == len(mean) == POINTS_SHOWN
    assert (places[0], places[-1]) == (1, points)
    assert (low.min(), high.max()) == (y.min(), y.max())
    assert ((low <= mean) & (mean <= high)).all()
    group = slice(0, int(places[1]) - 1)
    np.testing.assert_allclose(mean[0], y[group].mean())


@pytest.mark.filterwarnings("error")
def test_gaps_stay_gaps_and_single_missing_values_do_not_spread() -> None:
    y = np.ones(3000)
    y[::10], y[1000:1500] = np.nan, np.nan
    _, mean, low, high = thin(np.arange(3000.0), y)
    assert np.isnan(mean).sum() == np.isnan(low).sum() == np.isnan(high).sum() == 50
    assert np.nanmin(mean) == np.nanmax(mean) == 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "values",
    [[0.3], [0.3, np.nan], [0.0, 0.0], [-1, 1], [1e-9, 1e9], [0.5] * 400, [np.nan, 1e300, 2e300]],
)
def test_any_values_make_a_picture(values: list[float]) -> None:
    for logarithmic in (False, True):
        svg = draw_lines("a", [_line(values)], "step", "x", logarithmic=logarithmic)
        ElementTree.fromstring(svg.replace("xlink:", ""))


def test_small_numbers_keep_their_digits_and_stay_short() -> None:
    texts = _texts(draw_lines("a", [_line([0.0, 0.0005, 0.001])], "step", "x"))
    assert {"2.5e-4", "5e-4", "0.001"} <= set(texts)
    texts = _texts(draw_lines("a", [_line([0.000485, 0.000515])], "step", "x"))
    assert max(map(len, texts)) <= 8


def test_decades_of_a_loss_are_seen() -> None:
    line = _line([1.0, 0.1, 0.001])
    assert "0.01" in _texts(draw_lines("a", [line], "step", "x", logarithmic=True))
    assert "0.01" not in _texts(draw_lines("a", [line], "step", "x"))


def test_a_constant_is_drawn_on_an_axis_from_zero() -> None:
    texts = _texts(draw_lines("a", [_line([0.5] * 9)], "step", "x"))
    assert "0" in texts and "0.6" in texts


def test_lines_take_the_colours_of_the_page() -> None:
    lines = [_line([number, number + 1], number) for number in range(10)]
    svg = draw_lines("a", lines, "step", "x")
    assert set(re.findall(r"var\(--run-(\d)\)", svg)) == set("01234567")
    assert not re.search('#[0-9a-f]{6}[;"]', svg)
    # More runs than colours are told apart by dashes.
    assert svg.count("stroke-dasharray") == 2


def test_ids_of_charts_of_one_page_differ() -> None:
    first, second = (
        set(re.findall(r'\bid="([^"]*)"', draw_lines(name, [_line([1, 2])], "step", "x")))
        for name in ("loss", "speed")
    )
    assert first and second and not first & second


def test_a_description_is_escaped() -> None:
    svg = draw_lines("a", [_line([1, 2])], "step", '"><script>alert(1)</script>')
    root = ElementTree.fromstring(svg.replace("xlink:", ""))
    assert root.attrib["aria-label"] == root[0].text == '"><script>alert(1)</script>'


def test_the_users_settings_of_matplotlib_change_nothing() -> None:
    before = draw_lines("a", [_line([1, 2])], "step", "x")
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "svg.fonttype": "path"}):
        assert draw_lines("a", [_line([1, 2])], "step", "x") == before
