"""The settings files that come with the package."""

import re
from pathlib import Path

import pytest

from fcn4_dist.config import load_settings

REPOSITORY = Path(__file__).parents[2]
CONFIGS = sorted((REPOSITORY / "configs").glob("*.yaml"))


def _head(config: Path) -> str:
    lines = config.read_text().splitlines()
    return "\n".join(line for line in lines if line.startswith("#"))


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_every_file_is_read(config: Path) -> None:
    assert load_settings(config).origins


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_every_file_begins_with_the_command_what_it_needs_how_long_it_takes_and_its_score(
    config: Path,
) -> None:
    head = _head(config)
    commands = re.findall(r"^#   bash (scripts/\w+\.sh)(.*)", head, re.MULTILINE)
    assert commands
    for script, arguments in commands:
        assert (REPOSITORY / script).is_file()
        named = re.findall(r"configs/\S+\.yaml", arguments)
        assert named in ([], [f"configs/{config.name}"])
    for word in ("On disk:", "Time:", "Score:"):
        assert word in head
    figures = head[head.index("Time:") :]
    assert re.search(r"measured|expected|depends on", figures)
