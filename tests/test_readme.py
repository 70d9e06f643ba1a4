"""The documents' tables are made of the declarations, so they are complete and true."""

import re
import shlex
from itertools import takewhile
from pathlib import Path

import pytest

from fcn4_dist.cli import main
from fcn4_dist.cli.settings import meaning_of
from fcn4_dist.clips import DATASETS
from fcn4_dist.config import SETTINGS, Setting
from fcn4_dist.host.cann import CANN_OF_MINDSPORE
from fcn4_dist.host.cann_errors import CANN_ERRORS

REPOSITORY = Path(__file__).parents[1]
DOCUMENTS = ["README.md", "docs/ascend.md", "rank_table/README.md"]
COMMANDS_OF_SCRIPTS = {
    "run_preprocess.sh": "preprocess",
    "run_standalone_train.sh": "train",
    "run_standalone_eval.sh": "eval",
    "run_distribute_train.sh": "launch train",
    "run_distribute_eval.sh": "launch eval",
    "run_cross_validation.sh": "cross-validate",
}


def row(setting: Setting) -> str:
    """One row of the README's table of settings."""
    default = setting.default
    shown = ", ".join(default) if isinstance(default, tuple) else str(default)
    default_cell = f"`{shown}`" if shown else ""
    unit = f" {setting.unit}" if setting.unit else ""
    meaning = meaning_of(setting).replace("|", "\\|").replace("*", "\\*")
    commands = ", ".join(setting.commands)
    return f"| `{setting.name}` | {default_cell}{unit} | {meaning} | {commands} |"


def settings_table() -> list[str]:
    """The rows of all settings, each group below its title."""
    rows = []
    group = ""
    for setting in SETTINGS.values():
        if setting.group != group:
            group = setting.group
            rows.append(f"| **{group}** | | | |")
        rows.append(row(setting))
    return rows


def rows_below(heading: str, document: str = "README.md") -> list[str]:
    """The rows of the document's table that has this heading."""
    lines = (REPOSITORY / document).read_text(encoding="utf-8").splitlines()
    below = lines[lines.index(heading) + 2 :]
    return list(takewhile(lambda line: line.startswith("|"), below))


def test_the_readme_holds_every_setting_with_its_default_and_meaning() -> None:
    heading = "| setting | default | meaning | commands |"
    assert rows_below(heading) == settings_table()


def test_the_readme_holds_every_kind_of_collection() -> None:
    heading = "| `--dataset` | what it is | on disk | published split |"
    rows = []
    for each in DATASETS:
        taken = "; `split: auto` takes it" if each.published_by_default else ""
        published = each.published_split + taken or "none"
        rows.append(f"| `{each.name}` | {each.title} | {each.on_disk} | {published} |")
    assert rows_below(heading) == rows


def test_the_document_for_ascend_holds_every_known_error_of_cann() -> None:
    rows = []
    for error in CANN_ERRORS:
        waited = " (this rank waited for another)" if error.follows else ""
        rows.append(f"| {error.code} | {error.meaning}{waited} | {error.mend} |")
    assert rows_below("| code | what it means | what to do |", "docs/ascend.md") == rows


def test_the_document_for_ascend_names_the_versions_of_cann_that_are_checked_for() -> None:
    text = (REPOSITORY / "docs/ascend.md").read_text(encoding="utf-8")
    named = dict(re.findall(r"^\| (2\.[\d.]+) \| ([^|]*) \|", text, re.MULTILINE))
    assert {version.removesuffix(".0"): cann for version, cann in named.items()} == {
        version: ", ".join(cann) for version, cann in CANN_OF_MINDSPORE.items()
    }


def commands_in(document: str) -> list[tuple[list[str], list[str]]]:
    """The commands of this package in a document's examples, each with its flags."""
    text = (REPOSITORY / document).read_text(encoding="utf-8")
    found = []
    for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if "fcn4-dist" in words:
                words = words[words.index("fcn4-dist") + 1 :]
                command = list(
                    takewhile(lambda word: re.fullmatch("[a-z]+(-[a-z]+)?", word), words)
                )
            elif words[:1] == ["bash"] and Path(words[1]).name in COMMANDS_OF_SCRIPTS:
                command = COMMANDS_OF_SCRIPTS[Path(words[1]).name].split()
            else:
                continue
            flags = [word.partition("=")[0] for word in words if word.startswith("--")]
            found.append((command, flags))
    return found


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_examples_of_a_document_have_flags_that_are_there(
    document: str, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = commands_in(document)
    assert commands
    for command, flags in commands:
        text = help_of(command, capsys)
        unknown = [flag for flag in flags if not re.search(rf"{flag}\b", text)]
        assert not unknown, f"{' '.join(command)}: {unknown}"


def help_of(command: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What --help prints of a command; of launch, with that of what it starts."""
    for words in [command[:1], command[1:]] if command[0] == "launch" else [command]:
        with pytest.raises(SystemExit):
            main([*words, "--help-all"])
    return capsys.readouterr().out


def test_files_the_readme_names_exist() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:scripts|configs|docs|tests)/[\w/.-]*\w", text))
    assert {name for name in named if not (REPOSITORY / name).exists()} == set()
    assert "scripts/quickstart.sh" in named
