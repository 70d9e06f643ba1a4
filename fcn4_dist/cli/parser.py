"""The command-line parser, made from the declarations of the settings."""

import argparse
from collections.abc import Iterable, Sequence
from typing import NoReturn

from fcn4_dist import __version__
from fcn4_dist.cli.checkpoints import add_checkpoints
from fcn4_dist.cli.export import add_export
from fcn4_dist.cli.folds import CROSS_VALIDATE_SUMMARY, add_cross_validate_flags, add_folds
from fcn4_dist.cli.launch import (
    DOCTOR_SUMMARY,
    LAUNCH_FLAG_NAMES,
    LAUNCH_SUMMARY,
    add_launch,
    add_launch_flags,
)
from fcn4_dist.cli.rank_table import add_rank_table
from fcn4_dist.cli.report import add_report
from fcn4_dist.cli.shards import add_shards
from fcn4_dist.cli.tag import add_tag
from fcn4_dist.config import COMMANDS, SETTINGS, Setting, nearest_name
from fcn4_dist.errors import InputError

SUMMARIES = {
    "synth": "make a small synthetic music collection in GTZAN's folder layout",
    "preprocess": "turn a folder of audio for each class into MindRecord shards",
    "train": "train FCN-4 on the training shards",
    "eval": "score the validation shards with a checkpoint",
}


class Parser(argparse.ArgumentParser):
    """A parser that refuses with one sentence, not with its usage text."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise InputError(f"{message}; '{self.prog} --help' tells what there is")


def build_parser() -> Parser:
    """Build the parser of ``fcn4-dist``."""
    parser = Parser(
        prog="fcn4-dist",
        description="Distributed training of FCN-4 music taggers with MindSpore.",
        epilog="'fcn4-dist COMMAND --help' explains every setting of a command.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"fcn4-dist {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        _add_settings(
            commands.add_parser(
                name,
                help=SUMMARIES[name],
                description=_sentence(SUMMARIES[name]),
                allow_abbrev=False,
            ),
            name,
        )
    add_launch(
        commands.add_parser(
            "launch",
            help=LAUNCH_SUMMARY,
            description=_sentence(LAUNCH_SUMMARY),
            epilog="Example: fcn4-dist launch --device_num 2 train --device_target CPU",
            allow_abbrev=False,
        )
    )
    doctor = commands.add_parser(
        "doctor", help=DOCTOR_SUMMARY, description=_sentence(DOCTOR_SUMMARY), allow_abbrev=False
    )
    add_launch_flags(doctor)
    _add_settings(doctor, "doctor")
    cross_validate = commands.add_parser(
        "cross-validate",
        help=CROSS_VALIDATE_SUMMARY,
        description=_sentence(CROSS_VALIDATE_SUMMARY),
        epilog="Example: fcn4-dist cross-validate --config configs/gtzan_recipe.yaml --folds 5",
        allow_abbrev=False,
    )
    add_cross_validate_flags(cross_validate)
    _add_settings(cross_validate, "cross-validate")
    add_folds(commands)
    add_rank_table(commands)
    add_checkpoints(commands)
    add_shards(commands)
    add_report(commands)
    add_tag(commands)
    add_export(commands)
    return parser


def parse(arguments: Sequence[str], *, launched: bool = False) -> argparse.Namespace:
    """Parse a command line.

    Args:
        arguments: Everything behind the program's name.
        launched: Whether it is what stands behind ``launch``, whose flags were taken out.

    Returns:
        ``command``, and its arguments.

    Raises:
        InputError: If it is not understood, with the nearest right name of an unknown flag.
    """
    parsed, unknown = build_parser().parse_known_args(arguments)
    if unknown:
        known = [*SETTINGS, "config"] if "config" in vars(parsed) else list(vars(parsed))
        if launched or parsed.command == "doctor":
            known += LAUNCH_FLAG_NAMES
        hint = nearest_name(unknown[0].lstrip("-").split("=")[0], known)
        kind = "flag" if unknown[0].startswith("-") else "argument"
        raise InputError(
            f"unknown {kind} {unknown[0]}{hint or ';'} "
            f"'fcn4-dist {parsed.command} --help' lists them all"
        )
    return parsed


def given_flags(parsed: argparse.Namespace) -> dict[str, str]:
    """Take the settings given as flags out of a parsed command line, as text by name."""
    return {name: value for name, value in vars(parsed).items() if name in SETTINGS}


def _sentence(summary: str) -> str:
    return f"{summary[0].upper()}{summary[1:]}."


def _add_settings(parser: argparse.ArgumentParser, command: str) -> None:
    parser.add_argument(
        "--config", metavar="FILE", help="YAML file of settings, one 'name: value' line for each"
    )
    for setting in SETTINGS.values():
        effective = command in setting.commands or command not in COMMANDS
        parser.add_argument(
            f"--{setting.name}",
            metavar="VALUE",
            default=argparse.SUPPRESS,
            help=_help(setting) if effective else argparse.SUPPRESS,
        )


def _help(setting: Setting) -> str:
    details = [setting.meaning]
    if setting.choices:
        details.append(f"one of {', '.join(setting.choices)}")
    unit = f" {setting.unit}" if setting.unit else ""
    details.append(f"default: {_text(setting.default) or 'empty'}{unit}")
    return "; ".join(details).replace("%", "%%")


def _text(value: object) -> str:
    return (
        ",".join(value)
        if isinstance(value, Iterable) and not isinstance(value, str)
        else str(value)
    )
