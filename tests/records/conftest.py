"""Shards that a test may change."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def own_shards(shards: Path, tmp_path: Path) -> Path:
    """A copy of the shards of the real clips."""
    return Path(shutil.copytree(shards, tmp_path / "own_shards"))
