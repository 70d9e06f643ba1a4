"""The trained network that somebody names."""

import os
import shutil
from pathlib import Path

import pytest

from fcn4_dist.errors import InputError
from fcn4_dist.runs.trained import find_model, folder_of_checkpoints, newest_run
from tests.checkpoints.examples import write_example
from tests.reports.run_folders import write_description

RUN = "3f2a9c4e"


def write_trained(folder: Path, checkpoints: Path, run_id: str = RUN, best: bool = True) -> Path:
    """Write what a training has left: run.json, two checkpoints, and which is best."""
    settings = {"run_dir": str(folder), "checkpoint_path": str(checkpoints)}
    write_description(folder, settings=settings, run_id=run_id)
    first = write_example(checkpoints, 1, 5, run_id=run_id)
    last = write_example(checkpoints, 2, 5, run_id=run_id)
    if best:
        return Path(shutil.copy(first, checkpoints / "MusicTagger-best.ckpt"))
    return last


def test_the_folder_of_a_run_names_its_best_checkpoint_or_else_its_last(tmp_path: Path) -> None:
    for number, best in enumerate((True, False)):
        run = tmp_path / f"run-{number}"
        expected = write_trained(run, tmp_path / f"weight-{number}", best=best)
        found = find_model(run)
        assert (found.file, found.run) == (expected, run)
        assert folder_of_checkpoints(run) == tmp_path / f"weight-{number}"


def test_where_another_run_has_written_since_its_checkpoints_are_not_taken_for_it(
    tmp_path: Path,
) -> None:
    last = write_trained(tmp_path / "first", tmp_path / "weight", best=False)
    shutil.copy(write_example(tmp_path / "weight", 3, 1, run_id="another"), last.parent / "x.ckpt")
    (last.parent / "x.ckpt").rename(last.parent / "MusicTagger-best.ckpt")
    assert find_model(tmp_path / "first").file == last
    for path in (tmp_path / "weight").glob("MusicTagger-[12]_5.ckpt"):
        path.unlink()
    with pytest.raises(InputError, match=r"run in .*first has no whole checkpoint MusicTagger-\*"):
        find_model(tmp_path / "first")


def test_a_run_that_was_moved_with_its_checkpoints_still_has_them(tmp_path: Path) -> None:
    write_trained(tmp_path / "run", tmp_path / "run/weight")
    (tmp_path / "run").rename(tmp_path / "moved")
    expected = tmp_path / "moved/weight/MusicTagger-best.ckpt"
    assert find_model(tmp_path / "moved").file == expected


def test_the_folder_of_an_evaluation_names_what_it_has_scored(tmp_path: Path) -> None:
    scored = write_example(tmp_path)
    write_description(tmp_path / "eval", command="eval", checkpoint=str(scored))
    assert find_model(tmp_path / "eval").file == scored
    scored.unlink()
    with pytest.raises(InputError, match=r"which .*eval has scored, is not there any more"):
        find_model(tmp_path / "eval")


def test_in_a_folder_of_one_other_prefix_that_one_is_meant(tmp_path: Path) -> None:
    path = write_example(tmp_path, prefix="Rock")
    assert find_model(tmp_path).file == path
    write_example(tmp_path, prefix="Jazz")
    with pytest.raises(InputError, match=r"no whole checkpoint MusicTagger-\*\.ckpt in .*--prefix"):
        find_model(tmp_path)


def test_the_newest_run_is_the_one_that_was_begun_last(tmp_path: Path) -> None:
    assert newest_run(parent=tmp_path) is None
    for age, (name, command) in enumerate({"a": "train", "b": "eval", "c": "train"}.items()):
        write_description(tmp_path / name, command=command)
        os.utime(tmp_path / name / "run.json", (1000 - age, 1000 - age))
    assert newest_run(parent=tmp_path) == tmp_path / "a"
    assert newest_run("eval", tmp_path) == tmp_path / "b"


def test_what_run_json_says_has_to_be_a_path(tmp_path: Path) -> None:
    write_description(tmp_path / "run", settings={"checkpoint_path": 5})
    with pytest.raises(InputError, match=r"run\.json does not say its checkpoint_path"):
        find_model(tmp_path / "run")
