"""A look at music that somebody names: what kind of collection it is, and what is in it."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fcn4_dist.audio.headers import seconds_of
from fcn4_dist.clips import (
    Collection,
    Dataset,
    choose_fold,
    choose_for_dataset,
    find_dataset,
    read_collection,
    recognise_dataset,
)
from fcn4_dist.clips.folder import FOLDER, list_class_folders
from fcn4_dist.clips.names import AUDIO_SUFFIXES
from fcn4_dist.config import LoadedSettings
from fcn4_dist.errors import InputError
from fcn4_dist.findings import counted

_CLIPS_LOOKED_AT = 100
_TAGS_OF_MAGNATAGATUNE = 50
_NAMED_BY_MUSIC = ("audio_path", "info_path", "info_name")


@dataclass(frozen=True)
class Music:
    """What there is to learn from.

    Attributes:
        place: Where it is; below the path that was named, if that holds nothing but one folder.
        dataset: Which kind of collection it is.
        found: Names of settings -> what the look has found for them.
        collection: Its classes and clips.
        seconds: How long clips are, as the heads of some files say; those that do not are left out.
    """

    place: Path
    dataset: Dataset
    found: Mapping[str, Any]
    collection: Collection
    seconds: tuple[float, ...]

    @property
    def has_single_labels(self) -> bool:
        """Whether each clip is of one class."""
        return all(len(clip.labels) == 1 for clip in self.collection.clips)

    @property
    def clips_of_classes(self) -> dict[str, int]:
        """How many clips each class has."""
        counts = Counter(label for clip in self.collection.clips for label in clip.labels)
        return {name: counts[name] for name in self.collection.class_names}

    @property
    def subfolders(self) -> int:
        """How many folders below those of classes hold several clips each, as an artist's do."""
        if self.dataset != FOLDER:
            return 0
        parents = Counter(os.path.dirname(clip.id) for clip in self.collection.clips)
        return sum(count > 1 for name, count in parents.items() if "/" in name)


def look_at(path: Path, loaded: LoadedSettings) -> Music:
    """Look at a folder of class folders, a CSV file of annotations, or a known collection.

    Nothing is decoded: names are listed, and the heads of some files read.

    Args:
        path: The folder or file.
        loaded: The settings; what was given in them wins over what is found.

    Raises:
        InputError: If it holds nothing that a tagger could learn from.
    """
    place = path
    if loaded.settings.label_pattern and not loaded.is_given("dataset"):
        dataset = FOLDER
    elif loaded.is_given("dataset"):
        dataset = find_dataset(loaded.settings.dataset)
    else:
        place = _below_single_folders(path)
        dataset = _recognised(place)
    _check_named_once(path, loaded, dataset)
    if not os.path.exists(place):
        raise _missing(place)
    if dataset == FOLDER:
        _check_folder(place, loaded.settings.label_pattern)
    found: dict[str, Any] = {"dataset": dataset.name, **_names_of(place, dataset, loaded)}
    is_open = not loaded.is_given("num_classes")
    if is_open:
        found["num_classes"] = _TAGS_OF_MAGNATAGATUNE
    chosen = choose_for_dataset(loaded.decided(found, "found"))
    collection = read_collection(chosen.settings, counted=is_open)
    chosen = choose_fold(chosen, collection)
    if is_open:
        found["num_classes"] = len(collection.class_names)
    found |= {name: getattr(chosen.settings, name) for name in chosen.found_out - found.keys()}
    clips = collection.clips[:: -(-len(collection.clips) // _CLIPS_LOOKED_AT)]
    seconds = sorted(filter(None, (seconds_of(clip.path) for clip in clips)))
    return Music(place, dataset, found, collection, tuple(seconds))


def _check_named_once(path: Path, loaded: LoadedSettings, dataset: Dataset) -> None:
    # What is published may be in two folders, and so are a file of annotations and its audio.
    either = {"audio_path", "info_path"} if dataset.metadata else set()
    either |= {"audio_path"} if os.path.isfile(path) else set()
    for name in _NAMED_BY_MUSIC:
        # In a settings file, it may be meant for other commands.
        if loaded.origins.get(name) == f"--{name}" and name not in either:
            raise InputError(
                f"--{name} and {path} both say where the music is: leave out --{name}, or train "
                "on shards without naming music"
            )


def _below_single_folders(path: Path) -> Path:
    """Go down where a folder holds one folder and nothing else, as an unpacked archive does."""
    place, folders = path, _class_folders(path)
    while len(folders) == 1 and not _songs_in(place / folders[0]):
        place /= folders[0]
        folders = _class_folders(place)
    return path if len(folders) < 2 and _recognised(place) == FOLDER else place


def _recognised(place: Path) -> Dataset:
    if place.suffix.lower() in AUDIO_SUFFIXES and os.path.isfile(place):
        raise InputError(
            f"{place} is a song: name a folder that holds a folder of songs for each class, or a "
            "CSV file of paths and labels"
        )
    try:
        dataset = recognise_dataset(place)
    except OSError as error:
        raise InputError(f"cannot list {error.filename}: {error.strerror}") from error
    if dataset is None:
        raise _missing(place)
    return dataset


def _missing(place: Path) -> InputError:
    return InputError(
        f"there is no folder or file {place}: name the folder that holds a folder of songs for "
        "each class, or a CSV file of paths and labels"
    )


def _check_folder(place: Path, label_pattern: str) -> None:
    if not os.path.isdir(place):
        flag = "label_pattern" if label_pattern else "dataset"
        raise InputError(f"{place} is no folder: leave out --{flag}, or name a folder")
    if label_pattern or _class_folders(place):
        return
    if songs := _songs_in(place):
        raise InputError(
            f"{place} holds {len(songs)} songs, and no folder for each class: put them into "
            f"folders named like their classes ({place / 'rock'}, {place / 'jazz'}, …), say with "
            "--label_pattern where labels are in their names, or name a CSV file with the columns "
            "path and labels instead"
        )
    raise InputError(
        f"{place} holds no audio ({', '.join(sorted(AUDIO_SUFFIXES))}): name the folder that "
        "holds a folder of songs for each class"
    )


def _class_folders(place: Path) -> list[str]:
    """List the folders with audio anywhere below them; none of a file or a known collection."""
    if _recognised(place) != FOLDER:
        return []
    audio, _ = list_class_folders(place)
    return [name for name, paths in audio.items() if paths]


def _songs_in(place: Path) -> list[Path]:
    return [path for path in place.iterdir() if path.suffix.lower() in AUDIO_SUFFIXES]


def _names_of(place: Path, dataset: Dataset, loaded: LoadedSettings) -> dict[str, str]:
    """Give the settings that say where the collection is."""
    given = loaded.origins.get("audio_path") == "--audio_path"
    if dataset.lists_audio or dataset.metadata:
        return {"info_path" if given and dataset.metadata else "audio_path": str(place)}
    folder, name = place, loaded.settings.info_name
    if os.path.isfile(place):
        folder, name = place.parent, place.name
    audio_path = loaded.settings.audio_path if given else str(folder)
    return {"info_path": str(folder), "info_name": name, "audio_path": audio_path}


def check_single_clips(music: Music) -> None:
    """Refuse classes of a single clip, which cannot be learnt and scored.

    Raises:
        InputError: Naming the classes.
    """
    single = [name for name, count in music.clips_of_classes.items() if count == 1]
    if music.has_single_labels and single:
        raise InputError(
            f"{music.place} holds classes of one clip, which cannot be both learnt from and "
            f"scored: {counted(single)}; add clips of them, or remove them"
        )
