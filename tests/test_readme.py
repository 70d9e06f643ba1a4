"""The README's tables are made of the declarations, so they are complete and true."""

import re
from itertools import takewhile
from pathlib import Path

from fcn4_dist.cli.settings import meaning_of
from fcn4_dist.clips import DATASETS
from fcn4_dist.config import SETTINGS, Setting

REPOSITORY = Path(__file__).parents[1]


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


def rows_below(heading: str) -> list[str]:
    """The rows of the README's table that has this heading."""
    lines = (REPOSITORY / "README.md").read_text(encoding="utf-8").splitlines()
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


def test_files_the_readme_names_exist() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:scripts|configs|docs|tests)/[\w/.-]*\w", text))
    assert {name for name in named if not (REPOSITORY / name).exists()} == set()
    assert "scripts/quickstart.sh" in named
