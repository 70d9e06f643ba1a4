"""Which clip goes to which shard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heapreplace
from typing import Final

import numpy as np

from fcn4_dist.audio import ClipFeature, FeatureIndex
from fcn4_dist.clips import ROLES, Clip, Split
from fcn4_dist.errors import InputError
from fcn4_dist.records.rows import ClipRow

LEFT_OUT: Final = "left out"


@dataclass(frozen=True)
class PlannedShard:
    """A shard to be written.

    Attributes:
        file: Its file name.
        set: Name of its set.
        clips: Its clips.
        files_of_set: File names of all shards of its set, itself among them, in order.
        rows_of_set: Number of clips in all of these.
    """

    file: str
    set: str
    clips: tuple[ClipRow, ...]
    files_of_set: tuple[str, ...]
    rows_of_set: int


def plan_records(
    clips: Sequence[Clip],
    index: FeatureIndex,
    split: Split,
    set_names: Sequence[str],
    shards_a_set: int,
) -> tuple[list[PlannedShard], list[ClipRow]]:
    """Decide which clip goes to which shard.

    The clips of a set, sorted by id, are cut into runs of equal length (to within one). A set of
    fewer clips than shards gets one shard a clip; an empty one gets none.

    Args:
        clips: The clips of the collection.
        index: What the features are of.
        split: Which set each clip that has a feature is in.
        set_names: Names of the training, the validation and the test set.
        shards_a_set: Shards of each set.

    Returns:
        The shards, and the clips that are in none.

    Raises:
        InputError: If the features do not know a clip.
    """
    features = {clip.id: clip for clip in index.clips}
    rows = [_row(clip, features) for clip in sorted(clips, key=lambda clip: clip.id)]
    planned: list[PlannedShard] = []
    for role, name in zip(ROLES, set_names, strict=True):
        members = [row for row in rows if split.roles.get(row.id) == role]
        files = tuple(f"{name}.mindrecord{i}" for i in range(min(shards_a_set, len(members))))
        runs = np.array_split(np.arange(len(members)), max(1, len(files)))
        for file, run in zip(files, runs, strict=False):
            shard = tuple(replace(members[i], set=name, shard=file) for i in run)
            planned.append(PlannedShard(file, name, shard, files, len(members)))
    return planned, [_outside(row, split.left_out) for row in rows if row.id not in split.roles]


def share_out(
    planned: Sequence[PlannedShard], writers: Sequence[int]
) -> dict[int, list[PlannedShard]]:
    """Give each writer its shards: each goes, largest first, to the one with fewest clips so far.

    Args:
        planned: All shards.
        writers: Numbers of those who can write, ascending.

    Returns:
        Number of a writer -> its shards.
    """
    shares: dict[int, list[PlannedShard]] = {writer: [] for writer in writers}
    loads = [(0, writer) for writer in writers]
    for shard in sorted(planned, key=lambda shard: len(shard.clips), reverse=True):
        clips, chosen = loads[0]
        heapreplace(loads, (clips + len(shard.clips), chosen))
        shares[chosen].append(shard)
    return shares


def _row(clip: Clip, features: Mapping[str, ClipFeature]) -> ClipRow:
    feature = features.get(clip.id)
    if feature is None:
        raise InputError(
            f"the collection has the clip {clip.id}, which the features do not hold: run "
            "preprocess with --get_npy 1"
        )
    return ClipRow(
        id=clip.id,
        source=feature.source,
        sha256=feature.sha256,
        labels=clip.labels,
        set="",
        shard="",
        status=feature.status,
        reason=feature.reason,
        seconds=feature.seconds,
        level_dbfs=feature.level_dbfs,
    )


def _outside(row: ClipRow, left_out: Mapping[str, str]) -> ClipRow:
    if row.id in left_out:
        return replace(row, status=LEFT_OUT, reason=left_out[row.id])
    return row
