"""How many clips of each class the sets of a folder of shards have, as rows of tables."""

from collections import Counter
from collections.abc import Callable, Mapping
from statistics import median

from fcn4_dist.records.manifest import Manifest
from fcn4_dist.records.rows import Place

_OUTSIDE = ("left out", "skipped")


def counts_by_class(manifest: Manifest) -> list[list[str]]:
    """Lay out the clips of each class and of all, in each set and in none; a heading first."""
    columns = [*manifest.sets, *_OUTSIDE]
    counts, totals = _counts(manifest), _totals(manifest)
    return [
        ["class", *columns],
        *([name, *(str(counts[each, name]) for each in columns)] for name in manifest.class_names),
        ["all clips", *(str(totals[each]) for each in columns)],
    ]


def counts_in_short(manifest: Manifest) -> list[list[str]]:
    """Lay out how many clips each set has, and how they are spread over many classes."""
    counts, totals = _counts(manifest), _totals(manifest)
    rows = [["set", "clips", "classes", "rarest class", "median class", "most frequent class"]]
    for each in manifest.sets:
        of_classes = {name: counts[each, name] for name in manifest.class_names}
        found = {name: number for name, number in of_classes.items() if number}
        number_of_classes = f"{len(found)} of {len(of_classes)}"
        middle = f"{median(found.values() or [0]):g}"
        ends = [_having(find(found.values(), default=0), found) for find in (min, max)]
        rows.append([each, str(totals[each]), number_of_classes, ends[0], middle, ends[1]])
    rows += [[each, str(totals[each]), "", "", "", ""] for each in _OUTSIDE if totals[each]]
    return rows


def classes_without_clips_in(manifest: Manifest, name: str) -> list[str]:
    """Name the classes that no clip of a set has."""
    found = manifest.clips.where(lambda place: place.set == name).count_labels()
    return [each for each in manifest.class_names if not found.get(each)]


def _counts(manifest: Manifest) -> Counter[tuple[str, str]]:
    return Counter(
        {
            (column, label): count
            for column in (*manifest.sets, *_OUTSIDE)
            for label, count in manifest.clips.where(_is_of(column)).count_labels().items()
        }
    )


def _totals(manifest: Manifest) -> Counter[str]:
    totals: Counter[str] = Counter()
    for place, count in manifest.clips.count_places().items():
        totals[place.set or place.status] += count
    return totals


def _is_of(column: str) -> Callable[[Place], bool]:
    return lambda place: (place.set or place.status) == column


def _having(number: int, found: Mapping[str, int]) -> str:
    """Give a number of clips, and the classes that have so many."""
    first, *others = [name for name, clips in found.items() if clips == number] or ["none"]
    return f"{number} ({first}{f' and {len(others)} more' if others else ''})"
