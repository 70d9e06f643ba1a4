"""docs/settings.md is made of the declarations, so it is complete and true.

To make it anew: ``FCN4_REWRITE=1 pytest tests/docs/test_settings_page.py``.
"""

import os

from fcn4_dist.cli.settings import meaning_of
from fcn4_dist.config import SETTINGS, Setting
from tests.docs.pages import REPOSITORY, text_of

PAGE = "docs/settings.md"
HEADING = ["| setting | default | meaning | commands |", "|---|---|---|---|"]


def row(setting: Setting) -> str:
    """One row of a group's table."""
    default = setting.default
    shown = ", ".join(default) if isinstance(default, tuple) else str(default)
    default_cell = f"`{shown}`" if shown else ""
    unit = f" {setting.unit}" if setting.unit else ""
    meaning = meaning_of(setting).replace("|", "\\|").replace("*", "\\*")
    commands = ", ".join(setting.commands)
    return f"| `{setting.name}` | {default_cell}{unit} | {meaning} | {commands} |"


def tables() -> list[str]:
    """The tables of all settings, each group's below its title."""
    lines: list[str] = []
    group = ""
    for setting in SETTINGS.values():
        if setting.group != group:
            group = setting.group
            lines += ["", f"## {group}", "", *HEADING]
        lines.append(row(setting))
    return lines[1:]


def test_the_page_holds_every_setting_with_its_default_and_meaning() -> None:
    head = text_of(PAGE).partition("## ")[0]
    page = head + "\n".join(tables()) + "\n"
    if os.environ.get("FCN4_REWRITE"):
        (REPOSITORY / PAGE).write_text(page, encoding="utf-8")
    assert text_of(PAGE) == page
