"""What the system has refused, in words: what, where and what to do about it."""

import errno
import os
import pwd
import re
import resource
import stat
from contextlib import suppress
from pathlib import Path


def explain(
    error: OSError | MemoryError, path: Path | None = None, needed: int = 0, setting: str = ""
) -> str:
    """Say what the system has refused and what to do about it, as the end of a sentence.

    "cannot write data/x: " and then: "the disk of data is full (No space left on device; 1.2 MB
    left, 3 MB needed): make room there, or name another folder with --mr_path".

    Args:
        error: The refusal.
        path: The file or folder that was worked on; default: the one that the error names.
        needed: Bytes that were to be written, where that is known.
        setting: Name of the setting that another folder is named with, where there is one.

    Returns:
        What, where and what to do, in one line without a full stop.
    """
    sentence = _explain(error, path, needed)
    return sentence.replace(_ELSEWHERE, f"{_ELSEWHERE} with --{setting}") if setting else sentence


def refusal_in(text: str) -> str:
    """Say what the system has refused by the words of a library that gives no number.

    Args:
        text: What the library says.

    Returns:
        These words and what to do, in one line; "" if they are of no refusal that is known.
    """
    found = (remedy for words, remedy in _WORDS.items() if words in text)
    return f"{text}: {remedy}" if (remedy := next(found, "")) else ""


