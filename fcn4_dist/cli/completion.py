"""The command ``completion``: what a shell needs to complete commands, flags and their values."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace

from fcn4_dist.cli.command import Command, flag, parser_of
from fcn4_dist.cli.settings import choices_of
from fcn4_dist.cli.values import file_path, found_path
from fcn4_dist.config import SETTINGS
from fcn4_dist.log import stdout_is_data
from fcn4_dist.terminal import put
from fcn4_dist.text import Lines

_WORDS: dict[type, tuple[str, ...]] = {bool: ("True", "False")}


def script_for(shell: str, commands: Sequence[Command]) -> str:
    """Write the script by which a shell completes what is typed.

    Args:
        shell: "bash", "zsh" or "fish".
        commands: All commands.
    """
    import shtab

    parser = parser_of([_opened(command) for command in commands])
    for action in _actions_of(parser):
        setting = SETTINGS.get(action.dest)
        if action.type in (file_path, found_path) or (setting and setting.is_path):
            vars(action)["complete"] = shtab.FILE
        elif setting and action.option_strings and not action.choices:
            action.choices = choices_of(setting) or _WORDS.get(setting.kind, setting.keywords)
    return shtab.complete(parser, shell)


def _complete(parsed: argparse.Namespace) -> None:
    from fcn4_dist.cli.main import COMMANDS

    with stdout_is_data():
        put(Lines(script_for(parsed.shell, COMMANDS)))


def _opened(command: Command) -> Command:
    """Give a command that begins others with those as its actions, whose flags follow its own."""
    if not command.begins:
        return command
    own = [one for one in command.flags if one.name != one.word]
    actions = []
    for begun in command.begins:
        flags = {one.name: one for one in (*begun.flags, *own) if one.name != one.word}
        actions.append(replace(begun, flags=tuple(flags.values())))
    return replace(command, flags=tuple(own), actions=tuple(actions))


def _actions_of(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    # The parsers of commands are known to the parser alone.
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from _actions_of(each)
        else:
            yield action


COMPLETION = Command(
    "completion",
    "print what a shell needs to complete commands, flags and files",
    _complete,
    description="Print a script by which a shell completes commands, flags, choices and files, "
    "when the key Tab is pressed: bash reads it by 'source <(fcn4-dist completion bash)' in "
    "~/.bashrc, fish in ~/.config/fish/completions/fcn4-dist.fish, zsh as a file _fcn4-dist in a "
    "folder of $fpath.",
    example="completion bash > ~/.local/share/bash-completion/completions/fcn4-dist\n"
    "completion zsh > ~/.zfunc/_fcn4-dist",
    flags=(flag("shell", choices=("bash", "zsh", "fish")).means("the shell"),),
    task="This host",
)
