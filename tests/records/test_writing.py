"""The npy -> MindRecord stage."""

import filecmp
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mindspore.mindrecord import FileReader

from fcn4_dist.audio import (
    ClipFeature,
    FeatureIndex,
    FeatureParameters,
    feature_file,
    read_feature_index,
)
from fcn4_dist.clips import Annotations, read_annotations
from fcn4_dist.config import Settings, load_settings
from fcn4_dist.errors import Fcn4DistError, InputError
from fcn4_dist.jobs.preprocess import preprocess
from fcn4_dist.records import ClipRow, Manifest, check_shards, read_manifest
from fcn4_dist.records.writing import PlannedShard, plan_records, write_records

Write = Callable[..., Manifest]


class PowerCut(BaseException):
    """Ends a run in the middle, as Ctrl-C does."""


@pytest.fixture
def annotations(preprocessed: Settings) -> Annotations:
    """The labels of the real clips."""
    return read_annotations(Path(preprocessed.info_path) / preprocessed.info_name, 3)


@pytest.fixture
def write(preprocessed: Settings, annotations: Annotations) -> Write:
    """Write features of the real clips into a folder; every fourth clip is for validation."""
    index = read_feature_index(Path(preprocessed.npy_path))

    def write(
        mr_path: Path,
        shards_a_set: int = 1,
        annotations: Annotations = annotations,
        npy_path: Path = Path(preprocessed.npy_path),
        parameters: FeatureParameters = index.parameters,
        on_clip: Callable[[], None] = lambda: None,
    ) -> Manifest:
        is_validation = {clip: n % 4 == 0 for n, clip in enumerate(sorted(annotations.ids))}
        planned, skipped = plan_records(
            index, annotations, is_validation, ("train", "val"), shards_a_set
        )
        return write_records(
            planned,
            skipped,
            npy_path,
            mr_path,
            parameters=parameters,
            class_names=annotations.class_names,
            split={"seed": 1},
            versions={"mindspore": "any"},
            on_clip=on_clip,
        )

    return write


def _read_rows(path: Path) -> list[dict[str, np.ndarray | str]]:
    reader = FileReader(str(path))
    rows = list(reader.get_next())
    reader.close()
    return rows


@pytest.mark.parametrize("shards_a_set", [1, 3])
def test_row_i_of_the_shards_in_their_order_is_clip_i_of_the_manifest(
    tmp_path: Path, write: Write, preprocessed: Settings, shards_a_set: int
) -> None:
    manifest = write(tmp_path, shards_a_set)
    assert manifest == read_manifest(tmp_path)
    for name in ("train", "val"):
        record_set = manifest.record_set(name, tmp_path)
        rows = [row for path in record_set.files for row in _read_rows(path)]
        assert [row["id"] for row in rows] == [clip.id for clip in record_set.clips]
        np.testing.assert_array_equal([row["label"] for row in rows], record_set.labels)
        for row in rows:
            feature = np.load(feature_file(Path(preprocessed.npy_path), row["id"]))
            np.testing.assert_array_equal(row["feature"], feature)


def test_every_clip_is_in_exactly_one_shard(
    tmp_path: Path, write: Write, annotations: Annotations
) -> None:
    manifest = write(tmp_path, 2)
    rows = [row["id"] for path in tmp_path.glob("*.mindrecord?") for row in _read_rows(path)]
    assert len(rows) == 21
    assert set(rows) == set(annotations.ids)
    assert sum(shard.rows for shards in manifest.sets.values() for shard in shards) == 21


def test_two_runs_write_the_same_bytes(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "first", 2)
    write(tmp_path / "second", 2)
    _assert_same_files(tmp_path / "first", tmp_path / "second")


def test_a_run_over_what_an_earlier_one_left_writes_the_same_bytes(
    tmp_path: Path, write: Write, annotations: Annotations
) -> None:
    write(tmp_path / "first")
    write(tmp_path / "second", annotations=_every_fifth(annotations))
    write(tmp_path / "second")
    _assert_same_files(tmp_path / "first", tmp_path / "second")


def test_the_order_of_the_annotations_makes_no_difference(
    tmp_path: Path, write: Write, annotations: Annotations
) -> None:
    write(tmp_path / "first")
    write(
        tmp_path / "second",
        annotations=replace(
            annotations, ids=annotations.ids[::-1], labels=annotations.labels[::-1]
        ),
    )
    _assert_same_files(tmp_path / "first", tmp_path / "second")


def test_labels_are_in_the_order_of_the_class_names(
    tmp_path: Path, write: Write, annotations: Annotations
) -> None:
    turned = replace(
        annotations,
        class_names=annotations.class_names[::-1],
        labels=annotations.labels[:, ::-1],
    )
    manifest = write(tmp_path, annotations=turned)
    assert manifest.class_names == ("rooster", "rain", "dog_bark")
    for row in _read_rows(tmp_path / "train.mindrecord0"):
        assert manifest.class_names[row["label"].argmax()] == row["id"].split("/")[0]


