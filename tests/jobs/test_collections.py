"""The one command of docs/collections.md, for each collection from its folder to shards."""

from collections import Counter
from pathlib import Path

import pytest

from fcn4_dist.cli import main
from fcn4_dist.clips import DATASETS, find_dataset, recognise_dataset
from fcn4_dist.records import read_manifest
from tests.collections_made import MAKERS

pytestmark = pytest.mark.slow

SETS = {
    "gtzan": {"train": 20, "val": 20, "test": 20},
    "magnatagatune": {"train": 36, "val": 3, "test": 9},
    "esc50": {"train": 100, "val": 25},
    "urbansound8k": {"train": 99, "val": 11},
    "fsdkaggle2018": {"train": 164, "val": 41, "test": 41},
    "irmas": {"train": 44, "val": 22, "test": 33},
    "fma": {"train": 48, "val": 8, "test": 8},
    "mtg_jamendo": {"train": 36, "val": 12, "test": 12},
}


@pytest.mark.parametrize("name", [each.name for each in DATASETS if each.about])
def test_the_published_split_is_in_the_shards(
    name: str, small_flags: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = find_dataset(name)
    assert dataset.about
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / dataset.about.unpacked
    MAKERS[name](folder)
    # GTZAN is told from other folders of such names by being nearly whole.
    assert name == "gtzan" or recognise_dataset(folder) is dataset
    command = [
        "preprocess",
        "--dataset",
        name,
        "--audio_path",
        folder.name,
        "--num_consumer",
        "1",
        "--processes",
        "1",
    ]
    small = [f"--{key}={value}" for key, value in small_flags.items() if key != "num_classes"]
    assert main([*command, *dataset.about.flags.split(), *small]) == 0
    manifest = read_manifest(Path("data"))
    assert Counter(clip.set for clip in manifest.clips) == SETS[name]
