"""What all shards of a folder have in common, and the files that belong to each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fcn4_dist.audio import FeatureCache
from fcn4_dist.records.planning import PlannedShard

_ROOM_BESIDE = 2**10
"""Bytes a row takes beside its feature, with its id, its labels and its place in the index."""


@dataclass(frozen=True)
class ShardFormat:
    """What all shards of a folder have in common.

    Attributes:
        cache: Where the features are.
        mr_path: Folder of the shards.
        class_names: Names of the classes, in the order of the label columns.
        feature_dtype: Type of the features, "float32" or "float16".
    """

    cache: FeatureCache
    mr_path: Path
    class_names: tuple[str, ...]
    feature_dtype: str

    def bytes_of(self, planned: Sequence[PlannedShard]) -> int:
        """Count the bytes that shards have on a disk, or a few more."""
        return self.bytes_of_clips(sum(len(shard.clips) for shard in planned))

    def bytes_of_clips(self, clips: int) -> int:
        """Count the bytes that so many clips have in shards, or a few more."""
        labels = 4 * len(self.class_names)
        a_clip = math.prod(self.cache.parameters.shape) * np.dtype(self.feature_dtype).itemsize
        return clips * (a_clip + labels + _ROOM_BESIDE)


def index_file(path: Path) -> Path:
    """Name the index of a shard, which MindSpore makes and needs beside it."""
    return path.with_name(f"{path.name}.db")


def receipt_file(path: Path) -> Path:
    """Name the file that says of what content a finished shard is."""
    return path.with_name(f".{path.name}.json")


def remove_shard(path: Path) -> None:
    """Remove a shard with all that belongs to it, as far as it is there."""
    for file in (receipt_file(path), path, index_file(path)):
        file.unlink(missing_ok=True)
