"""From an audio file to a mono waveform."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from fcn4_dist.audio import UndecodableClipError, load_waveform

RATE = 12000


def test_a_clip_at_its_own_rate_is_the_samples_of_its_file(real_clip: Path) -> None:
    samples, rate = soundfile.read(real_clip, dtype="float32")
    np.testing.assert_array_equal(load_waveform(real_clip, rate), samples)


@pytest.mark.parametrize("rate", [8000, 12000, 22050, 48000])
def test_a_resampled_clip_lasts_as_long_as_before(real_clip: Path, rate: int) -> None:
    waveform = load_waveform(real_clip, rate)
    assert waveform.shape == (round(1.5 * rate),)
    assert waveform.dtype == np.float32


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
    with pytest.raises(UndecodableClipError, match=r"not finite|NaN or infinite"):
        load_waveform(tmp_path / "clip.wav", RATE)


@pytest.mark.parametrize("rate", [RATE, 44100])
def test_a_clip_without_samples_is_undecodable(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "clip.wav", np.zeros(0), rate)
    with pytest.raises(UndecodableClipError, match="holds no samples"):
        load_waveform(tmp_path / "clip.wav", RATE)


@pytest.mark.parametrize("content", [b"", b"not music\n", b"RIFF\x00\x00\x00\x00WAVE", b"OggS"])
def test_a_file_that_is_not_audio_is_undecodable_for_a_reason(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "clip.wav").write_bytes(content)
    with pytest.raises(UndecodableClipError) as caught:
        load_waveform(tmp_path / "clip.wav", RATE)
    kind, _, explanation = str(caught.value).partition(": ")
    assert kind.isidentifier()
    assert len(explanation.split()) > 1
    assert "\n" not in explanation


@pytest.mark.filterwarnings("error")
def test_decoding_warns_of_nothing(tmp_path: Path, real_clip: Path) -> None:
    load_waveform(real_clip, RATE)
    (tmp_path / "clip.mp3").write_bytes(b"not music")
    with pytest.raises(UndecodableClipError):
        load_waveform(tmp_path / "clip.mp3", RATE)
