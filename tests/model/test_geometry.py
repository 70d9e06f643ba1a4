"""FCN-4's sizes, known without building it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.audio import FeatureParameters
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.model.geometry import (
    POOLS,
    channels,
    check_documented_size,
    check_input_size,
)


def test_the_full_width_has_the_published_channels() -> None:
    assert channels(1.0) == (128, 384, 768, 2048)


def test_a_width_is_a_factor_on_every_layer() -> None:
    assert channels(0.125) == (16, 48, 96, 256)
    assert channels(2) == (256, 768, 1536, 4096)


@given(width=st.floats(0, 0.1, exclude_min=True))
def test_every_layer_keeps_a_channel_however_narrow_the_network(width: float) -> None:
    assert min(channels(width)) >= 1


def test_the_default_feature_is_large_enough() -> None:
    parameters = FeatureParameters.from_settings(Settings())
    check_input_size(parameters.n_mels, parameters.frames, 0.02)


@given(n_mels=st.integers(1, 60), frames=st.integers(1, 400))
def test_an_input_is_refused_exactly_when_the_pools_leave_nothing_of_it(
    n_mels: int, frames: int
) -> None:
    bands_left, frames_left = n_mels, frames
    for pool_bands, pool_frames in POOLS:
        bands_left //= pool_bands
        frames_left //= pool_frames
    if bands_left and frames_left:
        check_input_size(n_mels, frames, 0.02)
    else:
        with pytest.raises(InputError):
            check_input_size(n_mels, frames, 0.02)


def test_the_smallest_input_is_refused_with_one_band_or_frame_less() -> None:
    check_input_size(24, 160, 0.02)
    with pytest.raises(InputError, match=r"n_mels 23 is too small .* give --n_mels 24 or more"):
        check_input_size(23, 160, 0.02)
    sentence = r"159 frames is too short .* need 160: give --window_seconds 3\.20 or more"
    with pytest.raises(InputError, match=sentence):
        check_input_size(24, 159, 0.02)


@pytest.mark.parametrize(
    ("n_mels", "frames", "generation", "documented"),
    [
        pytest.param(96, 1366, "910", True, id="the default"),
        pytest.param(96, 4096, "A2", True, id="the longest"),
        pytest.param(96, 4097, "A2", False, id="a longer one"),
        pytest.param(96, 319, "910", False, id="one frame in the last layer"),
        pytest.param(96, 319, "A2", True, id="one frame, a later card"),
        pytest.param(96, 320, "910", True, id="two frames in the last layer"),
        pytest.param(47, 319, "910", True, id="one frame and one band, as high as the kernel"),
    ],
)
def test_sizes_that_cann_does_not_document_are_found(
    n_mels: int, frames: int, generation: str, documented: bool
) -> None:
    assert (check_documented_size(n_mels, frames, 0.02, generation) is None) == documented


def test_the_window_to_preprocess_with_is_documented() -> None:
    seconds_a_frame = 256 / 12000
    found = {
        frames: str(check_documented_size(96, frames, seconds_a_frame, "910"))
        for frames in (200, 5000)
    }
    parameters = FeatureParameters.from_settings(Settings())
    for text in found.values():
        (seconds,) = re.findall(r"--window_seconds of (?:at most )?([\d.]+)", text)
        frames = parameters.frames_in(float(seconds))
        assert check_documented_size(96, frames, seconds_a_frame, "910") is None
