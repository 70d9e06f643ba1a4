"""The collection that the settings name, whatever it comes from."""

import os
from dataclasses import replace
from pathlib import Path

from fcn4_dist.clips.annotations import read_annotations
from fcn4_dist.clips.checks import counted, finding, missing_audio, problems_of
from fcn4_dist.clips.collection import Collection
from fcn4_dist.clips.csv_file import read_csv
from fcn4_dist.clips.folder import read_folder
from fcn4_dist.clips.gtzan import GTZAN_GENRES, read_gtzan, with_filtered_split
from fcn4_dist.clips.magnatagatune import read_magnatagatune
from fcn4_dist.clips.synthetic import GENRES
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError

_HOW_TO_GET = {
    "folder": "name the folder that holds a folder of audio files for each class",
    "gtzan": "name the folder that holds GTZAN's genre folders",
    "synthetic": "run fcn4-dist synth to make it, or name the folder it was told",
}
_GENRES = {"gtzan": GTZAN_GENRES, "synthetic": GENRES}


def read_collection(settings: Settings, with_audio: bool = True) -> Collection:
    """Read the collection of a job.

    Args:
        settings: The job's settings; those of the collection are used.
        with_audio: Whether the audio is at hand. Without it, nothing is looked for in audio_path:
            for folder, gtzan and synthetic, the annotations file says what was there.

    Returns:
        The collection, its clips sorted by id.

    Raises:
        InputError: If anything is wrong with it; a line for each kind of problem.
    """
    audio_path = Path(settings.audio_path)
    file = Path(settings.info_path) / settings.info_name
    where = str(file)
    if settings.dataset == "csv":
        collection, problems = read_csv(file, audio_path)
    elif settings.dataset == "magnatagatune":
        collection, problems = read_magnatagatune(
            file, audio_path, settings.num_classes, settings.tag_list
        )
    elif with_audio:
        collection, problems = _list_audio(settings.dataset, audio_path)
        where = f"audio_path {audio_path}"
    else:
        collection, problems = _read_written(settings.dataset, file, audio_path)
    problems += problems_of(collection, where, settings.num_classes)
    missing = missing_audio(collection.clips) if with_audio else []
    if missing and len(missing) == len(collection.clips):
        problems.append(
            f"none of the audio files that {where} names is in audio_path {audio_path}: "
            f"{counted(missing)}; name their folder with --audio_path"
        )
    if problems:
        raise InputError("\n".join(problems))
    remarks = finding(
        f"{where} names audio files that are missing", missing, "their clips are skipped"
    )
    return replace(
        collection,
        clips=tuple(sorted(collection.clips, key=lambda clip: clip.id)),
        remarks=(*collection.remarks, *remarks),
    )


def _list_audio(dataset: str, audio_path: Path) -> tuple[Collection, list[str]]:
    if not os.path.isdir(audio_path):
        raise InputError(
            f"audio_path {audio_path} is not a folder: {_HOW_TO_GET[dataset]} with --audio_path"
        )
    if dataset == "gtzan":
        return read_gtzan(audio_path)
    collection, problems = read_folder(audio_path)
    if dataset == "synthetic" and collection.class_names != GENRES:
        problems.append(
            f"audio_path {audio_path} holds other folders than {', '.join(GENRES)}: "
            f"{_HOW_TO_GET[dataset]} with --audio_path"
        )
    return collection, problems


def _read_written(dataset: str, file: Path, audio_path: Path) -> tuple[Collection, list[str]]:
    if not file.exists():
        raise InputError(
            f"the annotations file {file} is missing: run preprocess with --get_npy 1, or name it "
            "with --info_path and --info_name"
        )
    annotations = read_annotations(file)
    collection, problems = annotations.collection(annotations.tags, audio_path)
    if annotations.tags != _GENRES.get(dataset, annotations.tags):
        problems.append(
            f"{file} does not hold the genres of --dataset {dataset}, "
            f"{', '.join(_GENRES[dataset])}: run preprocess with --get_npy 1, or name another file "
            "with --info_name"
        )
    if dataset == "gtzan":
        collection = with_filtered_split(collection)
    return collection, [*annotations.problems, *problems]
