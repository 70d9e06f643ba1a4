"""What every collection is checked for, and how findings are put into sentences."""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from fcn4_dist.clips.collection import Clip, Collection

_SHOWN_CLASSES = 12


def counted(items: Sequence[str], shown: int = 3) -> str:
    """Say how many items there are, and show the first: ``5, like a, b, c``."""
    # A line break in a file name must not break the line.
    examples = [item if item.isprintable() else repr(item) for item in items[:shown]]
    return f"{len(items)}, like {', '.join(examples)}"


def finding(what: str, items: Sequence[str], remedy: str, shown: int = 3) -> list[str]:
    """Put a finding into a sentence; none if there are no items it is true of."""
    return [f"{what}: {counted(items, shown)}; {remedy}"] if items else []


def problems_of(collection: Collection, where: str, num_classes: int) -> list[str]:
    """Say what is wrong with a collection, wherever it comes from.

    Args:
        collection: The collection.
        where: The folder or file it comes from, as the subject of a sentence.
        num_classes: How many classes it must have.

    Returns:
        A sentence for each kind of problem.
    """
    ids = [clip.id for clip in collection.clips]
    return [
        *_number_of_classes(collection.class_names, where, num_classes),
        *_similar_classes(collection.class_names, where),
        *finding(
            f"{where} names clips more than once",
            sorted(clip_id for clip_id, count in Counter(ids).items() if count > 1),
            "leave one entry for each clip",
        ),
        *finding(
            f"{where} names clips outside audio_path",
            [clip_id for clip_id in ids if clip_id.split("/")[0] == ".."],
            "name the folder above them with --audio_path, and give their paths below it",
        ),
    ]


def classes_without_clips(class_names: Iterable[str], clips: Iterable[Clip]) -> list[str]:
    """Give the names of the classes that no clip has."""
    found = {name for clip in clips for name in clip.labels}
    return [name for name in class_names if name not in found]


def missing_audio(clips: Iterable[Clip]) -> list[str]:
    """Give the ids of the clips whose audio file is not there."""
    return [clip.id for clip in clips if not os.path.isfile(clip.path)]


def _number_of_classes(names: Sequence[str], where: str, num_classes: int) -> list[str]:
    # Where there are no classes, what is wrong with every clip is said instead.
    if len(names) in (0, num_classes):
        return []
    shown = ", ".join(names[:_SHOWN_CLASSES]) + (", …" if len(names) > _SHOWN_CLASSES else "")
    return [
        f"{where} holds {len(names)} classes ({shown}), num_classes is {num_classes}: give "
        f"--num_classes {len(names)}, or name another collection"
    ]


def _similar_classes(names: Iterable[str], where: str) -> list[str]:
    alike = defaultdict(list)
    for name in names:
        alike[name.strip().casefold()].append(repr(name))
    return finding(
        f"{where} holds classes whose names differ only by case or by blanks around them",
        [" and ".join(same) for same in alike.values() if len(same) > 1],
        "give each class one name",
    )
