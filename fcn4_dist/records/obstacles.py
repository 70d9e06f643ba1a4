"""What keeps shards from being written: names, room, features that are missing, the system."""

import errno
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from traceback import clear_frames

from fcn4_dist.audio import FeatureCache
from fcn4_dist.errors import Fcn4DistError, InputError, SettingsError
from fcn4_dist.processes import usable_cores
from fcn4_dist.records.layout import ShardFormat, receipt_file, remove_shard
from fcn4_dist.records.planning import PlannedShard
from fcn4_dist.records.rows import ClipRow
from fcn4_dist.refusals import explain, size_text
from fcn4_dist.terminal import still_running

_NOT_IN_A_NAME = frozenset("\\/:*?\"<>|`&';")
"""What MindSpore's FileWriter allows in no name (mindrecord/core/shardutils.py)."""
_SPARE = 10 * 2**20
"""MindSpore writes nothing where less than 10 MB are left (kMinFreeDiskSize)."""


def check_names(mr_path: Path, set_names: Sequence[str]) -> None:
    """Refuse names that MindSpore's writer takes for none, before there is anything to write.

    Args:
        mr_path: The folder of the shards.
        set_names: Names of the sets.

    Raises:
        SettingsError: If there is one.
    """
    for name in set_names:
        if not name or _NOT_IN_A_NAME & set(name):
            signs = "".join(sorted(_NOT_IN_A_NAME))
            raise SettingsError("mr_name", f"must be names of files without {signs}, got {name!r}")
    try:
        os.fspath(mr_path.resolve()).encode()
    except UnicodeEncodeError as error:
        raise SettingsError(
            "mr_path", "must be UTF-8, which MindSpore reads its shards by; rename the folder"
        ) from error


def check_room(planned: Sequence[PlannedShard], shard_format: ShardFormat) -> None:
    """See whether the disk has room for the shards that are not there yet.

    Raises:
        InputError: If not.
    """
    folder = shard_format.mr_path
    missing = [shard for shard in planned if not receipt_file(folder / shard.file).exists()]
    needed = shard_format.bytes_of(missing)
    free = shutil.disk_usage(folder).free
    if missing and needed + _SPARE > free + sum(_disk_of(folder / it.file) for it in missing):
        raise InputError(
            f"the shards need {size_text(needed)}, beside {size_text(_SPARE)} that MindSpore wants "
            f"free, and {folder} has {size_text(free)} left: make room, name another folder with "
            "--mr_path, or halve them with --feature_dtype float16"
        )


def check_features(clips: Iterable[ClipRow], cache: FeatureCache) -> None:
    """See whether the features of clips are there and whole, before shards are touched.

    Raises:
        InputError: If one is missing or damaged, with how many more are.
    """

    def fault(clip: ClipRow) -> str:
        try:
            cache.check(clip.sha256)
        except Fcn4DistError as error:
            return str(error)
        return ""

    # Reading and hashing leave Python's lock to others.
    with still_running("checking the features"), ThreadPoolExecutor(usable_cores()) as pool:
        faults = [found for found in pool.map(fault, clips) if found]
    if faults:
        more = f"; {len(faults) - 1} more are missing or damaged" if len(faults) > 1 else ""
        raise InputError(faults[0] + more)


@contextmanager
def refusals_told(path: Path, needed: int) -> Iterator[None]:
    """Tell what keeps a shard from being written, and leave nothing of it.

    Args:
        path: The shard.
        needed: Bytes it has.
    """
    try:
        yield
    except OSError as error:
        with suppress(OSError):
            remove_shard(path)
        refusal = explain(error, path, needed, "mr_path")
        raise Fcn4DistError(f"cannot write the shard {path}: {refusal}") from error
    except RuntimeError as error:
        # MindSpore's, which often names no cause, or a wrong one.
        lines = str(error).strip().splitlines() or ["no reason given"]
        reason = next((line for line in lines if line.startswith("[ERROR]")), lines[0])
        # Its writer holds the file open, and with it the room on the disk.
        clear_frames(error.__traceback__)
        raise failure(path, needed, f"{reason}: name another folder with --mr_path") from error


def failure(path: Path, needed: int, otherwise: str) -> Fcn4DistError:
    """Say why a shard could not be written: what the system says to as large a file, if anything.

    Args:
        path: The shard; what there is of it is removed.
        needed: Bytes it has.
        otherwise: What to say if the system refuses nothing.

    Returns:
        The error, to be raised.
    """
    try:
        remove_shard(path)
        try:
            with receipt_file(path).open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, needed + _SPARE)
        finally:
            with suppress(OSError):
                receipt_file(path).unlink()
    except OSError as error:
        # Not every file system can be asked.
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            otherwise = explain(error, path, needed + _SPARE, "mr_path")
    return Fcn4DistError(f"cannot write the shard {path}: {otherwise}")


def _disk_of(path: Path) -> int:
    try:
        # Most of the pages of a small shard are holes.
        return 512 * path.stat().st_blocks
    except OSError:
        return 0
