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


def bit_rates(mp3: bytes) -> set[int]:
    """Read the head of each frame (ISO/IEC 11172-3, 2.4.1.3), MPEG-1 layer III."""
    kilobits = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
    found = set()
    place = mp3.index(b"\xff\xfb")
    while place < len(mp3):
        assert mp3[place : place + 2] == b"\xff\xfb"
        rate = kilobits[mp3[place + 2] >> 4]
        found.add(rate)
        place += 144 * rate * 1000 // 44100 + (mp3[place + 2] >> 1 & 1)
    return found


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


@pytest.mark.parametrize("name", ["a.wav", "a.mp3"])
def test_every_second_has_the_same_bits_so_that_browsers_find_it(tmp_path: Path, name: str) -> None:
    # Easy to encode at first, and then hard.
    noise = np.random.default_rng(1).uniform(-1, 1, (44100, 2))
    samples = np.concatenate([tones([440, 440], 44100), noise])
    soundfile.write(tmp_path / name, samples, 44100)
    assert bit_rates(playable_audio(tmp_path / name)) == {128}


def test_a_file_that_does_not_say_how_long_it_is_is_taken(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", tones([440], 44100), 44100)
    content = bytearray((tmp_path / "a.flac").read_bytes())
    # The last 36 bits of these are the number of samples: 0 is unknown.
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    (tmp_path / "a.flac").write_bytes(content)
    samples, rate = decoded(playable_audio(tmp_path / "a.flac"))
    assert len(samples) / rate == pytest.approx(2.0, abs=0.06)


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
