"""What is suggested for a wrong word: what it means, what it is spelt like, or nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.cli.command import FLAGS_OF_ALL, Command, parse
from fcn4_dist.cli.main import COMMANDS
from fcn4_dist.cli.suggestions import (
    COMMANDS_BY_MEANING,
    FLAGS_BY_MEANING,
    command_meant,
    flag_meant,
)
from fcn4_dist.config import SYNONYMS
from fcn4_dist.errors import InputError
from tests.config.test_names import likeness


def all_commands() -> Iterator[Command]:
    for command in COMMANDS:
        yield from command.actions or [command]


ALL = list(all_commands())
EVERY_FLAG = {name for each in ALL for name in each.names} | {one.word for one in FLAGS_OF_ALL}
WORDS = sorted({*EVERY_FLAG, *SYNONYMS, *FLAGS_BY_MEANING, *COMMANDS_BY_MEANING})


@given(st.one_of(st.sampled_from(WORDS), st.text()), st.text(max_size=2), st.sampled_from(ALL))
def test_a_flag_is_suggested_for_its_meaning_or_its_letters_and_is_of_the_command(
    word: str, more: str, command: Command
) -> None:
    if meant := flag_meant(word + more, command.names):
        assert meant in command.names
        names = [meant, *(other for other, name in SYNONYMS.items() if name == meant)]
        by_meaning = FLAGS_BY_MEANING.get((word + more).replace("-", "_").lower(), ())
        assert meant in by_meaning or max(likeness(word + more, each) for each in names) >= 0.8


@given(st.one_of(st.sampled_from(WORDS), st.text()), st.text(max_size=2))
def test_a_command_is_suggested_for_its_meaning_or_its_letters(word: str, more: str) -> None:
    names = [command.name for command in COMMANDS]
    if meant := command_meant(word + more, names):
        assert meant in names
        by_meaning = COMMANDS_BY_MEANING.get((word + more).lower())
        assert meant == by_meaning or likeness(word + more, meant) >= 0.8


@pytest.mark.parametrize(
    "name", sorted({name for names in FLAGS_BY_MEANING.values() for name in names})
)
def test_what_answers_a_word_is_a_flag_of_some_command(name: str) -> None:
    assert name in EVERY_FLAG


@pytest.mark.parametrize("name", sorted({*SYNONYMS.values()}))
def test_a_synonym_is_of_some_command(name: str) -> None:
    assert name in EVERY_FLAG


@pytest.mark.parametrize("word", COMMANDS_BY_MEANING)
def test_a_word_that_stands_for_a_command_is_none_itself(word: str) -> None:
    names = [command.name for command in COMMANDS]
    assert word not in names
    assert COMMANDS_BY_MEANING[word] in names


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["export", "fcn4.onnx"], "--output=fcn4.onnx"),
        (["export", "best.ckpt"], "--model=best.ckpt"),
        (["eval", "runs/a"], "--model=runs/a"),
        (["eval", "shards"], "--data_dir=shards"),
    ],
)
def test_a_file_or_folder_without_a_flag_is_what_it_looks_like(
    words: list[str], meant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs/a").mkdir(parents=True)
    (tmp_path / "runs/a/run.json").touch()
    (tmp_path / "shards").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=f"did you mean '{meant}'"):
        parse(COMMANDS, words)


@pytest.mark.parametrize("word", ["verbose", "momentum", "dropout", "foo", "", "-"])
def test_nothing_is_suggested_where_nothing_is_meant(word: str) -> None:
    for command in ALL:
        assert flag_meant(word, command.names) == ""
