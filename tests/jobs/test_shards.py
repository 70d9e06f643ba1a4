"""Opening shards: what is refused before a job begins."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from fcn4_dist import documents
from fcn4_dist.config import LoadedSettings, Settings
from fcn4_dist.errors import InputError
from fcn4_dist.jobs.auto_settings import find_in_shards
from fcn4_dist.jobs.checks import check_job
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


def test_a_process_reads_a_manifest_once_and_again_when_it_has_changed(
    preprocessed: Settings, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    read = documents.read

    def counted(path: Path, kind: type[documents.Document]) -> documents.Document:
        reads.append(path.name)
        return read(path, kind)

    folder = shutil.copytree(shards, tmp_path / "shards")
    manifest = folder / "manifest.json"
    os.utime(manifest, ns=(10**18, 10**18))
    monkeypatch.setattr(documents, "read", counted)
    settings = replace(preprocessed, data_dir=str(folder), run_dir=str(tmp_path / "run"))
    find_in_shards(LoadedSettings(settings, {}))
    check_job("train", settings, 1)
    open_shards("train", settings)
    assert reads.count("manifest.json") == 1
    replace(read_manifest(folder), dataset="other").write(folder)
    os.utime(manifest, ns=(10**18, 10**18))
    assert open_shards("train", settings)[0].dataset == "other"
