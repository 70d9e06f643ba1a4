"""The file run.json: what ran, on what data, where; for people and for the report."""

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psutil

from fcn4_dist import documents
from fcn4_dist.config import Settings
from fcn4_dist.host.npu_smi import find_generation
from fcn4_dist.records import Manifest
from fcn4_dist.versions import package_versions

RUN_RECORD_NAME = "run.json"
# Of float32, where nothing else is asked for. CANN's operator list has float16 alone for Conv2D on
# the first 910; on the others conv_allow_hf32 is on by default.
_CONVOLUTIONS = {"910": "in float16", "A2": "in HF32", "A3": "in HF32"}


@dataclass(frozen=True)
class ClipSet:
    """How much a set holds.

    Attributes:
        clips: Number of its clips.
        hours: Their length.
        by_class: Number of clips of each class, by its name.
    """

    clips: documents.Count
    hours: documents.Seconds
    by_class: Mapping[str, documents.Count]


@dataclass(frozen=True)
class SkippedClip:
    """A clip that is in no set, and why."""

    id: str
    path: str
    reason: str


@dataclass(frozen=True)
class Data:
    """The shards that a run read.

    Attributes:
        dataset: Name of the collection.
        split: How the sets were told apart.
        class_names: Names of the classes.
        sets: The sets, by name.
        skipped: Clips that are in none.
    """

    dataset: str
    split: Mapping[str, documents.Value]
    class_names: tuple[str, ...]
    sets: Mapping[str, ClipSet]
    skipped: tuple[SkippedClip, ...]


@dataclass(frozen=True)
class Machine:
    """What a run ran on."""

    system: str
    processor: str
    cores: documents.Positive | None
    memory_gb: float
    device: str


@dataclass(frozen=True, kw_only=True)
class Description(documents.Document):
    """What ran, on what data, where.

    Attributes:
        command: "train" or "eval".
        started: When, in ISO 8601.
        world_size: Number of ranks.
        run_id: Id that the run's checkpoints carry; None for an evaluation.
        global_batch: Clips in a step of all ranks; None for an evaluation.
        steps_per_epoch: Steps of an epoch; None for an evaluation.
        checkpoint: File that was evaluated; None for training.
        settings: Values by name.
        data: The shards it read.
        versions: Versions of packages, by name.
        machine: What it ran on.
        precision: What it computed in, for people; None if an earlier version wrote the record.
        repeatable: Whether the device gives the same bits each time; None likewise.
    """

    format = 1
    mend = "move it away to get a report without it"
    # It names every clip that was skipped.
    most_bytes = documents.MILLIONS_OF_ROWS

    command: str
    started: str
    world_size: documents.Positive
    run_id: str | None = None
    global_batch: documents.Positive | None = None
    steps_per_epoch: documents.Positive | None = None
    checkpoint: str | None = None
    settings: Mapping[str, documents.Value]
    data: Data
    versions: Mapping[str, str]
    machine: Machine
    precision: str | None = None
    repeatable: bool | None = None


def write_run_record(
    command: str, settings: Settings, manifest: Manifest, world_size: int, **details: Any
) -> Description:
    """Write run.json into the job's folder; for rank 0.

    Args:
        command: "train" or "eval".
        settings: The settings of the job.
        manifest: Of the shards it reads.
        world_size: Number of ranks.
        details: Fields of the description that not every command has.

    Returns:
        What was written.
    """
    on_ascend = settings.device_target == "Ascend"
    generation = find_generation() if on_ascend else ""
    description = Description(
        command=command,
        started=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        world_size=world_size,
        **details,
        settings=settings.as_dict(),
        data=_data(manifest),
        versions=package_versions("mindspore", "numpy", "scikit-learn"),
        machine=_machine(f"{settings.device_target} {generation}".strip()),
        precision=_precision(settings, generation),
        repeatable=settings.repeatable,
    )
    said = {name: value for name, value in vars(description).items() if value is not None}
    path = Path(settings.run_dir) / RUN_RECORD_NAME
    documents.write(path, {"format": description.format, **said})
    return description


def _data(manifest: Manifest) -> Data:
    return Data(
        dataset=manifest.dataset,
        split=manifest.split,
        class_names=manifest.class_names,
        sets={name: _set(manifest, name) for name in manifest.sets},
        skipped=tuple(
            SkippedClip(clip.id, clip.source, clip.reason)
            for clip in manifest.clips.where(lambda place: place.status == "skipped")
        ),
    )


def _set(manifest: Manifest, name: str) -> ClipSet:
    clips = manifest.clips.where(lambda place: place.set == name)
    counts = clips.count_labels()
    return ClipSet(
        clips=len(clips),
        hours=round(sum(clips.seconds.tolist()) / 3600, 4),
        by_class={label: counts.get(label, 0) for label in manifest.class_names},
    )


def _precision(settings: Settings, generation: str) -> str:
    """Say what most operators compute in, and what convolutions do, which have the most to do."""
    if settings.amp_in_use:
        return f"{settings.amp_dtype} ({settings.amp_level})"
    if settings.device_target == "CPU" or settings.exact_float32:
        return "float32"
    return f"float32, convolutions {_CONVOLUTIONS.get(generation, 'as the card takes them')}"


def _machine(device: str) -> Machine:
    return Machine(
        system=platform.platform(),
        processor=_processor(),
        cores=os.cpu_count(),
        memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
        device=device,
    )


def _processor() -> str:
    # What platform.processor() gives on Linux is the architecture, or nothing.
    cpuinfo = Path("/proc/cpuinfo")
    for line in cpuinfo.read_text().splitlines() if cpuinfo.exists() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
