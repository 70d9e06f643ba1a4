"""From a waveform to a log-mel spectrogram of fixed size."""

from dataclasses import replace
from pathlib import Path
from typing import get_args, get_type_hints

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.audio import (
    FeatureParameters,
    LogMel,
    empty_bands,
    fit_to_window,
    load_waveform,
    load_window,
)
from fcn4_dist.config import SETTINGS, Settings

DEFAULTS = FeatureParameters.from_settings(Settings())


def test_the_default_feature_has_the_shape_fcn_4_was_published_with() -> None:
    assert DEFAULTS.clip_samples == 349440
    assert DEFAULTS.shape == (1, 96, 1366)


def test_a_window_that_binary_fractions_make_a_little_shorter_keeps_its_last_sample() -> None:
    assert int(8.2 * 12000) == 98399
    assert replace(DEFAULTS, clip_seconds=8.2).clip_samples == 98400


def test_the_parameters_are_those_of_the_settings() -> None:
    settings = Settings(
        sample_rate=8000,
        window_seconds=2.5,
        n_fft=256,
        hop_length=100,
        n_mels=40,
        log_mel="power_to_db",
    )
    expected = FeatureParameters(8000, 2.5, 256, 100, 40, "power_to_db")
    assert FeatureParameters.from_settings(settings) == expected


@pytest.mark.parametrize("clip", ["short", "long"])
def test_a_feature_is_that_of_the_known_trainers(
    tmp_path: Path, real_clip: Path, clip: str
) -> None:
    samples, rate = soundfile.read(real_clip)
    # Odd lengths on both sides of the window, and a left channel that is not the right one.
    mono = samples if clip == "short" else np.tile(samples, 21)[:-1]
    soundfile.write(tmp_path / "clip.wav", np.stack([mono, 0.3 * mono[::-1]], axis=1), rate)
    assert _greatest_difference_from_known_trainers(tmp_path / "clip.wav") < 1e-3


def test_features_of_real_recordings_are_those_of_the_known_trainers(test_data: Path) -> None:
    for class_folder in sorted((test_data / "esc10").iterdir()):
        clip = min(class_folder.glob("*.ogg"))
        assert _greatest_difference_from_known_trainers(clip) < 1e-3, clip


def test_features_of_whole_songs_are_those_of_the_known_trainers(test_data: Path) -> None:
    songs = sorted((test_data / "songs").glob("*.ogg"))
    assert len(songs) == 4
    for song in songs:
        assert _greatest_difference_from_known_trainers(song) < 1e-3, song


@given(samples=st.integers(1, 3000), n_fft=st.integers(2, 600), hop=st.integers(1, 300))
@pytest.mark.filterwarnings("ignore:n_fft=:UserWarning", "ignore:Empty filters:UserWarning")
def test_the_announced_shape_is_the_shape(samples: int, n_fft: int, hop: int) -> None:
    parameters = FeatureParameters(8000, samples / 8000, n_fft, hop, 3, "amplitude_to_db")
    silence = np.zeros(parameters.clip_samples, dtype=np.float32)
    assert len(silence) == samples
    feature = LogMel(parameters)(silence)
    assert feature.shape == parameters.shape
    assert feature.dtype == np.float32


@pytest.mark.filterwarnings("ignore:n_fft=:UserWarning", "ignore:Empty filters:UserWarning")
@pytest.mark.parametrize("n_fft", [511, 512])
def test_the_announced_shape_is_the_shape_where_hops_fill_the_window(n_fft: int) -> None:
    parameters = FeatureParameters(12000, 1.5, n_fft, 100, 32, "amplitude_to_db")
    silence = np.zeros(parameters.clip_samples, dtype=np.float32)
    assert LogMel(parameters)(silence).shape == parameters.shape


def test_decibels_of_the_amplitude_route_are_twice_those_of_the_power_route(
    real_clip: Path, small_features: FeatureParameters
) -> None:
    # Loud, and fading by 60 dB: each route meets its own bound, 80 dB below its loudest value.
    fading = 10 ** np.linspace(0, -3, small_features.clip_samples, dtype=np.float32)
    clip = load_waveform(real_clip, 12000)
    window = fading * clip / np.abs(clip).max()
    amplitude = LogMel(small_features)(window)
    power = LogMel(replace(small_features, log_mel="power_to_db"))(window)
    loud = amplitude > amplitude.max() - 79
    assert 0.1 < loud.mean() < 0.9
    np.testing.assert_allclose(amplitude[loud], 2 * power[loud], atol=1e-3)
    for feature in (amplitude, power):
        assert feature.max() - feature.min() == pytest.approx(80, abs=1e-3)


