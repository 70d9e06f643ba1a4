"""The manifest beside the shards: what is in them, row for row."""

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import numpy as np
from msgspec import Raw

from fcn4_dist import documents
from fcn4_dist.audio import FeatureParameters
from fcn4_dist.errors import InputError
from fcn4_dist.files import is_settled
from fcn4_dist.records.rows import ClipRow, ClipRows

MANIFEST_NAME = "manifest.json"
_SHARD_NAME = re.compile(r"(.+)\.mindrecord([0-9]{1,9})", re.DOTALL)


@dataclass(frozen=True)
class Shard:
    """One MindRecord file.

    Attributes:
        file: Name of the file in the manifest's folder; its index is ``file`` + ".db".
        rows: Number of clips in it.
        bytes: Size of the file.
        sha256: Of the file.
        index_sha256: Of the index file.
    """

    file: documents.FileName
    rows: documents.Count
    bytes: documents.Count
    sha256: documents.Sha256
    index_sha256: documents.Sha256


@dataclass(frozen=True)
class RecordSet:
    """The shards of one set (training or validation) and the clips in them.

    Attributes:
        name: Its name, the first part of its files' names.
        folder: Folder of the shards.
        shards: The shards, in order.
        clips: One row a clip: row i of the shards, read one after the other, is clip i.
        class_names: Names of all classes.
        parameters: How the features were computed.
        feature_dtype: Type of the features, "float32" or "float16".
    """

    name: str
    folder: Path
    shards: tuple[Shard, ...]
    clips: ClipRows
    class_names: tuple[str, ...]
    parameters: FeatureParameters
    feature_dtype: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "clips", ClipRows.of(self.clips))

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def files(self) -> list[Path]:
        """Paths of the shards, in order."""
        return [self.folder / shard.file for shard in self.shards]

    def holds(self, stored: np.ndarray) -> bool:
        """Say whether rows of a shard, of shape (rows, …), have the type and size of its features.

        MindRecord knows no float16: such features travel as bytes, whose shape nothing tells.
        """
        if self.feature_dtype == "float32":
            return stored.dtype == np.float32 and stored.shape[1:] == self.parameters.shape
        size = np.dtype(self.feature_dtype).itemsize * math.prod(self.parameters.shape)
        return stored.dtype != np.float32 and stored.nbytes == len(stored) * size

    @property
    def labels(self) -> np.ndarray:
        """Labels of the clips: int32 0/1 of shape (clips, classes)."""
        return self.labels_of(np.arange(len(self.clips)))

    def labels_of(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """Give the labels of some of the clips: int32 0/1 of shape (rows, classes)."""
        return self.clips.label_matrix(self.class_names, rows)

    def clips_of(self, shard: Shard) -> ClipRows:
        """Give the clips that are in a shard, by the manifest."""
        return self.clips.where(lambda place: place.shard == shard.file)


@dataclass(frozen=True)
class Manifest:
    """All that is known of a folder of shards.

    Attributes:
        parameters: How the features were computed.
        feature_dtype: Their type in the shards, "float32" or "float16".
        dataset: What the collection is.
        class_names: Names of the classes, in the order of the label columns.
        split: How the sets were told apart.
        sets: Name of a set -> its shards, in order; the training set first.
        clips: One row for each clip of the collection, those of the first set first, those that
            are in no set last.
        versions: Versions of the packages that made the shards.
        sealed: Whether its file has a checksum, which those of earlier versions have not.
        window_seconds: Length of the network's input that they were made for; None where that was
            not written down, as by earlier versions.
    """

    parameters: FeatureParameters
    feature_dtype: str
    dataset: str
    class_names: tuple[str, ...]
    split: Mapping[str, Any]
    sets: Mapping[str, tuple[Shard, ...]]
    clips: ClipRows
    versions: Mapping[str, str]
    sealed: bool = field(default=True, compare=False)
    window_seconds: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "clips", ClipRows.of(self.clips))

    def found_settings(self) -> dict[str, Any]:
        """Give the settings, by name, that a job on these shards need not be told."""
        kept = float(self.parameters.clip_seconds)
        window = min(self.window_seconds or kept, kept)
        return self.parameters.as_dict() | {
            "num_classes": len(self.class_names),
            "window_seconds": window,
            "clip_seconds": 0.0 if window == kept else kept,
        }

    def fingerprint(self) -> str:
        """Hash everything but the versions: equal for equal shards.

        Computed once, when the manifest is written: its file holds it, where no earlier version
        has written that.
        """
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        # As the format in which it was first defined had them.
        content = {
            "format": 3,
            "parameters": self.parameters.as_dict(),
            "feature_dtype": self.feature_dtype,
            "dataset": self.dataset,
            "class_names": list(self.class_names),
            "split": dict(self.split),
            "sets": list(self.sets),
            "shards": [
                {"set": name, **asdict(shard)}
                for name, shards in self.sets.items()
                for shard in shards
            ],
            "clips": [],
        }
        # Row by row the text that one repr of all would be: checkpoints hold its hash.
        digest = hashlib.sha256(repr(content).removesuffix("]}").encode())
        before = ""
        # Without the level, which earlier versions do not have.
        for id_, source, sha256, labels, *place, reason, seconds, _ in self.clips.values():
            row = (
                f"{{'id': {id_!r}, 'source': {source!r}, 'sha256': {sha256!r}, "
                f"'labels': {list(labels)!r}, 'set': {place[0]!r}, 'shard': {place[1]!r}, "
                f"'status': {place[2]!r}, 'reason': {reason!r}, 'seconds': {seconds!r}}}"
            )
            digest.update(f"{before}{row}".encode())
            before = ", "
        digest.update(b"]}")
        return digest.hexdigest()

    def record_set(self, name: str, folder: Path) -> RecordSet:
        """Take out one set.

        Args:
            name: Name of the set.
            folder: Folder of the manifest.

        Raises:
            InputError: If there is no set of that name.
        """
        if name not in self.sets:
            raise InputError(
                f"{folder / MANIFEST_NAME} knows no set {name!r}, only {', '.join(self.sets)}: "
                "name one of its shards"
            )
        return RecordSet(
            name,
            folder,
            self.sets[name],
            self.clips.where(lambda place: place.set == name),
            self.class_names,
            self.parameters,
            self.feature_dtype,
        )

    def write(self, folder: Path) -> None:
        """Write the manifest into the folder of its shards, atomically."""
        shards = tuple(
            _ShardOfSet(set=name, **asdict(shard))
            for name, of_set in self.sets.items()
            for shard in of_set
        )
        same = {
            name: getattr(self, name)
            for name in (
                *("versions", "parameters", "feature_dtype", "dataset", "class_names", "split"),
                *("clips", "window_seconds"),
            )
        }
        content = _ManifestFile(
            **same, sets=tuple(self.sets), shards=shards, fingerprint=self.fingerprint()
        )
        documents.write(folder / MANIFEST_NAME, content)


