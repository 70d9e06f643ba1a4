"""From an audio file to a mono waveform."""

from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fcn4_dist.audio import (
    UndecodableClipError,
    fit_to_window,
    load_waveform,
    load_window,
    open_audio,
    waveform,
)
from fcn4_dist.audio.decoding import AudioFile

RATE = 12000


def test_a_clip_at_its_own_rate_is_the_samples_of_its_file(real_clip: Path) -> None:
    samples, rate = soundfile.read(real_clip, dtype="float32")
    np.testing.assert_array_equal(load_waveform(real_clip, rate), samples)


@pytest.mark.parametrize("rate", [8000, 12000, 22050, 48000])
def test_a_resampled_clip_lasts_as_long_as_before(real_clip: Path, rate: int) -> None:
    samples = load_waveform(real_clip, rate)
    assert samples.shape == (round(1.5 * rate),)
    assert samples.dtype == np.float32


def test_resampling_keeps_the_pitch(tmp_path: Path) -> None:
    time = np.arange(44100) / 44100
    soundfile.write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 440 * time), 44100)
    spectrum = np.abs(np.fft.rfft(load_waveform(tmp_path / "a.wav", RATE)))
    assert np.argmax(spectrum) == 440
    assert spectrum.max() * 2 / RATE == pytest.approx(0.5, abs=0.01)


def test_channels_are_averaged(tmp_path: Path, real_clip: Path) -> None:
    samples, rate = soundfile.read(real_clip, dtype="float32")
    stereo = np.stack([samples, np.zeros_like(samples)], axis=1)
    soundfile.write(tmp_path / "stereo.wav", stereo, rate, subtype="FLOAT")
    np.testing.assert_allclose(load_waveform(tmp_path / "stereo.wav", rate), samples / 2)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_clip_with_a_sample_that_is_no_number_is_undecodable(
    tmp_path: Path, value: float
) -> None:
    samples = np.zeros(RATE, dtype=np.float32)
    samples[100] = value
    soundfile.write(tmp_path / "clip.wav", samples, RATE, subtype="FLOAT")
    with pytest.raises(UndecodableClipError, match="NaN or infinite"):
        load_waveform(tmp_path / "clip.wav", RATE)


@pytest.mark.parametrize("rate", [RATE, 44100])
def test_a_clip_without_samples_is_undecodable(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "clip.wav", np.zeros(0), rate)
    with pytest.raises(UndecodableClipError, match="holds no samples"):
        load_waveform(tmp_path / "clip.wav", RATE)


@pytest.mark.parametrize("content", [b"not music\n", b"RIFF\x00\x00\x00\x00WAVE", b"OggS"])
def test_a_file_that_is_not_audio_is_undecodable_for_a_reason(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "clip.wav").write_bytes(content)
    with pytest.raises(UndecodableClipError) as caught:
        load_waveform(tmp_path / "clip.wav", RATE)
    reason = str(caught.value)
    assert reason.startswith("cannot be decoded: ")
    assert len(reason.split()) > 4
    assert "clip.wav" not in reason
    assert "\n" not in reason


@pytest.mark.filterwarnings("error")
def test_decoding_warns_of_nothing(tmp_path: Path, real_clip: Path) -> None:
    load_waveform(real_clip, RATE)
    (tmp_path / "clip.mp3").write_bytes(b"not music")
    with pytest.raises(UndecodableClipError):
        load_waveform(tmp_path / "clip.mp3", RATE)


