"""The npy -> MindRecord stage: features and labels into shards, by several processes.

Each shard is written by a one-shard writer of its own and then made to know the others of its set,
so that who writes which shard, and when, makes no difference to the bytes.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fcn4_dist import documents
from fcn4_dist.errors import Fcn4DistError, InputError
from fcn4_dist.files import follow_umask, replace_file, sha256_of
from fcn4_dist.processes import ProcessDiedError, run_in_processes, shared_counter
from fcn4_dist.records.joining import join_set
from fcn4_dist.records.layout import ShardFormat, index_file, receipt_file, remove_shard
from fcn4_dist.records.manifest import MANIFEST_NAME, Shard, read_manifest
from fcn4_dist.records.obstacles import failure, refusals_told
from fcn4_dist.records.planning import PlannedShard
from fcn4_dist.records.rows import ClipRow
from fcn4_dist.refusals import explain
from fcn4_dist.versions import installed_mindspore

_ROWS_A_WRITE = 16


@dataclass(frozen=True)
class _Receipt(documents.Document):
    """Says of which content a shard is that was written to its end."""

    key: str
    shard: Shard


def clear_folder(planned: Sequence[PlannedShard], mr_path: Path) -> None:
    """Make a folder ready for shards: without the manifest, and without shards not planned.

    What an interrupted run leaves behind has no manifest and is never read.

    Args:
        planned: The shards to be written.
        mr_path: The folder; made if missing.
    """
    mr_path.mkdir(parents=True, exist_ok=True)
    # By the manifest, and by name: an interrupted run leaves shards without a manifest.
    try:
        earlier = {
            shard.file for shards in read_manifest(mr_path).sets.values() for shard in shards
        }
    except InputError:
        earlier = set()
    (mr_path / MANIFEST_NAME).unlink(missing_ok=True)
    for name in {shard.set for shard in planned}:
        pattern = re.compile(re.escape(name) + r"\.mindrecord\d+")
        earlier |= {path.name for path in mr_path.iterdir() if pattern.fullmatch(path.name)}
    for file in earlier - {shard.file for shard in planned}:
        remove_shard(mr_path / file)


def finished_shards(planned: Sequence[PlannedShard], shard_format: ShardFormat) -> dict[str, Shard]:
    """Find the shards that are written to their end, by receipts and sizes: none is read.

    Returns:
        File name -> description.
    """
    # Which has a network file system look at its folder anew.
    names = set(os.listdir(shard_format.mr_path))
    found = {}
    for shard in planned:
        path = shard_format.mr_path / shard.file
        with suppress(OSError, InputError):
            if {path.name, index_file(path).name, receipt_file(path).name} <= names:
                receipt = documents.read(receipt_file(path), _Receipt)
                whole = path.stat().st_size == receipt.shard.bytes
                if whole and receipt.key == _content_key(shard, shard_format):
                    found[shard.file] = receipt.shard
    return found


def write_shards(
    planned: Sequence[PlannedShard],
    shard_format: ShardFormat,
    processes: int,
    on_clips: Callable[[int], None],
) -> Iterator[Shard]:
    """Write shards, largest first; those that an earlier run finished stay as they are.

    Args:
        planned: The shards to write, from :func:`~fcn4_dist.records.planning.plan_records`.
        shard_format: What they have in common.
        processes: Processes at work.
        on_clips: Called with the number of clips that were written since the last call.

    Yields:
        The description of each shard, in the order they are done.

    Raises:
        Fcn4DistError: If a feature is missing or a shard cannot be written.
    """
    written = _counter()
    counted = 0

    def count() -> None:
        nonlocal counted
        if new := written.value - counted:
            counted += new
            on_clips(new)

    results = run_in_processes(
        _write_in_worker,
        sorted(planned, key=lambda shard: len(shard.clips), reverse=True),
        max(1, min(processes, len(planned))),
        prepare=_prepare_worker,
        arguments=(shard_format, written),
        while_waiting=count,
    )
    # Closed at once, also when an error is on its way: no worker stays behind.
    with closing(results) as finished:
        for shard, future in finished:
            try:
                yield future.result()
            except ProcessDiedError as error:
                # MindSpore's writer has been seen to crash on a full disk.
                path = shard_format.mr_path / shard.file
                died = f"the process that was at it died, {error}: is memory short?"
                raise failure(path, shard_format.bytes_of([shard]), died) from error
    count()


def write_shard(
    planned: PlannedShard, shard_format: ShardFormat, on_clips: Callable[[int], None]
) -> Shard:
    """Write one shard in this process, unless an earlier run finished it.

    Args:
        planned: The shard.
        shard_format: What it has in common with the others.
        on_clips: Called with the number of clips that were written since the last call.

    Returns:
        Its description.

    Raises:
        Fcn4DistError: If a feature is missing or the shard cannot be written.
    """
    path = shard_format.mr_path / planned.file
    key = _content_key(planned, shard_format)
    shard = _finished(path, key)
    if shard is not None:
        on_clips(shard.rows)
        return shard
    with refusals_told(path, shard_format.bytes_of([planned])):
        remove_shard(path)
        for rows in _write(planned, shard_format):
            on_clips(rows)
        join_set(path, len(planned.clips), planned.files_of_set, planned.rows_of_set)
        for file in (path, index_file(path)):
            # MindSpore's writer gives its files to their owner alone.
            follow_umask(file)
        shard = _describe(path, len(planned.clips))
        with replace_file(receipt_file(path)) as receipt:
            receipt.write(documents.to_line(_Receipt(key, shard)).encode())
    return shard


def _finished(path: Path, key: str) -> Shard | None:
    """Read the receipt of a shard; None if it is not whole or of other content."""
    try:
        receipt = documents.read(receipt_file(path), _Receipt)
        whole = receipt.key == key and _describe(path, receipt.shard.rows) == receipt.shard
    except (OSError, InputError):
        return None
    return receipt.shard if whole else None


def _content_key(planned: PlannedShard, shard_format: ShardFormat) -> str:
    """Hash all that decides the bytes of a shard."""
    content = [
        planned.file,
        [[clip.id, clip.sha256, clip.labels] for clip in planned.clips],
        planned.files_of_set,
        planned.rows_of_set,
        shard_format.class_names,
        shard_format.cache.folder.name,
        shard_format.feature_dtype,
        installed_mindspore(),
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _write(planned: PlannedShard, shard_format: ShardFormat) -> Iterator[int]:
    # MindSpore takes seconds to import; what is found wrong before does without.
    from mindspore.mindrecord import FileWriter

    path = shard_format.mr_path / planned.file
    writer = FileWriter(str(path), shard_num=1, overwrite=True)
    writer.add_schema(_schema(shard_format), "log-mel spectrograms and labels of music clips")
    for start in range(0, len(planned.clips), _ROWS_A_WRITE):
        clips = planned.clips[start : start + _ROWS_A_WRITE]
        writer.write_raw_data([_record(clip, shard_format) for clip in clips])
        yield len(clips)
    writer.commit()


def _schema(shard_format: ShardFormat) -> dict[str, Any]:
    # MindRecord knows no float16: such features travel as bytes.
    feature = (
        {"type": "float32", "shape": list(shard_format.cache.parameters.shape)}
        if shard_format.feature_dtype == "float32"
        else {"type": "bytes"}
    )
    return {
        "id": {"type": "string"},
        "feature": feature,
        "label": {"type": "int32", "shape": [len(shard_format.class_names)]},
    }


def _record(clip: ClipRow, shard_format: ShardFormat) -> dict[str, Any]:
    feature = shard_format.cache.load(clip.sha256)
    return {
        "id": clip.id,
        "feature": feature
        if shard_format.feature_dtype == "float32"
        else feature.astype(shard_format.feature_dtype).tobytes(),
        "label": np.array([name in clip.labels for name in shard_format.class_names], np.int32),
    }


def _describe(path: Path, rows: int) -> Shard:
    return Shard(
        file=path.name,
        rows=rows,
        bytes=path.stat().st_size,
        sha256=sha256_of(path),
        index_sha256=sha256_of(index_file(path)),
    )


def _counter() -> Any:
    try:
        return shared_counter()
    except OSError as error:
        # In a container this often is 64 MB, shared by all there is.
        reason = explain(error, Path("/dev/shm")).removesuffix(", or name another folder")
        raise Fcn4DistError(f"processes cannot share memory: {reason}") from error


# What a worker process needs for every shard, sent to it once.
_worker_format: ShardFormat
_worker_written: Any


def _prepare_worker(shard_format: ShardFormat, written: Any) -> None:
    global _worker_format, _worker_written
    _worker_format, _worker_written = shard_format, written


def _write_in_worker(planned: PlannedShard) -> Shard:
    return write_shard(planned, _worker_format, _count_in_worker)


def _count_in_worker(clips: int) -> None:
    with _worker_written.get_lock():
        _worker_written.value += clips
