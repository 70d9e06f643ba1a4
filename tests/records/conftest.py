"""Shards that a test may change."""

import os
import shutil
from pathlib import Path

import pytest


@pytest.fixture
def own_shards(shards: Path, tmp_path: Path) -> Path:
    """A copy of the shards of the real clips."""
    return Path(shutil.copytree(shards, tmp_path / "own_shards", copy_function=_copy_sparse))


def _copy_sparse(source: str, target: str) -> None:
    # A MindRecord file has 48 MiB, and where it holds a few small clips nearly all of it are holes.
    with open(source, "rb") as reading, open(target, "wb") as writing:
        while block := reading.read(1 << 20):
            if block.count(0) == len(block):
                writing.seek(len(block), os.SEEK_CUR)
            else:
                writing.write(block)
        writing.truncate()
