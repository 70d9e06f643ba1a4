"""Whether shards are what their manifest and the settings say."""

import os
import re
import shutil
from pathlib import Path

import pytest

from fcn4_dist.config import load_settings
from fcn4_dist.errors import InputError
from fcn4_dist.records import RecordSet, check_against_settings, check_shards, read_manifest


@pytest.fixture
def train(own_shards: Path) -> RecordSet:
    """The training set of shards that may be changed."""
    return read_manifest(own_shards).record_set("train", own_shards)


def test_shards_that_nobody_touched_are_accepted(train: RecordSet) -> None:
    check_shards(train)


@pytest.mark.parametrize("ending", ["", ".db"])
@pytest.mark.parametrize("number", [0, 1])
def test_a_flipped_byte_is_found_and_its_file_named(
    train: RecordSet, number: int, ending: str
) -> None:
    path = _file(train, number, ending)
    for place in (0, path.stat().st_size // 2, path.stat().st_size - 1):
        _flip_byte(path, place)
        sentence = f"^{re.escape(str(path))} is not the file the manifest was written for"
        with pytest.raises(InputError, match=sentence):
            check_shards(train)
        _flip_byte(path, place)
    check_shards(train)


@pytest.mark.parametrize("ending", ["", ".db"])
def test_a_file_cut_short_is_found_and_named(train: RecordSet, ending: str) -> None:
    path = _file(train, 1, ending)
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(InputError, match=f"^{re.escape(str(path))} is not the file"):
        check_shards(train)


@pytest.mark.parametrize("ending", ["", ".db"])
def test_a_missing_file_is_named(train: RecordSet, ending: str) -> None:
    path = _file(train, 1, ending)
    path.unlink()
    with pytest.raises(InputError, match=f"^{re.escape(str(path))} is missing, .*run preprocess"):
        check_shards(train)


def test_a_shard_in_the_place_of_another_is_found(train: RecordSet) -> None:
    first, second = train.files
    shutil.copy(first, second)
    with pytest.raises(InputError, match=f"^{re.escape(str(second))} is not the file"):
        check_shards(train)


def test_settings_the_shards_were_made_with_are_accepted(
    shards: Path, small_flags: dict[str, str]
) -> None:
    check_against_settings(read_manifest(shards), load_settings(flags=small_flags).settings)


@pytest.mark.parametrize(
    ("name", "value", "difference"),
    [
        ("num_classes", "4", "num_classes 3 instead of 4"),
        ("n_mels", "40", "n_mels 32 instead of 40"),
        ("hop_length", "100", "hop_length 96 instead of 100"),
        ("n_fft", "1024", "n_fft 512 instead of 1024"),
        ("sample_rate", "16000", "sample_rate 12000 instead of 16000"),
        ("window_seconds", "1.25", "window_seconds 1.5 instead of 1.25"),
        ("log_mel", "power_to_db", "log_mel amplitude_to_db instead of power_to_db"),
    ],
)
def test_a_setting_that_differs_from_the_shards_is_named(
    shards: Path, small_flags: dict[str, str], name: str, value: str, difference: str
) -> None:
    flags = small_flags | {name: value, "data_dir": str(shards)}
    with pytest.raises(InputError) as caught:
        check_against_settings(read_manifest(shards), load_settings(flags=flags).settings)
    sentence = f"the shards in {shards} were made with other settings: {difference}; give "
    assert str(caught.value).startswith(sentence)


def test_the_flags_named_in_the_refusal_end_it(shards: Path) -> None:
    manifest = read_manifest(shards)
    with pytest.raises(InputError) as caught:
        check_against_settings(manifest, load_settings().settings)
    given = dict(re.findall(r"--(\w+) ([^ ,;]+)", str(caught.value)))
    assert set(given) == {"num_classes", "n_mels", "hop_length", "window_seconds"}
    check_against_settings(manifest, load_settings(flags=given).settings)


def _file(train: RecordSet, number: int, ending: str) -> Path:
    return train.folder / f"{train.shards[number].file}{ending}"


def _flip_byte(path: Path, place: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        (byte,) = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ 1]))
