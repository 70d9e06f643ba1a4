"""A collection that is a folder of audio files for each class."""

from dataclasses import dataclass
from pathlib import Path

from fcn4_dist.errors import InputError

AUDIO_SUFFIXES = frozenset(
    {".aif", ".aiff", ".au", ".flac", ".m4a", ".mp3", ".ogg", ".opus", ".wav"}
)
"""File name endings, in lower case, that count as audio."""


@dataclass(frozen=True)
class FolderCollection:
    """The clips of a folder of classes.

    Attributes:
        class_names: Names of the class folders, sorted.
        clips: (id, audio file, class name) of each clip, sorted by id. The id is the path below
            the collection's folder, with slashes.
        ignored: What is no audio file, in the class folders and beside them.
    """

    class_names: tuple[str, ...]
    clips: tuple[tuple[str, Path, str], ...]
    ignored: tuple[Path, ...]


def list_folder(folder: Path, num_classes: int) -> FolderCollection:
    """List a collection that has one folder for each class.

    Hidden files and folders are passed over.

    Args:
        folder: Folder that holds the class folders.
        num_classes: How many classes there must be.

    Returns:
        The classes and their clips.

    Raises:
        InputError: If the folder is missing, a class is empty, or the number of classes is not
            ``num_classes``.
    """
    if not folder.is_dir():
        raise InputError(
            f"audio_path {folder} is not a folder: name the folder that holds a folder of audio "
            "files for each class with --audio_path"
        )
    class_folders = sorted(
        entry for entry in folder.iterdir() if entry.is_dir() and not _is_hidden(entry)
    )
    clips: list[tuple[str, Path, str]] = []
    ignored = sorted(
        entry for entry in folder.iterdir() if not entry.is_dir() and not _is_hidden(entry)
    )
    if not class_folders and any(map(_sounds, ignored)):
        raise InputError(
            f"audio_path {folder} holds audio files, not a folder for each class: name the folder "
            "above it, or sort the files into class folders"
        )
    for class_folder in class_folders:
        audio, others = _files_of_class(class_folder)
        if not audio:
            raise InputError(
                f"the class folder {class_folder} holds no audio file "
                f"({', '.join(sorted(AUDIO_SUFFIXES))}): fill or remove it"
            )
        clips += [(path.relative_to(folder).as_posix(), path, class_folder.name) for path in audio]
        ignored += others
    names = tuple(class_folder.name for class_folder in class_folders)
    _check_number_of_classes(folder, names, num_classes)
    return FolderCollection(names, tuple(sorted(clips)), tuple(ignored))


def _files_of_class(class_folder: Path) -> tuple[list[Path], list[Path]]:
    entries = sorted(entry for entry in class_folder.iterdir() if not _is_hidden(entry))
    audio = [path for path in entries if path.is_file() and _sounds(path)]
    return audio, [path for path in entries if path not in set(audio)]


def _sounds(path: Path) -> bool:
    return path.suffix.lower() in AUDIO_SUFFIXES


def _is_hidden(path: Path) -> bool:
    return path.name.startswith(".")


def _check_number_of_classes(folder: Path, names: tuple[str, ...], num_classes: int) -> None:
    if len(names) == num_classes:
        return
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    raise InputError(
        f"audio_path {folder} holds {len(names)} class folders ({shown or 'none'}), num_classes is "
        f"{num_classes}: give --num_classes {max(1, len(names))}, or name another folder"
    )
