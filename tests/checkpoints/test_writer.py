"""Writing in the background: durable, never at the expense of what is there, never in silence."""

import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fcn4_dist.checkpoints import CheckpointFolder, writer
from fcn4_dist.checkpoints.content import read_checkpoint, verify_checkpoint
from fcn4_dist.checkpoints.writer import CheckpointWriter
from fcn4_dist.errors import Fcn4DistError
from tests.checkpoints.examples import VALUES, described, flip, write_example
from tests.checkpoints.killed_program import POINTS

REPOSITORY = Path(__file__).parents[2]
MEGABYTE = 1 << 20


@pytest.fixture
def folder(tmp_path: Path) -> CheckpointFolder:
    return CheckpointFolder(tmp_path / "weight", "MusicTagger")


def save(saver: CheckpointWriter, step: int, *, best: bool = False, megabytes: int = 0) -> None:
    values = dict(VALUES)
    if megabytes:
        values["much"] = np.ones(megabytes * MEGABYTE // 4, np.float32)
    saver.save(values, described(1, step), is_best=best)
    saver.finish()


def names(folder: CheckpointFolder) -> list[str]:
    """List everything in the folder, hidden files too."""
    return sorted(path.name for path in folder.path.iterdir())


def all_whole(folder: CheckpointFolder) -> bool:
    return all(verify_checkpoint(path) for path in folder.path.glob("*.ckpt"))


# What stays -----------------------------------------------------------------------------------


def test_the_oldest_go_beyond_the_number_that_is_kept(folder: CheckpointFolder) -> None:
    saver = CheckpointWriter(folder, 2, [])
    for step in range(1, 6):
        save(saver, step)
    assert names(folder) == ["MusicTagger-1_4.ckpt", "MusicTagger-1_5.ckpt"]
    assert all_whole(folder)


def test_a_resumed_run_counts_those_it_has_written_before(folder: CheckpointFolder) -> None:
    before = [write_example(folder.path, 1, step) for step in (1, 2)]
    saver = CheckpointWriter(folder, 2, before)
    save(saver, 3)
    assert names(folder) == ["MusicTagger-1_2.ckpt", "MusicTagger-1_3.ckpt"]


def test_a_checkpoint_that_is_written_again_counts_once(folder: CheckpointFolder) -> None:
    before = [write_example(folder.path, 1, step) for step in (1, 2)]
    saver = CheckpointWriter(folder, 2, before)
    save(saver, 2)
    assert names(folder) == ["MusicTagger-1_1.ckpt", "MusicTagger-1_2.ckpt"]


def test_what_another_run_wrote_is_not_deleted(folder: CheckpointFolder) -> None:
    write_example(folder.path, 7, 7, run_id="another")
    saver = CheckpointWriter(folder, 1, [])
    save(saver, 1)
    save(saver, 2)
    assert names(folder) == ["MusicTagger-1_2.ckpt", "MusicTagger-7_7.ckpt"]


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_the_best_is_kept_besides_whatever_becomes_of_its_step(
    folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", _no_links)
    saver = CheckpointWriter(folder, 1, [])
    for step in (1, 2, 3, 4):
        save(saver, step, best=step == 2)
    assert names(folder) == ["MusicTagger-1_4.ckpt", "MusicTagger-best.ckpt"]
    best = verify_checkpoint(folder.best_file)
    assert best and best.step == 2


def _no_links(*_: Any) -> None:
    raise PermissionError(1, "Operation not permitted")


# In the background ----------------------------------------------------------------------------


def test_training_waits_only_for_the_checkpoint_before(
    folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_write = threading.Event()
    write = writer.write_checkpoint

    def slowly(*arguments: Any) -> None:
        assert may_write.wait(10)
        write(*arguments)

    monkeypatch.setattr(writer, "write_checkpoint", slowly)
    saver = CheckpointWriter(folder, 2, [])
    saver.save(VALUES, described(1, 1))
    assert not folder.file(1, 1).exists()
    saver.check()
    threading.Timer(0.3, may_write.set).start()
    saver.save(VALUES, described(1, 2))
    assert folder.file(1, 1).exists()
    saver.finish()
    assert all_whole(folder)


def test_what_is_begun_is_written_even_if_the_program_ends(folder: CheckpointFolder) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from fcn4_dist.checkpoints import CheckpointFolder\n"
        "from fcn4_dist.checkpoints.writer import CheckpointWriter\n"
        "from tests.checkpoints.examples import VALUES, described\n"
        "folder = CheckpointFolder(Path(sys.argv[1]), 'MusicTagger')\n"
        "CheckpointWriter(folder, 2, []).save(VALUES, described(1, 1))\n"
        "sys.exit(3)\n"
    )
    command = [sys.executable, "-c", program, str(folder.path)]
    assert subprocess.run(command, cwd=REPOSITORY).returncode == 3
    assert names(folder) == ["MusicTagger-1_1.ckpt"]
    assert all_whole(folder)


# Durable --------------------------------------------------------------------------------------


def test_a_save_is_flushed_renamed_and_read_again_before_the_oldest_goes(
    folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    saver = CheckpointWriter(folder, 1, [])
    save(saver, 1)
    calls: list[str] = []
    fsync, rename, unlink = os.fsync, Path.replace, Path.unlink

    def seen_fsync(descriptor: int) -> None:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            calls.append("fsync of the folder")
        else:
            # Python's own buffer is empty: the file has its full size.
            assert status.st_size == folder.file(1, 1).stat().st_size
            calls.append("fsync of the file")
        fsync(descriptor)

    def seen_rename(self: Path, target: Path) -> Path:
        calls.append(f"rename to {target.name}")
        return rename(self, target)

    def seen_unlink(self: Path, missing_ok: bool = False) -> None:
        if self.exists():
            calls.append(f"unlink {self.name}")
        unlink(self, missing_ok)

    from fcn4_dist.checkpoints import content

    verify = content.verify_container

    def seen_verify(path: Path) -> None:
        calls.append(f"verify {path.name}")
        verify(path)

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(Path, "replace", seen_rename)
    monkeypatch.setattr(Path, "unlink", seen_unlink)
    monkeypatch.setattr(content, "verify_container", seen_verify)
    save(saver, 2, best=True)
    assert calls == [
        "fsync of the file",
        "rename to MusicTagger-1_2.ckpt",
        "fsync of the folder",
        "verify MusicTagger-1_2.ckpt",
        "rename to MusicTagger-best.ckpt",
        "fsync of the folder",
        "unlink MusicTagger-1_1.ckpt",
    ]


def test_the_copy_of_the_best_is_on_disk_before_it_has_its_name(
    folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", _no_links)
    calls: list[str] = []
    fsync, rename = os.fsync, Path.replace

    def seen_fsync(descriptor: int) -> None:
        calls.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def seen_rename(self: Path, target: Path) -> Path:
        calls.append(target.name)
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(Path, "replace", seen_rename)
    save(CheckpointWriter(folder, 1, []), 1, best=True)
    assert calls == [
        *("file", "MusicTagger-1_1.ckpt", "folder"),
        *("file", "MusicTagger-best.ckpt", "folder"),
    ]


@pytest.mark.parametrize("point", POINTS)
def test_a_save_killed_at_any_point_loses_nothing(folder: CheckpointFolder, point: str) -> None:
    program = [sys.executable, "-m", "tests.checkpoints.killed_program", str(folder.path), point]
    result = subprocess.run(program, cwd=REPOSITORY, capture_output=True, text=True)
    assert result.returncode == -signal.SIGKILL, result.stderr
    assert all_whole(folder)
    renamed = POINTS.index(point) > POINTS.index("before rename")
    newest = folder.newest_whole(pytest.fail)
    assert newest and newest[0] == folder.file(1, 3 if renamed else 2)
    value = read_checkpoint(newest[0]).values["dense.weight"]
    assert (value == newest[1].step).all() and value.shape == (500, 40)
    # At no moment are there fewer than are to be kept.
    assert len(folder.files()) == (3 if renamed and point != "after deletion" else 2)
    best = verify_checkpoint(folder.best_file)
    assert best and best.step == (3 if "deletion" in point else 2)
    with folder.kept_to_this_job():
        assert not list(folder.path.glob(".*.tmp"))


# Failing --------------------------------------------------------------------------------------


def assert_told_and_nothing_lost(
    saver: CheckpointWriter, folder: CheckpointFolder, reason: str
) -> None:
    """The failure of the last save is told once, and the folder is as it was."""
    with pytest.raises(Fcn4DistError) as caught:
        saver.finish()
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert f"({reason}" in sentence
    assert "earlier ones are untouched: " in sentence
    assert sentence.endswith(" with --checkpoint_path")
    saver.check()
    assert all_whole(folder)
    assert not list(folder.path.glob(".*"))


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[None]:
    """Mount a disk of a few megabytes, where that is permitted."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(path)]
    try:
        result = subprocess.run(mount, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no mount")
    if result.returncode:
        pytest.skip(f"a small disk cannot be mounted: {result.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(path)], check=True)


def test_a_full_disk_in_the_middle_of_a_save_costs_that_save_alone(
    folder: CheckpointFolder,
) -> None:
    with small_disk(folder.path, "4m"):
        saver = CheckpointWriter(folder, 1, [])
        save(saver, 1, best=True, megabytes=1)
        saver.save({"much": np.ones(4 * MEGABYTE // 4, np.float32)}, described(1, 2), is_best=True)
        assert_told_and_nothing_lost(saver, folder, "No space left on device")
        assert names(folder) == ["MusicTagger-1_1.ckpt", "MusicTagger-best.ckpt"]
        best = verify_checkpoint(folder.best_file)
        assert best and best.step == 1
        save(saver, 3, megabytes=1)
        assert names(folder) == ["MusicTagger-1_3.ckpt", "MusicTagger-best.ckpt"]
        assert all_whole(folder)


def test_a_disk_too_full_for_a_copy_of_the_best_costs_that_copy_alone(
    folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", _no_links)
    with small_disk(folder.path, "4m"):
        saver = CheckpointWriter(folder, 1, [])
        save(saver, 1, best=True, megabytes=1)
        saver.save({"much": np.ones(3 * MEGABYTE // 8, np.float32)}, described(1, 2), is_best=True)
        with pytest.raises(
            Fcn4DistError, match=r"best\.ckpt, .* is whole: .*\(No space left on dev"
        ):
            saver.finish()
        # The save itself had succeeded.
        assert names(folder) == [
            *("MusicTagger-1_1.ckpt", "MusicTagger-1_2.ckpt", "MusicTagger-best.ckpt")
        ]
        assert all_whole(folder)


@pytest.fixture
def files_of_a_megabyte_at_most() -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MEGABYTE, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.usefixtures("files_of_a_megabyte_at_most")
def test_a_file_that_the_system_refuses_to_let_grow_costs_that_save_alone(
    folder: CheckpointFolder,
) -> None:
    saver = CheckpointWriter(folder, 1, [])
    save(saver, 1)
    saver.save({"much": np.ones(MEGABYTE, np.float32)}, described(1, 2))
    assert_told_and_nothing_lost(saver, folder, "File too large")
    assert names(folder) == ["MusicTagger-1_1.ckpt"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    saver = CheckpointWriter(CheckpointFolder(tmp_path / "file/weight", "MusicTagger"), 1, [])
    saver.save(VALUES, described(1, 1))
    with pytest.raises(Fcn4DistError, match=r"cannot write .*1_1\.ckpt, .* \(Not a directory\)"):
        saver.finish()


@pytest.mark.parametrize("how", ["save", "check", "finish"])
def test_a_failure_reaches_the_run_at_its_next_word_with_the_writer(
    folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    failed = threading.Event()

    def fail(*_: Any) -> None:
        failed.set()
        raise Fcn4DistError("the disk is on fire")

    saver = CheckpointWriter(folder, 1, [])
    save(saver, 1)
    monkeypatch.setattr(writer, "write_checkpoint", fail)
    saver.save(VALUES, described(1, 2))
    assert failed.wait(10)
    assert saver._thread
    saver._thread.join()
    with pytest.raises(Fcn4DistError, match="the disk is on fire"):
        if how == "save":
            saver.save(VALUES, described(1, 3))
        else:
            getattr(saver, how)()
    saver.finish()
    assert names(folder) == ["MusicTagger-1_1.ckpt"]


def test_the_oldest_stays_where_the_new_one_does_not_read_back(
    folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    saver = CheckpointWriter(folder, 1, [])
    save(saver, 1, best=True)
    rename = Path.replace

    def rot(self: Path, target: Path) -> Path:
        flip(self, 8 * 3000)
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", rot)
    saver.save(VALUES, described(1, 2), is_best=True)
    with pytest.raises(Fcn4DistError, match="checksum is wrong"):
        saver.finish()
    newest = folder.newest_whole(lambda text: None)
    assert newest and newest[0] == folder.file(1, 1)
    best = verify_checkpoint(folder.best_file)
    assert best and best.step == 1
