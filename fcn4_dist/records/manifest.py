"""The manifest beside the shards: what is in them, row for row."""

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from msgspec import to_builtins

from fcn4_dist import documents
from fcn4_dist.audio import FeatureParameters, Level
from fcn4_dist.errors import InputError

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


@dataclass(frozen=True, slots=True)
class ClipRow:
    """What became of one clip of the collection.

    Attributes:
        id: Path of the clip below audio_path, with slashes.
        source: Path of the audio file, for people: nothing opens it.
        sha256: Of the audio file; "" if it was skipped.
        labels: Names of its classes.
        set: Name of the set of shards it is in; "" if it is in none.
        shard: File it is in; "" if it is in none.
        status: "kept", "padded" or "cropped"; "skipped" if it has no feature; "left out" if it
            has one and is in no set.
        reason: Why it was skipped or left out, or what is unusual about it.
        seconds: How long the audio is; 0.0 if that is not known.
        level_dbfs: How loud the loudest 0.4 s of what is kept of it are, in dBFS; None where that
            was not measured, as by earlier versions.
    """

    id: str
    source: str
    sha256: documents.Sha256OrNone
    labels: tuple[str, ...]
    set: str
    shard: str
    status: Literal["kept", "padded", "cropped", "skipped", "left out"]
    reason: str
    seconds: documents.Seconds
    level_dbfs: Level | None = None


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
    clips: tuple[ClipRow, ...]
    class_names: tuple[str, ...]
    parameters: FeatureParameters
    feature_dtype: str

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
        return self.labels_of(range(len(self.clips)))

    def labels_of(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """Give the labels of some of the clips: int32 0/1 of shape (rows, classes)."""
        labels = np.zeros((len(rows), len(self.class_names)), dtype=np.int32)
        for number, row in enumerate(rows):
            labels[number, [self._column[name] for name in self.clips[row].labels]] = 1
        return labels

    def clips_of(self, shard: Shard) -> Sequence[ClipRow]:
        """Give the clips that are in a shard, by the manifest."""
        return self._clips_of_files.get(shard.file, [])

    @cached_property
    def _clips_of_files(self) -> dict[str, list[ClipRow]]:
        # Once for all shards: of a million clips in a thousand of them, a search each takes hours.
        clips: dict[str, list[ClipRow]] = {}
        for clip in self.clips:
            clips.setdefault(clip.shard, []).append(clip)
        return clips

    @cached_property
    def _column(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.class_names)}


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
    clips: tuple[ClipRow, ...]
    versions: Mapping[str, str]
    sealed: bool = field(default=True, compare=False)
    window_seconds: float | None = None

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
        """Hash everything but the versions: equal for equal shards; computed once."""
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
        for clip in self.clips:
            row = to_builtins(clip) | {"labels": list(clip.labels)}
            # Earlier versions, whose checkpoints go on with the same shards, do not have it.
            del row["level_dbfs"]
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
        clips = tuple(clip for clip in self.clips if clip.set == name)
        return RecordSet(
            name,
            folder,
            self.sets[name],
            clips,
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
        content = _ManifestFile(**same, sets=tuple(self.sets), shards=shards)
        documents.write(folder / MANIFEST_NAME, content)


@dataclass(frozen=True, kw_only=True)
class _ShardOfSet(Shard):
    set: str


@dataclass(frozen=True)
class _ManifestFile(documents.Document):
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
    clips: tuple[ClipRow, ...]
    window_seconds: documents.Seconds | None = None
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
    read = documents.read(path, _ManifestFile)
    sets: dict[str, list[Shard]] = {name: [] for name in read.sets}
    for shard in read.shards:
        values = asdict(shard)
        sets[values.pop("set")].append(Shard(**values))
    return Manifest(
        parameters=read.parameters,
        feature_dtype=read.feature_dtype,
        dataset=read.dataset,
        class_names=read.class_names,
        split=read.split,
        sets={name: tuple(shards) for name, shards in sets.items()},
        clips=read.clips,
        versions=read.versions,
        sealed=bool(read.sha256),
        window_seconds=read.window_seconds,
    )


def set_of_file(filename: str) -> str:
    """Tell the set a shard belongs to: "train.mindrecord0" is of the set "train"."""
    return filename.rsplit(".mindrecord", maxsplit=1)[0]
