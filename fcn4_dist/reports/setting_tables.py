"""The tables of settings, versions and machines."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from fcn4_dist.config import SETTINGS, recorded_settings
from fcn4_dist.reports.run_view import RunView
from fcn4_dist.reports.tables import Row, Table, value_text
from fcn4_dist.runs.record import Description

_MACHINE = {
    "device": "device",
    "processor": "processor",
    "cores": "cores",
    "memory_gb": "memory (GB)",
    "system": "system",
}


def settings_tables(runs: Sequence[RunView]) -> list[Table]:
    """Lay out the settings: those that are not at their default, folders, all others.

    Those that differ between runs are marked, and come first.

    Args:
        runs: The runs; those whose settings are not known have no column.
    """
    described, settings = _of_described(runs, _effective_settings)
    groups: dict[str, list[Row]] = {
        "Not at their default": [],
        "Files and folders": [],
        "At their default": [],
    }
    for name in dict.fromkeys(name for each in settings for name in each):
        values = [each.get(name) for each in settings]
        groups[_group(name, values)].append(_setting_row(name, values))
    return [
        Table(title, ["setting", "default"], _marked_first(rows), described)
        for title, rows in groups.items()
    ]


def environment_table(runs: Sequence[RunView]) -> Table:
    """Lay out versions and machines; what differs between runs is marked.

    Args:
        runs: The runs; those that say nothing of it have no column.
    """
    described, environments = _of_described(runs, _environment)
    rows = []
    for name in dict.fromkeys(name for each in environments for name in each):
        values = [each.get(name) for each in environments]
        rows.append(Row(name, list(map(value_text, values)), marked=_differ(values)))
    return Table("Versions and machine", ["what"], rows, described)


def _of_described(
    runs: Sequence[RunView], get: Callable[[Description], dict[str, Any]]
) -> tuple[list[RunView], list[dict[str, Any]]]:
    pairs = [(run, get(run.record.description)) for run in runs if run.record.description]
    return [run for run, _ in pairs], [found for _, found in pairs]


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


def _setting_row(name: str, values: Sequence[Any]) -> Row:
    texts = [value_text(value, name) for value in (_default(name), *values)]
    meaning = SETTINGS[name].meaning if name in SETTINGS else "not a setting of this version"
    return Row(name, texts, meaning, marked=_differ(values))


def _default(name: str) -> Any:
    default = SETTINGS[name].default if name in SETTINGS else None
    # JSON has lists only.
    return list(default) if isinstance(default, tuple) else default


def _differ(values: Sequence[Any]) -> bool:
    return any(value != values[0] for value in values)


def _marked_first(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: not row.marked)


def _environment(description: Description) -> dict[str, Any]:
    machine = asdict(description.machine)
    facts = {
        "run id": description.run_id,
        "checkpoint": description.checkpoint,
        "ranks": description.world_size,
        "global batch": description.global_batch,
        "steps an epoch": description.steps_per_epoch,
        **{title: machine[name] for name, title in _MACHINE.items()},
        **description.versions,
    }
    return {name: value for name, value in facts.items() if value not in (None, "")}
