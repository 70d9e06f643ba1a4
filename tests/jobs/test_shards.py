"""Opening shards: what is refused before a job begins."""

from dataclasses import replace
from pathlib import Path

import pytest

from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.jobs.shards import open_shards
from fcn4_dist.records import read_manifest


def test_shards_whose_manifest_contradicts_itself_are_refused(
    preprocessed: Settings, shards: Path, tmp_path: Path
) -> None:
    settings = replace(preprocessed, data_dir=str(tmp_path))
    manifest = read_manifest(shards)
    manifest.write(tmp_path)
    assert open_shards("train", settings)[0] == manifest
    # Clips of which there are no rows end in the middle of training, and wrong labels never.
    first = manifest.clips[0]
    for clips in (
        (first, replace(first, id="extra"), *manifest.clips[1:]),
        (replace(first, labels=("no class",)), *manifest.clips[1:]),
    ):
        replace(manifest, clips=clips).write(tmp_path)
        with pytest.raises(InputError, match=r"manifest\.json contradicts itself: .*: run prepro"):
            open_shards("train", settings)
