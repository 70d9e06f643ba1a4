"""Settings on the command line: a flag for each, and ``--config``."""

import argparse
from collections.abc import Container, Sequence

from fcn4_dist.cli.values import Later, file_path
from fcn4_dist.config import (
    COMMANDS,
    RETIRED,
    SETTINGS,
    LoadedSettings,
    Setting,
    declaration_of,
    earlier_names,
    load_settings,
)
from fcn4_dist.findings import Level
from fcn4_dist.terminal import say, warn


def setting_names() -> list[str]:
    """List what :func:`add_settings` adds, without dashes and without names of earlier versions."""
    return ["config", *SETTINGS]


def add_settings(
    parser: argparse.ArgumentParser, commands: Sequence[str], taken: Container[str] = ()
) -> None:
    """Add a flag for each setting.

    Args:
        parser: What to add them to.
        commands: Names of the commands whose settings the help explains, if there are any; the
            others are understood, too, and :func:`load` says that they have no effect.
        taken: Flags it has already.
    """
    if not commands:
        return
    parser.add_argument(
        "--config",
        metavar="FILE",
        type=file_path,
        action="append",
        help="YAML file of settings, one 'name: value' line for each; of several, a later one wins",
    )
    groups = {}
    hidden = [name for name in (*earlier_names(), *RETIRED) if f"--{name}" not in taken]
    for setting in SETTINGS.values():
        if not set(commands).intersection(setting.commands):
            hidden.append(setting.name)
            continue
        if setting.group not in groups:
            groups[setting.group] = parser.add_argument_group(setting.group)
        groups[setting.group].add_argument(
            f"--{setting.name}",
            action=Later,
            metavar="VALUE",
            default=argparse.SUPPRESS,
            help=_help(setting),
        )
    for name in hidden:
        parser.add_argument(
            f"--{name}", action=Later, default=argparse.SUPPRESS, help=argparse.SUPPRESS
        )


def load(parsed: argparse.Namespace, commands: Sequence[str] = ()) -> LoadedSettings:
    """Load the settings of a command line, and say what of them has no effect.

    Args:
        parsed: The command line.
        commands: Whose settings have one; the command's alone, if there are none.

    Raises:
        InputError: If one cannot be used.
    """
    known = {*SETTINGS, *earlier_names(), *RETIRED}
    flags = {name: text for name, text in vars(parsed).items() if name in known}
    loaded = load_settings(parsed.config, flags, _CHOICES)
    for name, value in getattr(parsed, "overridden", ()):
        say(f"note: --{name} {value} is overridden by --{name} {flags[name]}, which comes later")
    for remark in loaded.remarks:
        if remark.check in RETIRED and parsed.command in RETIRED[remark.check].commands:
            # The file that synth has written says how many clips it was to make.
            continue
        if remark.level is Level.WARNING:
            warn(str(remark))
        else:
            say(f"note: {remark}")
    commands = commands or [parsed.command]
    for name in flags:
        effective = declaration_of(name).commands
        if effective and set(commands) <= set(COMMANDS) and not set(commands) & set(effective):
            say(f"note: --{name} has no effect on {parsed.command}")
    return loaded


def meaning_of(setting: Setting) -> str:
    """Say what a setting is for, and which values it can have."""
    choices = _CHOICES[setting.name]() if setting.chosen_elsewhere else setting.choices
    return f"{setting.meaning}; one of {', '.join(choices)}" if choices else setting.meaning


def _help(setting: Setting) -> str:
    default = setting.default
    text = ",".join(default) if isinstance(default, tuple) else str(default)
    shown = f"{text} {setting.unit}".strip() or "empty"
    return f"{meaning_of(setting)}; default: {shown}".replace("%", "%%")


def _dataset_names() -> tuple[str, ...]:
    # Its readers take a moment to import, for which other commands do not wait.
    from fcn4_dist.clips import dataset_names

    return dataset_names()


_CHOICES = {"dataset": _dataset_names}
"""Allowed values that other rooms know; ``config`` cannot ask them."""
