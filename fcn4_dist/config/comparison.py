"""Which settings two jobs, or two compiled graphs, have to have in common."""

from collections.abc import Collection, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from fcn4_dist.config.declaration import Affects
from fcn4_dist.config.names import recorded_settings
from fcn4_dist.config.settings import SETTINGS, Settings

_NOT_IN_A_GRAPH = {Affects.INPUT, Affects.FOLD, Affects.LENGTH, Affects.WORK}


def differences(
    before: Mapping[str, Any], now: Settings, affecting: Collection[Affects]
) -> list[str]:
    """List what differs from earlier settings, as "lr 0.1 instead of 0.0005".

    Args:
        before: Settings as :meth:`Settings.as_dict` gave them, in this version or an earlier one;
            what they do not know had its default.
        now: The settings of now.
        affecting: Only settings that affected one of these, before and now.
    """
    values = now.as_dict()
    before = type(now)().as_dict() | recorded_settings(before)
    then = SimpleNamespace(**before)
    return [
        f"{name} {before[name]} instead of {values[name]}"
        for name, setting in now.declarations.items()
        if before[name] != values[name]
        and setting.affected(then) in affecting
        and setting.affected(now) in affecting
    ]


def differing_settings(
    recorded: Sequence[Mapping[str, Any]], affecting: Collection[Affects]
) -> dict[str, list[Any]]:
    """Give the settings that several jobs do not have in common: the value that each of them had.

    Args:
        recorded: Settings as jobs of this version or an earlier one recorded them; what they do
            not know had its default.
        affecting: Only settings that affected one of these in some job. Files and folders are left
            out, and what is no setting of this version is not.
    """
    defaults = Settings().as_dict()
    jobs = [defaults | recorded_settings(each) for each in recorded]
    namespaces = [SimpleNamespace(**job) for job in jobs]
    found = {}
    for name in dict.fromkeys(name for job in jobs for name in job):
        values = [job.get(name) for job in jobs]
        setting = SETTINGS.get(name)
        matters = setting is None or (
            not setting.is_path and any(setting.affected(each) in affecting for each in namespaces)
        )
        if matters and any(value != values[0] for value in values):
            found[name] = values
    return found


def graph_settings(settings: Settings) -> dict[str, Any]:
    """Give the settings, by name, that a compiled training step may depend on.

    Left out is what cannot reach it but by the shape of its input.
    """
    values = settings.as_dict()
    return {
        name: values[name]
        for name, setting in settings.declarations.items()
        if "train" in setting.commands and setting.affected(settings) not in _NOT_IN_A_GRAPH
    }
