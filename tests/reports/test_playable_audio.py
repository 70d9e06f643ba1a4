"""A song as every browser plays it."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fcn4_dist.errors import InputError
from fcn4_dist.reports.playable_audio import playable_audio


def tones(frequencies: list[int], rate: int, seconds: float = 2.0) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return 0.3 * np.stack([np.sin(2 * np.pi * each * time) for each in frequencies], axis=1)


def decoded(content: bytes) -> tuple[np.ndarray, int]:
    with soundfile.SoundFile(io.BytesIO(content)) as file:
        assert file.format == "MP3"
        return file.read(always_2d=True), file.samplerate


def strongest_frequencies(samples: np.ndarray, rate: int) -> list[int]:
    spectra = np.abs(np.fft.rfft(samples, axis=0))
    return (spectra.argmax(axis=0) * rate / len(samples)).round().astype(int).tolist()


@pytest.mark.parametrize(
    ("name", "rate", "rate_of_mp3"),
    [("a.wav", 22050, 22050), ("a.flac", 96000, 44100), ("a.ogg", 44100, 44100)],
)
def test_a_song_keeps_its_length_its_sound_and_its_two_sides(
    tmp_path: Path, name: str, rate: int, rate_of_mp3: int
) -> None:
    soundfile.write(tmp_path / name, tones([440, 1000], rate), rate)
    samples, found = decoded(playable_audio(tmp_path / name))
    assert found == rate_of_mp3
    assert len(samples) / found == pytest.approx(2.0, abs=0.06)
    assert strongest_frequencies(samples, found) == pytest.approx([440, 1000], abs=15)


def test_many_channels_become_one(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tones([440, 440, 440], 44100), 44100)
    samples, rate = decoded(playable_audio(tmp_path / "a.wav"))
    assert samples.shape[1] == 1
    assert strongest_frequencies(samples, rate) == pytest.approx([440], abs=15)


def test_an_mp3_is_taken_as_it_is(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.mp3", tones([440], 44100), 44100)
    assert playable_audio(tmp_path / "a.mp3") == (tmp_path / "a.mp3").read_bytes()


def test_what_is_no_audio_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.ogg").write_text("no music")
    with pytest.raises(InputError, match=r"a\.ogg cannot be decoded: Format not recognised"):
        playable_audio(tmp_path / "a.ogg")


def test_a_libsndfile_that_writes_no_mp3_is_named(
    real_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soundfile, "available_formats", lambda: {"WAV": "Microsoft"})
    with pytest.raises(InputError, match="cannot be made an MP3, which the page would play"):
        playable_audio(real_clip)
