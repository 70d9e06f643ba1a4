"""Where the windows of a clip lie."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.audio import FeatureParameters
from fcn4_dist.pipeline import Windowing
from fcn4_dist.records import ClipRow

PARAMETERS = FeatureParameters(12000, 30.0, 512, 240, 32, "amplitude_to_db")  # 50 frames a second
CLIP = ClipRow("a.wav", "a.wav", "", (), "train", "train.mindrecord0", "cropped", "", 200.0)


def padded(seconds: float) -> ClipRow:
    return replace(CLIP, status="padded", seconds=seconds)


def test_a_clip_as_long_as_a_window_has_one() -> None:
    assert Windowing(PARAMETERS, 30.0).starts(CLIP).tolist() == [0]


def test_a_longer_clip_is_covered_from_its_first_frame_to_its_last() -> None:
    windowing = Windowing(PARAMETERS, 10.0)
    assert (PARAMETERS.frames, windowing.frames) == (1501, 501)
    assert windowing.starts(CLIP).tolist() == [0, 500, 1000]


def test_silence_behind_a_short_clip_has_no_window() -> None:
    windowing = Windowing(PARAMETERS, 10.0)
    assert windowing.starts(padded(12.0)).tolist() == [0, 100]
    assert windowing.starts(padded(10.0)).tolist() == [0]
    assert windowing.starts(padded(3.0)).tolist() == [0]


@given(seconds=st.floats(0.5, 40.0), window=st.floats(0.5, 30.0))
def test_windows_cover_what_sounds_with_no_gap_and_no_window_to_spare(
    seconds: float, window: float
) -> None:
    windowing = Windowing(PARAMETERS, window)
    starts = windowing.starts(padded(seconds))
    kept = windowing.last_start(padded(seconds)) + windowing.frames
    assert starts[0] == 0
    assert starts[-1] + windowing.frames == kept <= PARAMETERS.frames
    assert (np.diff(starts) <= windowing.frames).all()
    assert (len(starts) - 1) * windowing.frames < kept


def test_a_start_is_a_time_in_what_is_kept_of_the_clip() -> None:
    assert Windowing(PARAMETERS, 10.0).start_seconds(500) == 10.0
