"""The collection that the settings name, whatever it comes from."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fcn4_dist.clips.annotations import read_annotations
from fcn4_dist.clips.checks import check_collection, errors_about, remarks_about
from fcn4_dist.clips.collection import ROLES, Clip, Collection, Dataset
from fcn4_dist.clips.names import damage_in_path
from fcn4_dist.clips.registry import find_dataset
from fcn4_dist.clips.rows import annotations_file
from fcn4_dist.config import LoadedSettings, Settings
from fcn4_dist.errors import InputError, SettingsError
from fcn4_dist.findings import Finding, Level, refuse_errors

_WORTH_READING = 16
"""Of so many clips in a folder, its names are read instead."""


def choose_for_dataset(loaded: LoadedSettings) -> LoadedSettings:
    """Take what is usual for a kind of collection in settings that are not given.

    Raises:
        InputError: If a given one does not go with it.
    """
    settings = loaded.settings
    dataset = find_dataset(settings.dataset)
    usual: dict[str, int | str] = {}
    if settings.fold != dataset.first_fold and settings.split != "kfold":
        usual["fold"] = dataset.first_fold
    if dataset.tag_lists and settings.tag_list not in dataset.tag_lists:
        usual["tag_list"] = dataset.tag_lists[0]
    is_in_a_file = not dataset.lists_audio and not dataset.metadata
    if is_in_a_file and (Path(settings.audio_path) / settings.info_name).is_file():
        loaded = loaded.found({"info_path": settings.audio_path}, "audio_path")
    return loaded.found(usual, f"dataset {dataset.name}")


def choose_fold(loaded: LoadedSettings, collection: Collection) -> LoadedSettings:
    """Take the first published fold of a collection, if none is given."""
    folds, settings = collection.folds, loaded.settings
    if not folds or settings.fold == folds[0] or settings.split == "kfold":
        return loaded
    return loaded.found({"fold": folds[0]}, "the collection")


def read_collection(
    settings: Settings, with_audio: bool = True, *, counted: bool = False
) -> Collection:
    """Read the collection of a job.

    Args:
        settings: The job's settings; those of the collection are used.
        with_audio: Whether the audio is at hand. Without it, nothing is looked for in audio_path:
            where the audio is the collection, the annotations file says what was there.
        counted: Whether it may have any number of classes, which nobody has given.

    Returns:
        The collection, its clips sorted by id; its findings are no errors.

    Raises:
        InputError: If anything is wrong with it; a line for each kind of problem.
    """
    dataset = find_dataset(settings.dataset)
    _check_parts(dataset, settings)
    audio_path, file = Path(settings.audio_path), annotations_file(settings)
    from_audio = dataset.lists_audio and with_audio
    where = f"audio_path {audio_path}" if from_audio else str(file)
    if dataset.metadata:
        where = f"the table of dataset {dataset.name}"
    if from_audio and not os.path.isdir(audio_path):
        raise InputError(f"{where} is not a folder: {dataset.how_to_get} with --audio_path")
    if from_audio or not dataset.lists_audio:
        collection = dataset.read(settings)
    else:
        collection = _read_written(file, audio_path)
    number = None if counted else settings.num_classes
    if counted and dataset.about:
        # A class "train" is no slip where the names are published ones.
        number = len(collection.class_names)
    missing = _without_audio(collection.clips) if with_audio else []
    findings = [
        *collection.findings,
        *_other_classes(collection, where, settings, from_audio),
        *check_collection(collection, where, number),
        *_missing_audio(collection, missing, where, audio_path),
    ]
    refuse_errors(findings)
    return replace(
        collection,
        clips=tuple(sorted(dataset.with_roles(collection).clips, key=lambda clip: clip.id)),
        findings=tuple(findings),
        missing=frozenset(clip.id for clip in missing),
    )


def _check_parts(dataset: Dataset, settings: Settings) -> None:
    """Refuse parts that another kind of collection has.

    Raises:
        SettingsError: Saying which there are.
    """
    parts = {"subset": ("", *dataset.subsets), "tag_list": dataset.tag_lists or ("count",)}
    for name, known in parts.items():
        value = getattr(settings, name)
        if value not in known:
            words = ", ".join(filter(None, known)) or "left out"
            raise SettingsError(name, f"must be {words} for dataset {dataset.name}, got {value!r}")
    if settings.label_pattern and dataset.name != "folder":
        raise SettingsError(
            "label_pattern",
            f"is for dataset folder: {dataset.name} brings its labels; leave it out",
        )


def _read_written(file: Path, audio_path: Path) -> Collection:
    if not file.exists():
        raise InputError(
            f"the annotations file {file} is missing: run preprocess with --get_npy 1, or name it "
            "with --info_path and --info_name"
        )
    annotations = read_annotations(file, exact=True)
    return annotations.collection(annotations.tags, audio_path)


def _other_classes(
    collection: Collection, where: str, settings: Settings, from_audio: bool
) -> list[Finding]:
    dataset = find_dataset(settings.dataset)
    known = dataset.classes_of.get(settings.tag_list, dataset.class_names)
    if not known or collection.class_names == known:
        return []
    names = ", ".join(known)
    if from_audio:
        problem = f"{where} holds other folders than {names}"
        return [Finding(Level.ERROR, problem, f"{dataset.how_to_get} with --audio_path")]
    which = f" --tag_list {settings.tag_list}" if dataset.tag_lists else ""
    problem = f"{where} does not hold the classes of --dataset {dataset.name}{which}, {names}"
    mend = "run preprocess with --get_npy 1, or name another file with --info_name"
    return [Finding(Level.ERROR, problem, mend)]


def _without_audio(clips: Sequence[Clip]) -> list[Clip]:
    """Give the clips whose file is not there.

    A folder is read once, which costs a network file system much less than a question a file.
    """
    places = [os.path.split(clip.path) for clip in clips]
    many = Counter(folder for folder, _ in places)
    names = {folder: _files_in(folder) for folder in many if many[folder] >= _WORTH_READING}
    # Who is not among the names is asked for: some systems know a file by other letters, too.
    return [
        clip
        for clip, (folder, name) in zip(clips, places, strict=True)
        if name not in names.get(folder, ()) and not os.path.isfile(clip.path)
    ]


def _files_in(folder: str) -> frozenset[str]:
    try:
        with os.scandir(folder or ".") as entries:
            return frozenset(entry.name for entry in entries if entry.is_file())
    except OSError:
        return frozenset()


def _missing_audio(
    collection: Collection, missing: Sequence[Clip], where: str, audio_path: Path
) -> list[Finding]:
    if missing and len(missing) == len(collection.clips):
        return errors_about(
            f"none of the audio files that {where} names is in audio_path {audio_path}",
            [clip.place for clip in missing],
            "name their folder with --audio_path",
        )
    damaged = [clip for clip in missing if damage_in_path(clip.id)]
    return [
        *errors_about(
            f"{where} names audio files that are missing, by paths that look damaged",
            [f"{clip.id!r} in line {clip.line} ({damage_in_path(clip.id)})" for clip in damaged],
            "mend the paths, or remove their rows",
        ),
        *remarks_about(
            f"{where} names audio files that are missing",
            [clip.place for clip in missing if not damage_in_path(clip.id)],
            f"their clips are skipped{_what_is_left(collection.clips, missing)}",
        ),
    ]


def _what_is_left(clips: Sequence[Clip], missing: Sequence[Clip]) -> str:
    """Say how many clips each set of a published split keeps."""
    named = Counter(clip.role for clip in clips)
    lost = Counter(clip.role for clip in missing)
    sets = [f"{named[role] - lost[role]} of {named[role]} {role}" for role in ROLES if named[role]]
    return f", which leaves {', '.join(sets)}" if sets else ""
