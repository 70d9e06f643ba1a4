"""The settings of a job as they are printed before it begins."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from fcn4_dist.config import LoadedSettings
from fcn4_dist.log import terminal_shows
from fcn4_dist.terminal import detail, say, table

TOLD_VARIABLE = "FCN4_DIST_SETTINGS_TOLD"
"""Set for the commands that a job runs one after the other: it has told what they are to do."""


def say_settings(
    loaded: LoadedSettings,
    command: str | None,
    file: Path | None,
    further: Sequence[tuple[str, str, str]] = (),
) -> None:
    """Print the settings that are not at their default, or for ``--verbose`` all of them.

    Args:
        loaded: The settings.
        command: Only those that have an effect on this command; None for all.
        file: Where all of them are kept; None if they are not.
        further: What else a command takes: name, value, where that came from.
    """
    if terminal_shows(logging.DEBUG):
        detail(loaded.to_yaml(command))
    if TOLD_VARIABLE in os.environ:
        say(f"settings: {file}")
        return
    rows = [*loaded.changed(command), *further]
    if rows:
        say(table([("setting", "value", "from"), *rows]))
    where = f", see {file}" if file else ""
    say(f"{'all others are' if rows else 'all settings are'} at their defaults{where}")
