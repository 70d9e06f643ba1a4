"""What is found before a clip is decoded."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from fcn4_dist.clips import read_collection
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.jobs.preprocess_checks import (
    check_lengths,
    check_preprocessing,
    check_split,
)
from fcn4_dist.processes import usable_cores


@pytest.fixture
def settings(real_clips: Path, tmp_path: Path) -> Settings:
    """Settings that nothing is wrong with; of clips of 1.5 s."""
    folder = str(tmp_path)
    paths = {"audio_path": str(real_clips), "npy_path": folder, "info_path": folder}
    small = {"num_classes": 3, "window_seconds": 1.5, "hop_length": 96, "batch_size": 2}
    return Settings(mr_path=folder, **paths, **small)


def test_what_nothing_is_wrong_with_is_taken_without_a_word(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    collection = read_collection(settings)
    check_preprocessing(settings)
    check_lengths(collection, settings)
    check_split(collection, settings)
    assert capsys.readouterr().out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"window_seconds": 0.1}, "a window of 13 frames is too short"),
        ({"n_mels": 300}, "n_mels 300 leaves .* mel bands between the frequencies"),
        ({"hop_length": 513}, r"hop_length must be at most n_fft|too short"),
        ({"processes": 16 * usable_cores() + 1}, "are too many for the"),
        ({"npy_path": "/dev/null/x"}, "npy_path /dev/null/x cannot be written to"),
        ({"mr_path": "/proc/x"}, "mr_path /proc/x cannot be written to"),
        ({"info_name": "file/x.csv", "info_path": "/dev/null"}, "info_path .* cannot be written"),
    ],
)
def test_what_cannot_be_is_refused(
    settings: Settings, changes: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        check_preprocessing(replace(settings, **changes))


def test_features_that_are_there_are_taken_as_they_are(settings: Settings) -> None:
    check_preprocessing(replace(settings, n_mels=300, get_npy=False))


def test_windows_longer_than_all_clips_and_sets_smaller_than_a_batch_are_said(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    collection = read_collection(settings)
    check_lengths(collection, replace(settings, window_seconds=29.12))
    printed = capsys.readouterr().out
    assert "21 of the clips were looked at, and all are shorter than a window of 29.12 s" in printed
    assert "(the longest has 1.50 s)" in printed
    check_split(collection, replace(settings, batch_size=32))
    assert (
        "the training set will have 16 clips, fewer than a batch of 32" in capsys.readouterr().out
    )


def test_a_collection_of_files_that_are_no_audio_says_nothing_of_lengths(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(settings.audio_path, tmp_path / "clips")
    for path in (tmp_path / "clips").rglob("*.ogg"):
        path.write_bytes(b"no audio")
    broken = replace(settings, audio_path=str(tmp_path / "clips"), window_seconds=29.12)
    check_lengths(read_collection(broken), broken)
    assert capsys.readouterr().out == ""
