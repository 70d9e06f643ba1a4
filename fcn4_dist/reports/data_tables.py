"""What data runs had: the sets, their classes, and clips that are in none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fcn4_dist.reports.pages import counted
from fcn4_dist.reports.run_view import RunView
from fcn4_dist.reports.tables import Row, Table, value_text
from fcn4_dist.runs.record import Data
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
    groups: list[tuple[Data, list[RunView]]] = []
    for run in runs:
        if description := run.record.description:
            same = (members for data, members in groups if data == description.data)
            if members := next(same, None):
                members.append(run)
            else:
                groups.append((description.data, [run]))
    return [_data_summary(data, members) for data, members in groups]


def _data_summary(data: Data, runs: Sequence[RunView]) -> DataSummary:
    skipped = [Row(clip.id, [clip.reason, clip.path]) for clip in data.skipped[:_SKIPPED_SHOWN]]
    facts = [("dataset", data.dataset), *_flat("", data.split)]
    facts += [
        (f"set {name}", f"{counted(each.clips, 'clip')}, {clock(each.hours * 3600)} hours")
        for name, each in data.sets.items()
    ]
    facts.append(("skipped", counted(len(data.skipped), "clip")))
    return DataSummary(
        runs,
        facts,
        _counts(data),
        Table("Skipped clips", ["clip", "reason", "audio file"], skipped) if skipped else None,
        len(data.skipped) - len(skipped),
    )


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{name} {key}".strip(), inner)
    else:
        yield name, value_text(value)


def _counts(data: Data) -> Table:
    sets = data.sets.values()
    rows = [
        Row(name, [str(each.by_class.get(name, 0)) for each in sets]) for name in data.class_names
    ]
    rows.append(Row("all clips", [str(each.clips) for each in sets]))
    columns = ["class", *data.sets]
    return Table("Clips of each class and set", columns, rows, numbers=True)
