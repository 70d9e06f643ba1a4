"""The page about runs, in a real browser."""

from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from fcn4_dist.cli import main
from tests.reports.browsing import (
    DESKTOP,
    PHONE,
    Browser,
    contrast,
    luminance,
    open_page,
    requests,
)
from tests.reports.run_folders import write_description, write_run
from tests.reports.test_run_report import HOSTILE, write_hostile_run


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of two finished runs."""
    folder = tmp_path_factory.mktemp("runs")
    settings = {"lr": 0.002, "lr_schedule": "cosine"}
    runs = [write_run(folder / "first"), write_run(folder / "second", seed=2, settings=settings)]
    return _page(*runs)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run whose every name is hostile, beside an ordinary one."""
    folder = tmp_path_factory.mktemp("hostile")
    run = write_hostile_run(folder / "<img src=x onerror=alert(1)>")
    return _page(run, write_run(folder / "ordinary"))


@pytest.fixture(params=["two_runs", "hostile", "only_settings"])
def page(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Each page in turn."""
    if request.param == "only_settings":
        write_description(tmp_path / "run")
        return _page(tmp_path / "run")
    return request.getfixturevalue(request.param)


def _page(*folders: Path) -> Path:
    output = folders[0].parent / "page.html"
    assert main(["report", *map(str, folders), "--output", str(output)]) == 0
    return output


def test_only_the_page_itself_is_asked_for_and_nothing_goes_wrong(
    browser: Browser, page: Path
) -> None:
    open_page(browser, page)
    asked = requests(browser)
    assert asked[0] == page.as_uri()
    assert all(url.startswith("data:") for url in asked[1:])
    assert browser.get_log("browser") == []


def test_a_page_that_does_ask_is_caught(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<!DOCTYPE html><title>x</title><img src='https://example.org/x.png'>")
    open_page(browser, page)
    assert "https://example.org/x.png" in requests(browser)
    assert browser.get_log("browser")


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_the_page_is_no_wider_than_the_window(browser: Browser, page: Path, width: int) -> None:
    open_page(browser, page, width)
    root = "document.documentElement"
    shown, content = browser.execute_script(f"return [{root}.clientWidth, {root}.scrollWidth]")
    assert shown == width
    assert content <= shown
    too_wide = browser.execute_script(
        "return [...document.querySelectorAll('section, .scroll, svg, h1, h2, h3, p')]"
        ".filter(each => each.getBoundingClientRect().right > window.innerWidth + 1)"
        ".map(each => each.outerHTML.slice(0, 200))"
    )
    assert too_wide == []


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_all_charts_are_drawn(browser: Browser, two_runs: Path, width: int) -> None:
    open_page(browser, two_runs, width)
    charts = browser.find_elements(By.CSS_SELECTOR, "svg.chart")
    assert len(charts) == 5
    for chart in charts:
        assert chart.size["width"] > 250 and chart.size["height"] > 140
        drawn = browser.execute_script(
            "return [...arguments[0].querySelectorAll('path')]"
            ".filter(each => getComputedStyle(each).stroke.startsWith('rgb'))"
            ".map(each => each.getBoundingClientRect().width)",
            chart,
        )
        assert max(drawn) > 150
    assert browser.execute_script(
        "return [...document.images].every(each => each.naturalWidth > 0)"
    )


def test_labels_of_charts_stay_within_them(browser: Browser, two_runs: Path) -> None:
    open_page(browser, two_runs, PHONE)
    outside = browser.execute_script(
        "return [...document.querySelectorAll('svg.chart text')].filter(each => {"
        "  const text = each.getBoundingClientRect();"
        "  const chart = each.closest('svg').getBoundingClientRect();"
        "  return text.left < chart.left - 1 || text.right > chart.right + 1;"
        "}).map(each => each.textContent)"
    )
    assert outside == []


def test_several_runs_stand_side_by_side(browser: Browser, two_runs: Path) -> None:
    open_page(browser, two_runs)
    cards = browser.find_elements(By.CSS_SELECTOR, ".runs section")
    assert [card.find_element(By.TAG_NAME, "h2").text for card in cards] == ["first", "second"]
    assert cards[0].location["y"] == cards[1].location["y"]
    legend = browser.find_element(By.CSS_SELECTOR, ".legend")
    assert legend.text.split() == ["first", "second"]
    colours = browser.execute_script(
        "return [...document.querySelectorAll('.legend .swatch')]"
        ".map(each => getComputedStyle(each).borderTopColor)"
    )
    strokes = browser.execute_script(
        "return [...document.querySelectorAll('svg.chart path')]"
        ".map(each => getComputedStyle(each).stroke)"
    )
    assert len(set(colours)) == 2 and set(colours) <= set(strokes)


def test_hostile_names_are_text_and_no_script_runs(browser: Browser, hostile: Path) -> None:
    open_page(browser, hostile)
    text = browser.find_element(By.TAG_NAME, "body").text
    for name in (*HOSTILE[:4], "<img src=x onerror=alert(1)>", "موسيقى"):
        assert name in text
    assert browser.find_elements(By.CSS_SELECTOR, "script, img, main b") == []
    # An alert would make any command fail.
    assert browser.title.endswith("fcn4-dist")


def test_the_page_is_whole_without_scripts(browser: Browser, two_runs: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(two_runs.as_uri())
        for section in ("curves", "scores", "classes", "confusion", "mistakes", "settings", "data"):
            assert browser.find_element(By.ID, section).is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_and_lines_stand_out_in_light_and_dark(
    browser: Browser, two_runs: Path, scheme: str
) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    open_page(browser, two_runs)
    page, ink, label, *lines = browser.execute_script(
        "const colour = (at, name) => getComputedStyle(document.querySelector(at))[name];"
        "return [colour('#curves', 'backgroundColor'), colour('body', 'color'),"
        "  colour('svg.chart text', 'fill'),"
        "  ...[...document.querySelectorAll('.legend .swatch')]"
        "    .map(each => getComputedStyle(each).borderTopColor)]"
    )
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert (luminance(page) > 0.5) == (scheme == "light")
    # The levels AA of WCAG 2.2, for texts and for graphics.
    assert contrast(ink, page) >= 7 and contrast(label, page) >= 4.5
    assert len(lines) == 2 and min(contrast(line, page) for line in lines) >= 3
