"""What data runs had: the sets, their classes, and clips that are in none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fcn4_dist.reports.pages import counted
from fcn4_dist.reports.run_view import RunView
from fcn4_dist.reports.tables import Row, Table, value_text
from fcn4_dist.runs.reading import Description
from fcn4_dist.terminal import clock

_SKIPPED_SHOWN = 50


@dataclass(frozen=True)
class DataSummary:
    """The data of runs that have the same.

    Attributes:
        runs: The runs.
        facts: Names and values of what there is to say.
        counts: Clips of each class and set.
        skipped: Clips that are in no set; None if there are none.
        more_skipped: How many more there are than the table has.
    """

    runs: Sequence[RunView]
    facts: Sequence[tuple[str, str]]
    counts: Table
    skipped: Table | None
    more_skipped: int


def data_summaries(runs: Sequence[RunView]) -> list[DataSummary]:
    """Sum up the data, once for all runs that have the same."""
    groups: list[tuple[Description, list[RunView]]] = []
    for run in runs:
        if own := run.record.description:
            same = (members for first, members in groups if _data(first) == _data(own))
            if members := next(same, None):
                members.append(run)
            else:
                groups.append((own, [run]))
    return [_data_summary(first, members) for first, members in groups]


def _data(of: Description) -> tuple[Any, ...]:
    return of.dataset, of.split, of.class_names, of.sets, of.skipped


def _data_summary(description: Description, runs: Sequence[RunView]) -> DataSummary:
    skipped = [
        Row(clip.id, [clip.reason, clip.path]) for clip in description.skipped[:_SKIPPED_SHOWN]
    ]
    facts = [("dataset", description.dataset), *_flat("", description.split)]
    facts += [
        (f"set {name}", f"{counted(each.clips, 'clip')}, {clock(each.hours * 3600)} hours")
        for name, each in description.sets.items()
    ]
    facts.append(("skipped", counted(len(description.skipped), "clip")))
    return DataSummary(
        runs,
        facts,
        _counts(description),
        Table("Skipped clips", ["clip", "reason", "audio file"], skipped) if skipped else None,
        len(description.skipped) - len(skipped),
    )


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{name} {key}".strip(), inner)
    else:
        yield name, value_text(value)


def _counts(description: Description) -> Table:
    sets = description.sets.values()
    rows = [
        Row(name, [str(each.by_class.get(name, 0)) for each in sets])
        for name in description.class_names
    ]
    rows.append(Row("all clips", [str(each.clips) for each in sets]))
    columns = ["class", *description.sets]
    return Table("Clips of each class and set", columns, rows, numbers=True)