def test_a_set_of_fewer_clips_than_shards_gets_one_shard_a_clip(
    tmp_path: Path, write: Write, annotations: Annotations
) -> None:
    manifest = write(tmp_path, 9, annotations=_every_fifth(annotations))
    assert [shard.rows for shard in manifest.sets["train"]] == [1, 1, 1]
    assert [shard.rows for shard in manifest.sets["val"]] == [1, 1]
    for clip in manifest.clips:
        assert [row["id"] for row in _read_rows(tmp_path / clip.shard)] == [clip.id]


@pytest.mark.parametrize("clips", [32, 33, 70])
def test_every_clip_of_a_shard_is_written_and_counted_also_beyond_one_write(
    tmp_path: Path, clips: int
) -> None:
    parameters = FeatureParameters(8000, 0.01, 16, 40, 2, "amplitude_to_db")
    ids = [f"{number:02}" for number in range(clips)]
    for number, clip_id in enumerate(ids):
        np.save(tmp_path / clip_id, np.full(parameters.shape, number, dtype=np.float32))
    planned, _ = _plan(
        [*ids, "val"], {each: each == "val" for each in [*ids, "val"]}, 1, parameters
    )
    counted: list[int] = []
    write_records(
        planned[:1],
        [],
        tmp_path,
        tmp_path / "shards",
        parameters=parameters,
        class_names=("x",),
        split={},
        versions={},
        on_clip=lambda: counted.append(1),
    )
    rows = _read_rows(tmp_path / "shards" / "train.mindrecord0")
    assert [row["id"] for row in rows] == ids
    assert [row["feature"].max() for row in rows] == list(range(clips))
    assert len(counted) == clips


def test_a_later_run_with_fewer_shards_leaves_none_of_the_earlier(
    tmp_path: Path, write: Write
) -> None:
    write(tmp_path, 3)
    (tmp_path / "annotations_final.csv").write_text("mine")
    write(tmp_path)
    expected = {"train.mindrecord0", "val.mindrecord0"}
    expected |= {f"{name}.db" for name in expected}
    assert _names_in(tmp_path) == expected | {"manifest.json", "annotations_final.csv"}


def test_an_interrupted_run_leaves_no_manifest_not_even_the_earlier_one(
    tmp_path: Path, write: Write
) -> None:
    write(tmp_path)
    with pytest.raises(PowerCut):
        write(tmp_path, on_clip=_cut_after(17))
    with pytest.raises(InputError, match=r"manifest\.json is missing"):
        read_manifest(tmp_path)


def test_a_run_after_an_interrupted_one_leaves_nothing_of_it(tmp_path: Path, write: Write) -> None:
    with pytest.raises(PowerCut):
        write(tmp_path / "cut", 3, on_clip=_cut_after(14))
    write(tmp_path / "cut")
    write(tmp_path / "whole")
    _assert_same_files(tmp_path / "cut", tmp_path / "whole")


