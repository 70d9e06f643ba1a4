"""Folders of audio files: one for each class, or with the labels in the names of the files."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from fcn4_dist.clips.checks import errors_about, remarks_about
from fcn4_dist.clips.collection import Clip, Collection, Dataset
from fcn4_dist.clips.names import AUDIO_SUFFIXES, SETS
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.findings import Finding, Level, as_shown, counted

_LITTER = frozenset(
    {"__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found"}
    | {"__pycache__"}
)
"""Folders that systems and programs leave where somebody keeps files, besides hidden ones."""


def read_folder(settings: Settings) -> Collection:
    """Read a folder of audio at any depth, whose labels are in its names.

    Args:
        settings: They name the folder. Each folder in it is a class, unless ``label_pattern`` says
            where labels are in the ids.

    Raises:
        InputError: If there are no labels, or a folder cannot be listed.
    """
    audio_path = Path(settings.audio_path)
    if settings.label_pattern:
        return _read_by_pattern(audio_path, settings.label_pattern)
    return _read_class_folders(audio_path)


def _read_class_folders(audio_path: Path) -> Collection:
    audio, remarks = list_class_folders(audio_path)
    if not audio:
        visible = (path for path in audio_path.iterdir() if not path.name.startswith("."))
        holds = "audio files" if any(map(_sounds, visible)) else "nothing"
        raise InputError(
            f"audio_path {audio_path} holds {holds}, not a folder for each class: "
            f"{FOLDER.how_to_get} with --audio_path, or say with --label_pattern where labels are "
            "in the names of files"
        )
    names = {folder: unicode_text(Path(folder)) for folder in audio}
    clips = [
        clip
        for folder, name in names.items()
        for clip in clips_of_class(name, audio[folder], audio_path)
    ]
    findings = [
        *remarks,
        *errors_about(
            f"audio_path {audio_path} holds class folders without an audio file "
            f"({', '.join(sorted(AUDIO_SUFFIXES))})",
            [name for folder, name in names.items() if not audio[folder]],
            "fill or remove them",
        ),
        *errors_about(
            f"audio_path {audio_path} holds class folders that are links to itself or above",
            [name for folder, name in names.items() if _leads_back(audio_path, folder)],
            "remove them",
        ),
        *_sets_in_place_of_classes(audio_path, list(names.values())),
        *remarks_about(
            f"audio_path {audio_path} holds class folders with blanks around their names",
            [repr(name) for name in names.values() if name != name.strip()],
            "the blanks are a part of the names of the classes",
        ),
    ]
    return Collection(tuple(names.values()), tuple(clips), tuple(findings))


def _read_by_pattern(audio_path: Path, pattern: str) -> Collection:
    ignored: list[Path] = []
    try:
        audio = _audio_of_links_too(audio_path, ignored)
    except OSError as error:
        raise _unlisted(error) from error
    if not audio:
        raise InputError(
            f"audio_path {audio_path} holds no audio file ({', '.join(sorted(AUDIO_SUFFIXES))}): "
            "name another folder with --audio_path"
        )
    ids = [unicode_text(path.relative_to(audio_path)) for path in audio]
    labels = labels_of_names(ids, pattern)
    clips = [
        Clip(clip_id, path, labels[clip_id])
        for clip_id, path in zip(ids, audio, strict=True)
        if labels[clip_id]
    ]
    if not clips:
        raise InputError(
            f"label_pattern {pattern!r} finds no label in any of the {len(ids)} ids, like "
            f"{as_shown(ids[0])}: change or leave out --label_pattern"
        )
    findings = [
        *_said_to_be_ignored(audio_path, ignored),
        *remarks_about(
            f"label_pattern {pattern!r} finds no label in ids of clips",
            [clip_id for clip_id, found in labels.items() if not found],
            "they are left out",
        ),
    ]
    class_names = sorted({name for clip in clips for name in clip.labels})
    return Collection(tuple(class_names), tuple(clips), tuple(findings))


def labels_of_names(ids: Iterable[str], pattern: str) -> dict[str, tuple[str, ...]]:
    """Give the labels that a pattern finds in ids.

    Args:
        ids: Ids of clips.
        pattern: A regular expression, which is looked for anywhere in an id. What each of its
            parentheses matches is a label; one with a name, ``(?P<angry>05)``, gives its name. If
            it has none, all that it matches is the label. How long it takes is up to the pattern.

    Returns:
        Id -> its labels, sorted; none where nothing is found.

    Raises:
        InputError: If it is no regular expression.
    """
    try:
        expression = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise InputError(
            f"label_pattern {pattern!r} is not a regular expression ({error}): mend it, or leave "
            "out --label_pattern"
        ) from error
    names = {number: name for name, number in expression.groupindex.items()}

    def labels(clip_id: str) -> tuple[str, ...]:
        match = expression.search(clip_id)
        if not match:
            return ()
        numbers = range(1, expression.groups + 1) or [0]
        found = {names.get(number, match[number]) for number in numbers if match[number]}
        return tuple(sorted(found))

    return {clip_id: labels(clip_id) for clip_id in ids}


def list_class_folders(folder: Path) -> tuple[dict[str, list[Path]], list[Finding]]:
    """List a folder of class folders, each with all that is below it.

    Hidden files and folders are passed over, and so is what systems leave beside them. Links to
    files and to class folders are followed; links to folders further below are not, as they may
    lead in circles.

    Args:
        folder: Folder that holds the class folders.

    Returns:
        Name of each class folder -> its audio files, sorted by name; and a warning if there is
        something else.

    Raises:
        InputError: If a folder cannot be listed.
    """
    audio: dict[str, list[Path]] = {}
    ignored: list[Path] = []
    try:
        for name in sorted(os.listdir(folder)):
            path = folder / name
            if name.startswith("."):
                continue
            if os.path.isdir(path) and name.lower() not in _LITTER:
                audio[name] = _audio_below(path, ignored)
            else:
                ignored.append(path)
    except OSError as error:
        raise _unlisted(error) from error
    return audio, _said_to_be_ignored(folder, ignored, "in a class folder of")


def list_audio(folder: Path) -> list[Path]:
    """List the audio files at any depth below a folder, sorted by folder and name.

    What is hidden, and what systems leave, is passed over. Links are followed as
    :func:`list_class_folders` does; what is in a linked folder comes last.

    Raises:
        InputError: If a folder cannot be listed.
    """
    try:
        return _audio_of_links_too(folder, [])
    except OSError as error:
        raise _unlisted(error) from error


def clips_of_class(class_name: str, audio: Iterable[Path], audio_path: Path) -> list[Clip]:
    """Make clips of one class of audio files; their ids begin at ``audio_path``."""
    return [Clip(unicode_text(path.relative_to(audio_path)), path, (class_name,)) for path in audio]


def unicode_text(path: Path) -> str:
    """Give a path with slashes as valid Unicode, which the name of a file need not be."""
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


def _said_to_be_ignored(folder: Path, ignored: list[Path], where: str = "in") -> list[Finding]:
    if not ignored:
        return []
    shown = counted([unicode_text(path.relative_to(folder)) for path in ignored])
    return [Finding(Level.WARNING, f"ignored what is no audio file {where} {folder}: {shown}")]


def _unlisted(error: OSError) -> InputError:
    return InputError(
        f"cannot list the folder {error.filename} ({error.strerror}): make it readable, or name "
        "another folder with --audio_path"
    )


def _sets_in_place_of_classes(audio_path: Path, names: list[str]) -> list[Finding]:
    if not SETS.issuperset(map(str.lower, names)):
        return []
    return errors_about(
        f"audio_path {audio_path} holds folders that are called like sets, not like classes",
        names,
        f"{FOLDER.how_to_get}; a csv file may say which clip is in which set (--dataset csv)",
    )


def _audio_below(class_folder: Path, ignored: list[Path]) -> list[Path]:
    audio: list[Path] = []
    for name, folders, files in os.walk(class_folder, onerror=_raise):
        folder = Path(name)
        visible = sorted(each for each in folders if not each.startswith("."))
        followed = [each for each in visible if each.lower() not in _LITTER]
        ignored += [
            folder / each
            for each in visible
            if each not in followed or (folder / each).is_symlink()
        ]
        # os.walk goes on with what is left in the list.
        folders[:] = followed
        for path in (folder / each for each in sorted(files) if not each.startswith(".")):
            (audio if _sounds(path) and os.path.isfile(path) else ignored).append(path)
    return audio


def _audio_of_links_too(folder: Path, ignored: list[Path]) -> list[Path]:
    passed: list[Path] = []
    audio = _audio_below(folder, passed)
    links = [
        path
        for path in passed
        if path.parent == folder and path.is_dir() and path.name.lower() not in _LITTER
    ]
    ignored += [path for path in passed if path not in links]
    return audio + [path for link in links for path in _audio_below(link, ignored)]


def _raise(error: OSError) -> None:
    raise error


def _sounds(path: Path) -> bool:
    return path.suffix.lower() in AUDIO_SUFFIXES


def _leads_back(audio_path: Path, class_folder: str) -> bool:
    return audio_path.resolve().is_relative_to((audio_path / class_folder).resolve())


FOLDER = Dataset(
    name="folder",
    title="a folder for each class",
    on_disk="audio in the class folders at any depth, or with `--label_pattern` in any "
    f"(`{' '.join(sorted(AUDIO_SUFFIXES))}`)",
    read=read_folder,
    how_to_get="name the folder that holds a folder of audio files for each class",
    recognises=os.path.isdir,
)
