"""How loud audio is, and what is noticed where channels are mixed."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.audio import load_window
from fcn4_dist.audio.level import CANCELS, DEAD_CHANNEL, LAST_BIT, Mixer, level_dbfs

RATE = 12000
TIME = np.arange(2 * RATE) / RATE
SINE = np.sin(2 * np.pi * 440 * TIME).astype(np.float32)
NOISE = np.random.default_rng(1).uniform(-1, 1, (2 * RATE, 8)).astype(np.float32)


@given(decibels=st.floats(-90, 40), mean=st.floats(-1, 1))
def test_a_sine_is_as_loud_as_its_amplitude_says_whatever_it_is_added_to(
    decibels: float, mean: float
) -> None:
    amplitude = 10 ** (decibels / 20)
    # Of float32, near 1, the last bit is at -138 dB.
    assert level_dbfs(np.float32(amplitude) * SINE + np.float32(mean), RATE) == pytest.approx(
        decibels - 3.01, abs=0.1
    )


@pytest.mark.parametrize(
    "samples",
    [0 * SINE, 0 * SINE + 0.5, 0 * SINE - 1, np.zeros(0), SINE[:1], 1e-40 * SINE],
    ids=["zeros", "a constant", "full scale", "nothing", "one sample", "denormal numbers"],
)
def test_what_does_not_move_has_the_lowest_level(samples: np.ndarray) -> None:
    assert level_dbfs(samples.astype(np.float32), RATE) == -200


@given(start=st.integers(0, 9 * RATE), length=st.integers(RATE // 10, RATE))
def test_a_short_sound_in_silence_is_heard_wherever_it_is(start: int, length: int) -> None:
    samples = np.zeros(10 * RATE, dtype=np.float32)
    samples[start : start + length] = SINE[:length]
    # A block of 0.4 s holds at least half of a sound of 0.1 s.
    assert -13 < level_dbfs(samples, RATE) < -2.9


def test_the_end_of_a_waveform_counts() -> None:
    samples = np.zeros(RATE, dtype=np.float32)
    samples[-RATE // 10 :] = SINE[: RATE // 10]
    assert level_dbfs(samples, RATE) > -11


def mixed(*channels: np.ndarray, step: float = 0.0, at_once: int = 5000) -> tuple[str, ...]:
    block = np.stack(channels, axis=1).astype(np.float32)
    mixer = Mixer(len(channels), step)
    parts = [mixer(block[start : start + at_once]) for start in range(0, len(block), at_once)]
    np.testing.assert_allclose(np.concatenate(parts), block.mean(axis=1), atol=1e-6)
    return tuple(mixer.remarks())


@pytest.mark.parametrize("channels", range(1, 9))
def test_channels_that_have_little_in_common_do_not_cancel(channels: int) -> None:
    assert mixed(*NOISE.T[:channels]) == ()
    assert mixed(*[SINE] * channels) == ()


@pytest.mark.parametrize("left", [0, 1e-4, 0.05])
def test_channels_of_opposite_sign_cancel(left: float) -> None:
    assert mixed(SINE, left * NOISE[:, 0] - SINE) == (CANCELS,)
    assert mixed(SINE, SINE, left * NOISE[:, 0] - 2 * SINE) == (CANCELS,)


def test_a_channel_without_sound_is_noticed_and_silence_is_no_dead_channel() -> None:
    assert mixed(SINE, 0 * SINE) == mixed(1e-5 * NOISE[:, 0], SINE) == (DEAD_CHANNEL,)
    assert mixed(0 * SINE, 0 * SINE) == mixed(0 * SINE) == ()
    assert mixed(*[0 * SINE] * 5, SINE) == (DEAD_CHANNEL,)


def test_the_last_bit_of_few_bits_is_no_music() -> None:
    step = 2**-7
    assert mixed(step * np.sign(SINE), step=step) == (LAST_BIT,)
    assert mixed(2 * step * np.sign(SINE), step=step) == ()
    assert mixed(0 * SINE, step=step) == ()
    assert mixed(step * np.sign(SINE)) == ()


@pytest.mark.parametrize("rate", [8000, 22050, 44100])
@pytest.mark.parametrize("seconds", [0.3, 1.0, 3.0])
def test_a_constant_is_silent_at_every_rate_and_length(
    tmp_path: Path, rate: int, seconds: float
) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(round(seconds * rate), 0.7), rate)
    window = load_window(tmp_path / "a.wav", RATE, 2 * RATE)
    assert window.level < -80
