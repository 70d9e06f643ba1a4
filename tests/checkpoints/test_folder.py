"""Which checkpoints there are, which one is meant, and whose folder it is."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from tests.checkpoints.examples import VALUES, flip, write_example

DEFAULT = Settings().model_name
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> CheckpointFolder:
    return CheckpointFolder(tmp_path, "MusicTagger")


def refuse_to_warn(text: str) -> None:
    raise AssertionError(text)


def age(path: Path, seconds: int) -> Path:
    """Say of a file that it was written some time ago."""
    os.utime(path, (2_000_000_000 - seconds, 2_000_000_000 - seconds))
    return path


# Names ----------------------------------------------------------------------------------------


def test_names_are_prefix_epoch_and_step_within_the_epoch(tmp_path: Path) -> None:
    settings = Settings(checkpoint_path=str(tmp_path), prefix="Genre")
    folder = CheckpointFolder.from_settings(settings)
    assert folder.file(epoch=10, step=24) == tmp_path / "Genre-10_24.ckpt"
    assert folder.best_file == tmp_path / "Genre-best.ckpt"


def test_files_are_in_the_order_of_training_not_of_the_alphabet(folder: CheckpointFolder) -> None:
    names = ["MusicTagger-9_3.ckpt", "MusicTagger-9_24.ckpt", "MusicTagger-10_2.ckpt"]
    for name in reversed(names):
        (folder.path / name).touch()
    assert [path.name for path in folder.files()] == names


def test_other_files_and_folders_are_no_checkpoints_of_this_run(folder: CheckpointFolder) -> None:
    (folder.path / "MusicTagger-8_8.ckpt").mkdir()
    for name in (
        *("Other-1_1.ckpt", "MusicTagger-1_1.txt", ".MusicTagger-1_1.77.tmp.ckpt", "a.ckpt"),
        *("MusicTagger-x-1_1.ckpt", "MusicTagger-best.ckpt"),
    ):
        (folder.path / name).touch()
    assert folder.files() == []


# Which one is meant ---------------------------------------------------------------------------


def test_a_named_checkpoint_is_found(folder: CheckpointFolder) -> None:
    named = write_example(folder.path, 1, 10)
    write_example(folder.path, 2, 10)
    assert folder.find(named.name) == named


def test_best_and_last_can_be_named_instead_of_a_file(folder: CheckpointFolder) -> None:
    write_example(folder.path, 1, 10).rename(folder.best_file)
    last = write_example(folder.path, 2, 10)
    assert folder.find("best") == folder.best_file
    assert folder.find("last") == last


def test_where_the_documented_default_is_missing_the_best_is_taken_or_else_the_last(
    folder: CheckpointFolder,
) -> None:
    write_example(folder.path, 1, 10)
    last = write_example(folder.path, 2, 10)
    assert folder.find(DEFAULT) == last
    write_example(folder.path, 1, 4).rename(folder.best_file)
    assert folder.find(DEFAULT) == folder.best_file


def test_where_the_documented_default_is_there_it_is_taken(folder: CheckpointFolder) -> None:
    default = write_example(folder.path, 10, 24)
    write_example(folder.path, 11, 1)
    write_example(folder.path, 1, 4).rename(folder.best_file)
    assert folder.find(DEFAULT) == default


def test_the_last_is_the_last_whole_one_and_the_others_are_told(folder: CheckpointFolder) -> None:
    whole = write_example(folder.path, 1, 4)
    damaged = write_example(folder.path, 1, 8)
    flip(damaged, 12345)
    warnings: list[str] = []
    assert folder.find("last", warnings.append) == whole
    (warning,) = warnings
    assert warning.startswith(f"{damaged} is passed over: ")


@pytest.mark.parametrize("name", ["MusicTagger-7_7.ckpt", "best"])
def test_a_name_that_is_missing_is_refused_with_what_is_there(
    folder: CheckpointFolder, name: str
) -> None:
    write_example(folder.path, 1, 10)
    write_example(folder.path, 2, 10)
    with pytest.raises(InputError) as caught:
        folder.find(name)
    assert str(caught.value) == (
        f"there is no checkpoint {folder.path / name}; the folder holds MusicTagger-1_10.ckpt, "
        "MusicTagger-2_10.ckpt: name one with --model_name, or another folder with "
        "--checkpoint_path"
    )


@pytest.mark.parametrize("name", [DEFAULT, "best", "last"])
def test_an_empty_or_missing_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"holds no MusicTagger-\*\.ckpt"):
        CheckpointFolder(tmp_path / "none", "MusicTagger").find(name)


# The newest whole one -------------------------------------------------------------------------


def test_of_an_empty_or_missing_folder_there_is_no_newest(folder: CheckpointFolder) -> None:
    assert folder.newest_whole(refuse_to_warn) is None
    assert CheckpointFolder(folder.path / "no", "M").newest_whole(refuse_to_warn) is None


def test_the_newest_is_that_of_the_highest_step_however_they_were_copied(
    folder: CheckpointFolder,
) -> None:
    newest = age(write_example(folder.path, 10, 2), 300)
    age(write_example(folder.path, 9, 8), 200)
    age(write_example(folder.path, 9, 10), 100)
    found = folder.newest_whole(refuse_to_warn)
    assert found and found[0] == newest
    assert (found[1].epoch, found[1].step, found[1].global_step) == (10, 2, 92)


def test_damaged_ones_are_passed_over_with_a_word_on_each(folder: CheckpointFolder) -> None:
    whole = age(write_example(folder.path, 1, 2), 50)
    cut = age(write_example(folder.path, 1, 4), 40)
    flipped = write_example(folder.path, 1, 6)
    empty = write_example(folder.path, 1, 8)
    foreign = folder.file(1, 9)
    cut.write_bytes(cut.read_bytes()[:-100])
    flip(flipped, flipped.stat().st_size * 8 - 1500)
    empty.write_bytes(b"")
    foreign.write_bytes(b"a text")
    swapped = write_example(folder.path, 2, 1).rename(folder.file(2, 2))
    warnings: list[str] = []
    found = folder.newest_whole(warnings.append)
    assert found and found[0] == whole
    damaged = [cut, flipped, empty, foreign, swapped]
    assert sorted(text.split(" is passed over: ")[0] for text in warnings) == sorted(
        map(str, damaged)
    )
    assert all("\n" not in text for text in warnings)


def test_where_all_are_damaged_there_is_none(folder: CheckpointFolder) -> None:
    for step in (1, 2):
        flip(write_example(folder.path, 1, step), 4000 + step)
    warnings: list[str] = []
    assert folder.newest_whole(warnings.append) is None
    assert len(warnings) == 2


def test_of_several_runs_that_which_wrote_last_goes_on(folder: CheckpointFolder) -> None:
    age(write_example(folder.path, 30, 10, run_id="before"), 300)
    of_now = age(write_example(folder.path, 2, 3, run_id="now"), 100)
    age(write_example(folder.path, 1, 3, run_id="now"), 200)
    found = folder.newest_whole(refuse_to_warn)
    assert found and found[0] == of_now
    assert folder.files_of_run("now") == [folder.file(1, 3), of_now]
    assert folder.files_of_run("before") == [folder.file(30, 10)]
    assert folder.files_of_run("never") == []


def test_a_file_of_another_program_is_not_gone_on_from(folder: CheckpointFolder) -> None:
    import mindspore as ms

    ours = age(write_example(folder.path, 1, 1), 100)
    parameters = [ms.Parameter(ms.Tensor(value), name=name) for name, value in VALUES.items()]
    ms.save_checkpoint(parameters, str(folder.file(5, 5)))
    found = folder.newest_whole(refuse_to_warn)
    assert found and found[0] == ours
    assert folder.files_of_run(found[1].run_id) == [ours]


def test_a_file_that_vanishes_meanwhile_is_none(
    folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = write_example(folder.path, 1, 1)
    listed = [there, folder.file(1, 2)]
    monkeypatch.setattr(CheckpointFolder, "files", lambda self: listed)
    found = folder.newest_whole(lambda text: None)
    assert found and found[0] == there


# Whose folder it is ---------------------------------------------------------------------------


class OtherJob:
    """Another process that keeps a folder to itself until it is killed."""

    def __init__(self, folder: CheckpointFolder) -> None:
        program = (
            "import sys, time\n"
            "from pathlib import Path\n"
            "from fcn4_dist.checkpoints import CheckpointFolder\n"
            "with CheckpointFolder(Path(sys.argv[1]), sys.argv[2]).kept_to_this_job():\n"
            "    print('kept', flush=True)\n"
            "    time.sleep(60)\n"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, str(folder.path), folder.prefix],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout and self.process.stdout.readline() == "kept\n"

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


def test_a_second_job_is_refused_with_the_firsts_place_until_that_is_killed(
    folder: CheckpointFolder,
) -> None:
    other = OtherJob(folder)
    try:
        sentence = (
            f"another training run (process {other.process.pid} on {socket.gethostname()}) writes "
            f"its checkpoints to {folder.path}: wait for it, or give this one another "
            "--checkpoint_path or --prefix"
        )
        with pytest.raises(InputError) as caught, folder.kept_to_this_job():
            raise AssertionError("two jobs write to one folder")
        assert str(caught.value) == sentence
        with pytest.raises(InputError) as caught:
            folder.check_free()
        assert str(caught.value) == sentence
        with CheckpointFolder(folder.path, "Other").kept_to_this_job():
            pass
    finally:
        other.kill()
    folder.check_free()
    with folder.kept_to_this_job():
        pass


def test_a_job_that_ended_or_failed_gives_the_folder_back(folder: CheckpointFolder) -> None:
    with pytest.raises(RuntimeError), folder.kept_to_this_job():
        raise RuntimeError
    with folder.kept_to_this_job():
        pass


def test_looking_whether_a_folder_is_free_leaves_nothing(tmp_path: Path) -> None:
    CheckpointFolder(tmp_path, "MusicTagger").check_free()
    CheckpointFolder(tmp_path / "none", "MusicTagger").check_free()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_job_left_is_cleared_and_nothing_else(folder: CheckpointFolder) -> None:
    left = [".MusicTagger-1_2.ckpt.77.tmp", ".MusicTagger-best.ckpt.77.tmp"]
    of_others = [".Other-1_2.ckpt.78.tmp", ".MusicTagger-Two-1_2.ckpt.79.tmp", "notes.tmp"]
    for name in left + of_others:
        (folder.path / name).write_bytes(b"half")
    kept = write_example(folder.path, 1, 1)
    with folder.kept_to_this_job():
        there = {path.name for path in folder.path.iterdir()}
    assert there == {*of_others, kept.name, ".MusicTagger.lock"}


def test_a_folder_whose_file_system_has_no_locks_is_told_as_such(
    folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    def no_locks(file: int, operation: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(InputError) as caught, folder.kept_to_this_job():
        pass
    assert str(caught.value) == (
        f"{folder.path} cannot be kept to one training run (No locks available): name a folder on "
        "another file system with --checkpoint_path"
    )
