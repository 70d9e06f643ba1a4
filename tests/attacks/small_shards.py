"""Shards of three sets that are small enough to be read a thousand times."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fcn4_dist.audio import ClipFeature, FeatureCache, FeatureIndex, FeatureParameters, Outcome
from fcn4_dist.clips import Clip, Split
from fcn4_dist.config import Settings, load_settings
from fcn4_dist.records import Manifest
from fcn4_dist.records.joining import join_set
from fcn4_dist.records.layout import ShardFormat
from fcn4_dist.records.planning import PlannedShard, plan_records
from fcn4_dist.records.writing import _describe, _record, _schema

CLASSES = ("jazz", "metal", "rock")
PARAMETERS = FeatureParameters(12000, 1.5, 512, 96, 32, "amplitude_to_db")
_CLIPS = {"train": 12, "val": 5, "test": 3}
_PAGE = 1 << 16


@dataclass(frozen=True)
class SmallShards:
    """Finished shards, and all that a job has for them.

    Attributes:
        settings: Of the jobs that read them.
        manifest: What they are; it is in their folder.
        planned: The shards.
        index: What the features are of.
        features: Id of a clip -> its feature.
    """

    settings: Settings
    manifest: Manifest
    planned: tuple[PlannedShard, ...]
    index: FeatureIndex
    features: Mapping[str, np.ndarray]

    @property
    def folder(self) -> Path:
        """Folder of the shards."""
        return Path(self.settings.mr_path)


def make_small_shards(folder: Path) -> SmallShards:
    """Write them into a folder, as preprocessing does but for the size of a page."""
    flags = {name: str(value) for name, value in PARAMETERS.as_dict().items()}
    flags["window_seconds"] = flags.pop("clip_seconds")
    paths = {"npy_path": str(folder / "npy"), "mr_path": str(folder / "shards")}
    more = {"num_classes": str(len(CLASSES)), "num_consumer": "2", "device_target": "CPU"}
    settings = load_settings(flags=flags | paths | more).settings
    cache = FeatureCache(Path(settings.npy_path), PARAMETERS)
    cache.prepare()
    random = np.random.default_rng(1)
    roles = [role for role, count in _CLIPS.items() for _ in range(count)]
    clips = [
        Clip(f"{CLASSES[number % 3]}/{number:02}.wav", Path("gone"), (CLASSES[number % 3],))
        for number in range(len(roles))
    ]
    rows, features = [], {}
    for clip in clips:
        sha256 = hashlib.sha256(clip.id.encode()).hexdigest()
        feature = random.uniform(-70, 0, PARAMETERS.shape).astype(np.float32)
        cache.store(sha256, Outcome("kept", "", 1.5), feature)
        rows.append(ClipFeature(clip.id, f"/audio/{clip.id}", sha256, "kept", "", 1.5))
        features[clip.id] = feature
    index = FeatureIndex(PARAMETERS, tuple(rows))
    index.write(Path(settings.npy_path))
    split = Split({clip.id: role for clip, role in zip(clips, roles, strict=True)}, {}, {}, ())
    planned, _ = plan_records(clips, index, split, settings.set_names, settings.num_consumer)
    manifest = _write(planned, ShardFormat(cache, Path(settings.mr_path), CLASSES, "float32"))
    return SmallShards(settings, manifest, tuple(planned), index, features)


def _write(planned: list[PlannedShard], shard_format: ShardFormat) -> Manifest:
    from mindspore.mindrecord import FileWriter

    shard_format.mr_path.mkdir()
    sets: dict[str, list] = {}
    for shard in planned:
        path = shard_format.mr_path / shard.file
        writer = FileWriter(str(path), shard_num=1)
        writer.set_header_size(_PAGE)
        writer.set_page_size(_PAGE)
        writer.add_schema(_schema(shard_format), "small shards")
        writer.write_raw_data([_record(clip, shard_format) for clip in shard.clips])
        writer.commit()
        join_set(path, len(shard.clips), shard.files_of_set, shard.rows_of_set)
        sets.setdefault(shard.set, []).append(_describe(path, len(shard.clips)))
    manifest = Manifest(
        parameters=PARAMETERS,
        feature_dtype="float32",
        dataset="folder",
        class_names=CLASSES,
        split={"split": "published"},
        sets={name: tuple(shards) for name, shards in sets.items()},
        clips=tuple(clip for shard in planned for clip in shard.clips),
        versions={"fcn4_dist": "0.1.0"},
    )
    manifest.write(shard_format.mr_path)
    return manifest
