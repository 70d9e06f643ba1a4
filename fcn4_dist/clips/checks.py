"""What every collection is checked for, and how its findings are put into sentences."""

import difflib
import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from fcn4_dist.clips.collection import Clip, Collection
from fcn4_dist.clips.names import SETS, damage_in_label, looking_alike, told_apart
from fcn4_dist.findings import Finding, Level, as_shown, counted, errors_in

_SHOWN_CLASSES = 12
# Of more, some always resemble each other.
_MOST_COMPARED = 60
_NEAR = 0.75
_NO_LABELS = frozenset({"none", "null", "na", "n/a", "-", "?"})


def errors_about(what: str, items: Sequence[str], mend: str, shown: int = 3) -> list[Finding]:
    """Give the error that something is true of some items; none if there are no items."""
    return [Finding(Level.ERROR, f"{what}: {counted(items, shown)}", mend)] if items else []


def remarks_about(
    what: str,
    items: Sequence[str],
    consequence: str,
    level: Level = Level.WARNING,
    shown: int = 3,
) -> list[Finding]:
    """Say of some items what is unusual, and what becomes of it; none if there are no items."""
    sentence = f"{what}: {counted(items, shown)}; {consequence}"
    return [Finding(level, sentence)] if items else []


def check_collection(collection: Collection, where: str, num_classes: int | None) -> list[Finding]:
    """Find what is wrong with a collection, wherever it comes from.

    Args:
        collection: The collection.
        where: The folder or file it comes from, as the subject of a sentence.
        num_classes: How many classes it must have; None for as many as it has.

    Returns:
        An error for each kind of problem; where the classes are counted, also a warning.
    """
    names, places = collection.class_names, _places_of_classes(collection)
    of_names = [*_damaged_classes(names, where, places), *_similar_classes(names, where, places)]
    # A number that fits damaged names would make the damage a class.
    doubtful = bool(of_names or errors_in(collection.findings))
    return [
        *_number_of_classes(names, where, num_classes, doubtful),
        *of_names,
        *errors_about(
            f"{where} names clips more than once",
            _repeated(collection.clips),
            "leave one entry for each clip",
        ),
        *errors_about(
            f"{where} names clips outside audio_path",
            [clip.place for clip in collection.clips if clip.id.split("/")[0] == ".."],
            "name the folder above them with --audio_path, and give their paths below it",
        ),
    ]


def check_names_of_columns(names: Sequence[str], where: str) -> list[Finding]:
    """Find what is wrong with the names of all classes that a file could give."""
    return [*_damaged_classes(names, where, {}), *_similar_classes(names, where, {})]


def classes_without_clips(class_names: Iterable[str], clips: Iterable[Clip]) -> list[str]:
    """Give the names of the classes that no clip has."""
    found = {name for clip in clips for name in clip.labels}
    return [name for name in class_names if name not in found]


def _places_of_classes(collection: Collection) -> dict[str, str]:
    """Give the line that names each class first."""
    places: dict[str, str] = {}
    for clip in collection.clips:
        if clip.line:
            for name in clip.labels:
                places.setdefault(name, f" in line {clip.line}")
    return places


def _number_of_classes(
    names: Sequence[str], where: str, num_classes: int | None, doubtful: bool
) -> list[Finding]:
    if num_classes is None:
        return [] if doubtful else _doubts_about_counted(names, where)
    # Where there are no classes, what is wrong with every clip is said instead.
    if len(names) in (0, num_classes):
        return []
    shown = ", ".join(map(as_shown, names[:_SHOWN_CLASSES])) + (
        ", …" if len(names) > _SHOWN_CLASSES else ""
    )
    mend = f"give --num_classes {len(names)}, or name another collection"
    if doubtful:
        mend = "mend what else is found first, which may change their number"
    elif doubt := _doubt_about(names):
        mend = (
            f"if {doubt} give --num_classes {len(names)}; else mend the names, or name another "
            "collection"
        )
    problem = f"{where} holds {len(names)} classes ({shown}), num_classes is {num_classes}"
    return [Finding(Level.ERROR, problem, mend)]


