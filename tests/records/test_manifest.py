"""The manifest beside the shards."""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.audio import FeatureParameters
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.records import ClipRow, ClipRows, Manifest, Shard, read_manifest, set_of_file
from tests.sealing import resealed


@pytest.fixture
def manifest(shards: Path) -> Manifest:
    """The manifest of the shards of the real clips."""
    return read_manifest(shards)


def test_a_manifest_is_read_back_as_it_was_written(manifest: Manifest, tmp_path: Path) -> None:
    manifest.write(tmp_path)
    assert read_manifest(tmp_path) == manifest
    assert read_manifest(tmp_path).fingerprint() == manifest.fingerprint()


def test_every_clip_has_one_row_with_all_that_is_known_of_it(
    manifest: Manifest, real_clips: Path
) -> None:
    paths = {f"{path.parent.name}/{path.name}": path for path in real_clips.glob("*/*.ogg")}
    assert sorted(clip.id for clip in manifest.clips) == sorted(paths)
    for clip in manifest.clips:
        path = paths[clip.id]
        assert clip.source == str(path)
        assert clip.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert clip.labels == (path.parent.name,)
        assert (clip.status, clip.reason) == ("kept", "")
        assert set_of_file(clip.shard) == clip.set


def test_the_manifest_says_how_the_shards_were_made(
    manifest: Manifest, preprocessed: Settings, small_features: FeatureParameters
) -> None:
    assert manifest.parameters == small_features
    assert manifest.class_names == ("dog_bark", "rain", "rooster")
    assert manifest.split == {"split": "random", "val_ratio": 0.2, "seed": preprocessed.seed}
    assert list(manifest.sets) == ["train", "val"]
    assert {"fcn4_dist", "mindspore", "librosa", "numpy"} <= set(manifest.versions)


def test_every_shard_has_its_rows_size_and_hashes(manifest: Manifest, shards: Path) -> None:
    for name in manifest.sets:
        record_set = manifest.record_set(name, shards)
        assert len(record_set.shards) == 2
        for shard, path in zip(record_set.shards, record_set.files, strict=True):
            content = path.read_bytes()
            index = path.with_name(f"{path.name}.db").read_bytes()
            assert shard.bytes == len(content)
            assert shard.sha256 == hashlib.sha256(content).hexdigest()
            assert shard.index_sha256 == hashlib.sha256(index).hexdigest()
            assert shard.rows == sum(clip.shard == shard.file for clip in manifest.clips)


def test_a_set_holds_its_clips_files_and_labels(manifest: Manifest, shards: Path) -> None:
    train, val = (manifest.record_set(name, shards) for name in ("train", "val"))
    assert (len(train), len(val)) == (16, 5)
    assert val.files == [shards / f"val.mindrecord{number}" for number in range(2)]
    assert {clip.set for clip in val.clips} == {"val"}
    names = [clip.id.split("/")[0] for clip in val.clips]
    expected = [[int(name == column) for column in manifest.class_names] for name in names]
    np.testing.assert_array_equal(val.labels, expected)
    assert val.labels.dtype == np.int32


def test_clips_may_have_several_labels_or_none(manifest: Manifest, shards: Path) -> None:
    val = manifest.record_set("val", shards)
    clips = (replace(val.clips[0], labels=("rain", "dog_bark")), replace(val.clips[1], labels=()))
    np.testing.assert_array_equal(replace(val, clips=clips).labels, [[1, 1, 0], [0, 0, 0]])


def test_an_unknown_set_is_refused_with_the_names_of_those_there_are(
    manifest: Manifest, shards: Path
) -> None:
    with pytest.raises(InputError, match=r"manifest\.json knows no set 'test', only train, val"):
        manifest.record_set("test", shards)


def test_the_fingerprint_does_not_depend_on_versions(manifest: Manifest) -> None:
    other = replace(manifest, versions={"mindspore": "9.9"})
    assert other.fingerprint() == manifest.fingerprint()


