"""The collection that the settings name, whatever it comes from."""

import os
from dataclasses import replace
from pathlib import Path

from fcn4_dist.clips.annotations import read_annotations
from fcn4_dist.clips.checks import check_collection, errors_about, remarks_about
from fcn4_dist.clips.collection import Collection, Dataset
from fcn4_dist.clips.registry import find_dataset
from fcn4_dist.clips.rows import annotations_file
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.findings import Finding, Level, refuse_errors


def read_collection(settings: Settings, with_audio: bool = True) -> Collection:
    """Read the collection of a job.

    Args:
        settings: The job's settings; those of the collection are used.
        with_audio: Whether the audio is at hand. Without it, nothing is looked for in audio_path:
            where the audio is the collection, the annotations file says what was there.

    Returns:
        The collection, its clips sorted by id; its findings are no errors.

    Raises:
        InputError: If anything is wrong with it; a line for each kind of problem.
    """
    dataset = find_dataset(settings.dataset)
    from_audio = dataset.lists_audio and with_audio
    where = f"audio_path {settings.audio_path}" if from_audio else str(annotations_file(settings))
    if from_audio or not dataset.lists_audio:
        collection = dataset.read(settings)
    else:
        collection = _read_written(dataset, settings)
    findings = [
        *collection.findings,
        *check_collection(collection, where, settings.num_classes),
        *(_missing_audio(collection, where, settings) if with_audio else []),
    ]
    refuse_errors(findings)
    clips = sorted(dataset.with_roles(collection).clips, key=lambda clip: clip.id)
    return replace(collection, clips=tuple(clips), findings=tuple(findings))


def _read_written(dataset: Dataset, settings: Settings) -> Collection:
    file = annotations_file(settings)
    if not file.exists():
        raise InputError(
            f"the annotations file {file} is missing: run preprocess with --get_npy 1, or name it "
            "with --info_path and --info_name"
        )
    annotations = read_annotations(file)
    collection = annotations.collection(annotations.tags, Path(settings.audio_path))
    if not dataset.class_names or annotations.tags == dataset.class_names:
        return collection
    other_classes = Finding(
        Level.ERROR,
        f"{file} does not hold the genres of --dataset {dataset.name}, "
        f"{', '.join(dataset.class_names)}",
        "run preprocess with --get_npy 1, or name another file with --info_name",
    )
    return replace(collection, findings=(*collection.findings, other_classes))


def _missing_audio(collection: Collection, where: str, settings: Settings) -> list[Finding]:
    missing = [clip.id for clip in collection.clips if not os.path.isfile(clip.path)]
    if len(missing) < len(collection.clips):
        return remarks_about(
            f"{where} names audio files that are missing", missing, "their clips are skipped"
        )
    return errors_about(
        f"none of the audio files that {where} names is in audio_path {settings.audio_path}",
        missing,
        "name their folder with --audio_path",
    )
