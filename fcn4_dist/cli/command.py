"""The one way to declare a command and its flags; the parser that is made of it."""

import argparse
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from fcn4_dist.cli.settings import add_settings, setting_names
from fcn4_dist.cli.values import Once
from fcn4_dist.cli.verbosity import add_verbosity
from fcn4_dist.config import nearest_name
from fcn4_dist.errors import InputError


@dataclass(frozen=True)
class Flag:
    """A flag, or an argument without a name in front.

    Attributes:
        name: ``--name`` of a flag, ``name`` of an argument; what is given is found by the name.
        instead_of: Name of a flag that cannot be given with it.
        details: What else :meth:`argparse.ArgumentParser.add_argument` is to know.
        help: What it is for, and its default.
    """

    name: str
    instead_of: str
    details: Mapping[str, Any]
    help: str = ""

    def means(self, help: str) -> "Flag":
        """Complete the declaration by what the flag is for."""
        return replace(self, help=help)


def flag(name: str, *, instead_of: str = "", **details: Any) -> Flag:
    """Begin to declare a flag: ``flag("--name", type=int).means("...")``; see :class:`Flag`."""
    return Flag(name, instead_of, details)


@dataclass(frozen=True)
class Command:
    """A command, or one action of a command that has several.

    Attributes:
        name: What is typed.
        summary: What it does, as a line of a list of commands.
        run: Does it, given the parsed arguments; gives the exit code, or nothing for 0. None for a
            command of actions.
        description: What it does; default: the summary as a sentence.
        example: A call of it, without the program's name.
        flags: Its flags and arguments, in the order of the help.
        settings: Names of commands whose settings it takes besides.
        actions: Its actions.
    """

    name: str
    summary: str
    run: Callable[[argparse.Namespace], int | None] | None = None
    description: str = ""
    example: str = ""
    flags: tuple[Flag, ...] = ()
    settings: tuple[str, ...] = ()
    actions: tuple["Command", ...] = ()


class Parser(argparse.ArgumentParser):
    """A parser that refuses with one sentence, not with its usage text; all have common flags."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"formatter_class": _HelpFormatter} | options)
        add_verbosity(self)

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise InputError(f"{message}; '{self.prog} --help' tells what there is")


class _HelpFormatter(argparse.HelpFormatter):
    """Leaves names whole that have hyphens in them, so that they can be copied and searched for."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)


def add_commands(
    parser: argparse.ArgumentParser,
    commands: Sequence[Command],
    arguments: Sequence[str],
    kind: str = "command",
) -> None:
    """Add commands, or the actions of one; flags only to the one that the command line names.

    Args:
        parser: What to add them to.
        commands: Their declarations.
        arguments: The command line that will be parsed.
        kind: What they are called: "command" or "action".
    """
    subparsers = parser.add_subparsers(dest=kind, metavar=kind.upper(), required=True)
    names = {command.name for command in commands}
    named = next((word for word in arguments if word in names), None)
    for command in commands:
        sentence = f"{command.summary[0].upper()}{command.summary[1:]}."
        of_command = subparsers.add_parser(
            command.name,
            help=command.summary,
            description=command.description or sentence,
            epilog=f"Example: fcn4-dist {command.example}" if command.example else None,
            allow_abbrev=False,
        )
        if command.name != named:
            continue
        add_flags(of_command, command.flags)
        add_settings(of_command, command.settings, taken=[one.name for one in command.flags])
        if command.actions:
            add_commands(of_command, command.actions, arguments, "action")
        else:
            of_command.set_defaults(declaration=command)


def add_flags(parser: argparse.ArgumentParser, flags: Sequence[Flag]) -> None:
    """Add flags, those that exclude each other as such."""
    groups = {}
    for one in flags:
        if one.instead_of:
            groups[one.instead_of] = groups[one.name] = parser.add_mutually_exclusive_group()
    for one in flags:
        details = one.details if "action" in one.details else {"action": Once, **one.details}
        groups.get(one.name, parser).add_argument(one.name, help=one.help, **details)


def parse(
    parser: argparse.ArgumentParser, arguments: Sequence[str], further: Sequence[Flag] = ()
) -> argparse.Namespace:
    """Parse a command line.

    Args:
        parser: The parser of all commands it may begin with.
        arguments: Everything behind the program's name.
        further: Flags that were taken out before; they are suggested for wrong ones, too.

    Returns:
        Its arguments, with the ``declaration`` of the command.

    Raises:
        InputError: If it is not understood, with the nearest right name of an unknown flag.
    """
    parsed, unknown = parser.parse_known_args(arguments)
    if unknown:
        command: Command = parsed.declaration
        known = [one.name.lstrip("-") for one in (*command.flags, *further)]
        known += setting_names() if command.settings else []
        hint = nearest_name(unknown[0].lstrip("-").split("=")[0], known)
        kind = "flag" if unknown[0].startswith("-") else "argument"
        raise InputError(
            f"unknown {kind} {unknown[0]}{hint or ';'} "
            f"'fcn4-dist {parsed.command} --help' lists them all"
        )
    return parsed