@pytest.mark.parametrize("rate", [8000, RATE, 22050, 44100, 96000])
@pytest.mark.parametrize("channels", [1, 2, 3, 6])
def test_a_window_of_a_long_file_is_the_same_bits_as_that_of_the_whole_waveform(
    tmp_path: Path,
    real_clip: Path,
    monkeypatch: pytest.MonkeyPatch,
    rate: int,
    channels: int,
) -> None:
    _write_different_channels(tmp_path / "clip.wav", real_clip, rate, channels)
    whole = load_waveform(tmp_path / "clip.wav", RATE)
    monkeypatch.setattr(waveform, "_VALUES_AT_ONCE", 30011)
    # A small part of it, most of it, all but one sample, and more than there is.
    for samples in (1000, len(whole) - 1000, len(whole) - 1, len(whole), len(whole) + 5000):
        window = load_window(tmp_path / "clip.wav", RATE, samples)
        expected, status = fit_to_window(whole, samples)
        np.testing.assert_array_equal(window.samples, expected)
        assert window.status == status
        assert window.seconds == window.header_seconds == 200_003 / rate


def test_a_window_of_a_song_is_the_same_bits_in_whatever_parts_it_is_read(
    test_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    song = min((test_data / "songs").glob("*.ogg"), key=lambda path: path.stat().st_size)
    whole = load_window(song, RATE, 349440)
    assert whole.status == "cropped"
    for values in (2**17 + 1, 2**26):
        monkeypatch.setattr(waveform, "_VALUES_AT_ONCE", values)
        parts = load_window(song, RATE, 349440)
        np.testing.assert_array_equal(parts.samples, whole.samples)
        assert (parts.seconds, parts.status) == (whole.seconds, whole.status)


def test_a_song_is_opened_once_where_its_header_is_right(
    tmp_path: Path, real_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    def counting(path: Path) -> AbstractContextManager[AudioFile]:
        opened.append(path)
        return open_audio(path)

    monkeypatch.setattr(waveform, "open_audio", counting)
    monkeypatch.setattr(waveform, "_VALUES_AT_ONCE", 999)
    _write_different_channels(tmp_path / "clip.wav", real_clip, 22050, 2)
    load_window(tmp_path / "clip.wav", RATE, 1000)
    assert opened == [tmp_path / "clip.wav"]


@pytest.mark.parametrize("says", [0, 1000, 100_000, 2**36 - 1])
def test_where_the_centre_is_follows_from_the_samples_and_not_from_the_header(
    tmp_path: Path, real_clip: Path, monkeypatch: pytest.MonkeyPatch, says: int
) -> None:
    samples, rate = soundfile.read(real_clip, dtype="float32")
    soundfile.write(tmp_path / "clip.flac", samples, rate)
    content = bytearray((tmp_path / "clip.flac").read_bytes())
    content[21:26] = (content[21] >> 4 << 36 | says).to_bytes(5, "big")
    (tmp_path / "clip.flac").write_bytes(content)
    whole = load_waveform(tmp_path / "clip.flac", RATE)
    # libsndfile reads no further than the header says.
    assert len(whole) == (18000 if says != 1000 else 273)
    monkeypatch.setattr(waveform, "_VALUES_AT_ONCE", 999)
    window = load_window(tmp_path / "clip.flac", RATE, 200)
    np.testing.assert_array_equal(window.samples, fit_to_window(whole, 200)[0])
    assert window.header_seconds == says / rate


@pytest.mark.parametrize("at", [0, 100_000, 200_002])
def test_a_sample_that_is_no_number_is_found_outside_the_window_too(
    tmp_path: Path, real_clip: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    samples = np.resize(soundfile.read(real_clip)[0], 200_003)
    samples[at] = np.nan
    soundfile.write(tmp_path / "clip.wav", samples, RATE, subtype="FLOAT")
    for values in (2**23, 30_000):
        monkeypatch.setattr(waveform, "_VALUES_AT_ONCE", values)
        with pytest.raises(UndecodableClipError, match="NaN or infinite"):
            load_window(tmp_path / "clip.wav", RATE, 1000)


def _write_different_channels(path: Path, real_clip: Path, rate: int, channels: int) -> None:
    samples = np.resize(soundfile.read(real_clip, dtype="float32")[0], 200_003)
    shifted = [np.roll(samples, 777 * each) * (1 - each / 10) for each in range(channels)]
    soundfile.write(path, np.stack(shifted, axis=1), rate, subtype="FLOAT")