def size_text(count: float) -> str:
    """Write a number of bytes, of 0 or more, with three digits: "31.5 MB"."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def _explain(error: OSError | MemoryError, path: Path | None, needed: int) -> str:
    if isinstance(error, MemoryError):
        error = OSError(errno.ENOMEM, str(error) or "Cannot allocate memory")
    if path is None and isinstance(error.filename, str | bytes):
        path = Path(os.fsdecode(error.filename))
    number = errno.ENOSPC if _CUT_SHORT.match(str(error)) else error.errno
    words = error.strerror or str(error) or type(error).__name__
    if words.startswith("No usable temporary directory"):
        return f"{words}: make room in one of them, or name another folder in TMPDIR"
    if number in _FAILING_DISK:
        return (
            f"the disk or the server it is on fails ({words}): see what the system's log says of "
            "it, or name another folder"
        )
    if number in _ABOUT_PATHS and path is not None:
        # What cannot be looked at either is left to the system's own words.
        with suppress(OSError, ValueError):
            return _ABOUT_PATHS[number](path, words, needed)
    return f"{words}: {_REMEDIES[number]}" if number in _REMEDIES else words


_ELSEWHERE = "name another folder"
# NumPy's words for a write that ended early, which have no number.
_CUT_SHORT = re.compile(r"\d+ requested and \d+ written|Not enough free space")
_WORDS = {
    # The loader of glibc (elf/dl-load.c), and CPython's threading.
    "failed to map segment from shared object": "memory is short, or the disk it is on is mounted "
    "noexec; end other programs, raise 'ulimit -v', or install it elsewhere",
    "can't start new thread": "memory is short, or no more threads are allowed; end other "
    "programs, or raise 'ulimit -u'",
}
_FEW_FILES = 8
_FAILING_DISK = (errno.EIO, errno.ESTALE, errno.EREMOTEIO, errno.ETIMEDOUT, errno.ENOLINK)
_REMEDIES = {
    errno.ENOSPC: "the disk is full; make room, or name another folder",
    errno.EDQUOT: "make room, or name another folder",
    errno.EROFS: "name another folder",
    errno.EACCES: "make it accessible to this user, or name another",
    errno.EPERM: "make it accessible to this user, or name another",
    errno.ENOMEM: "memory is short; end other programs, or ask for less at a time",
    errno.EMFILE: "this process has as many files open as it may; raise that with 'ulimit -n'",
    errno.ENFILE: "all programs together have as many files open as they may; end some",
    errno.EAGAIN: "no more processes can be started; end some, or raise 'ulimit -u'",
    errno.ELOOP: "its symbolic links lead in a circle; mend them",
}


def _full(path: Path, words: str, needed: int) -> str:
    folder = _existing(path)
    disk = os.statvfs(folder)
    # Some of the last files may have gone since it was refused.
    few_files = disk.f_files and disk.f_favail < _FEW_FILES and disk.f_bavail
    if needed == 0 and few_files:
        return (
            f"the disk of {folder} has no room for one more file, whatever its size ({words}; "
            "'df -i' tells): remove files there, or name another folder"
        )
    wanted = f", {size_text(needed)} needed" if needed else ""
    left = size_text(disk.f_bavail * disk.f_frsize)
    return (
        f"the disk of {folder} is full ({words}; {left} left{wanted}): make room there, or name "
        "another folder"
    )


def _over_quota(path: Path, words: str, needed: int) -> str:
    wanted = f"; {size_text(needed)} needed" if needed else ""
    return (
        f"this user may keep no more on the disk of {_existing(path)} ({words}{wanted}; 'quota -s' "
        "tells): make room there, or name another folder"
    )


def _too_large(path: Path, words: str, needed: int) -> str:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if limit == resource.RLIM_INFINITY:
        return f"{words} for the disk of {_existing(path)}: name another folder"
    return f"files may have {size_text(limit)} at most here ({words}): raise that with 'ulimit -f'"


def _read_only(path: Path, words: str, needed: int) -> str:
    return (
        f"the disk of {_existing(path)} can only be read ({words}): mount it for writing, or name "
        "another folder"
    )


def _not_permitted(path: Path, words: str, needed: int) -> str:
    closed = _closed_to_us(path)
    about = closed.stat()
    return (
        f"no permission: {closed} belongs to {_owner(about.st_uid)}, with mode "
        f"{stat.S_IMODE(about.st_mode):04o} ({words}): have it made accessible to this user, or "
        "name another"
    )


def _closed_to_us(path: Path) -> Path:
    # The first folder that may not be entered hides all below.
    for folder in reversed(path.parents):
        if not os.access(folder, os.X_OK):
            return folder
    folder = _existing(path)
    may_not_write_beside = os.access(path, os.R_OK) and not os.access(folder, os.W_OK)
    return folder if may_not_write_beside or not path.exists() else path


def _too_long(path: Path, words: str, needed: int) -> str:
    longest = max(path.parts, key=lambda part: len(os.fsencode(part)))
    size, limit = len(os.fsencode(longest)), os.pathconf("/", "PC_NAME_MAX")
    with suppress(OSError):
        limit = os.pathconf(_existing(path), "PC_NAME_MAX")
    if size <= limit:
        size, limit = len(os.fsencode(path)), os.pathconf("/", "PC_PATH_MAX")
    return f"{words} ({size} bytes, of {limit} at most): name a shorter one"


def _missing(path: Path, words: str, needed: int) -> str:
    for place in (*reversed(path.parents), path):
        if not place.exists():
            return f"there is no {place} ({words}): name one that is, or bring it back"
    return words


def _no_folder(path: Path, words: str, needed: int) -> str:
    for place in path.parents:
        if place.exists() and not place.is_dir():
            return f"{place} is a file ({words}): name another folder"
    return f"it is a file ({words}): name a folder"


def _no_file(path: Path, words: str, needed: int) -> str:
    return f"it is a folder ({words}): name a file"


_ABOUT_PATHS = {
    errno.ENOSPC: _full,
    errno.EDQUOT: _over_quota,
    errno.EFBIG: _too_large,
    errno.EROFS: _read_only,
    errno.EACCES: _not_permitted,
    errno.EPERM: _not_permitted,
    errno.ENAMETOOLONG: _too_long,
    errno.ENOENT: _missing,
    errno.ENOTDIR: _no_folder,
    errno.EISDIR: _no_file,
}


def _existing(path: Path) -> Path:
    """Give the folder of a path, or the first above it that is there."""
    folder = path if path.is_dir() else path.parent
    while not os.path.isdir(folder) and folder != folder.parent:
        folder = folder.parent
    return folder


def _owner(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
