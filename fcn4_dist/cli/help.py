"""How the help of the program and of its commands is laid out."""

import argparse
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fcn4_dist.cli.command import Command

WIDEST = 100
"""Columns of a line that is read with ease, however wide the terminal is."""
_EXAMPLE = "  fcn4-dist "
_TEXT_AT = 18
_NO_BREAK = "\xa0"


class HelpFormatter(argparse.HelpFormatter):
    """Lays out texts of several lines: paragraphs, examples, rows of a name and what it is.

    Names that have hyphens in them stay whole, so that they can be copied and searched for.
    """

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, **options)
        self._width = min(self._width, WIDEST)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return _wrapped(" ".join(text.split()), width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = (line for part in text.splitlines() for line in _lines_of(part, self._width))
        return "\n".join(f"{indent}{line}" for line in lines)


class Sections(dict[str, Any]):
    """The sections of a parser's help by their titles, in the order in which they are asked for."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__()
        self._parser = parser

    def __missing__(self, title: str) -> Any:
        section = self[title] = self._parser.add_argument_group(title)
        return section


def usage_of(program: str, command: "Command") -> str:
    """Write how a command is called: its arguments, and that there are flags."""
    words = [_argument(one.details, one.word) for one in command.flags if one.name == one.word]
    if command.actions:
        words.append("ACTION ...")
    elif len(command.names) > len(words):
        words.append("[FLAGS]")
    return " ".join([program, *words]).replace("%", "%%")


def description_of(command: "Command", shortened: bool) -> str:
    """Write what a command does, with examples, and where the rest of its flags is explained.

    Args:
        command: The command.
        shortened: Whether only its common settings are explained below.
    """
    summary = command.summary
    parts = [command.description or f"{summary[0].upper()}{summary[1:]}."]
    if command.actions:
        parts.append(_titled("Actions", [(one.name, one.summary) for one in command.actions]))
    if command.example:
        examples = command.example.splitlines()
        title = "Example:" if len(examples) == 1 else "Examples:"
        parts.append("\n".join([title, *(f"{_EXAMPLE}{example}" for example in examples)]))
    if shortened:
        parts.append(
            "Below are the flags that people use most; --help-all explains every one. Each can "
            "stand in a file of settings, too: 'name: value' lines, for --config."
        )
    return "\n\n".join(parts).replace("%", "%%")


def program_help(commands: Sequence["Command"]) -> str:
    """Write what the program is, and its commands by task."""
    tasks = dict.fromkeys(command.task for command in commands)
    return "\n\n".join(
        [
            "Train FCN-4 music taggers with MindSpore, on one card or on many, and tag songs.",
            "Where to begin, with a folder of songs for each class:\n  fcn4-dist train music/",
            *(
                _titled(task, [(one.name, one.summary) for one in commands if one.task == task])
                for task in tasks
            ),
            "'fcn4-dist COMMAND --help' tells the flags of a command.",
        ]
    ).replace("%", "%%")


def _argument(details: Any, word: str) -> str:
    choices = details.get("choices")
    name = details.get("metavar") or (f"{{{','.join(choices)}}}" if choices else word)
    shapes = {"+": "{0} ...", "*": "[{0} ...]", "?": "[{0}]", argparse.REMAINDER: "..."}
    return shapes.get(details.get("nargs", ""), "{0}").format(name)


def _titled(title: str, rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join([f"{title}:", *(f"  {name:<{_TEXT_AT - 3}} {text}" for name, text in rows)])


def _lines_of(text: str, width: int) -> list[str]:
    if text.startswith(_EXAMPLE):
        # As a shell goes on in the next line; a flag and its value stay together.
        joined = re.sub(" (?!-)", _NO_BREAK, text.strip())
        lines = _wrapped(joined, width - 8, break_long_words=False)
        if max(map(len, lines)) > width - 8:
            lines = _wrapped(text.strip(), width - 8, break_long_words=False)
        return ["  " + " \\\n      ".join(lines).replace(_NO_BREAK, " ")]
    if text.startswith("  "):
        return _wrapped(text, width, subsequent_indent=" " * _TEXT_AT)
    return _wrapped(text, width) or [""]


def _wrapped(text: str, width: int, **options: Any) -> list[str]:
    return textwrap.wrap(text, max(width, 2 * _TEXT_AT), break_on_hyphens=False, **options)
