"""What keeps shards from being written is found before there is anything to write, or told."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.audio import FeatureCache, FeatureParameters
from fcn4_dist.config import Settings
from fcn4_dist.errors import Fcn4DistError, InputError, SettingsError
from fcn4_dist.records import ClipRow
from fcn4_dist.records.layout import ShardFormat, index_file, receipt_file
from fcn4_dist.records.obstacles import (
    check_features,
    check_names,
    check_room,
    failure,
    refusals_told,
)
from fcn4_dist.records.planning import PlannedShard

SMALL = FeatureParameters(8000, 0.01, 16, 40, 2, "amplitude_to_db")


def planned(clips: int) -> PlannedShard:
    """A shard of so many clips."""
    row = ClipRow("a", "a", "0" * 64, ("x",), "train", "", "kept", "", 0.01)
    return PlannedShard("train.mindrecord0", "train", (row,) * clips, ("train.mindrecord0",), clips)


def shard_format(folder: Path, parameters: FeatureParameters = SMALL) -> ShardFormat:
    """Shards in a folder."""
    return ShardFormat(FeatureCache(folder / "npy", parameters), folder, ("x",), "float32")


def test_a_missing_or_damaged_feature_is_named(tmp_path: Path) -> None:
    for clips, more in ((1, ""), (3, "; 2 more are missing or damaged")):
        sentence = rf"cannot read the feature .*0{{64}}.*--get_npy 1{more}$"
        with pytest.raises(InputError, match=sentence):
            check_features(planned(clips).clips, FeatureCache(tmp_path, SMALL))


def test_a_disk_without_room_is_told_with_what_it_takes(small_disk: Path) -> None:
    check_room([planned(100)], shard_format(small_disk))
    with pytest.raises(InputError) as caught:
        check_room([planned(25_000)], shard_format(small_disk))
    assert str(caught.value) == (
        f"the shards need 26.3 MB, beside 10.5 MB that MindSpore wants free, and {small_disk} has "
        "31.5 MB left: make room, name another folder with --mr_path, or halve them with "
        "--feature_dtype float16"
    )


def test_what_is_there_already_needs_no_room(small_disk: Path) -> None:
    shard = small_disk / "train.mindrecord0"
    shard.write_bytes(bytes(25_000_000))
    # One that a run left unfinished is written anew, in its place.
    check_room([planned(15_000)], shard_format(small_disk))
    with pytest.raises(InputError, match=r"the shards need 31\.6 MB"):
        check_room([planned(30_000)], shard_format(small_disk))
    receipt_file(shard).touch()
    check_room([planned(30_000)], shard_format(small_disk))


@pytest.mark.parametrize("name", ["", "a:b", 'a"b', "a\\", "a|b"])
def test_a_name_that_mindspore_writes_no_file_of_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=r"^mr_name must be names of files without "):
        check_names(tmp_path, ["train", name])


@pytest.mark.parametrize("name", [" a", "a ", "a/b", "a\nb", "a\0", "\udcff", "a" * 201, "ä" * 101])
def test_a_name_that_could_begin_no_shards_is_no_setting(name: str) -> None:
    with pytest.raises(SettingsError, match=r"^mr_name must "):
        Settings(mr_name=("train", name))


def test_other_names_are_mindspores_too(tmp_path: Path) -> None:
    check_names(tmp_path, Settings(mr_name=("a" * 200, "ä" * 100, "ü x")).set_names)


def test_a_folder_whose_name_mindspore_cannot_be_told_is_refused() -> None:
    with pytest.raises(SettingsError, match="mr_path must be UTF-8, which MindSpore reads"):
        check_names(Path(os.fsdecode(b"data/\xff")), ["train"])


def test_a_name_that_is_not_refused_fits_a_file(tmp_path: Path) -> None:
    @given(st.text(max_size=210))
    def fits(name: str) -> None:
        try:
            check_names(tmp_path, [name])
        except SettingsError as error:
            assert "\n" not in str(error)
            return
        path = receipt_file(index_file(tmp_path / f"{name}.mindrecord999"))
        path.with_name(f".{path.name}.4194304.tmp").touch()

    fits()


def test_nothing_is_left_of_a_shard_that_could_not_be_written(tmp_path: Path) -> None:
    path = tmp_path / "train.mindrecord0"
    for error in (OSError(errno.EDQUOT, "Disk quota exceeded"), RuntimeError("[ERROR] odd")):
        for file in (path, index_file(path), receipt_file(path)):
            file.touch()
        told = pytest.raises(Fcn4DistError, match=r"cannot write the shard .*0: ")
        with told as caught, refusals_told(path, 1000):
            raise error
        assert not list(tmp_path.iterdir())
        assert str(caught.value).endswith("name another folder with --mr_path")


@pytest.mark.parametrize("needed", [0, 40_000_000])
def test_the_system_is_asked_where_mindspore_names_no_cause(small_disk: Path, needed: int) -> None:
    error = failure(small_disk / "train.mindrecord0", needed, "it died")
    full = (
        f"the disk of {small_disk} is full (No space left on device; 31.5 MB left, 50.5 MB needed)"
    )
    assert (f": {full}: make room" in str(error)) == (needed > 0)
    assert str(error).endswith(": it died") == (needed == 0)
    assert not list(small_disk.iterdir())
