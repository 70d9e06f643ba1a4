"""The preprocess job: a folder of classes -> features -> MindRecord shards and manifest."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fcn4_dist.audio import (
    FeatureIndex,
    FeatureParameters,
    extract_features,
    read_feature_index,
)
from fcn4_dist.clips import (
    list_folder,
    read_annotations,
    split_clips,
    write_annotations_of_folder,
)
from fcn4_dist.cluster.device import prepare_environment
from fcn4_dist.config import LoadedSettings, Settings
from fcn4_dist.errors import InputError
from fcn4_dist.files import check_writable, write_text
from fcn4_dist.jobs.shards import check_window
from fcn4_dist.records import Manifest
from fcn4_dist.terminal import Progress, say, table, warn
from fcn4_dist.versions import package_versions

SETTINGS_NAME = "preprocess_settings.yaml"
_SHOWN_SKIPS = 20


def preprocess(loaded: LoadedSettings) -> None:
    """Run the stages that ``get_npy`` and ``get_mindrecord`` ask for.

    Each stage reads what the one before wrote: the first leaves the annotations file and the
    features, the second reads both, so it also runs where the audio is not.

    Args:
        loaded: The settings of the job.

    Raises:
        InputError: If the collection or the features are not as the settings say.
    """
    settings = loaded.settings
    check_window(FeatureParameters.from_settings(settings))
    if settings.get_mindrecord:
        prepare_environment(settings.device_target)
    for name in ("info_path", "npy_path", "mr_path"):
        check_writable(Path(getattr(settings, name)), name)
    if settings.get_npy:
        audio_to_npy(settings)
        write_text(Path(settings.npy_path) / SETTINGS_NAME, loaded.to_yaml("preprocess"))
    if settings.get_mindrecord:
        npy_to_mindrecord(settings)
        write_text(Path(settings.mr_path) / SETTINGS_NAME, loaded.to_yaml("preprocess"))


def audio_to_npy(settings: Settings) -> None:
    """Write the annotations file, and the feature of every clip that can be decoded."""
    collection = list_folder(Path(settings.audio_path), settings.num_classes)
    if collection.ignored:
        say(
            f"ignored what is no audio file in a class folder: {len(collection.ignored)}, like "
            f"{collection.ignored[0]}"
        )
    annotations_file = _annotations_file(settings)
    write_annotations_of_folder(collection, annotations_file)
    if settings.get_mindrecord:
        # A split that cannot be is better known before hours of decoding than after.
        annotations = read_annotations(annotations_file, settings.num_classes)
        _split(annotations.ids, annotations.labels, settings)
    parameters = FeatureParameters.from_settings(settings)
    clips = [(clip_id, path) for clip_id, path, _ in collection.clips]
    results = []
    with Progress("audio -> npy", len(clips), "clips") as progress:
        for clip in extract_features(clips, parameters, Path(settings.npy_path)):
            results.append(clip)
            progress.advance()
    counts = Counter(clip.status for clip in results)
    say(
        f"features of shape {parameters.shape} in {settings.npy_path}: "
        + ", ".join(f"{counts[status]} {status}" for status in sorted(counts))
    )
    skipped = [clip for clip in results if clip.skipped]
    if skipped:
        warn(f"skipped {len(skipped)} of {len(results)} clips:")
        for clip in skipped[:_SHOWN_SKIPS]:
            say(f"  {clip.id}: {clip.reason}")
        if len(skipped) > _SHOWN_SKIPS:
            say(f"  … and {len(skipped) - _SHOWN_SKIPS} more, all in the features' index")


def npy_to_mindrecord(settings: Settings) -> Manifest:
    """Split the clips that have features, write the shards and the manifest."""
    # MindSpore takes seconds to import; the first stage and its errors do without.
    from fcn4_dist.records.writing import plan_records, write_records

    annotations = read_annotations(_annotations_file(settings), settings.num_classes)
    index = read_feature_index(Path(settings.npy_path))
    _check_parameters(index, settings)
    usable = [
        number
        for number, clip_id in enumerate(annotations.ids)
        if clip_id in index.clips and not index.clips[clip_id].skipped
    ]
    ids = [annotations.ids[number] for number in usable]
    is_validation = _split(ids, annotations.labels[usable], settings)
    planned, skipped = plan_records(
        index,
        annotations,
        dict(zip(ids, is_validation.tolist(), strict=True)),
        settings.mr_name,
        settings.num_consumer,
    )
    with Progress("npy -> MindRecord", len(ids), "clips") as progress:
        manifest = write_records(
            planned,
            skipped,
            Path(settings.npy_path),
            Path(settings.mr_path),
            parameters=index.parameters,
            class_names=annotations.class_names,
            split={name: getattr(settings, name) for name in ("val_ratio", "val_pattern", "seed")},
            versions=package_versions("mindspore", "librosa", "numpy"),
            on_clip=progress.advance,
        )
    _summarise(manifest, settings)
    return manifest


def _split(ids: Sequence[str], labels: np.ndarray, settings: Settings) -> np.ndarray:
    return split_clips(ids, labels, settings.val_ratio, settings.val_pattern, settings.seed)


def _annotations_file(settings: Settings) -> Path:
    return Path(settings.info_path) / settings.info_name


def _check_parameters(index: FeatureIndex, settings: Settings) -> None:
    differences = index.parameters.differences(FeatureParameters.from_settings(settings))
    if differences:
        raise InputError(
            f"the features in {settings.npy_path} were made with other settings: "
            f"{', '.join(differences)}; run preprocess with --get_npy 1"
        )


def _summarise(manifest: Manifest, settings: Settings) -> None:
    counts = Counter((clip.set, label) for clip in manifest.clips for label in clip.labels)
    columns = [*manifest.sets, ""]
    rows = [["class", *manifest.sets, "skipped"]]
    for label in manifest.class_names:
        rows.append([label, *(str(counts[column, label]) for column in columns)])
    totals = Counter(clip.set for clip in manifest.clips)
    rows.append(["all", *(str(totals[column]) for column in columns)])
    say(table(rows))
    shards = ", ".join(f"{len(shards)} {name}" for name, shards in manifest.sets.items())
    say(f"shards in {settings.mr_path}: {shards}; manifest.json says what is in them")
