"""A sheet of small mel-spectrograms."""

from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from fcn4_dist.reports.spectrogram_sheet import Picture, draw_sheet, write_sheet

ODD_NAMES = ["$x^2$", "a\nb", "cost $5", "é 雨", "{not} \\math", "x" * 300, ""]


def _spectrogram(level: float = -40.0) -> np.ndarray:
    return np.linspace(level - 40, level + 40, 32 * 188, dtype=np.float32).reshape(32, 188)


def _write(path: Path, groups: list[list[Picture]]) -> np.ndarray:
    write_sheet(path, "a heading", groups, seconds=1.5, decibels="dB")
    return matplotlib.image.imread(path)


@pytest.mark.parametrize(("classes", "per_class"), [(1, 1), (3, 2), (10, 1), (188, 1)])
def test_every_class_has_its_pictures_side_by_side(classes: int, per_class: int) -> None:
    groups = [[Picture(str(n), "clip", _spectrogram())] * per_class for n in range(classes)]
    figure = draw_sheet("a heading", groups, seconds=1.5, decibels="dB")
    boxes = [axes for axes in figure.axes if axes.get_title(loc="left")]
    assert [box.get_title(loc="left") for box in boxes] == [
        str(number) for number in range(classes) for _ in range(per_class)
    ]
    for first, second in zip(boxes[::per_class], boxes[per_class - 1 :: per_class], strict=True):
        assert first.get_position().y0 == second.get_position().y0
    places = [(round(p.x0, 6), round(p.y0, 6)) for p in (box.get_position() for box in boxes)]
    assert len(set(places)) == classes * per_class


def test_all_pictures_have_one_scale_of_colours() -> None:
    groups = [[Picture("quiet", "", _spectrogram(-60))], [Picture("loud", "", _spectrogram(0))]]
    figure = draw_sheet("", groups, seconds=1.5, decibels="dB")
    limits = {axes.images[0].get_clim() for axes in figure.axes if axes.images}
    assert limits == {(-100.0, 40.0)}


def test_low_bands_are_below_and_time_goes_to_the_right(tmp_path: Path) -> None:
    loud_at_the_end_below = np.full((32, 188), -80, dtype=np.float32)
    loud_at_the_end_below[:16, 94:] = 0
    figure = draw_sheet("", [[Picture("a", "", loud_at_the_end_below)]], seconds=1.5, decibels="dB")
    (image,) = [axes.images[0] for axes in figure.axes if axes.images]
    assert image.get_extent() == [0, 1.5, 0, 32]
    assert image.origin == "lower"


def test_a_class_without_clips_is_an_empty_box_that_says_so(tmp_path: Path) -> None:
    figure = draw_sheet("", [[Picture("jazz", "no clips")]], seconds=1.5, decibels="dB")
    (box,) = figure.axes
    assert not box.images
    assert [text.get_text() for text in box.texts] == ["no clips"]


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.filterwarnings("error")
def test_any_name_is_drawn_as_it_is(tmp_path: Path, name: str) -> None:
    picture = _write(tmp_path / "sheet.png", [[Picture(name, name, _spectrogram())]])
    assert picture.shape[0] > 100


def test_long_names_stay_within_their_picture() -> None:
    groups = [[Picture("x" * 300, "folder/" + "y" * 300 + "/12.wav", _spectrogram())]] * 3
    figure = draw_sheet("z" * 900, groups, seconds=1.5, decibels="dB")
    width = figure.get_window_extent().width
    texts = [text for axes in figure.axes for text in axes.texts] + figure.texts
    assert all("…" in text.get_text() for text in texts)
    assert all(text.get_window_extent().x1 <= width for text in texts)


def test_nothing_hangs_over_the_edge_of_the_sheet(tmp_path: Path) -> None:
    groups = [[Picture(str(n), "clip", _spectrogram())] for n in range(3)]
    for decibels in ("dB", "dB (amplitude_to_db)"):
        write_sheet(tmp_path / "s.png", "heading", groups, seconds=1.5, decibels=decibels)
        picture = matplotlib.image.imread(tmp_path / "s.png")[..., :3]
        assert (picture[:, -3:] == 1).all()
        assert (picture[:, :3] == 1).all()


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    groups = [[Picture("jazz", "a.wav", _spectrogram())]]
    for name in ("first.png", "second.png"):
        _write(tmp_path / name, groups)
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


def test_the_users_settings_of_matplotlib_change_nothing(tmp_path: Path) -> None:
    groups = [[Picture("jazz", "a.wav", _spectrogram())]]
    before = _write(tmp_path / "before.png", groups)
    with matplotlib.rc_context({"figure.facecolor": "black", "font.size": 30}):
        after = _write(tmp_path / "after.png", groups)
    np.testing.assert_array_equal(before, after)
