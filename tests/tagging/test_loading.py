"""Finding and loading the network that somebody names."""

import os
from pathlib import Path

import pytest

from fcn4_dist.errors import InputError
from fcn4_dist.tagging import find_checkpoint, loading
from tests.checkpoints.examples import write_example


def test_a_file_is_taken_whatever_its_name(tmp_path: Path) -> None:
    path = write_example(tmp_path).rename(tmp_path / "mine.bin")
    assert find_checkpoint(path) == path


def test_of_a_folder_the_best_is_taken_or_else_the_last(tmp_path: Path) -> None:
    for step in (5, 10):
        last = write_example(tmp_path, 2, step)
        os.utime(last, (step, step))
    assert find_checkpoint(tmp_path) == last
    best = tmp_path / "MusicTagger-best.ckpt"
    best.write_bytes((tmp_path / "MusicTagger-2_5.ckpt").read_bytes())
    assert find_checkpoint(tmp_path) == best
    assert find_checkpoint(Path("last"), tmp_path) == last
    assert find_checkpoint(Path("best"), tmp_path) == best


def test_checkpoints_of_several_runs_are_told_with_the_one_that_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(loading, "warn", warnings.append)
    write_example(tmp_path)
    find_checkpoint(tmp_path)
    assert not warnings
    write_example(tmp_path, 2, 1, run_id="another")
    path = find_checkpoint(tmp_path)
    (told,) = warnings
    assert "of 2 runs" in told and told.endswith(f"{path.name} is taken")


def test_other_names_are_found_by_their_prefix(tmp_path: Path) -> None:
    path = write_example(tmp_path, prefix="Rock")
    assert find_checkpoint(tmp_path, prefix="Rock") == path
    with pytest.raises(InputError, match=r"no whole checkpoint Jazz-\*\.ckpt in .*--prefix"):
        find_checkpoint(tmp_path, prefix="Jazz")


def test_without_a_best_one_best_is_refused(tmp_path: Path) -> None:
    write_example(tmp_path)
    with pytest.raises(InputError, match=r"no whole best checkpoint MusicTagger-\*\.ckpt in"):
        find_checkpoint(Path("best"), tmp_path)


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no checkpoint .*gone: name a file, a folder"):
        find_checkpoint(tmp_path / "gone")