def test_a_missing_feature_is_named_and_leaves_no_manifest(tmp_path: Path, write: Write) -> None:
    sentence = r"cannot read the feature .*dog_bark/1-30226-A\.ogg\.npy .*--get_npy 1"
    with pytest.raises(Fcn4DistError, match=sentence):
        write(tmp_path / "shards", npy_path=tmp_path)
    assert not (tmp_path / "shards" / "manifest.json").exists()


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00v\x00{", b"not numpy"])
def test_a_damaged_feature_is_named(tmp_path: Path, write: Write, content: bytes) -> None:
    feature = feature_file(tmp_path, "dog_bark/1-30226-A.ogg")
    feature.parent.mkdir()
    feature.write_bytes(content)
    with pytest.raises(Fcn4DistError, match=r"cannot read the feature .*1-30226-A\.ogg\.npy"):
        write(tmp_path / "shards", npy_path=tmp_path)


def test_a_feature_of_another_shape_is_named_with_both_shapes(
    tmp_path: Path, write: Write, small_features: FeatureParameters
) -> None:
    sentence = r"float32 of shape \(1, 32, 188\) instead of float32 of \(1, 40, 188\)"
    with pytest.raises(Fcn4DistError, match=sentence):
        write(tmp_path, parameters=replace(small_features, n_mels=40))


def test_a_feature_of_another_type_is_refused(
    tmp_path: Path, write: Write, small_features: FeatureParameters
) -> None:
    feature = feature_file(tmp_path, "dog_bark/1-30226-A.ogg")
    feature.parent.mkdir()
    np.save(feature, np.zeros(small_features.shape))
    with pytest.raises(Fcn4DistError, match="is float64 of shape"):
        write(tmp_path / "shards", npy_path=tmp_path)


@given(clips=st.integers(2, 60), validation=st.integers(1, 59), shards_a_set=st.integers(1, 12))
def test_a_set_is_cut_into_runs_of_equal_length_in_the_order_of_ids(
    small_features: FeatureParameters, clips: int, validation: int, shards_a_set: int
) -> None:
    ids = [f"{number * 37 % 101:03}" for number in range(clips)]
    is_validation = {each: number < min(validation, clips - 1) for number, each in enumerate(ids)}
    planned, skipped = _plan(ids, is_validation, shards_a_set, small_features)
    assert skipped == []
    for name, chosen in (("train", False), ("val", True)):
        members = sorted(each for each in ids if is_validation[each] == chosen)
        shards = [shard for shard in planned if shard.set == name]
        assert [clip.id for shard in shards for clip in shard.clips] == members
        assert len(shards) == min(shards_a_set, len(members))
        lengths = [len(shard.clips) for shard in shards]
        assert max(lengths) - min(lengths) <= 1
        for number, shard in enumerate(shards):
            assert shard.file == f"{name}.mindrecord{number}"
            assert {(clip.set, clip.shard) for clip in shard.clips} == {(name, shard.file)}


def test_skipped_clips_are_in_no_shard_and_keep_their_reason(
    small_features: FeatureParameters,
) -> None:
    ids = ["c", "b", "a", "d"]
    planned, skipped = _plan(ids, {"c": True, "d": False}, 2, small_features)
    assert [clip.id for shard in planned for clip in shard.clips] == ["d", "c"]
    assert [(clip.id, clip.set, clip.shard, clip.reason) for clip in skipped] == [
        ("a", "", "", "broken"),
        ("b", "", "", "broken"),
    ]


def test_an_annotated_clip_the_features_do_not_know_is_named(
    small_features: FeatureParameters,
) -> None:
    annotations = Annotations(("x",), ("lost.wav",), np.ones((1, 1), dtype=np.int32))
    with pytest.raises(InputError, match=r"clip lost\.wav, which the features do not hold"):
        plan_records(FeatureIndex(small_features, {}), annotations, {}, ("train", "val"), 1)


def test_a_larger_real_collection_goes_into_shards_whole(test_data: Path, tmp_path: Path) -> None:
    audio = tmp_path / "audio"
    for class_folder in sorted((test_data / "esc10").iterdir()):
        (audio / class_folder.name).mkdir(parents=True)
        for clip in sorted(class_folder.glob("*-A.ogg"))[::4]:
            (audio / class_folder.name / clip.name).symlink_to(clip)
    paths = {"npy_path": "npy", "info_path": ".", "mr_path": "shards", "audio_path": "audio"}
    flags = {name: str(tmp_path / path) for name, path in paths.items()}
    flags |= {"window_seconds": "5", "val_pattern": "*/5-*", "num_consumer": "2"}
    preprocess(load_settings(flags=flags))
    manifest = read_manifest(tmp_path / "shards")
    assert all(clip.set for clip in manifest.clips)
    assert len(manifest.clips) == len(list(audio.glob("*/*"))) > 50
    for name in ("train", "val"):
        record_set = manifest.record_set(name, tmp_path / "shards")
        check_shards(record_set)
        ids = [row["id"] for path in record_set.files for row in _read_rows(path)]
        assert ids == [clip.id for clip in record_set.clips]
        assert all(("/5-" in each) == (name == "val") for each in ids)


def _plan(
    ids: list[str],
    is_validation: dict[str, bool],
    shards_a_set: int,
    parameters: FeatureParameters,
) -> tuple[list[PlannedShard], list[ClipRow]]:
    """Plan shards of made-up clips; those that are in no set are skipped."""
    features = {
        each: ClipFeature(each, each, "0", *status)
        for each in ids
        for status in [("kept", "") if each in is_validation else ("skipped", "broken")]
    }
    annotations = Annotations(("x",), tuple(ids), np.ones((len(ids), 1), dtype=np.int32))
    index = FeatureIndex(parameters, features)
    return plan_records(index, annotations, is_validation, ("train", "val"), shards_a_set)


def _cut_after(clips: int) -> Callable[[], None]:
    left = iter(range(clips))

    def on_clip() -> None:
        if next(left, None) is None:
            raise PowerCut

    return on_clip


def _every_fifth(annotations: Annotations) -> Annotations:
    return replace(annotations, ids=annotations.ids[::5], labels=annotations.labels[::5])


def _names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _assert_same_files(first: Path, second: Path) -> None:
    assert _names_in(first) == _names_in(second)
    for name in _names_in(first):
        assert filecmp.cmp(first / name, second / name, shallow=False), name
