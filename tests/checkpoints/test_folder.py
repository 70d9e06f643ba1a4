"""Which checkpoints there are, and which one is meant."""

import os
from pathlib import Path

import pytest

from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError


def make(folder: Path, *names: str) -> CheckpointFolder:
    """Make empty checkpoints, each a second younger than the one before."""
    for age, name in enumerate(names):
        path = folder / name
        path.touch()
        os.utime(path, (1_000_000 + age, 1_000_000 + age))
    return CheckpointFolder(folder, "MusicTagger")


def test_names_are_prefix_epoch_and_step_within_the_epoch(tmp_path: Path) -> None:
    settings = Settings(checkpoint_path=str(tmp_path), prefix="Genre")
    folder = CheckpointFolder.from_settings(settings)
    assert folder.file(epoch=10, step=24) == tmp_path / "Genre-10_24.ckpt"


def test_files_are_in_the_order_of_training_not_of_the_alphabet(tmp_path: Path) -> None:
    folder = make(
        tmp_path, "MusicTagger-10_2.ckpt", "MusicTagger-9_24.ckpt", "MusicTagger-9_3.ckpt"
    )
    assert [path.name for path in folder.files()] == [
        "MusicTagger-9_3.ckpt",
        "MusicTagger-9_24.ckpt",
        "MusicTagger-10_2.ckpt",
    ]


def test_other_files_and_folders_are_no_checkpoints_of_ours(tmp_path: Path) -> None:
    (tmp_path / "MusicTagger-8_8.ckpt").mkdir()
    folder = make(
        tmp_path, "Other-1_1.ckpt", "MusicTagger-1_1.txt", ".MusicTagger-1_1.77.tmp.ckpt", "a.ckpt"
    )
    assert folder.files() == []


def test_a_named_checkpoint_is_found(tmp_path: Path) -> None:
    folder = make(tmp_path, "MusicTagger-1_24.ckpt", "MusicTagger-2_24.ckpt")
    assert folder.find("MusicTagger-1_24.ckpt").name == "MusicTagger-1_24.ckpt"


def test_where_the_documented_default_is_missing_the_one_written_last_is_taken(
    tmp_path: Path,
) -> None:
    folder = make(tmp_path, "MusicTagger-1_24.ckpt", "MusicTagger-2_24.ckpt")
    assert folder.find(Settings().model_name).name == "MusicTagger-2_24.ckpt"


def test_a_name_that_is_missing_is_refused_with_what_is_there(tmp_path: Path) -> None:
    folder = make(tmp_path, "MusicTagger-1_24.ckpt")
    with pytest.raises(InputError, match=r"MusicTagger-7_7\.ckpt.*holds MusicTagger-1_24\.ckpt"):
        folder.find("MusicTagger-7_7.ckpt")


def test_an_empty_or_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no MusicTagger-\*\.ckpt"):
        CheckpointFolder(tmp_path / "none", "MusicTagger").find(Settings().model_name)