def test_the_fingerprint_is_the_one_that_checkpoints_of_earlier_versions_hold() -> None:
    names = ("a.wav", "caf\udce9.wav", "q\"uo\\te's\n.wav", "é\u2028雨.wav")
    clips = (
        *(
            ClipRow(name, f"/{name}", "0" * 64, ("it's",), "train", "t0", "kept", "", 1.5)
            for name in names
        ),
        ClipRow("b", "/b", "", (), "", "", "skipped", "empty", 0.0),
    )
    manifest = Manifest(
        FeatureParameters(12000, 29.12, 512, 256, 96, "amplitude_to_db"),
        "float16",
        "folder",
        ("it's", "é"),
        {"split": "random", "val_ratio": 0.2, "seed": 1},
        {"train": (Shard("t0", 4, 4096, "a", "b"),), "val": ()},
        clips,
        {"mindspore": "2.8.0"},
    )
    assert (
        manifest.fingerprint() == "24ef67aff7a43ecec287902e256c93a24d2f0a450c774247c23f476abf014841"
    )


def test_the_fingerprint_is_in_the_file_and_nobody_computes_it_again(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest.write(tmp_path)
    monkeypatch.setattr(ClipRows, "values", None)
    assert read_manifest(tmp_path).fingerprint() == manifest.fingerprint()


@pytest.mark.parametrize(
    "change",
    [
        lambda each: {"parameters": replace(each.parameters, n_mels=40)},
        lambda each: {"class_names": tuple(reversed(each.class_names))},
        lambda each: {"split": {**each.split, "seed": 2}},
        lambda each: {"clips": (each.clips[1], each.clips[0], *each.clips[2:])},
        lambda each: {"sets": {**each.sets, "val": (replace(each.sets["val"][0], sha256="0"),)}},
    ],
    ids=["parameters", "classes", "split", "order of clips", "bytes of a shard"],
)
def test_the_fingerprint_changes_with_what_is_in_the_shards(
    manifest: Manifest, change: Callable[[Manifest], dict[str, Any]]
) -> None:
    assert replace(manifest, **change(manifest)).fingerprint() != manifest.fingerprint()


def test_a_missing_manifest_is_refused_with_what_makes_or_names_it(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"manifest\.json is missing.* run preprocess, name the folder"
    ):
        read_manifest(tmp_path)


@pytest.mark.parametrize("text", ["", '{"format": 1', "[1]", "{}", '{"format": 99}'])
def test_a_damaged_manifest_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=r"manifest\.json"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    "key", ["parameters", "class_names", "split", "sets", "shards", "clips", "versions"]
)
def test_a_manifest_that_lacks_something_is_refused_by_name(
    shards: Path, tmp_path: Path, key: str
) -> None:
    content = json.loads((shards / "manifest.json").read_text())
    del content[key]
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"manifest\.json"):
        read_manifest(tmp_path)


LEADS_AWAY = (
    *("..", ".", "", "/", "/etc/passwd", "../outside", "a/b", "a\0b", "notes.txt", "manifest.json"),
    *("../train.mindrecord0", "/train.mindrecord0", "train.mindrecord0/../../a.mindrecord0"),
    *(
        "train.mindrecord0\n",
        "train.mindrecord",
        "train.mindrecord-1",
        "val.mindrecord0",
        "a\udce9",
    ),
)


@given(file=st.sampled_from(LEADS_AWAY) | st.text(), name=st.sampled_from(LEADS_AWAY) | st.text())
def test_no_name_in_a_manifest_leads_to_a_file_that_is_none_of_its_shards(
    file: str, name: str, shards: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("named", numbered=True)
    content = json.loads((shards / "manifest.json").read_text())
    for shard in content["shards"]:
        shard["set"] = name if shard["set"] == "train" else shard["set"]
    content["sets"] = [name, "val"]
    for given_file in (file, f"{name}.mindrecord0"):
        content["shards"][0]["file"] = given_file
        content["shards"][1]["file"] = f"{name}.mindrecord1"
        (folder / "manifest.json").write_bytes(resealed(content))
        with suppress(InputError):
            for set_name, of_set in read_manifest(folder).sets.items():
                for number, shard in enumerate(of_set):
                    path = folder / shard.file
                    assert path.name == f"{set_name}.mindrecord{number}"
                    assert path.parent == folder == path.absolute().parent


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("train.mindrecord0", "train"),
        ("val.mindrecord12", "val"),
        ("train", "train"),
        ("my.mindrecord.mindrecord3", "my.mindrecord"),
    ],
)
def test_a_file_names_its_set(filename: str, name: str) -> None:
    assert set_of_file(filename) == name