@dataclass(frozen=True, kw_only=True)
class _ShardOfSet(Shard):
    set: str


_Clips = TypeVar("_Clips")


@dataclass(frozen=True)
class _ManifestFile(documents.Document, Generic[_Clips]):
    """The manifest as it is on disk."""

    format = 4
    unsealed_format = 3
    mend = "run preprocess again, which keeps finished features and shards"
    most_bytes = documents.MILLIONS_OF_ROWS

    versions: Mapping[str, str]
    parameters: FeatureParameters
    feature_dtype: Literal["float32", "float16"]
    dataset: str
    class_names: tuple[str, ...]
    split: Mapping[str, documents.Value]
    sets: tuple[str, ...]
    shards: tuple[_ShardOfSet, ...]
    clips: _Clips
    window_seconds: documents.Seconds | None = None
    fingerprint: documents.Sha256OrNone = ""
    sha256: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if len(set(self.sets)) < len(self.sets):
            raise ValueError("two of the sets have one name")
        counts = dict.fromkeys(self.sets, 0)
        for number, shard in enumerate(self.shards):
            if shard.set not in counts:
                raise ValueError(f"shards[{number}] is of a set that is not among the sets")
            # No other file is opened, or removed, because a manifest names it.
            name = _SHARD_NAME.fullmatch(shard.file)
            if not name or (name[1], int(name[2])) != (shard.set, counts[shard.set]):
                raise ValueError(f"shards[{number}].file is not what that shard is called")
            counts[shard.set] += 1


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a folder of shards.

    Raises:
        InputError: If there is none or it cannot be understood.
    """
    path = folder / MANIFEST_NAME
    if not path.is_file():
        raise InputError(
            f"{path} is missing, so no finished shards are in {folder}: run preprocess, name "
            "the folder that shards are in, or name music: 'fcn4-dist train music/' makes them"
        )
    state = path.stat()
    # Another file of this name has another number, and one that is changed in place another time.
    read = _read if is_settled(state.st_mtime_ns) else _read.__wrapped__
    return read(path, state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=1)
def _read(path: Path, *state: int) -> Manifest:
    """Read a manifest once for all in this process that ask for it."""
    read, clips = _read_file(path)
    sets: dict[str, list[Shard]] = {name: [] for name in read.sets}
    for shard in read.shards:
        values = asdict(shard)
        sets[values.pop("set")].append(Shard(**values))
    manifest = Manifest(
        parameters=read.parameters,
        feature_dtype=read.feature_dtype,
        dataset=read.dataset,
        class_names=read.class_names,
        split=read.split,
        sets={name: tuple(shards) for name, shards in sets.items()},
        clips=clips,
        versions=read.versions,
        sealed=bool(read.sha256),
        window_seconds=read.window_seconds,
    )
    if read.sha256 and read.fingerprint:
        vars(manifest)["_fingerprint"] = read.fingerprint
    return manifest


def _read_file(path: Path) -> tuple[_ManifestFile[Any], ClipRows]:
    """Read rows some at a time, which takes a third of the memory and half the time."""
    try:
        in_parts = documents.read(path, _ManifestFile[Raw])
        return in_parts, ClipRows.of_blocks(documents.parts_of(in_parts.clips, ClipRow))
    except (InputError, ValueError):
        # Damaged, which is told by its place in the whole, or with what only Python's JSON knows.
        whole = documents.read(path, _ManifestFile[tuple[ClipRow, ...]])
        return whole, ClipRows.of(whole.clips)


def set_of_file(filename: str) -> str:
    """Tell the set a shard belongs to: "train.mindrecord0" is of the set "train"."""
    return filename.rsplit(".mindrecord", maxsplit=1)[0]
