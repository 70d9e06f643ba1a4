"""What a shell completes: commands, flags, choices and files, in a real bash."""

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fcn4_dist.cli import main
from fcn4_dist.cli.completion import script_for
from fcn4_dist.cli.main import COMMANDS

Complete = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def script() -> str:
    return script_for("bash", COMMANDS)


@pytest.fixture
def complete(script: str, tmp_path: Path) -> Complete:
    """Gives what bash offers for the last word of a line, which may have been begun."""
    (tmp_path / "script").write_text(script)
    (tmp_path / "music").mkdir()
    (tmp_path / "my settings.yaml").touch()

    def completed(line: str) -> list[str]:
        words = line.split(" ")
        program = (
            "source ./script\n"
            f"COMP_WORDS=({shlex.join(words)}) COMP_CWORD={len(words) - 1}\n"
            "function=$(complete -p fcn4-dist | sed 's/.*-F \\([^ ]*\\) .*/\\1/')\n"
            '"$function"\n'
            "printf '%s\\n' \"${COMPREPLY[@]}\"\n"
        )
        command = ["bash", "--norc", "-c", program]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return result.stdout.split("\n")[:-1]

    return completed


def test_commands_and_actions_are_completed(complete: Complete) -> None:
    assert complete("fcn4-dist ") == [command.name for command in COMMANDS]
    assert complete("fcn4-dist ex") == ["export"]
    assert complete("fcn4-dist rank-table ") == ["generate", "merge", "check", "show"]
    assert complete("fcn4-dist launch ") == ["train", "eval"]


@pytest.mark.parametrize(
    ("line", "flags"),
    [
        ("fcn4-dist train --batch", ["--batch_size"]),
        ("fcn4-dist train --lr 0.1 --lr_s", ["--lr_scaling", "--lr_schedule"]),
        ("fcn4-dist tag song.mp3 --to", ["--top_n"]),
        ("fcn4-dist rank-table check --ca", ["--card"]),
        ("fcn4-dist launch --device_num 2 train --epo", ["--epoch_size"]),
        ("fcn4-dist launch --device_num 2 train --node_r", ["--node_rank"]),
        ("fcn4-dist eval --help", ["--help", "--help-all"]),
        ("fcn4-dist eval --learning", []),
    ],
)
def test_flags_of_the_command_are_completed(
    complete: Complete, line: str, flags: list[str]
) -> None:
    assert complete(line) == (flags or [""])


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("fcn4-dist train --lr_schedule ", ["constant", "cosine"]),
        ("fcn4-dist preprocess --dataset g", ["gtzan"]),
        ("fcn4-dist train --mixed_precision ", ["True", "False"]),
        ("fcn4-dist rank-table check --card A", ["A2", "A3"]),
        ("fcn4-dist train --config m", ["music", "my settings.yaml"]),
        ("fcn4-dist preprocess --audio_path mu", ["music"]),
        ("fcn4-dist inspect mu", ["music"]),
    ],
)
def test_choices_and_files_are_completed(complete: Complete, line: str, values: list[str]) -> None:
    assert sorted(complete(line)) == sorted(values)


@pytest.mark.parametrize(
    ("shell", "beginning"), [("bash", "# AUTO"), ("Zsh", "#compdef fcn4-dist"), ("fish", "# AUTO")]
)
def test_the_command_prints_the_script_of_a_shell_alone(
    shell: str, beginning: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(beginning)
    assert "--batch_size" in printed.out
    assert not printed.err
