"""Names of settings: the nearest right one, earlier ones, and those that are settings no more."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from fcn4_dist.config.declaration import Setting
from fcn4_dist.config.forms import shown
from fcn4_dist.config.settings import SETTINGS
from fcn4_dist.errors import SettingsError

_LONGEST_SHOWN = 80
_FLAG_OF_SYNTH = "is a flag of synth now: --{name} {value}"
_VARIABLE = "has no effect any more: export {variable}={value} on the hosts that need it"
# The meaning is the way across. On a command that is named, the flag goes on working.
RETIRED = {
    retired.name: retired
    for retired in (
        Setting("clips_per_class", int, 100, ("synth",), _FLAG_OF_SYNTH, minimum=1, maximum=10**5),
        Setting(
            "synth_seconds", float, 30.0, ("synth",), _FLAG_OF_SYNTH, minimum=0.1, maximum=3600
        ),
        Setting("hccl_socket_ifname", str, "", (), _VARIABLE, optional=True),
    )
}


def declaration_of(name: str) -> Setting:
    """Give the declaration of a setting by its name, or by one it had earlier.

    Raises:
        SettingsError: If there is none, with the nearest name.
    """
    name = earlier_names().get(name, name)
    known = SETTINGS | RETIRED
    if name not in known:
        told = name if name.isprintable() and len(name) < _LONGEST_SHOWN else shown(name)
        raise SettingsError(
            told, "is not a setting" + nearest_name(name[:_LONGEST_SHOWN], SETTINGS)
        )
    return known[name]


def earlier_names() -> dict[str, str]:
    """Give the name of a setting by each that it had earlier."""
    return {
        earlier: name for name, setting in SETTINGS.items() for earlier in setting.earlier_names
    }


def recorded_settings(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Give settings that this version or an earlier one has recorded the names they have now.

    What is a setting no more, and was at its default, is left out.
    """
    names = earlier_names()
    return {
        names.get(name, name): value
        for name, value in recorded.items()
        if name not in RETIRED or value != RETIRED[name].default
    }


def nearest_name(name: str, known: Iterable[str]) -> str:
    """Say which known name was probably meant: ", did you mean 'lr'?", or "" for none."""
    # Compared without case: --LR and --Batch_Size are among the usual slips.
    by_lower_case = {candidate.lower(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.lower(), by_lower_case, n=1, cutoff=0.5)
    return f", did you mean '{by_lower_case[matches[0]]}'?" if matches else ""
