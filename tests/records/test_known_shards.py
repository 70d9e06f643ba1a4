"""Shards that were found whole before are not hashed again until they change."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fcn4_dist.errors import InputError
from fcn4_dist.records import RecordSet, check_shards, read_manifest, verification
from fcn4_dist.records.known_shards import KNOWN_NAME


@pytest.fixture
def train(own_shards: Path) -> RecordSet:
    """The training set of shards that were written a while ago and may be changed."""
    for path in own_shards.iterdir():
        os.utime(path, ns=(10**18, 10**18))
    return read_manifest(own_shards).record_set("train", own_shards)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Names of the files that are hashed."""
    names: list[str] = []
    hash_file = verification.sha256_of

    def noted(path: Path) -> str:
        names.append(path.name)
        return hash_file(path)

    monkeypatch.setattr(verification, "sha256_of", noted)
    return names


def test_a_second_check_hashes_nothing(train: RecordSet, hashed: list[str]) -> None:
    check_shards(train)
    files = {shard.file for shard in train.shards}
    assert sorted(hashed) == sorted(files | {f"{file}.db" for file in files})
    hashed.clear()
    check_shards(train)
    assert not hashed


@pytest.mark.parametrize("ending", ["", ".db"])
def test_a_file_that_was_changed_or_touched_is_hashed_again(
    train: RecordSet, hashed: list[str], ending: str
) -> None:
    check_shards(train)
    path = train.folder / f"{train.shards[1].file}{ending}"
    os.utime(path)
    hashed.clear()
    check_shards(train)
    assert path.name in hashed
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="is not the file the manifest was written for"):
        check_shards(train)


def test_a_shard_of_another_manifest_is_hashed(train: RecordSet, hashed: list[str]) -> None:
    check_shards(train)
    text = (train.folder / KNOWN_NAME).read_text()
    (train.folder / KNOWN_NAME).write_text(text.replace(train.shards[0].sha256, "0" * 64))
    hashed.clear()
    check_shards(train)
    assert train.shards[0].file in hashed


def test_what_was_changed_a_moment_ago_may_change_again_in_the_same_tick(
    train: RecordSet, hashed: list[str]
) -> None:
    for path in train.folder.iterdir():
        os.utime(path)
    check_shards(train)
    hashed.clear()
    check_shards(train)
    assert hashed


@pytest.mark.parametrize("text", ["", "{", '{"format": 1, "files": 3}', "[1]"])
def test_a_damaged_list_of_known_shards_is_no_list(
    train: RecordSet, hashed: list[str], text: str
) -> None:
    check_shards(train)
    (train.folder / KNOWN_NAME).write_text(text)
    hashed.clear()
    check_shards(train)
    assert hashed


def test_a_folder_that_cannot_be_written_to_is_checked_as_well(
    train: RecordSet, hashed: list[str]
) -> None:
    (train.folder / KNOWN_NAME).unlink(missing_ok=True)
    (train.folder / KNOWN_NAME).mkdir()
    check_shards(train)
    assert hashed
