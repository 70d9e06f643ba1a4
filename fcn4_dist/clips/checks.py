"""What every collection is checked for, and how its findings are put into sentences."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from fcn4_dist.clips.collection import Clip, Collection
from fcn4_dist.findings import Finding, Level, counted

_SHOWN_CLASSES = 12


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


def check_collection(collection: Collection, where: str, num_classes: int) -> list[Finding]:
    """Find what is wrong with a collection, wherever it comes from.

    Args:
        collection: The collection.
        where: The folder or file it comes from, as the subject of a sentence.
        num_classes: How many classes it must have.

    Returns:
        An error for each kind of problem.
    """
    ids = [clip.id for clip in collection.clips]
    return [
        *_number_of_classes(collection.class_names, where, num_classes),
        *_similar_classes(collection.class_names, where),
        *errors_about(
            f"{where} names clips more than once",
            sorted(clip_id for clip_id, count in Counter(ids).items() if count > 1),
            "leave one entry for each clip",
        ),
        *errors_about(
            f"{where} names clips outside audio_path",
            [clip_id for clip_id in ids if clip_id.split("/")[0] == ".."],
            "name the folder above them with --audio_path, and give their paths below it",
        ),
    ]


def classes_without_clips(class_names: Iterable[str], clips: Iterable[Clip]) -> list[str]:
    """Give the names of the classes that no clip has."""
    found = {name for clip in clips for name in clip.labels}
    return [name for name in class_names if name not in found]


def _number_of_classes(names: Sequence[str], where: str, num_classes: int) -> list[Finding]:
    # Where there are no classes, what is wrong with every clip is said instead.
    if len(names) in (0, num_classes):
        return []
    shown = ", ".join(names[:_SHOWN_CLASSES]) + (", …" if len(names) > _SHOWN_CLASSES else "")
    return [
        Finding(
            Level.ERROR,
            f"{where} holds {len(names)} classes ({shown}), num_classes is {num_classes}",
            f"give --num_classes {len(names)}, or name another collection",
        )
    ]


def _similar_classes(names: Iterable[str], where: str) -> list[Finding]:
    alike = defaultdict(list)
    for name in names:
        alike[name.strip().casefold()].append(repr(name))
    return errors_about(
        f"{where} holds classes whose names differ only by case or by blanks around them",
        [" and ".join(same) for same in alike.values() if len(same) > 1],
        "give each class one name",
    )
