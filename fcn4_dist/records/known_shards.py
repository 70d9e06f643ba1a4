"""Which shards were found whole before, so that a start does not hash them again."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from fcn4_dist import documents
from fcn4_dist.errors import InputError
from fcn4_dist.files import is_settled
from fcn4_dist.findings import refuse_errors
from fcn4_dist.processes import usable_cores
from fcn4_dist.records.manifest import RecordSet, Shard
from fcn4_dist.records.verification import file_faults

KNOWN_NAME = ".shards_known.json"


def check_shards(record_set: RecordSet) -> None:
    """Hold shards against the manifest: are they there, and are they the same bytes?

    Files that have the size and the time of their last change that they had when they were hashed
    last are taken for the same; ``verify`` hashes them in any case. Of many shards, several are
    hashed at once.

    Args:
        record_set: The set whose shards are checked.

    Raises:
        InputError: Naming the files of the first shard that are missing or differ.
    """
    folder = record_set.folder
    known = _read(folder)
    states = {shard.file: _states(shard, folder) for shard in record_set.shards}
    unknown = [
        shard
        for shard in record_set.shards
        if not states[shard.file] or not states[shard.file].items() <= known.items()
    ]
    # Hashing leaves Python's lock to others.
    with ThreadPoolExecutor(usable_cores()) as pool:
        for faults in pool.map(lambda shard: list(file_faults(shard, folder)), unknown):
            refuse_errors(faults)
    found = {
        file: state
        for shard in unknown
        for file, state in states[shard.file].items()
        if is_settled(state.modified_ns)
    }
    if found:
        # It saves time only: on a disk for reading, or a full one, they are hashed again.
        with suppress(OSError):
            documents.write(folder / KNOWN_NAME, _Known({**known, **found}))


@dataclass(frozen=True, slots=True)
class _State:
    """A file as it was when it had been hashed: its size, the time of its last change, its hash."""

    bytes: documents.Count
    modified_ns: documents.Integer
    sha256: documents.Sha256


@dataclass(frozen=True)
class _Known(documents.Document):
    format = 1

    files: Mapping[str, _State] = field(default_factory=dict)


def _read(folder: Path) -> Mapping[str, _State]:
    try:
        return documents.read(folder / KNOWN_NAME, _Known).files
    except InputError:
        return {}


def _states(shard: Shard, folder: Path) -> dict[str, _State]:
    """Give what a shard's files will be known by; nothing if one is missing or of another size."""
    states = {}
    for file, sha256 in ((shard.file, shard.sha256), (f"{shard.file}.db", shard.index_sha256)):
        try:
            status = os.stat(folder / file)
        except OSError:
            return {}
        states[file] = _State(status.st_size, status.st_mtime_ns, sha256)
    return states if states[shard.file].bytes == shard.bytes else {}