def _doubts_about_counted(names: Sequence[str], where: str) -> list[Finding]:
    """Find what a person would have seen who had counted the classes."""
    if len(names) == 1:
        problem = f"{where} holds one class ({as_shown(names[0])}), from which nothing can be told"
        mend = (
            "name the folder in which each class has one of its own, or another collection, or "
            "give --num_classes 1 if it is meant"
        )
        return [Finding(Level.ERROR, problem, mend)]
    if doubt := _doubt_about_one(names):
        problem = f"{where} holds {len(names)} classes, and it is not sure that all are meant"
        mend = (
            f"if {doubt} give --num_classes {len(names)}; else mend the names, or name another "
            "collection"
        )
        return [Finding(Level.ERROR, problem, mend)]
    if doubt := _doubt_about(names):
        return [Finding(Level.WARNING, f"{where} holds {len(names)} classes, if {doubt[:-1]}")]
    return []


def _doubt_about_one(names: Sequence[str]) -> str:
    for name in names:
        if name.casefold() in _NO_LABELS:
            return f"{name!r} is a class, and no empty cell,"
        if name.lower() in SETS:
            return f"{name!r} is a class, and no set,"
    return ""


def _doubt_about(names: Sequence[str]) -> str:
    """Say what must be so if all the names are meant; "" if nothing about them is odd."""
    if doubt := _doubt_about_one(names):
        return doubt
    if len(names) > _MOST_COMPARED:
        return ""
    for name, other in combinations(names, 2):
        slip = difflib.SequenceMatcher(None, name, other).ratio() >= _NEAR
        if slip or name.startswith(other) or other.startswith(name):
            return f"{name!r} and {other!r} are classes of their own,"
    return ""


def _damaged_classes(names: Iterable[str], where: str, places: Mapping[str, str]) -> list[Finding]:
    damages = [(name, damage_in_label(name)) for name in names]
    return errors_about(
        f"{where} holds classes whose names look damaged",
        [f"{name!r}{places.get(name, '')} ({damage})" for name, damage in damages if damage],
        "mend the names",
    )


def _similar_classes(names: Iterable[str], where: str, places: Mapping[str, str]) -> list[Finding]:
    alike = [
        " and ".join(
            f"{shown}{places.get(name, '')}"
            for name, shown in zip(same, told_apart(same), strict=True)
        )
        for same in looking_alike(names)
    ]
    return errors_about(
        f"{where} holds classes whose names look the same, but for case, blanks or letters of "
        "another form",
        alike,
        "give each class one name",
    )


def _repeated(clips: Iterable[Clip]) -> list[str]:
    """Name clips that are there more than once, in whatever form their paths are written."""
    clips = list(clips)
    # By its absolute path, too, a clip may be one below audio_path.
    is_absolute = any(clip.id.startswith("/") for clip in clips)
    paths = [os.path.abspath(clip.path) if is_absolute else clip.id for clip in clips]
    paths = [path if path.isascii() else unicodedata.normalize("NFC", path) for path in paths]
    if len(set(paths)) == len(paths):
        return []
    entries = defaultdict(list)
    for path, clip in zip(paths, clips, strict=True):
        entries[path].append(clip)
    return [
        f"{' and '.join(_spellings(same))}{_in_lines(same)}"
        for _, same in sorted(entries.items())
        if len(same) > 1
    ]


def _spellings(clips: Iterable[Clip]) -> list[str]:
    ids = list(dict.fromkeys(clip.id for clip in clips))
    return ids if len(ids) == 1 else told_apart(ids)


def _in_lines(clips: Sequence[Clip]) -> str:
    lines = [str(clip.line) for clip in clips if clip.line]
    return f" in lines {' and '.join(lines)}" if lines else ""