def test_the_power_route_is_librosas(real_clip: Path, small_features: FeatureParameters) -> None:
    window = load_waveform(real_clip, small_features.sample_rate)
    mel = librosa.feature.melspectrogram(y=window, sr=12000, n_fft=512, hop_length=96, n_mels=32)
    feature = LogMel(replace(small_features, log_mel="power_to_db"))(window)
    np.testing.assert_allclose(feature[0], librosa.power_to_db(mel), atol=1e-3)


def test_changing_parameters_between_clips_changes_the_filters_too(
    real_clip: Path, small_features: FeatureParameters
) -> None:
    window = load_waveform(real_clip, 12000)
    before = LogMel(small_features)(window)
    for other in (replace(small_features, n_mels=40), replace(small_features, n_fft=1024)):
        assert not np.array_equal(LogMel(other)(window), before)
    np.testing.assert_array_equal(LogMel(small_features)(window), before)


def test_silence_has_a_finite_feature(small_features: FeatureParameters) -> None:
    silence = np.zeros(small_features.clip_samples, dtype=np.float32)
    feature = LogMel(small_features)(silence)
    assert np.isfinite(feature).all()
    assert np.ptp(feature) == 0


@given(length=st.integers(0, 300), samples=st.integers(1, 300))
def test_a_waveform_is_cut_to_its_centre_or_padded_at_its_end(length: int, samples: int) -> None:
    # Every sample has a value of its own and none is zero, so each can be told from the padding.
    waveform = np.arange(1, length + 1, dtype=np.float32)
    window, status = fit_to_window(waveform, samples)
    assert window.shape == (samples,)
    assert window.dtype == waveform.dtype
    # One sample more or less is what resampling leaves, not a clip of another length.
    if abs(length - samples) <= 1:
        assert status == "kept"
    else:
        assert status == ("cropped" if length > samples else "padded")
    if length < samples:
        np.testing.assert_array_equal(window[:length], waveform)
        assert not window[length:].any()
    else:
        before, after = int(window[0]) - 1, length - int(window[-1])
        assert after - before in (0, 1)
        np.testing.assert_array_equal(window, waveform[before : length - after])


def test_equal_parameters_have_no_differences() -> None:
    assert DEFAULTS.differences(FeatureParameters.from_settings(Settings())) == []


def test_differences_are_told_as_what_is_instead_of_what_is_wanted() -> None:
    mine = replace(DEFAULTS, n_mels=64, log_mel="power_to_db")
    assert mine.differences(DEFAULTS) == [
        "n_mels 64 instead of 96",
        "log_mel power_to_db instead of amplitude_to_db",
    ]


def _greatest_difference_from_known_trainers(clip: Path) -> float:
    window = load_window(clip, 12000, DEFAULTS.clip_samples)
    feature = LogMel(DEFAULTS)(window.samples)
    theirs = _feature_of_known_trainers(clip)
    assert feature.shape == (1, *theirs.shape)
    return float(np.abs(feature[0] - theirs).max())


def _feature_of_known_trainers(clip: Path) -> np.ndarray:
    waveform, _ = librosa.load(clip, sr=12000)
    length, wanted = len(waveform), int(29.12 * 12000)
    if length < wanted:
        waveform = np.hstack((waveform, np.zeros(wanted - length)))
    elif length > wanted:
        waveform = waveform[(length - wanted) // 2 : (length + wanted) // 2]
    mel = librosa.feature.melspectrogram(y=waveform, sr=12000, hop_length=256, n_fft=512, n_mels=96)
    return librosa.amplitude_to_db(mel)


def test_what_the_settings_allow_can_be_read_back() -> None:
    for name, hint in get_type_hints(FeatureParameters, include_extras=True).items():
        limits = {
            (bound.ge, bound.gt, bound.le)
            for each in (hint, *get_args(hint))
            for bound in getattr(each, "__metadata__", ())
        }
        for _, _, most in limits:
            assert SETTINGS[name].maximum == most


@pytest.mark.filterwarnings("ignore:Empty filters")
@pytest.mark.parametrize(("n_fft", "n_mels", "silent"), [(512, 96, False), (512, 300, True)])
def test_bands_between_the_frequencies_of_the_fft_are_counted(
    n_fft: int, n_mels: int, silent: bool
) -> None:
    parameters = FeatureParameters(12000, 1.0, n_fft, 256, n_mels, "power_to_db")
    noise = np.random.default_rng(0).normal(size=12000).astype(np.float32)
    feature = LogMel(parameters)(noise)[0]
    floor = feature.max() - 80
    assert empty_bands(parameters) == (feature == floor).all(axis=1).sum()
    assert (empty_bands(parameters) > 0) == silent
