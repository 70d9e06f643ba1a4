"""Files that are either whole or not there."""

import errno
import fcntl
import hashlib
import os
import socket
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from fcn4_dist.errors import Fcn4DistError, InputError
from fcn4_dist.refusals import explain

PAGE_BEGINNING, PICTURE_BEGINNING = b"<!DOCTYPE html>", b"\x89PNG\r\n\x1a\n"
"""With what the pages and pictures begin that this package writes."""

_TICK_NS = 2 * 10**9
"""FAT's, the longest there is."""
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
    # Hosts that share a folder have processes of the same number.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{_host_key()}.tmp")
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


def writer_of(temporary: Path) -> int | None:
    """Tell the process id of the writer of a temporary file of :func:`replace_file`.

    None for a process of another host; earlier versions have not named the host.
    """
    process_id, _, host = temporary.suffixes[-2][1:].partition("-")
    return int(process_id) if host in ("", _host_key()) else None


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    with write_atomically(path) as file:
        # File names that are not UTF-8 reach us as surrogates and leave as the bytes they were.
        file.write(text.encode("utf-8", "surrogateescape"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file that a person has asked for, atomically.

    Args:
        path: File to write; its folder is made if missing.
        data: What is to be in it.

    Raises:
        Fcn4DistError: If it cannot be written; what was there is as it was.
    """
    try:
        with write_atomically(path) as file:
            file.write(data)
    except OSError as error:
        sentence = f"cannot write {path}: {explain(error, path, len(data))}"
        raise Fcn4DistError(sentence) from error


def check_replaceable(path: Path, flag: str, beginning: bytes) -> None:
    """Refuse to replace what is none of the files that a flag is for, and so not a last one's.

    Args:
        path: File that is going to be written.
        flag: Where it was named.
        beginning: With which such a file begins.

    Raises:
        InputError: If it is a folder, or another kind of file.
    """
    if path.is_dir():
        raise InputError(f"{flag} {path} is a folder: name a file")
    try:
        with open_file(path) as file:
            found = file.read(len(beginning))
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(f"{flag} {path}: {explain(error, path)}") from error
    if found not in (b"", beginning):
        raise InputError(
            f"{flag} {path} is there, and is another kind of file, which would be lost: name "
            "another file"
        )


def follow_umask(path: Path) -> None:
    """Give a file that a library has made the mode of one that we make: what the umask leaves."""
    # Asked for by setting it; what another thread makes meanwhile is closed to others, not open.
    umask = os.umask(0o077)
    os.umask(umask)
    path.chmod(0o666 & ~umask)


def check_writable(folder: Path, setting: str) -> None:
    """Refuse a folder that cannot be written to, or cannot be made.

    Args:
        folder: The folder; it need not exist yet, and is not made.
        setting: Name of the setting it comes from.

    Raises:
        InputError: If it, or the first folder above it that exists, is none or is not writable.
    """
    existing = folder
    try:
        # A link to what is not there is no place either: no folder can be made of its name.
        while not (existing.exists() or existing.is_symlink()) and existing != existing.parent:
            existing = existing.parent
    except OSError as error:
        refusal = explain(error, folder, setting=setting)
        raise InputError(f"{setting} {folder} cannot be written to: {refusal}") from error
    if existing.is_symlink() and not existing.exists():
        reason = f"{existing} is a link that leads nowhere"
    elif not existing.is_dir():
        reason = f"{existing} is a file"
    elif os.statvfs(existing).f_flag & os.ST_RDONLY:
        reason = f"the disk of {existing} can only be read"
    elif not os.access(existing, os.W_OK | os.X_OK):
        reason = f"no permission to write in {existing}"
    elif refused := _refuses_files(existing):
        reason = f"{existing} takes no files: {refused}"
    else:
        return
    raise InputError(
        f"{setting} {folder} cannot be written to ({reason}): name another folder with --{setting}"
    )


def _refuses_files(folder: Path) -> str:
    """Say why no file can be made in a folder that should take some, such as /proc; else ""."""
    try:
        # Where the system can, of a file without a name, which leaves nothing behind.
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        # A disk that is full is told of elsewhere, with how much is missing.
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE):
            return error.strerror or str(error)
    return ""


def open_file(path: Path, most_bytes: int | None = None) -> BufferedReader:
    """Open a file to be read, and nothing that could be waited for or read without end.

    Args:
        path: A file, or a link to one.
        most_bytes: One that is larger is refused unread; None for any size.

    Returns:
        The open binary file.

    Raises:
        OSError: If it cannot be opened, is too large, or is a pipe, a socket, a device or a folder.
    """
    # Looked at first: to open some devices does something, and a pipe would wake its writer.
    _refuse_other_than_a_file(path, os.stat(path).st_mode)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        _refuse_other_than_a_file(path, status.st_mode)
        if most_bytes is not None and status.st_size > most_bytes:
            words = f"it has {status.st_size} bytes, at most {most_bytes} are read"
            raise OSError(errno.EFBIG, words, os.fspath(path))
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
    with open_file(path, most_bytes) as file:
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


class HeldError(Exception):
    """A file is held by another process, whose name and host are the text of this error."""


def is_settled(modified_ns: int, at_ns: int | None = None) -> bool:
    """Tell whether a file that is changed from some time on has another time of its last change.

    Args:
        modified_ns: The time that it has. What changes again within a tick of the disk's clock
            keeps it.
        at_ns: From when on, by :func:`time.time_ns`; None for now.
    """
    return modified_ns < (time.time_ns() if at_ns is None else at_ns) - _TICK_NS


def hold(path: Path, *, shared: bool = False) -> int:
    """Hold a file as long as this process lives, as a sign to others of its kind.

    Args:
        path: The file; it is made if missing.
        shared: Whether others may hold it as well that share it, too.

    Returns:
        Its descriptor, for :func:`release`; its end is the end of the hold, too.

    Raises:
        HeldError: If another process holds it.
        OSError: If it cannot be made, or its disk knows no such holds.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        # The system gives it back when this process ends, however it ends.
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(descriptor, 200, 0).decode("utf-8", "replace").strip()
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise HeldError(holder or "of unknown place") from error
        raise
    if os.fstat(descriptor).st_nlink == 0:
        # It was released, and is gone, between the two.
        os.close(descriptor)
        return hold(path, shared=shared)
    with suppress(OSError):
        # On a full disk the hold is as good without a name.
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
    return descriptor


def release(path: Path, descriptor: int) -> None:
    """End a hold, and remove its file unless others hold it, too."""
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Flush a folder to disk, so that a rename in it survives a crash."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@cache
def _host_key() -> str:
    return hashlib.sha256(os.fsencode(socket.gethostname())).hexdigest()[:8]


def _refuse_other_than_a_file(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not stat.S_ISREG(mode):
        kind = _OTHER_KINDS.get(stat.S_IFMT(mode), "a device")
        raise OSError(errno.EINVAL, f"It is {kind}, not a file", os.fspath(path))
