"""Files that are either whole or not there."""

import hashlib
import os
import socket
from pathlib import Path

import pytest

from fcn4_dist.errors import InputError
from fcn4_dist.files import (
    check_writable,
    ends_of,
    open_file,
    replace_file,
    sha256_of,
    write_atomically,
    write_text,
)


class PowerCut(BaseException):
    """Ends a run in the middle, as Ctrl-C does."""


def test_a_file_is_not_seen_before_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "file"
    with write_atomically(path) as file:
        file.write(b"half")
        file.flush()
        assert not path.exists()
        file.write(b" and whole")
    assert path.read_bytes() == b"half and whole"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("failure", [PowerCut, ValueError, KeyboardInterrupt])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, failure: type[BaseException]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(failure), write_atomically(path) as file:
        file.write(b"new")
        raise failure
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_replaces_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a longer old content")
    with write_atomically(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"


def test_a_reader_of_the_old_file_keeps_reading_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with path.open() as reader:
        write_text(path, "new")
        assert reader.read() == "old"


def test_a_file_that_can_be_made_again_is_not_seen_before_it_is_complete_either(
    tmp_path: Path,
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with replace_file(path) as file:
        file.write(b"new and longer")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new and longer"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("failure", [PowerCut, OSError])
def test_a_replacement_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, failure: type[BaseException]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(failure), replace_file(path) as file:
        file.write(b"new")
        raise failure
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_replacement_needs_its_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replace_file(tmp_path / "no folder" / "file"):
        pass


def test_text_is_utf_8_and_names_that_are_not_leave_as_the_bytes_they_were(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "é\r\n" + os.fsdecode(b"\xe9"))
    assert (tmp_path / "file").read_bytes() == b"\xc3\xa9\r\n\xe9"


def test_a_folder_that_can_be_made_is_accepted_and_not_made(tmp_path: Path) -> None:
    check_writable(tmp_path, "mr_path")
    check_writable(tmp_path / "new" / "deep", "mr_path")
    check_writable(Path("no such folder here"), "mr_path")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", ["", "new"])
def test_a_folder_that_takes_no_files_is_refused(below: str) -> None:
    # Root may write there, too, by its permissions.
    folder = Path("/proc/sys") / below
    with pytest.raises(InputError, match=r"mr_path /proc/sys.* cannot be written to \("):
        check_writable(folder, "mr_path")


@pytest.mark.parametrize("below", ["", "new", "new/deep"])
def test_a_folder_a_file_is_in_the_way_of_is_refused_with_the_flag(
    tmp_path: Path, below: str
) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / below
    with pytest.raises(InputError) as caught:
        check_writable(folder, "mr_path")
    assert str(caught.value) == (
        f"mr_path {folder} cannot be written to ({tmp_path}/file is a file): name another folder "
        "with --mr_path"
    )


@pytest.mark.parametrize("target", ["nowhere", "link"])
def test_a_folder_behind_a_link_that_leads_nowhere_is_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(InputError, match="link is a link that leads nowhere"):
        check_writable(tmp_path / "link" / "new", "mr_path")


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, 3_000_000])
def test_a_hash_is_that_of_all_bytes(tmp_path: Path, size: int) -> None:
    content = bytes(number % 251 for number in range(1000)) * (size // 1000 + 1)
    (tmp_path / "file").write_bytes(content[:size])
    assert sha256_of(tmp_path / "file") == hashlib.sha256(content[:size]).hexdigest()


@pytest.mark.parametrize(
    ("content", "read"),
    [
        (b"", ""),
        (b"12345", "12345"),
        (b"1234567890", "1234567890"),
        (b"12345 and more 67890", "1234567890"),
        (b"\xff\n", "\ufffd\n"),
    ],
)
def test_of_a_text_of_any_size_both_ends_are_read(
    tmp_path: Path, content: bytes, read: str
) -> None:
    (tmp_path / "log").write_bytes(content)
    assert ends_of(tmp_path / "log", 5) == read


def test_a_text_that_is_not_there_has_no_ends(tmp_path: Path) -> None:
    assert ends_of(tmp_path / "none", 5) == ends_of(tmp_path, 5) == ""


@pytest.mark.parametrize("kind", ["pipe", "device", "socket"])
def test_what_may_be_waited_for_is_not_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    with socket.socket(socket.AF_UNIX) as listening:
        {
            "pipe": os.mkfifo,
            "device": lambda link: link.symlink_to("/dev/zero"),
            "socket": lambda name: listening.bind(os.path.relpath(name)),
        }[kind](path)
        for read in (open_file, sha256_of):
            with pytest.raises(OSError, match=f"It is a {kind}, not a file: '.*/{kind}'"):
                read(path)


def test_a_file_is_opened_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    with open_file(tmp_path / "link") as file:
        assert file.read() == b"content"


def test_a_file_that_there_is_no_room_for_is_named_and_not_its_temporary_one(
    small_disk: Path,
) -> None:
    path = small_disk / "file"
    with pytest.raises(OSError, match=r"No space left on device: '.*/disk/file'"):
        write_text(path, "x" * 40_000_000)
    assert not list(small_disk.iterdir())
    gone = pytest.raises(OSError, match=r"No such file or directory: '.*/gone/file'")
    with gone, replace_file(small_disk / "gone" / "file"):
        pass
