"""The one way to declare a command and its flags; the parser that is made of it."""

import argparse
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from typing import Any, NoReturn

from fcn4_dist import __version__
from fcn4_dist.cli.help import HelpFormatter, Sections, description_of, program_help, usage_of
from fcn4_dist.cli.settings import add_settings, all_setting_names, setting_names
from fcn4_dist.cli.suggestions import refusal_of_command, refusal_of_words
from fcn4_dist.cli.values import Once, Show
from fcn4_dist.config import SYNONYMS, with_underscores
from fcn4_dist.config.forms import as_chosen
from fcn4_dist.errors import InputError
from fcn4_dist.log import Verbosity


@dataclass(frozen=True)
class Flag:
    """A flag, or an argument without a name in front.

    Attributes:
        name: ``--name`` of a flag, ``name`` of an argument; what is given is found by the name.
        instead_of: Name of a flag that cannot be given with it.
        group: Title of the flags it stands among in the help, "" for those that people use most.
        details: What else :meth:`argparse.ArgumentParser.add_argument` is to know.
        help: What it is for, and its default.
    """

    name: str
    instead_of: str
    group: str
    details: Mapping[str, Any]
    help: str = ""

    def means(self, help: str) -> "Flag":
        """Complete the declaration by what the flag is for."""
        return replace(self, help=help)

    @property
    def word(self) -> str:
        """Its name without dashes."""
        return self.name.lstrip("-")


def flag(name: str, *, instead_of: str = "", group: str = "", **details: Any) -> Flag:
    """Begin to declare a flag: ``flag("--name", type=int).means("...")``; see :class:`Flag`."""
    return Flag(name, instead_of, group, details)


@dataclass(frozen=True)
class Command:
    """A command, or one action of a command that has several.

    Attributes:
        name: What is typed.
        summary: What it does, as a line of a list of commands.
        run: Does it, given the parsed arguments; gives the exit code, or nothing for 0. None for a
            command of actions.
        description: What it does; default: the summary as a sentence.
        example: Calls of it, a line each, without the program's name.
        flags: Its flags and arguments, in the order of the help.
        settings: Names of commands whose settings it takes besides.
        common: Names of those settings that ``--help`` explains; the others are for ``--help-all``.
            Empty: all of them.
        actions: Its actions.
        begins: Commands that it begins: their words stand behind its own, with flags of both.
        task: Title of the commands it stands among in the program's help.
    """

    name: str
    summary: str
    run: Callable[[argparse.Namespace], int | None] | None = None
    description: str = ""
    example: str = ""
    flags: tuple[Flag, ...] = ()
    settings: tuple[str, ...] = ()
    common: tuple[str, ...] = ()
    actions: tuple["Command", ...] = ()
    begins: tuple["Command", ...] = ()
    task: str = ""

    @property
    def names(self) -> list[str]:
        """What it takes, without dashes."""
        own = [one.word for one in self.flags] + setting_names(self.settings)
        return own + [name for action in self.actions for name in action.names]

    @property
    def accepted(self) -> set[str]:
        """What is understood of it besides: synonyms, and settings that have no effect on it."""
        own = {*self.names, *(all_setting_names() if self.settings else ())}
        return own | {other for other, name in SYNONYMS.items() if name in own}


FLAGS_OF_ALL = (
    flag("--quiet", action=Show, nargs=0, const=Verbosity.QUIET, default=argparse.SUPPRESS).means(
        "print the result, warnings and errors alone"
    ),
    flag(
        "--verbose", action=Show, nargs=0, const=Verbosity.VERBOSE, default=argparse.SUPPRESS
    ).means("print more: all settings, what checks have looked at, each file"),
)
"""Flags that every command and every action has, and the program, too, in front of the command.

They take no value, and their default is ``argparse.SUPPRESS``: behind the command they would else
take back what was said in front of it.
"""
_HELP = ("-h", "--help", "--help_all")


