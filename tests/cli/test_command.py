"""How commands are declared, and which words of a command line are understood."""

import argparse
from collections.abc import Sequence
from typing import Any

import pytest

from fcn4_dist.cli import command as declarations
from fcn4_dist.cli.command import Command, flag, parse
from fcn4_dist.errors import InputError


def _run(parsed: argparse.Namespace) -> None: ...


COMMANDS = (
    Command(
        "sing-along",
        "sing",
        _run,
        flags=(
            flag("--top_n", type=int, default=1).means("songs"),
            flag("--batch_size", type=int).means("songs at once"),
            flag("--file_format", choices=("ONNX", "AIR"), required=True).means("what to sing"),
            flag("--json", action="store_true").means("sing JSON"),
            flag("--csv", instead_of="--json", action="store_true").means("sing CSV"),
        ),
    ),
    Command(
        "list-songs",
        "list",
        actions=(Command("by-name", "by name", _run), Command("by-year", "by year", _run)),
    ),
    Command("learn", "learn", _run, settings=("train",)),
)
SING = ["sing-along", "--file_format=AIR"]


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        ([*SING, "--top-n", "3"], "top_n", 3),
        ([*SING, "--top_k=3"], "top_n", 3),
        ([*SING, "--topN", "3"], "top_n", 3),
        ([*SING, "--batch", "3"], "batch_size", 3),
        (["Sing_Along", "--file-format", "onnx"], "file_format", "ONNX"),
        (["list_songs", "By_Name"], "action", "by-name"),
        (["learn", "--batch-size=8"], "batch_size", "8"),
        (["learn", "--epochs=8"], "epochs", "8"),
        (["learn", "--prefix=--batch-size"], "prefix", "--batch-size"),
    ],
)
def test_a_word_may_be_spelt_as_it_is_elsewhere(
    arguments: Sequence[str], name: str, value: object
) -> None:
    assert getattr(parse(COMMANDS, arguments), name) == value


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([*SING, "--top_n=1", "--top-k=1"], "--top_k is given twice: leave one of them out"),
        ([*SING, "--json", "--csv"], "argument --csv: not allowed with argument --json"),
        ([*SING, "--top"], "unknown flag --top, did you mean '--top_n'?"),
        ([*SING, "--forte"], "flag --forte; 'fcn4-dist sing-along --help-all' lists them all"),
        ([*SING, "--lr=1"], "unknown flag --lr=1, which is of learn;"),
        ([*SING, "--learning-rate=1"], "unknown flag --learning_rate=1, which is of learn;"),
        ([*SING, "-n", "3"], "unknown flag -n, did you mean '--top_n'?"),
        ([*SING, "top_n=3"], "unknown argument top_n=3, did you mean '--top_n=3'?"),
        (["learn", "epochs=3"], "unknown argument epochs=3, did you mean '--epoch_size=3'?"),
        (["learn", "--fp16", "on"], "unknown flag --fp16, did you mean '--mixed_precision'?"),
        (["list-songs", "by-nam"], "there is no action 'by-nam', did you mean 'fcn4-dist list-son"),
        (["dance"], "there is no command 'dance'; 'fcn4-dist --help' lists them all"),
        (["--lr", "3", "learn"], "--lr stands in front of the command: name that first;"),
    ],
)
def test_what_is_not_understood_is_said_with_what_was_probably_meant(
    arguments: Sequence[str], sentence: str
) -> None:
    with pytest.raises(InputError) as caught:
        parse(COMMANDS, arguments)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--loud", "list-songs", "by-name"], ["list-songs", "--loud", "by-name"],
        ["list-songs", "by-name", "--loud"], ["learn", "--loud"], ["--loud", "learn"],
        ["--loud", "learn", "--lr", "1", "--loud"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_flag_of_every_command_may_stand_anywhere(
    arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    details: dict[str, Any] = {"action": "store_true", "default": argparse.SUPPRESS}
    loud = flag("--loud", **details).means("sing loudly")
    monkeypatch.setattr(declarations, "FLAGS_OF_ALL", (loud,))
    assert parse(COMMANDS, arguments).loud
    assert "loud" not in parse(COMMANDS, [each for each in arguments if each != "--loud"])
