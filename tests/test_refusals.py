"""What the system refuses is told with its place and with what to do; the refusals are real."""

import _uuid
import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.refusals import explain, refusal_in


def refused(work: Callable[[], object]) -> OSError | MemoryError:
    """What the system answers to a piece of work that it refuses."""
    with pytest.raises((OSError, MemoryError)) as caught:
        work()
    error = caught.value
    assert isinstance(error, OSError | MemoryError)
    return error


@contextmanager
def limited(limit: int, value: int) -> Iterator[None]:
    """Have this process run with less of something."""
    before = resource.getrlimit(limit)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(limit, (value, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(limit, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_library_that_may_not_be_loaded_is_a_refusal_too(small_disk: Path) -> None:
    library = Path(shutil.copy(_uuid.__file__, small_disk))
    subprocess.run(["mount", "-o", "remount,noexec", small_disk], check=True)
    # In a program of its own, since the loader may keep the file open.
    load = [sys.executable, "-c", "import ctypes, sys; ctypes.CDLL(sys.argv[1])", str(library)]
    said = subprocess.run(load, capture_output=True, text=True).stderr.splitlines()[-1]
    assert refusal_in(said).startswith(f"{said}: memory is short, or the disk it is on is mounted")
    assert refusal_in("No module named 'scipy'") == ""


@pytest.fixture
def anybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Root may do anything; a test of what one may not do is somebody else's, in this folder."""
    tmp_path.chmod(0o755)
    # From within, since what lies above belongs to the user of the tests alone.
    monkeypatch.chdir(tmp_path)
    real, effective, _ = os.getresuid()
    if effective == 0:
        os.setresuid(65534, 65534, 0)
    yield
    os.setresuid(real, effective, -1)


def test_a_full_disk_is_told_with_what_is_left_and_what_was_needed(small_disk: Path) -> None:
    path = small_disk / "shard"
    error = refused(lambda: path.write_bytes(bytes(40_000_000)))
    path.unlink()
    assert explain(error, path, needed=40_000_000) == (
        f"the disk of {small_disk} is full (No space left on device; 31.5 MB left, 40 MB needed): "
        "make room there, or name another folder"
    )


def test_a_full_disk_that_numpy_meets_is_one_too(small_disk: Path) -> None:
    array = np.zeros(40_000_000, np.uint8)
    error = refused(lambda: array.tofile(small_disk / "array"))
    assert explain(error, small_disk / "array").startswith(f"the disk of {small_disk} is full (")


def test_a_disk_without_room_for_one_more_name_is_no_disk_without_room_for_bytes(
    small_disk: Path,
) -> None:
    subprocess.run(["mount", "-o", "remount,nr_inodes=3", small_disk], check=True)
    for name in ("a", "b"):
        (small_disk / name).touch()
    error = refused((small_disk / "c").touch)
    assert explain(error).startswith(
        f"the disk of {small_disk} has no room for one more file, whatever its size (No space"
    )


def test_a_disk_that_can_only_be_read_is_told(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    error = refused((small_disk / "deep" / "down").mkdir)
    error = refused((small_disk / "file").touch)
    assert explain(error) == (
        f"the disk of {small_disk} can only be read (Read-only file system): mount it for writing, "
        "or name another folder"
    )


def test_a_limit_on_the_size_of_files_is_no_full_disk(tmp_path: Path) -> None:
    with limited(resource.RLIMIT_FSIZE, 10_000):
        error = refused(lambda: (tmp_path / "file").write_bytes(bytes(20_000)))
        assert explain(error, tmp_path / "file") == (
            "files may have 10 kB at most here (File too large): raise that with 'ulimit -f'"
        )


def test_too_many_open_files_are_told(tmp_path: Path) -> None:
    with limited(resource.RLIMIT_NOFILE, 3):
        error = refused((tmp_path / "file").touch)
    assert explain(error).startswith("Too many open files: this process has as many")


def test_memory_that_is_refused_is_told_with_how_much_it_was() -> None:
    error = refused(lambda: np.zeros(10**18, np.uint8))
    assert explain(error).startswith("Unable to allocate 888. PiB for an array with shape")
    assert explain(error).endswith("memory is short; end other programs, or ask for less at a time")
    assert explain(MemoryError()).startswith("Cannot allocate memory: memory is short")


def test_the_folder_or_file_that_is_closed_is_named_with_whose_it_is(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "closed" / "below").mkdir(parents=True)
    (tmp_path / "closed" / "below" / "file").touch()
    (tmp_path / "closed").chmod(0o600)
    (tmp_path / "secret").touch(0o200)
    owner = tmp_path.owner()
    request.getfixturevalue("anybody")
    refusal = "(Permission denied): have it made accessible to this user, or name another"
    assert explain(refused(Path("secret").read_bytes)) == (
        f"no permission: secret belongs to {owner}, with mode 0200 {refusal}"
    )
    assert explain(refused(Path("closed/below/file").read_bytes)) == (
        f"no permission: closed belongs to {owner}, with mode 0600 {refusal}"
    )
    if os.getuid() == 65534:
        assert explain(refused(Path("new").touch)) == (
            f"no permission: . belongs to {owner}, with mode 0755 {refusal}"
        )


def test_what_is_not_there_is_named_from_where_on(tmp_path: Path) -> None:
    error = refused((tmp_path / "new" / "deep").mkdir)
    assert explain(error) == (
        f"there is no {tmp_path / 'new'} (No such file or directory): name one that is, or bring "
        "it back"
    )


@pytest.mark.parametrize("name", ["x" * 256, "ä" * 128])
def test_a_name_that_is_too_long_is_told_with_its_bytes(tmp_path: Path, name: str) -> None:
    error = refused((tmp_path / name).touch)
    assert explain(error) == ("File name too long (256 bytes, of 255 at most): name a shorter one")
    long = tmp_path.joinpath(*["x" * 200] * 30)
    assert "bytes, of 4096 at most" in explain(refused(long.touch))


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert explain(refused((tmp_path / "file" / "a" / "b").touch)) == (
        f"{tmp_path / 'file'} is a file (Not a directory): name another folder"
    )
    assert explain(refused(lambda: list((tmp_path / "file").iterdir()))) == (
        "it is a file (Not a directory): name a folder"
    )
    assert explain(refused(tmp_path.read_bytes)) == ("it is a folder (Is a directory): name a file")


@given(
    st.sampled_from([None, 0, *errno.errorcode]),
    st.sampled_from(["", ".", "/", "a/b", "/dev/null", "/dev/null/x", "/root", "\0", "x" * 5000]),
    st.integers(0, 10**15),
    st.booleans(),
)
def test_whatever_is_refused_is_told_in_one_line(
    number: int | None, name: str, needed: int, given_apart: bool
) -> None:
    words = os.strerror(number or 0)
    error = OSError(number, words, name) if number is not None else OSError(words)
    sentence = explain(error, Path(name) if given_apart else None, needed)
    assert sentence
    assert words in sentence
    assert "\n" not in sentence