class Parser(argparse.ArgumentParser):
    """A parser that refuses with one sentence, not with its usage text."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, formatter_class=HelpFormatter, add_help=False, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        message = message.replace("ignored explicit argument", "takes no value, got")
        raise InputError(f"{message}; '{self.prog} --help' tells what there is")


def parse(
    commands: Sequence[Command], arguments: Sequence[str], further: Sequence[Flag] = ()
) -> argparse.Namespace:
    """Parse a command line.

    Args:
        commands: The commands it may begin with.
        arguments: Everything behind the program's name.
        further: Flags that were taken out before; they are suggested for wrong ones, too.

    Returns:
        Its arguments, with the ``declaration`` of the command.

    Raises:
        InputError: If it is not understood, with what was probably meant.
    """
    words = list(_spelt(arguments, commands))
    named = list(_named(commands, words))
    try:
        parsed, unknown = parser_of(commands, words).parse_known_args(words)
    except InputError:
        # It is the likelier reason for what else is wrong, as the value behind it.
        if not (unknown := _unknown_flags(words, named)):
            raise
    if unknown:
        known = [*named[-1].names, *(one.word for one in (*further, *FLAGS_OF_ALL))]
        program = " ".join(["fcn4-dist", *(command.name for command in named)])
        elsewhere = {command.name: command.names for command in commands}
        begun = [command.name for command in named[-1].begins]
        raise InputError(refusal_of_words(unknown, program, known, elsewhere, begun))
    return parsed


def parser_of(commands: Sequence[Command], words: Sequence[str] | None = None) -> Parser:
    """Make the parser of a command line.

    Args:
        commands: The commands it may begin with.
        words: The command line, which gets the flags of no other command than it names; None for
            the flags of all.
    """
    parser = Parser(prog="fcn4-dist")
    parser.usage = "fcn4-dist COMMAND ..."
    parser.description = program_help(commands)
    sections = Sections(parser)
    _add_flags_of_all(sections, more_to_tell=False)
    sections["Every command"].add_argument(
        "--version", action="version", version=f"fcn4-dist {__version__}", help="print the version"
    )
    _add_commands(parser, commands, words, "command")
    return parser


def add_flags(parser: argparse.ArgumentParser, flags: Sequence[Flag], title: str = "Flags") -> None:
    """Add flags, those that exclude each other as such; by synonyms, too, that are not shown.

    Args:
        parser: What to add them to.
        flags: Their declarations.
        title: Title of those that people use most.
    """
    _add_flags(Sections(parser), flags, title)


def _add_commands(
    parser: Parser, commands: Sequence[Command], words: Sequence[str] | None, kind: str
) -> None:
    # The help of the parser lists them in its own way.
    listed = None if words is None else argparse.SUPPRESS
    subparsers = parser.add_subparsers(
        dest=kind, metavar=kind.upper(), required=True, prog=parser.prog, help=listed
    )
    place = None if words is None else _place_of_command(words, commands, parser.prog)
    for command in commands:
        of_command = subparsers.add_parser(command.name, help=command.summary)
        if words is None:
            _complete(of_command, command, None)
        elif place is not None and command.name == words[place]:
            _complete(of_command, command, words[place + 1 :])


def _complete(parser: Parser, command: Command, words: Sequence[str] | None) -> None:
    """Add all that a command has, explained as far as the command line asks for it."""
    asked = set(_HELP if words is None else words)
    explained = command.common or setting_names(command.settings)
    if "--help_all" in asked:
        explained = setting_names(command.settings)
    elif not asked.intersection(_HELP):
        explained = ()
    more_to_tell = bool(command.common)
    parser.usage = usage_of(parser.prog, command)
    parser.description = description_of(command, more_to_tell and "--help_all" not in asked)
    sections = Sections(parser)
    title = "Common flags" if more_to_tell or any(one.group for one in command.flags) else "Flags"
    _add_flags(sections, command.flags, title)
    taken = [one.word for one in command.flags]
    add_settings(sections, command.settings, taken, explained, (title, command.common))
    _add_flags_of_all(sections, more_to_tell)
    if command.actions:
        _add_commands(parser, command.actions, words, "action")
    else:
        parser.set_defaults(declaration=command)


def _add_flags(sections: Sections, flags: Sequence[Flag], title: str) -> None:
    taken = {one.word for one in flags}
    arguments = [one.name for one in flags if one.name == one.word]
    places = {name: sections["Arguments"] for name in arguments}
    places |= {one.name: sections[one.group or title] for one in flags if one.name not in places}
    for one in flags:
        if one.instead_of:
            either = places[one.instead_of].add_mutually_exclusive_group()
            places[one.instead_of] = places[one.name] = either
    for one in flags:
        details = one.details if "action" in one.details else {"action": Once, **one.details}
        if "choices" in details:
            details = {"type": partial(as_chosen, choices=details["choices"]), **details}
        places[one.name].add_argument(one.name, help=one.help, **details)
        hidden = {"required": False, "default": argparse.SUPPRESS, "help": argparse.SUPPRESS}
        for other, name in SYNONYMS.items():
            if f"--{name}" == one.name and other not in taken:
                places[one.name].add_argument(f"--{other}", **{"dest": name, **details, **hidden})


def _add_flags_of_all(sections: Sections, more_to_tell: bool) -> None:
    _add_flags(sections, FLAGS_OF_ALL, "Every command")
    section = sections["Every command"]
    section.add_argument("-h", "--help", action="help", help="show this, and do nothing")
    # Shown with a hyphen, as elsewhere, and understood as all flags are.
    told = "the same, with every setting" if more_to_tell else argparse.SUPPRESS
    section.add_argument("--help-all", action="help", help=told)
    section.add_argument("--help_all", action="help", help=argparse.SUPPRESS)


def _place_of_command(
    words: Sequence[str], commands: Sequence[Command], program: str
) -> int | None:
    """Find the word that names a command; flags in front of it are those of every command."""
    in_front = {*_HELP, "--version", *(one.name for one in FLAGS_OF_ALL)}
    names = [command.name for command in commands]
    for place, word in enumerate(words):
        if word in names:
            return place
        if word in (*_HELP, "--version"):
            return None
        if word not in in_front:
            raise InputError(refusal_of_command(word, names, program))
    return None


def _named(commands: Sequence[Command], words: Sequence[str]) -> Iterator[Command]:
    """Give the command that a command line names, and its action."""
    for word in words:
        for command in commands:
            if command.name == word:
                yield command
                commands = command.actions
                break
        else:
            if not word.startswith("-"):
                return


def _unknown_flags(words: Sequence[str], named: Sequence[Command]) -> list[str]:
    if not named:
        return []
    begun = {command.name for command in named[-1].begins}
    own = takewhile(lambda word: word != "--" and word not in begun, words)
    flags = [word for word in own if word.startswith("--")]
    known = {*named[-1].accepted, *(one.word for one in FLAGS_OF_ALL), "help", "help_all"}
    return [flag for flag in flags if flag[2:].partition("=")[0] not in known]


def _spelt(arguments: Sequence[str], commands: Sequence[Command]) -> Iterator[str]:
    """Spell flags with underscores, and commands and actions in small letters with hyphens."""
    names = {command.name: command for command in commands}
    if list(arguments[:1]) == ["help"]:
        arguments = [*arguments[1:], "--help"]
    for place, word in enumerate(arguments):
        if word == "--":
            yield from arguments[place:]
            return
        if match := re.match(r"--[A-Za-z][\w-]*", word):
            yield with_underscores(match[0][2:]).join(("--", word[match.end() :]))
            continue
        name = word.lower().replace("_", "-")
        if name in names and not word.startswith("-"):
            names = {action.name: action for action in names[name].actions}
            word = name
        elif not word.startswith("-"):
            # What follows is no command.
            names = {}
        yield word
