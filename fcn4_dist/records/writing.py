"""The npy -> MindRecord stage: features and labels into shards, then the manifest.

Each shard is written by a one-shard writer of its own and all are read back as the manifest's
list, so that who writes which shard, and when, makes no difference to the bytes.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from mindspore.mindrecord import FileWriter

from fcn4_dist.audio import FeatureIndex, FeatureParameters, feature_file
from fcn4_dist.clips import Annotations
from fcn4_dist.errors import Fcn4DistError, InputError
from fcn4_dist.files import sha256_of
from fcn4_dist.records.manifest import MANIFEST_NAME, ClipRow, Manifest, Shard, read_manifest

_ROWS_A_WRITE = 32


@dataclass(frozen=True)
class PlannedShard:
    """A shard to be written: its file name, its set and its clips."""

    file: str
    set: str
    clips: tuple[ClipRow, ...]


def plan_records(
    index: FeatureIndex,
    annotations: Annotations,
    is_validation: Mapping[str, bool],
    set_names: Sequence[str],
    shards_a_set: int,
) -> tuple[list[PlannedShard], list[ClipRow]]:
    """Decide which clip goes to which shard.

    The clips of a set, sorted by id, are cut into runs of equal length (to within one). A set of
    fewer clips than shards gets one shard a clip.

    Args:
        index: The features there are.
        annotations: The labels of the clips.
        is_validation: Id -> whether the clip is for validation.
        set_names: Names of the training and the validation set.
        shards_a_set: Shards of each set.

    Returns:
        The shards, and the skipped clips.
    """
    rows = {
        clip_id: _planned_row(index, clip_id, labels, annotations.class_names)
        for clip_id, labels in zip(annotations.ids, annotations.labels, strict=True)
    }
    skipped = sorted((row for row in rows.values() if row.status == "skipped"), key=_by_id)
    planned = []
    for set_number, name in enumerate(set_names):
        members = [
            row for clip_id, row in rows.items() if is_validation.get(clip_id) == bool(set_number)
        ]
        members.sort(key=_by_id)
        runs = np.array_split(np.arange(len(members)), min(shards_a_set, len(members)))
        for number, run in enumerate(runs):
            file = f"{name}.mindrecord{number}"
            clips = tuple(replace(members[i], set=name, shard=file) for i in run)
            planned.append(PlannedShard(file, name, clips))
    return planned, skipped


def write_records(
    planned: Sequence[PlannedShard],
    skipped: Sequence[ClipRow],
    npy_path: Path,
    mr_path: Path,
    *,
    parameters: FeatureParameters,
    class_names: tuple[str, ...],
    split: Mapping[str, Any],
    versions: Mapping[str, str],
    on_clip: Callable[[], None],
) -> Manifest:
    """Write the shards one after the other, and the manifest when all are there.

    Shards of an earlier run in the same folder are removed first, their manifest before them:
    what an interrupted run leaves behind has no manifest and is never read.

    Args:
        planned: The shards to write, from :func:`plan_records`.
        skipped: The clips without a feature.
        npy_path: Folder of the features.
        mr_path: Folder to write to; made if missing.
        parameters: How the features were computed.
        class_names: Names of the classes, in the order of the label columns.
        split: How the sets were told apart.
        versions: Versions of the packages at work.
        on_clip: Called for each clip that is written.

    Returns:
        The manifest, which is in the folder then.

    Raises:
        Fcn4DistError: If a feature file is missing or has another shape than the parameters say.
    """
    for shard in planned:
        for clip in shard.clips:
            _open_feature(clip.id, npy_path, parameters)
    mr_path.mkdir(parents=True, exist_ok=True)
    _remove_earlier_shards(mr_path, {shard.set for shard in planned})
    sets: dict[str, list[Shard]] = {}
    for shard in planned:
        for _ in _write_shard(shard, npy_path, mr_path, parameters, class_names):
            on_clip()
        sets.setdefault(shard.set, []).append(_describe(mr_path / shard.file, len(shard.clips)))
    manifest = Manifest(
        parameters=parameters,
        class_names=class_names,
        split=split,
        sets={name: tuple(shards) for name, shards in sets.items()},
        clips=(*(clip for shard in planned for clip in shard.clips), *skipped),
        versions=versions,
    )
    manifest.write(mr_path)
    return manifest


def _planned_row(
    index: FeatureIndex, clip_id: str, labels: np.ndarray, class_names: tuple[str, ...]
) -> ClipRow:
    clip = index.clips.get(clip_id)
    if clip is None:
        raise InputError(
            f"the annotations name the clip {clip_id}, which the features do not hold: run "
            "preprocess with --get_npy 1"
        )
    return ClipRow(
        id=clip.id,
        source=clip.source,
        sha256=clip.sha256,
        labels=tuple(name for name, flag in zip(class_names, labels, strict=True) if flag),
        set="",
        shard="",
        status=clip.status,
        reason=clip.reason,
    )


def _by_id(row: ClipRow) -> str:
    return row.id


def _remove_earlier_shards(mr_path: Path, set_names: Iterable[str]) -> None:
    # By the manifest, and by name: an interrupted run leaves shards without a manifest.
    try:
        earlier = [
            shard.file for shards in read_manifest(mr_path).sets.values() for shard in shards
        ]
    except InputError:
        earlier = []
    (mr_path / MANIFEST_NAME).unlink(missing_ok=True)
    for name in set_names:
        pattern = re.compile(re.escape(name) + r"\.mindrecord\d+")
        earlier += [path.name for path in mr_path.iterdir() if pattern.fullmatch(path.name)]
    for file in earlier:
        (mr_path / file).unlink(missing_ok=True)
        (mr_path / f"{file}.db").unlink(missing_ok=True)


def _write_shard(
    shard: PlannedShard,
    npy_path: Path,
    mr_path: Path,
    parameters: FeatureParameters,
    class_names: tuple[str, ...],
) -> Iterator[ClipRow]:
    schema = {
        "id": {"type": "string"},
        "feature": {"type": "float32", "shape": list(parameters.shape)},
        "label": {"type": "int32", "shape": [len(class_names)]},
    }
    try:
        writer = FileWriter(str(mr_path / shard.file), shard_num=1, overwrite=True)
        writer.add_schema(schema, "log-mel spectrograms and labels of music clips")
        for start in range(0, len(shard.clips), _ROWS_A_WRITE):
            clips = shard.clips[start : start + _ROWS_A_WRITE]
            records = [_record(clip, npy_path, parameters, class_names) for clip in clips]
            writer.write_raw_data(records)
            yield from clips
        writer.commit()
    except RuntimeError as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise Fcn4DistError(
            f"cannot write the shard {mr_path / shard.file} ({reason}): is the disk full? make "
            "room, or name another folder with --mr_path"
        ) from error


def _record(
    clip: ClipRow, npy_path: Path, parameters: FeatureParameters, class_names: tuple[str, ...]
) -> dict[str, Any]:
    label = np.array([name in clip.labels for name in class_names], dtype=np.int32)
    return {
        "id": clip.id,
        "feature": np.array(_open_feature(clip.id, npy_path, parameters)),
        "label": label,
    }


def _open_feature(clip_id: str, npy_path: Path, parameters: FeatureParameters) -> np.ndarray:
    path = feature_file(npy_path, clip_id)
    try:
        # Mapped, so that a look at type and shape reads no more than the head.
        feature = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise Fcn4DistError(
            f"cannot read the feature {path} ({error}): run preprocess with --get_npy 1"
        ) from error
    if feature.shape != parameters.shape or feature.dtype != np.float32:
        raise Fcn4DistError(
            f"the feature {path} is {feature.dtype} of shape {feature.shape} instead of float32 "
            f"of {parameters.shape}: run preprocess with --get_npy 1"
        )
    return feature


def _describe(path: Path, rows: int) -> Shard:
    return Shard(
        file=path.name,
        rows=rows,
        bytes=path.stat().st_size,
        sha256=sha256_of(path),
        index_sha256=sha256_of(path.with_name(f"{path.name}.db")),
    )
