"""What a preprocess job needs of its disks is known before it begins."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from fcn4_dist.audio import FeatureCache, FeatureParameters
from fcn4_dist.clips import Clip, Collection
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.jobs.disk_room import check_room_ahead


def songs(number: int) -> Collection:
    clips = tuple(Clip(f"{i}.mp3", Path(f"{i}.mp3"), ("rock",)) for i in range(number))
    return Collection(("rock",), clips)


def settings_of(npy_path: Path, mr_path: Path, **others: float | str | bool) -> Settings:
    """Settings of features of 29.12 s, which take 524 kB."""
    return replace(Settings(), npy_path=str(npy_path), mr_path=str(mr_path), **others)


def test_what_is_needed_is_said_with_what_is_free(small_disk: Path, tmp_path: Path) -> None:
    same = settings_of(small_disk / "data" / "npy", small_disk / "data")
    assert check_room_ahead(songs(20), same) == (
        f"20 clips will need up to 10.5 MB for features in {same.npy_path} and 10.5 MB for shards "
        f"in {same.mr_path}, where 31.5 MB are free"
    )
    halved = check_room_ahead(songs(20), replace(same, feature_dtype="float16"))
    assert "and 5.27 MB for shards" in halved
    other = settings_of(tmp_path, small_disk)
    assert "; 10.5 MB for shards" in check_room_ahead(songs(20), other)
    alone = replace(other, get_npy=False)
    assert "need up to 10.5 MB for shards in" in check_room_ahead(songs(20), alone)
    assert not list(small_disk.iterdir())


def test_what_fits_alone_may_not_fit_together(small_disk: Path, tmp_path: Path) -> None:
    check_room_ahead(songs(40), settings_of(small_disk, tmp_path))
    check_room_ahead(songs(40), settings_of(tmp_path, small_disk))
    with pytest.raises(InputError) as caught:
        check_room_ahead(songs(40), settings_of(small_disk, small_disk))
    assert str(caught.value) == (
        f"the features and the shards of 40 clips need 42 MB, and {small_disk} has 31.5 MB left: "
        "make room, name another folder with --npy_path or --mr_path, or halve the shards with "
        "--feature_dtype float16"
    )


def test_whole_songs_may_be_kept_in_part(small_disk: Path, tmp_path: Path) -> None:
    long = settings_of(small_disk, tmp_path, clip_seconds=4 * 29.12)
    with pytest.raises(InputError, match=r"--npy_path, or keep less of each clip with --clip_sec"):
        check_room_ahead(songs(40), long)


def test_each_fold_keeps_its_shards(small_disk: Path, tmp_path: Path) -> None:
    settings = settings_of(tmp_path, small_disk)
    told = check_room_ahead(songs(10), settings, folds=5)
    assert "26.3 MB for shards of 5 folds in" in told
    with pytest.raises(InputError, match=r"the shards of 5 folds of 20 clips .*with --run_dir, or"):
        check_room_ahead(songs(20), settings, folds=5)


def test_what_is_there_already_needs_no_room(small_disk: Path, tmp_path: Path) -> None:
    settings = settings_of(small_disk, tmp_path)
    folder = FeatureCache(small_disk, FeatureParameters.from_settings(settings)).folder
    (folder / "00").mkdir(parents=True)
    (folder / "00" / "feature.npy").write_bytes(os.urandom(20_000_000))
    with pytest.raises(InputError, match=r"features of 80 clips need 22 MB, and .* 11\.5 MB"):
        check_room_ahead(songs(80), settings)
    assert "30.9 MB for features" in check_room_ahead(songs(59), settings)
