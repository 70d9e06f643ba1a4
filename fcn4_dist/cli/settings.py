"""Settings on the command line: a flag for each, and ``--config``."""

import argparse
from collections.abc import Container, Mapping, Sequence
from typing import Any

from fcn4_dist.cli.values import Later, file_path
from fcn4_dist.config import (
    COMMANDS,
    RETIRED,
    SETTINGS,
    LoadedSettings,
    Setting,
    declaration_of,
    load_settings,
    other_names,
)
from fcn4_dist.findings import Level
from fcn4_dist.terminal import say, warn


def setting_names(commands: Sequence[str]) -> list[str]:
    """List the flags of settings that have an effect on any of these commands, without dashes."""
    names = [name for name, each in SETTINGS.items() if set(commands).intersection(each.commands)]
    return ["config", *names] if names else []


def all_setting_names() -> list[str]:
    """List the flags of all settings, by all their names, without dashes."""
    return [*SETTINGS, *other_names(), *RETIRED]


def add_settings(
    sections: Mapping[str, Any],
    commands: Sequence[str],
    taken: Container[str],
    explained: Container[str],
    common: tuple[str, Sequence[str]],
) -> None:
    """Add a flag for each setting, and for each other name of it.

    Args:
        sections: Sections of a parser's help, by their titles.
        commands: Names of the commands whose settings the help explains, if there are any; the
            others are understood, too, and :func:`load` says that they have no effect.
        taken: Flags it has already.
        explained: Names of the settings to explain, as far as they are of the commands. No text is
            made for the others, since some rooms take a moment to tell what they know.
        common: Title of those that people use most, and their names.
    """
    if not commands:
        return
    title, first = common
    names = setting_names(commands)
    sections[title].add_argument(
        "--config",
        metavar="FILE",
        type=file_path,
        action="append",
        help="YAML file of settings, one 'name: value' line for each; of several, a later one wins",
    )
    for name in sorted(
        SETTINGS, key=lambda name: first.index(name) if name in first else len(first)
    ):
        setting = SETTINGS[name]
        shown = name in names and name in explained
        sections[title if name in first else setting.group].add_argument(
            f"--{name}",
            action=Later,
            metavar="VALUE",
            default=argparse.SUPPRESS,
            help=_help(setting) if shown else argparse.SUPPRESS,
        )
    for name in (*other_names(), *RETIRED):
        if name not in taken:
            sections[title].add_argument(
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
    known = all_setting_names()
    flags = {name: text for name, text in vars(parsed).items() if name in known}
    of_shards = parsed.command in ("train", "eval", "doctor")
    loaded = load_settings(parsed.config, flags, _CHOICES, of_shards=of_shards)
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
    parts = [setting.meaning]
    if choices := choices_of(setting):
        parts.append(f"one of {', '.join(choices)}")
    if setting.of_shards:
        parts.append("train and eval find it in the shards if it is not given")
    return "; ".join(parts)


def choices_of(setting: Setting) -> tuple[str, ...]:
    """Give the values that a setting can have, if they are few."""
    choices = _CHOICES[setting.name]() if setting.chosen_elsewhere else setting.choices
    return tuple(filter(None, choices))


def _help(setting: Setting) -> str:
    default = setting.default
    text = ",".join(default) if isinstance(default, tuple) else str(default)
    shown = f"{text} {setting.unit}".strip() or "empty"
    return f"{meaning_of(setting)}; default: {shown}".replace("%", "%%")


def _dataset_names() -> tuple[str, ...]:
    # Its readers take a moment to import, for which other commands do not wait.
    from fcn4_dist.clips import dataset_names

    return dataset_names()


def _tag_lists() -> tuple[str, ...]:
    from fcn4_dist.clips import tag_lists

    return tag_lists()


def _subsets() -> tuple[str, ...]:
    from fcn4_dist.clips import subsets

    return subsets()


_CHOICES = {"dataset": _dataset_names, "tag_list": _tag_lists, "subset": _subsets}
"""Allowed values that other rooms know; ``config`` cannot ask them."""
