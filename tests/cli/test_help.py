"""The help of the program, of every command and of every action."""

import re
import shlex
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fcn4_dist.cli import main
from fcn4_dist.cli.command import Command, parse
from fcn4_dist.cli.main import COMMANDS
from fcn4_dist.config import SETTINGS

HelpOf = Callable[..., str]


def calls() -> Iterator[tuple[Command, list[str]]]:
    """Every command, and every action, with what is typed for it."""
    for command in COMMANDS:
        yield command, [command.name]
        for action in command.actions:
            yield action, [command.name, action.name]


CALLS = list(calls())
CALLED = [" ".join(words) for _, words in CALLS]


@pytest.fixture
def help_of(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> HelpOf:
    def print_help(*words: str, columns: int = 80) -> str:
        monkeypatch.setenv("COLUMNS", str(columns))
        with pytest.raises(SystemExit) as exit_:
            main(words)
        printed = capsys.readouterr()
        assert (exit_.value.code, printed.err) == (0, "")
        return printed.out

    return print_help


@pytest.mark.parametrize("flag", ["--help", "--help-all"])
@pytest.mark.parametrize("words", [["--help"], *(words for _, words in CALLS)], ids=" ".join)
def test_no_line_is_wider_than_the_terminal(words: list[str], flag: str, help_of: HelpOf) -> None:
    for columns in (60, 80, 200):
        text = help_of(*words, flag, columns=columns)
        assert max(map(len, text.splitlines())) <= columns


@given(columns=st.integers(60, 200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12)
def test_the_words_of_a_help_are_the_same_at_any_width(columns: int, help_of: HelpOf) -> None:
    for words in (["--help"], ["export", "--help"], ["train", "--help-all"]):
        words_at_80, found = (
            help_of(*words, columns=each).replace("\\\n", "").split() for each in (80, columns)
        )
        assert found == words_at_80


@pytest.mark.parametrize(("command", "words"), CALLS, ids=CALLED)
def test_examples_are_understood(command: Command, words: list[str], help_of: HelpOf) -> None:
    text = help_of(*words, "--help").replace("\\\n", "")
    examples = re.findall(r"^  fcn4-dist (.*)$", text, re.MULTILINE)
    assert 1 <= len(examples) <= 3
    for example in examples:
        arguments = shlex.split(example.partition(" > ")[0])
        parsed = parse(COMMANDS, arguments)
        assert arguments[: len(words)] == words
        assert parsed.declaration in (command, *command.actions)
        if command.begins:
            parse(command.begins, [parsed.worker_command, *parsed.worker_arguments])


@pytest.mark.parametrize(("command", "words"), CALLS, ids=CALLED)
def test_a_help_begins_with_what_people_use_most(
    command: Command, words: list[str], help_of: HelpOf
) -> None:
    text = help_of(*words, "--help")
    titles = re.findall(r"^([A-Z].*):$", text, re.MULTILINE)
    titles = [title for title in titles if not title.startswith(("Example", "Arguments", "Action"))]
    assert titles[0] in ("Common flags", "Flags", "Every command")
    assert titles[-1] == "Every command"
    shown = re.findall(r"^  --(\w+)", text.partition("Every command:")[0], re.MULTILINE)
    assert len(shown) <= 25
    if command.common:
        own = [one for one in command.flags if one.name.startswith("--")]
        first, later = (
            [one.word for one in own if bool(one.group) == grouped] for grouped in (False, True)
        )
        assert shown == [*first, "config", *command.common, *later]
        assert set(command.common) <= {*command.names}
        assert "--help-all" in text


@pytest.mark.parametrize(("command", "words"), CALLS, ids=CALLED)
def test_all_that_a_command_takes_is_explained(
    command: Command, words: list[str], help_of: HelpOf
) -> None:
    text = help_of(*words, "--help-all")
    shown = re.findall(r"^  --(\w+)", text.partition("Every command:")[0], re.MULTILINE)
    expected = [*(one.word for one in command.flags if one.name.startswith("--"))]
    if command.settings:
        expected += ["config", *(name for name in SETTINGS if name in command.names)]
    assert sorted(shown) == sorted(expected)


def test_the_programs_help_tells_where_to_begin_and_every_command_by_task(help_of: HelpOf) -> None:
    text = help_of("--help")
    assert "  fcn4-dist train music/\n" in text
    tasks = re.findall(r"^([A-Z]\w+.*):$", text, re.MULTILINE)
    assert [task for task in tasks if task != "Every command"][1:] == list(
        dict.fromkeys(command.task for command in COMMANDS)
    )
    listed = re.findall(r"^  ([a-z][a-z-]+)  ", text, re.MULTILINE)
    assert listed == [command.name for command in COMMANDS]
    assert all(len(command.summary) <= 78 for command, _ in CALLS)
