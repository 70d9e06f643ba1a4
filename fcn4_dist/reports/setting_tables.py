"""What runs ran with: the tables of settings, data, versions and machines."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fcn4_dist.config import SETTINGS, Affects, differing_settings, recorded_settings
from fcn4_dist.reports.run_view import RunView
from fcn4_dist.reports.tables import Row, Table, setting_text
from fcn4_dist.runs.record import ClipSet, Data, Description
from fcn4_dist.terminal import clock
from fcn4_dist.text import count

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


def settings_tables(runs: Sequence[RunView]) -> list[Table]:
    """Lay out the settings: those that are not at their default, folders, all others.

    Those that differ between runs are marked, and come first.

    Args:
        runs: The runs; those whose settings are not known have no column.
    """
    described, settings = _by_name(runs, _effective_settings)
    groups: dict[str, list[Row]] = {
        "Not at their default": [],
        "Files and folders": [],
        "At their default": [],
    }
    for name, values in settings.items():
        texts = [setting_text(value, name) for value in (_default(name), *values)]
        meaning = SETTINGS[name].meaning if name in SETTINGS else "not a setting of this version"
        groups[_group(name, values)].append(Row(name, texts, meaning, marked=_differ(values)))
    return [
        Table(
            title, ["setting", "default"], sorted(rows, key=lambda row: not row.marked), described
        )
        for title, rows in groups.items()
    ]


def differing_settings_of(runs: Sequence[RunView]) -> tuple[list[RunView], dict[str, list[Any]]]:
    """Find the settings that runs do not have in common, but for those of how the work is done.

    Args:
        runs: The runs.

    Returns:
        Those whose settings are known, and the value in each of them by the setting's name.
    """
    pairs = [(run, run.record.description) for run in runs]
    recorded = {run.number: _effective_settings(found) for run, found in pairs if found}
    described = [run for run in runs if run.number in recorded]
    settings = differing_settings(list(recorded.values()), set(Affects) - {Affects.WORK})
    return described, settings


def environment_table(runs: Sequence[RunView]) -> Table:
    """Lay out versions and machines; what differs between runs is marked.

    Args:
        runs: The runs; those that say nothing of it have no column.
    """
    described, facts = _by_name(runs, _environment)
    rows = [
        Row(name, list(map(setting_text, values)), marked=_differ(values))
        for name, values in facts.items()
    ]
    return Table("Versions and machine", ["what"], rows, described)


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


def _by_name(
    runs: Sequence[RunView], get: Callable[[Description], dict[str, Any]]
) -> tuple[list[RunView], dict[str, list[Any]]]:
    """Give the runs that have a description, and the value of each name in each of them."""
    pairs = [(run, get(run.record.description)) for run in runs if run.record.description]
    names = dict.fromkeys(name for _, found in pairs for name in found)
    values = {name: [found.get(name) for _, found in pairs] for name in names}
    return [run for run, _ in pairs], values


def _effective_settings(description: Description) -> dict[str, Any]:
    """Give the settings that have an effect on the command, or that this version does not know."""
    return {
        name: value
        for name, value in recorded_settings(description.settings).items()
        if name not in SETTINGS or description.command in SETTINGS[name].commands
    }


def _group(name: str, values: Sequence[Any]) -> str:
    if name in SETTINGS and SETTINGS[name].is_path:
        return "Files and folders"
    known = all(value in (None, _default(name)) for value in values)
    return "At their default" if known else "Not at their default"


def _default(name: str) -> Any:
    default = SETTINGS[name].default if name in SETTINGS else None
    # JSON has lists only.
    return list(default) if isinstance(default, tuple) else default


def _differ(values: Sequence[Any]) -> bool:
    return any(value != values[0] for value in values)


def _environment(description: Description) -> dict[str, Any]:
    machine = description.machine
    facts = {
        "run id": description.run_id,
        "checkpoint": description.checkpoint,
        "ranks": description.world_size,
        "global batch": description.global_batch,
        "steps an epoch": description.steps_per_epoch,
        "device": machine.device,
        "precision": description.precision,
        "repeatable to the bit": description.repeatable,
        "processor": machine.processor,
        "cores": machine.cores,
        "memory (GB)": machine.memory_gb,
        "system": machine.system,
        **description.versions,
    }
    return {name: value for name, value in facts.items() if value not in (None, "")}


def _data_summary(data: Data, runs: Sequence[RunView]) -> DataSummary:
    skipped = [Row(clip.id, [clip.reason, clip.path]) for clip in data.skipped[:_SKIPPED_SHOWN]]
    facts = [("dataset", data.dataset), *_flat("", data.split)]
    facts += [(f"set {name}", _size(each, data)) for name, each in data.sets.items()]
    facts.append(("skipped", count(len(data.skipped), "clip")))
    return DataSummary(
        runs,
        facts,
        _counts(data),
        Table("Skipped clips", ["clip", "reason", "audio file"], skipped) if skipped else None,
        len(data.skipped) - len(skipped),
    )


def _size(of_set: ClipSet, data: Data) -> str:
    lacking = sum(not of_set.by_class.get(name) for name in data.class_names)
    none_of = f", none of {count(lacking, 'class')}" if lacking else ""
    return f"{count(of_set.clips, 'clip')}, {clock(of_set.hours * 3600)} hours{none_of}"


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{name} {key}".strip(), inner)
    else:
        yield name, setting_text(value)


def _counts(data: Data) -> Table:
    sets = data.sets.values()
    rows = [
        Row(name, [str(each.by_class.get(name, 0)) for each in sets]) for name in data.class_names
    ]
    rows.append(Row("all clips", [str(each.clips) for each in sets]))
    columns = ["class", *data.sets]
    return Table("Clips of each class and set", columns, rows, numbers=True)
