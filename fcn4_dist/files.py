"""Files that are either whole or not there."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from fcn4_dist.errors import InputError

_OTHER_KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}


@contextmanager
def write_atomically(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that replaces ``path`` only when it is complete and on disk.

    The bytes go to a temporary file in the same folder, which is flushed to disk and renamed.
    If anything fails, the temporary file is removed and ``path`` is as it was.

    Args:
        path: File to write; its folder is made if missing.

    Yields:
        The open binary file.

    Raises:
        OSError: If it cannot be written, with the name ``path``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(path) as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


@contextmanager
def replace_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that replaces ``path`` only when it is complete.

    As :func:`write_atomically`, without waiting for the disk: for files that can be made again,
    since a power cut may leave them empty.

    Args:
        path: File to write; its folder is there.

    Yields:
        The open binary file.

    Raises:
        OSError: If it cannot be written, with the name ``path``.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
        temporary.replace(path)
    except BaseException as error:
        # Where there is no room for it, or no folder, there is nothing to remove either.
        with suppress(OSError):
            temporary.unlink()
        # A full disk is refused without any name.
        if isinstance(error, OSError) and error.filename in (None, os.fspath(temporary)):
            raise OSError(error.errno, error.strerror or str(error), os.fspath(path)) from error
        raise


def writer_of(temporary: Path) -> int:
    """Tell the process id of the writer of a temporary file of :func:`replace_file`."""
    return int(temporary.suffixes[-2][1:])


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    with write_atomically(path) as file:
        # File names that are not UTF-8 reach us as surrogates and leave as the bytes they were.
        file.write(text.encode("utf-8", "surrogateescape"))


def check_writable(folder: Path, setting: str) -> None:
    """Refuse a folder that cannot be written to, or cannot be made.

    Args:
        folder: The folder; it need not exist yet, and is not made.
        setting: Name of the setting it comes from.

    Raises:
        InputError: If it, or the first folder above it that exists, is none or is not writable.
    """
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        reason = f"{existing} is a file"
    elif os.statvfs(existing).f_flag & os.ST_RDONLY:
        reason = f"the disk of {existing} can only be read"
    elif not os.access(existing, os.W_OK | os.X_OK):
        reason = f"no permission to write in {existing}"
    else:
        return
    raise InputError(
        f"{setting} {folder} cannot be written to ({reason}): name another folder with --{setting}"
    )


def open_file(path: Path) -> BufferedReader:
    """Open a file to be read, and nothing that could be waited for or read without end.

    Args:
        path: A file, or a link to one.

    Returns:
        The open binary file.

    Raises:
        OSError: If it cannot be opened, or is a pipe, a socket, a device or a folder.
    """
    # Looked at first: to open some devices does something, and a pipe would wake its writer.
    _refuse_other_than_a_file(path, os.stat(path).st_mode)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _refuse_other_than_a_file(path, os.fstat(descriptor).st_mode)
        return open(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_whole(path: Path, most_bytes: int) -> bytes:
    """Read a file that is not too large; see :func:`open_file`.

    Args:
        path: The file.
        most_bytes: One that is larger is refused unread.

    Raises:
        OSError: If it cannot be read, is too large, or is no file.
    """
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most_bytes:
            words = f"it has {size} bytes, at most {most_bytes} are read"
            raise OSError(errno.EFBIG, words, os.fspath(path))
        return file.read(most_bytes)


def ends_of(path: Path, size: int) -> str:
    """Read the beginning and the end of a text file that may be of any size.

    Args:
        path: The file.
        size: Bytes of each; a file of no more than both is read whole.

    Returns:
        Both, the line between them perhaps cut; bytes that are no UTF-8 are replaced. "" if there
        is no file that can be read.
    """
    try:
        with path.open("rb") as file:
            beginning = file.read(size)
            ends = file.seek(0, os.SEEK_END)
            file.seek(max(len(beginning), ends - size))
            # Others may still write.
            return (beginning + file.read(size)).decode("utf-8", "replace")
    except OSError:
        return ""


def sha256_of(path: Path) -> str:
    """Compute the SHA-256 of a file's bytes, in hexadecimal; errors are those of open_file."""
    digest = hashlib.sha256()
    # One buffer for all: memory fresh from the system costs as much as the hashing.
    buffer = memoryview(bytearray(1 << 18))
    with open_file(path) as file:
        while size := file.readinto(buffer):
            digest.update(buffer[:size])
    return digest.hexdigest()


def sync_folder(folder: Path) -> None:
    """Flush a folder to disk, so that a rename in it survives a crash."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refuse_other_than_a_file(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not stat.S_ISREG(mode):
        kind = _OTHER_KINDS.get(stat.S_IFMT(mode), "a device")
        raise OSError(errno.EINVAL, f"It is {kind}, not a file", os.fspath(path))
