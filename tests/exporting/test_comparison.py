"""Whether an exported file gives the logits of the network it was made of."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from fcn4_dist.errors import InputError
from fcn4_dist.exporting import compare, comparison_windows
from fcn4_dist.tagging import ModelDescription

WINDOWS = np.random.default_rng(1).normal(size=(11, 1, 4, 5)).astype(np.float32)


def network(windows: np.ndarray) -> np.ndarray:
    return windows.reshape(len(windows), -1)[:, :3] * 10


def test_rounding_is_no_failure() -> None:
    comparison = compare(lambda windows: network(windows) * np.float32(1 + 1e-6), network, WINDOWS)
    assert comparison.windows == 11
    assert 0 < comparison.relative < 2e-6
    assert comparison.difference == pytest.approx(comparison.relative * abs(network(WINDOWS)).max())
    assert not comparison.failed


@pytest.mark.parametrize("wrong", [2e-4, np.nan])
def test_one_wrong_logit_is_a_failure(wrong: float) -> None:
    def exported(windows: np.ndarray) -> np.ndarray:
        logits = network(windows)
        logits[-1, 0] += wrong * np.abs(network(WINDOWS)).max()
        return logits

    assert compare(exported, network, WINDOWS).failed


def test_a_file_that_takes_the_windows_of_a_batch_for_others_is_a_failure() -> None:
    assert compare(lambda windows: network(windows[::-1]), network, WINDOWS).failed


def test_the_package_brings_real_audio(description: ModelDescription) -> None:
    windows = comparison_windows(description, [])
    assert windows.shape == (6, *description.input_shape)
    assert len({window.tobytes() for window in windows}) == 6


def test_any_other_audio_can_be_named(description: ModelDescription, real_clip: Path) -> None:
    assert len(comparison_windows(description, [real_clip])) == 2
    with pytest.raises(InputError, match=r"it cannot be decoded: .* \(.*test_comparison.py\)"):
        comparison_windows(description, [Path(__file__)])


def test_silence_is_nothing_to_compare_on(description: ModelDescription, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(30_000, 0.3), 12000)
    with pytest.raises(InputError, match=r"it is silent \(.*a\.wav\); name another"):
        comparison_windows(description, [tmp_path / "a.wav"])
