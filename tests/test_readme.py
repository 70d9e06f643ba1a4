"""The README's settings table is made of the declarations, so it is complete and true."""

import re
from pathlib import Path

from fcn4_dist.cli.settings import meaning_of
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


def table() -> list[str]:
    """The rows of all settings, each group below its title."""
    rows = []
    group = ""
    for setting in SETTINGS.values():
        if setting.group != group:
            group = setting.group
            rows.append(f"| **{group}** | | | |")
        rows.append(row(setting))
    return rows


def test_the_readme_holds_every_setting_with_its_default_and_meaning() -> None:
    lines = (REPOSITORY / "README.md").read_text(encoding="utf-8").splitlines()
    start = lines.index("| setting | default | meaning | commands |")
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(line)
    assert rows == table()


def test_files_the_readme_names_exist() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:scripts|configs|docs|tests)/[\w/.-]*\w", text))
    assert {name for name in named if not (REPOSITORY / name).exists()} == set()
    assert "scripts/quickstart.sh" in named
