"""The made shards of a trial, on disks of each kind."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from fcn4_dist.jobs.trial_data import make_shards
from fcn4_dist.records import read_manifest


def test_a_disk_without_hard_links_gets_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    settings = make_shards(tmp_path, 12)
    sets = read_manifest(Path(settings.mr_path)).sets
    assert sum(shard.rows for shard in sets["train"]) == 12
