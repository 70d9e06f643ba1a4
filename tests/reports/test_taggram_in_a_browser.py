"""The page that plays a song, in a real browser."""

from pathlib import Path

import pytest
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from fcn4_dist.reports import taggram_page as taggram_page_module
from fcn4_dist.reports.playable_audio import playable_audio
from fcn4_dist.reports.taggram_page import taggram_page, write_taggram_page
from tests.reports.browsing import (
    DESKTOP,
    PHONE,
    Browser,
    contrast,
    luminance,
    open_page,
    requests,
)
from tests.reports.taggrams import HOSTILE, spectrogram_of, tagged

SECONDS_TO_WAIT = 20


def write_page(folder: Path, song: Path, *names: str) -> Path:
    page = folder / "page.html"
    tags = tagged(song, names) if names else tagged(song)
    page.write_bytes(taggram_page(tags, spectrogram_of(song), playable_audio(song), 5))
    return page


@pytest.fixture(scope="module")
def page(real_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a real clip of 1.5 s."""
    return write_page(tmp_path_factory.mktemp("page"), real_clip)


@pytest.fixture(scope="module")
def hostile(real_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a song whose every name is hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    song = folder / "<img src=x onerror=alert(1)>.ogg"
    song.symlink_to(real_clip)
    return write_page(folder, song, *HOSTILE)


def place_of(browser: Browser) -> float:
    return browser.execute_script("return document.getElementById('player').currentTime")


def wait(browser: Browser, script: str) -> None:
    WebDriverWait(browser, SECONDS_TO_WAIT, 0.05).until(
        lambda driver: driver.execute_script(f"return {script}")
    )


def ready(browser: Browser, page: Path, width: int = DESKTOP) -> WebElement:
    open_page(browser, page, width)
    wait(browser, "document.getElementById('player').readyState >= 4")
    return browser.find_element(By.ID, "picture")


def playhead(browser: Browser) -> float:
    """Where the playhead is, as a share of the picture's width."""
    return browser.execute_script(
        "const picture = document.getElementById('picture').getBoundingClientRect();"
        "const line = document.getElementById('playhead').getBoundingClientRect();"
        "return (line.left + line.width / 2 - picture.left) / picture.width"
    )


def click(browser: Browser, picture: WebElement, share: float) -> None:
    right = round((share - 0.5) * picture.size["width"])
    ActionChains(browser).move_to_element_with_offset(picture, right, 0).click().perform()


def test_the_music_plays_to_its_end_and_the_playhead_moves_with_it(
    browser: Browser, page: Path
) -> None:
    picture = ready(browser, page)
    assert playhead(browser) == pytest.approx(0, abs=0.005)
    picture.send_keys(" ")
    wait(browser, "document.getElementById('player').currentTime > 0.4")
    assert playhead(browser) > 0.2
    wait(browser, "document.getElementById('player').ended")
    wait(browser, "document.getElementById('playhead').style.left.startsWith('100')")


def test_a_click_seeks(browser: Browser, page: Path) -> None:
    picture = ready(browser, page)
    for share in (0.75, 0.25, 0.5):
        click(browser, picture, share)
        assert place_of(browser) == pytest.approx(1.5 * share, abs=0.03)
        assert playhead(browser) == pytest.approx(share, abs=0.02)
        told = float(picture.get_attribute("aria-valuenow") or 0)
        assert told == pytest.approx(place_of(browser), abs=1e-3)


def test_a_click_into_a_whole_song_plays_on_from_there(
    browser: Browser, test_data: Path, tmp_path: Path
) -> None:
    (song,) = (test_data / "songs").glob("*Vibe_Ace.ogg")
    picture = ready(browser, write_page(tmp_path, song))
    click(browser, picture, 0.75)
    there = 0.75 * tagged(song).seconds
    assert place_of(browser) == pytest.approx(there, abs=0.3)
    picture.send_keys(" ")
    wait(browser, f"document.getElementById('player').currentTime > {there + 0.7}")
    picture.send_keys(" ")
    wait(browser, "document.getElementById('player').paused")
    assert there < place_of(browser) < there + SECONDS_TO_WAIT
    picture.send_keys(Keys.ARROW_LEFT)
    assert place_of(browser) < there
    picture.send_keys(Keys.HOME)
    assert place_of(browser) == 0
    picture.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert place_of(browser) == pytest.approx(10, abs=0.05)
    assert picture.get_attribute("aria-valuetext") == "0:10 of 1:01"


def test_a_song_that_is_too_long_for_its_page_is_played_from_where_it_is(
    browser: Browser, real_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taggram_page_module, "LONGEST_INSIDE", 0)
    song = tmp_path / "music" / "a #1 <b>: 50%.ogg"
    song.parent.mkdir()
    song.symlink_to(real_clip)
    page = tmp_path / "page.html"
    write_taggram_page(page, tagged(song), spectrogram_of(song), 5)
    picture = ready(browser, page)
    click(browser, picture, 0.5)
    assert place_of(browser) == pytest.approx(0.75, abs=0.03)
    assert browser.get_log("browser") == []


def test_the_scores_beside_the_tags_are_those_where_the_music_is(
    browser: Browser, page: Path, real_clip: Path
) -> None:
    picture = ready(browser, page)
    song = tagged(real_clip)
    edges, scores = song.over_time()
    columns = [song.class_names.index(name) for name, _ in song.top(3)]
    for share in (0.1, 0.6, 0.9):
        click(browser, picture, share)
        stretch = max(number for number, edge in enumerate(edges) if edge <= place_of(browser))
        here = scores[stretch, columns]
        shown = [each.text for each in browser.find_elements(By.CSS_SELECTOR, ".strip .now")]
        assert [float(text) for text in shown] == pytest.approx(here.tolist(), abs=0.0051)
        (strongest,) = browser.find_elements(By.CSS_SELECTOR, ".strongest .name")
        assert strongest.text == song.top(3)[int(here.argmax())][0]


def test_only_the_page_itself_is_asked_for_and_nothing_goes_wrong(
    browser: Browser, page: Path
) -> None:
    ready(browser, page)
    asked = requests(browser)
    assert asked[0] == page.as_uri()
    assert all(url.startswith("data:") for url in asked[1:])
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("name", ["page", "hostile"])
def test_the_page_is_no_wider_than_the_window(
    browser: Browser, name: str, width: int, request: pytest.FixtureRequest
) -> None:
    ready(browser, request.getfixturevalue(name), width)
    root = "document.documentElement"
    shown, content = browser.execute_script(f"return [{root}.clientWidth, {root}.scrollWidth]")
    assert shown == width
    assert content <= shown


def test_hostile_names_are_text_and_no_script_of_theirs_runs(
    browser: Browser, hostile: Path
) -> None:
    ready(browser, hostile)
    text = browser.find_element(By.TAG_NAME, "body").text
    for name in (*HOSTILE[:3], HOSTILE[4], "<img src=x onerror=alert(1)>.ogg"):
        assert name in text
    assert len(browser.find_elements(By.TAG_NAME, "img")) == 1
    assert len(browser.find_elements(By.TAG_NAME, "script")) == 2


def test_without_scripts_the_picture_is_whole(browser: Browser, page: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(page.as_uri())
        for name in ("player", "spectrogram", "strips", "ticks"):
            assert browser.find_element(By.ID, name).is_displayed()
        assert len(browser.find_elements(By.CSS_SELECTOR, ".strip rect")) >= 6
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_and_strips_stand_out_in_light_and_dark(
    browser: Browser, page: Path, scheme: str
) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    ready(browser, page)
    card, ink, muted, strip, tag = browser.execute_script(
        "const colour = (at, name) => getComputedStyle(document.querySelector(at))[name];"
        "return [colour('section', 'backgroundColor'), colour('.strip .name', 'color'),"
        "  colour('.mean', 'color'), colour('.strip svg', 'backgroundColor'),"
        "  colour('.strip rect', 'fill')]"
    )
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert (luminance(card) > 0.5) == (scheme == "light")
    assert contrast(ink, card) >= 7 and contrast(muted, card) >= 4.5
    assert contrast(tag, strip) >= 3
