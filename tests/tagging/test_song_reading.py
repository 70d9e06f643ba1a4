"""From a song's file to the windows the network sees."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.audio import LogMel, UndecodableClipError, decoding, load_waveform, waveform
from fcn4_dist.audio.headers import mp3_is_counted
from fcn4_dist.config import Settings
from fcn4_dist.pipeline import Windowing, read_batches
from fcn4_dist.records import read_manifest
from fcn4_dist.tagging import (
    MOST_COLUMNS,
    ModelDescription,
    Song,
    SongEnd,
    SongReader,
    SongWindows,
    fewer_columns,
)
from fcn4_dist.tagging.columns import Columns

RATE = 12000


@dataclass(frozen=True)
class Whole:
    """All of a song at once."""

    song: Song
    windows: np.ndarray
    levels: np.ndarray
    end: SongEnd
    times_begun: int


def read_whole(reader: SongReader, path: Path, columns: int = sys.maxsize) -> Whole:
    """Read a song and put its parts together."""
    begun: list[Song] = []
    windows: list[SongWindows] = []
    reading = reader.read(path, columns)
    while True:
        try:
            part = next(reading)
        except StopIteration as end:
            decibels = np.concatenate([each.decibels for each in windows])
            levels = np.concatenate([each.levels for each in windows])
            return Whole(begun[-1], decibels, levels, end.value, len(begun))
        if isinstance(part, Song):
            begun.append(part)
            windows.clear()
        elif part is not None:
            windows.append(part)


def write_noise(path: Path, seconds: float) -> Path:
    random = np.random.default_rng(1)
    loudness = np.linspace(0.15, 2, round(seconds * RATE))
    loudness[RATE // 2 : RATE // 2 + RATE // 10] = 0
    soundfile.write(path, loudness * random.uniform(-1, 1, len(loudness)), RATE, "FLOAT")
    return path


def test_the_windows_of_a_clip_are_those_that_evaluation_scores(
    windowed: Settings, description: ModelDescription, real_clips: Path
) -> None:
    record_set = read_manifest(Path(windowed.mr_path)).record_set("val", Path(windowed.mr_path))
    (batch,) = read_batches(record_set, [np.arange(len(record_set))])
    windowing = Windowing(record_set.parameters, windowed.window_seconds)
    reader = SongReader(description)
    last_starts = windowing.last_starts(record_set.clips)
    for clip, feature, last in zip(record_set.clips, batch.features, last_starts, strict=True):
        whole = read_whole(reader, real_clips / clip.source)
        starts = windowing.starts(last)
        assert whole.song.starts.tolist() == starts.tolist() and len(starts) == 2
        for start, window in zip(starts, whole.windows, strict=True):
            cut = feature[..., start : start + windowing.frames]
            # The last bits depend on where in memory a matrix lies.
            np.testing.assert_allclose(window, cut, atol=1e-4)


def test_a_song_is_as_loud_as_its_neighbourhood_not_as_its_loudest_place(
    tmp_path: Path, description: ModelDescription
) -> None:
    # It grows by 45 (doubled) decibels over a minute, and has a pause at its beginning.
    path = write_noise(tmp_path / "a.wav", 60.0)
    first, *_, last = read_whole(SongReader(description), path).windows
    log_mel = LogMel(replace(description.parameters, clip_seconds=1.5))
    waveform = load_waveform(path, RATE)
    samples = log_mel.parameters.clip_samples
    inner = np.s_[..., 5:-5]
    frames = description.input_shape[-1]
    expected = log_mel(waveform[:samples])[..., :frames]
    np.testing.assert_allclose(first[inner], expected[inner], atol=1e-3)
    assert last.max() - first.max() > 35
    assert first.min() == pytest.approx(log_mel(waveform[:samples]).max() - 80, abs=1e-3)


def test_a_song_shorter_than_a_window_gets_silence_behind_it(
    tmp_path: Path, description: ModelDescription
) -> None:
    whole = read_whole(SongReader(description), write_noise(tmp_path / "a.wav", 0.4))
    assert whole.song.seconds == pytest.approx(0.4)
    (window,) = whole.windows
    assert window.shape == description.input_shape
    assert (window[..., -50:] == window.min()).all() and window[..., :20].max() > window.min()


@given(seconds=st.floats(0.2, 12.0), hop=st.floats(0.05, 1.3))
def test_windows_cover_a_song_from_its_first_frame_to_its_last(
    tmp_path_factory: pytest.TempPathFactory,
    description: ModelDescription,
    seconds: float,
    hop: float,
) -> None:
    path = write_noise(tmp_path_factory.mktemp("song") / "a.wav", seconds)
    reader = SongReader(description, hop)
    whole = read_whole(reader, path)
    song, frames = whole.song, description.input_shape[-1]
    assert song.starts[0] == 0 and song.starts[-1] + frames == song.frames
    assert whole.end.spectrogram.shape[1] == song.frames
    gaps = np.diff(song.start_seconds)
    assert (gaps > 0).all() and (gaps <= hop + description.parameters.hop_length / RATE).all()
    assert whole.windows.shape == (len(song.starts), *description.input_shape)
    assert whole.levels.shape == song.starts.shape


def test_without_a_hop_windows_lie_side_by_side(
    tmp_path: Path, description: ModelDescription
) -> None:
    whole = read_whole(SongReader(description), write_noise(tmp_path / "a.wav", 13.2))
    assert len(whole.song.starts) == 11


@pytest.mark.parametrize("rate", [RATE, 22050])
@pytest.mark.parametrize("hop", [None, 0.3])
def test_a_song_gives_the_same_bits_in_whatever_parts_it_is_read(
    tmp_path: Path,
    description: ModelDescription,
    monkeypatch: pytest.MonkeyPatch,
    rate: int,
    hop: float | None,
) -> None:
    noise, _ = soundfile.read(write_noise(tmp_path / "a.wav", 30.0))
    soundfile.write(tmp_path / "a.wav", noise, rate, "FLOAT")
    reader = SongReader(description, hop)
    whole = read_whole(reader, tmp_path / "a.wav")
    log_mel = LogMel(description.parameters)
    decibels = log_mel.decibels(load_waveform(tmp_path / "a.wav", RATE))
    np.testing.assert_array_equal(whole.end.spectrogram, decibels)
    for values in (1000, 30011):
        monkeypatch.setattr(waveform, "_VALUES_AT_ONCE", values)
        parts = read_whole(reader, tmp_path / "a.wav")
        np.testing.assert_array_equal(parts.windows, whole.windows)
        np.testing.assert_array_equal(parts.levels, whole.levels)
        np.testing.assert_array_equal(parts.end.spectrogram, decibels)


@pytest.mark.parametrize(("says", "times_begun"), [(2 * RATE, 2), (90 * RATE, 2), (0, 1)])
def test_a_song_whose_header_errs_is_read_again_as_long_as_it_is(
    tmp_path: Path,
    description: ModelDescription,
    monkeypatch: pytest.MonkeyPatch,
    says: int,
    times_begun: int,
) -> None:
    path = write_noise(tmp_path / "a.wav", 20.0)
    reader = SongReader(description, 0.5)
    expected = read_whole(reader, path)
    monkeypatch.setattr(decoding._SoundFile, "frames", says)
    whole = read_whole(reader, path)
    assert (expected.times_begun, whole.times_begun) == (1, times_begun)
    assert whole.song.seconds == expected.song.seconds
    np.testing.assert_array_equal(whole.windows, expected.windows)
    np.testing.assert_array_equal(whole.end.spectrogram, expected.end.spectrogram)


def test_an_mp3_of_which_the_length_is_estimated_is_counted_first(
    tmp_path: Path, description: ModelDescription
) -> None:
    noise, _ = soundfile.read(write_noise(tmp_path / "a.wav", 20.0))
    soundfile.write(tmp_path / "a.mp3", 0.1 * noise, 44100)
    content = (tmp_path / "a.mp3").read_bytes()
    headless = tmp_path / "headless.mp3"
    headless.write_bytes(content.replace(b"Xing", bytes(4)).replace(b"Info", bytes(4)))
    assert not mp3_is_counted(headless) and mp3_is_counted(tmp_path / "a.mp3")
    titled = tmp_path / "titled.mp3"
    titled.write_bytes(b"ID3\x04\0\0\0\0\1\2" + bytes(130) + content)
    assert mp3_is_counted(titled)
    whole = read_whole(SongReader(description), headless)
    assert whole.times_begun == 1
    assert whole.song.samples == len(load_waveform(headless, RATE))


@given(frames=st.integers(1, 300), most=st.integers(0, 40), cuts=st.lists(st.integers(0, 300)))
def test_each_column_is_the_loudest_of_its_frames_however_they_come(
    frames: int, most: int, cuts: list[int]
) -> None:
    decibels = np.random.default_rng(frames).normal(size=(3, frames)).astype(np.float32)
    columns = Columns(3, frames, most)
    for part in np.split(decibels, sorted(min(cut, frames) for cut in cuts), axis=1):
        columns.add(part)
    number = min(frames, most)
    assert columns.decibels().shape == (3, number)
    if number:
        firsts = np.arange(number) * frames // number
        expected = np.maximum.reduceat(decibels, firsts, axis=1)
        np.testing.assert_array_equal(columns.decibels(), expected)


def test_what_has_few_columns_stays_as_it_is() -> None:
    decibels = np.random.default_rng(1).normal(size=(3, 50)).astype(np.float32)
    np.testing.assert_array_equal(fewer_columns(decibels), decibels)
    assert fewer_columns(np.repeat(decibels, 99, axis=1)).shape == (3, MOST_COLUMNS)


def test_what_is_no_audio_is_refused(tmp_path: Path, description: ModelDescription) -> None:
    (tmp_path / "a.mp3").write_text("no music")
    with pytest.raises(UndecodableClipError, match="cannot be decoded"):
        list(SongReader(description).read(tmp_path / "a.mp3"))
