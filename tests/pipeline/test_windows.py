"""Where the windows of a clip lie."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.audio import FeatureParameters
from fcn4_dist.pipeline import Windowing
from fcn4_dist.records import ClipRow, ClipRows

PARAMETERS = FeatureParameters(12000, 30.0, 512, 240, 32, "amplitude_to_db")  # 50 frames a second
CLIP = ClipRow("a.wav", "a.wav", "", (), "train", "train.mindrecord0", "cropped", "", 200.0)


def padded(seconds: float) -> ClipRow:
    return replace(CLIP, status="padded", seconds=seconds)


def starts(windowing: Windowing, clip: ClipRow) -> list[int]:
    (last_start,) = windowing.last_starts(ClipRows.of([clip]))
    return windowing.starts(last_start).tolist()


def test_a_clip_as_long_as_a_window_has_one() -> None:
    assert starts(Windowing(PARAMETERS, 30.0), CLIP) == [0]


def test_a_longer_clip_is_covered_from_its_first_frame_to_its_last() -> None:
    windowing = Windowing(PARAMETERS, 10.0)
    assert (PARAMETERS.frames, windowing.frames) == (1501, 501)
    assert starts(windowing, CLIP) == [0, 500, 1000]


def test_silence_behind_a_short_clip_has_no_window() -> None:
    windowing = Windowing(PARAMETERS, 10.0)
    assert starts(windowing, padded(12.0)) == [0, 100]
    assert starts(windowing, padded(10.0)) == [0]
    assert starts(windowing, padded(3.0)) == [0]


@given(seconds=st.floats(0.5, 40.0), window=st.floats(0.5, 30.0))
def test_windows_cover_what_sounds_with_no_gap_and_no_window_to_spare(
    seconds: float, window: float
) -> None:
    windowing = Windowing(PARAMETERS, window)
    (last_start,) = windowing.last_starts(ClipRows.of([padded(seconds)]))
    firsts = windowing.starts(last_start)
    kept = last_start + windowing.frames
    sounding = min(PARAMETERS.frames, PARAMETERS.frames_in(seconds))
    assert firsts[0] == 0
    assert firsts[-1] + windowing.frames == kept == max(windowing.frames, sounding)
    assert (np.diff(firsts) <= windowing.frames).all()
    assert (len(firsts) - 1) * windowing.frames < kept


def test_a_start_is_a_time_in_what_is_kept_of_the_clip() -> None:
    assert Windowing(PARAMETERS, 10.0).start_seconds(500) == 10.0
