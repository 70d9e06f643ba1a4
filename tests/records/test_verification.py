"""Whether shards are what their manifest and the settings say."""

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mindspore.mindrecord import FileReader, FileWriter

from fcn4_dist.config import load_settings
from fcn4_dist.errors import InputError
from fcn4_dist.records import (
    RecordSet,
    check_against_settings,
    check_shards,
    file_faults,
    foreign_files,
    manifest_faults,
    read_manifest,
    row_faults,
)

Rows = list[dict[str, Any]]


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


def test_both_files_of_a_shard_are_told_at_once(train: RecordSet) -> None:
    shard, path = train.shards[0], train.files[0]
    assert list(file_faults(shard, train.folder)) == []
    path.unlink()
    _flip_byte(_file(train, 0, ".db"), 5000)
    of_shard, of_index = map(str, file_faults(shard, train.folder))
    assert of_shard.startswith(f"{path} is missing")
    assert of_index.startswith(f"{path}.db is not the file")


def test_files_named_like_shards_are_foreign_unless_the_manifest_names_them_or_they_are_hidden(
    own_shards: Path,
) -> None:
    manifest = read_manifest(own_shards)
    assert list(foreign_files(manifest, own_shards)) == []
    foreign = ["test.mindrecord0", "test.mindrecord0.db", "train.mindrecord0.db-journal"]
    for name in (*foreign, ".train.mindrecord0.12.tmp", "sheet.png"):
        (own_shards / name).touch()
    found = list(foreign_files(manifest, own_shards))
    assert [str(finding).split(" is named like a shard")[0] for finding in found] == [
        str(own_shards / name) for name in foreign
    ]


def test_a_manifest_as_it_was_written_does_not_contradict_itself(shards: Path) -> None:
    assert list(manifest_faults(read_manifest(shards), shards)) == []


def test_a_shard_as_it_was_written_holds_the_rows_of_the_manifest(train: RecordSet) -> None:
    read: list[int] = []
    for shard in train.shards:
        assert list(row_faults(train, shard, read.append)) == []
    assert sum(read) == len(train) == 16


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda rows: rows.pop(2), "clips the manifest says (missing: {2})"),
        (lambda rows: rows.append(rows[0]), "clips the manifest says (extra: {0})"),
        (lambda rows: rows[1].update(id="a.ogg"), "(missing: {1}; extra: a.ogg)"),
        (lambda rows: rows.reverse(), "(in another order: {7}, {6}, {5}, … (8 in all))"),
        (lambda rows: rows[3].update(label=1 - rows[3]["label"]), "labels the manifest says ({3})"),
    ],
)
def test_rows_that_were_written_otherwise_than_the_manifest_says_are_named(
    train: RecordSet, change: Callable[[Rows], None], sentence: str
) -> None:
    _rewrite(train.files[0], change)
    ids = [clip.id for clip in train.clips]
    (fault,) = map(str, row_faults(train, train.shards[0], lambda rows: None))
    assert fault.startswith(f"{train.files[0]} does not hold the ")
    assert sentence.format(*ids) in fault
    assert list(row_faults(train, train.shards[1], lambda rows: None)) == []


def test_a_shard_that_mindspore_cannot_read_is_told_in_one_sentence(train: RecordSet) -> None:
    other = replace(train.shards[0], file="renamed.mindrecord0")
    for ending in ("", ".db"):
        shutil.copy(_file(train, 0, ending), train.folder / f"{other.file}{ending}")
    (fault,) = map(str, row_faults(train, other, lambda rows: None))
    assert fault.startswith(f"{train.folder / other.file} cannot be read by MindSpore ([ERROR] ")
    assert "\n" not in fault


def _rewrite(path: Path, change: Callable[[Rows], None]) -> None:
    # In a list, a file is read without the others of its set.
    reader = FileReader([str(path)])
    rows = list(reader.get_next())
    reader.close()
    change(rows)
    writer = FileWriter(str(path), shard_num=1, overwrite=True)
    schema = {
        "id": {"type": "string"},
        "feature": {"type": "float32", "shape": list(rows[0]["feature"].shape)},
        "label": {"type": "int32", "shape": list(rows[0]["label"].shape)},
    }
    writer.add_schema(schema, "rows of another shard")
    writer.write_raw_data([row | {"label": row["label"].astype(np.int32)} for row in rows])
    writer.commit()


def _file(train: RecordSet, number: int, ending: str) -> Path:
    return train.folder / f"{train.shards[number].file}{ending}"


def _flip_byte(path: Path, place: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        (byte,) = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ 1]))
