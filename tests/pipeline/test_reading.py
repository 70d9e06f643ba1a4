"""Reading batches of shards that somebody has taken away or damaged while they are in use."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fcn4_dist.config import Settings
from fcn4_dist.errors import Fcn4DistError
from fcn4_dist.jobs.shards import open_shards
from fcn4_dist.pipeline import read_batches


def _remove(shard: Path) -> None:
    shard.unlink()


def _cut(shard: Path) -> None:
    os.truncate(shard, 1 << 14)


@pytest.mark.parametrize("harm", [_remove, _cut])
def test_a_shard_that_is_gone_or_cut_is_said_in_a_sentence(
    harm: object, preprocessed: Settings, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(preprocessed.shard_folder, tmp_path / "shards"))
    settings = replace(preprocessed, data_dir=str(folder))
    _, record_set = open_shards(settings, settings.val_filename)
    assert callable(harm)
    harm(record_set.files[0])
    with pytest.raises(Fcn4DistError, match=r"the shards of val in .* cannot be read any more"):
        list(read_batches(record_set, [np.array([0]), np.array([1])]))
