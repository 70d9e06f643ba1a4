"""From a song's file to the windows the network sees."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.audio import LogMel, UndecodableClipError, load_waveform
from fcn4_dist.config import Settings
from fcn4_dist.pipeline import Windowing, read_batches
from fcn4_dist.records import read_manifest
from fcn4_dist.tagging import ModelDescription, SongReader

RATE = 12000


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
    for clip, feature in zip(record_set.clips, batch.features, strict=True):
        song = reader.read(real_clips / clip.source)
        starts = windowing.starts(clip)
        assert song.starts.tolist() == starts.tolist() and len(starts) == 2
        for start, window in zip(starts, song.windows(), strict=True):
            cut = feature[..., start : start + windowing.frames]
            # The last bits depend on where in memory a matrix lies.
            np.testing.assert_allclose(window, cut, atol=1e-4)


def test_a_song_is_as_loud_as_its_neighbourhood_not_as_its_loudest_place(
    tmp_path: Path, description: ModelDescription
) -> None:
    # It grows by 45 (doubled) decibels over a minute, and has a pause at its beginning.
    song = SongReader(description).read(write_noise(tmp_path / "a.wav", 60.0))
    first, *_, last = song.windows()
    log_mel = LogMel(replace(description.parameters, clip_seconds=1.5))
    waveform = load_waveform(song.path, RATE)
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
    song = SongReader(description).read(write_noise(tmp_path / "a.wav", 0.4))
    assert song.seconds == pytest.approx(0.4)
    (window,) = song.windows()
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
    song = reader.read(path)
    frames = description.input_shape[-1]
    assert song.starts[0] == 0 and song.starts[-1] + frames == song.decibels.shape[1]
    gaps = np.diff(reader.start_seconds(song))
    assert (gaps > 0).all() and (gaps <= hop + description.parameters.hop_length / RATE).all()
    assert {window.shape for window in song.windows()} == {description.input_shape}


def test_without_a_hop_windows_lie_side_by_side(
    tmp_path: Path, description: ModelDescription
) -> None:
    song = SongReader(description).read(write_noise(tmp_path / "a.wav", 13.2))
    assert len(song.starts) == 11


def test_what_is_no_audio_is_refused(tmp_path: Path, description: ModelDescription) -> None:
    (tmp_path / "a.mp3").write_text("no music")
    with pytest.raises(UndecodableClipError, match="cannot be decoded"):
        SongReader(description).read(tmp_path / "a.mp3")
