"""The flags --quiet and --verbose."""

from pathlib import Path

import pytest

from fcn4_dist.cli import main
from fcn4_dist.cli.main import COMMANDS

SYNTH = ["synth", "--audio_path", "clips", "--clips_per_class", "1", "--synth_seconds", "0.2"]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert main(arguments) == 0
    return capsys.readouterr().out.splitlines()


def test_a_command_tells_the_settings_that_are_not_at_their_default(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = [line.split() for line in printed([*SYNTH, "--seed", "1"], capsys)]
    assert lines[0] == ["setting", "value", "from"]
    assert [line[0] for line in lines[2:5]] == ["audio_path", "clips_per_class", "synth_seconds"]
    assert " ".join(lines[5]) == "all others are at their defaults, see synth_settings.yaml"
    assert "seed: 1 " in Path("synth_settings.yaml").read_text()


def test_quiet_leaves_the_result_wherever_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--quiet", *SYNTH], [*SYNTH, "--quiet"]):
        (line,) = printed(arguments, capsys)
        assert line == "1 clip of 0.2 s for each of 10 genres in clips"
    # It ends with the command.
    assert len(printed(SYNTH, capsys)) > 1


def test_verbose_tells_all_settings(capsys: pytest.CaptureFixture[str]) -> None:
    (seed,) = (line for line in printed([*SYNTH, "--verbose"], capsys) if line.startswith("seed:"))
    assert seed.split() == ["seed:", "1", "#", "default"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--quiet", "--verbose", *SYNTH],
        ["--quiet", "train", "--verbose"],
        ["checkpoints", "--verbose", "list", "--quiet", "."],
        ["launch", "--quiet", "train", "--verbose"],
    ],
)
def test_both_at_once_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "--quiet and --verbose contradict each other" in capsys.readouterr().err


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_command_has_them(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--quiet", command, "--help"])
    text = capsys.readouterr().out
    assert "--quiet" in text and "--verbose" in text
