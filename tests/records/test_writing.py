"""The npy -> MindRecord stage: features and labels into shards."""

import filecmp
import os
import re
import resource
import signal
import stat
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from mindspore.mindrecord import FileReader

from fcn4_dist.audio import FeatureCache, FeatureParameters, Outcome
from fcn4_dist.config import Settings
from fcn4_dist.errors import Fcn4DistError, InputError
from fcn4_dist.records import ClipRow, Shard, read_manifest, writing
from fcn4_dist.records.layout import ShardFormat
from fcn4_dist.records.planning import PlannedShard
from fcn4_dist.records.writing import clear_folder, write_shard, write_shards


class PowerCut(BaseException):
    """Ends a run in the middle, as Ctrl-C does."""


@pytest.fixture
def cache(preprocessed: Settings, small_features: FeatureParameters) -> FeatureCache:
    """The features of the real clips."""
    return FeatureCache(Path(preprocessed.npy_path), small_features)


@pytest.fixture
def rows(shards: Path) -> list[ClipRow]:
    """The real clips, sorted by id."""
    return sorted(read_manifest(shards).clips, key=lambda clip: clip.id)


@pytest.fixture
def shard_format(cache: FeatureCache, tmp_path: Path) -> ShardFormat:
    """Shards of the real clips below a folder of this test."""
    return ShardFormat(cache, tmp_path / "shards", ("dog_bark", "rain", "rooster"), "float32")


def _planned(rows: list[ClipRow], shards: int, name: str = "train") -> list[PlannedShard]:
    files = tuple(f"{name}.mindrecord{number}" for number in range(shards))
    runs = np.array_split(np.arange(len(rows)), shards)
    return [
        PlannedShard(file, name, tuple(rows[i] for i in run), files, len(rows))
        for file, run in zip(files, runs, strict=True)
    ]


def _write(planned: list[PlannedShard], shard_format: ShardFormat) -> list[Shard]:
    """Write shards in this process, which has imported MindSpore already."""
    clear_folder(planned, shard_format.mr_path)
    return [write_shard(shard, shard_format, _nobody_counts) for shard in planned]


def _nobody_counts(clips: int) -> None:
    pass


def _read_rows(path: Path) -> list[dict[str, np.ndarray | str]]:
    # In a list, a file is read without the others of its set.
    reader = FileReader([str(path)])
    rows = list(reader.get_next())
    reader.close()
    return rows


def test_the_rows_of_a_shard_are_its_clips_in_order(
    rows: list[ClipRow], shard_format: ShardFormat, cache: FeatureCache
) -> None:
    planned = _planned(rows, 3)
    written = {shard.file: shard for shard in _write(planned, shard_format)}
    for shard in planned:
        stored = _read_rows(shard_format.mr_path / shard.file)
        assert written[shard.file].rows == len(stored)
        assert [row["id"] for row in stored] == [clip.id for clip in shard.clips]
        for row, clip in zip(stored, shard.clips, strict=True):
            np.testing.assert_array_equal(row["feature"], cache.load(clip.sha256))
            assert shard_format.class_names[row["label"].argmax()] == clip.id.split("/")[0]
            assert row["label"].sum() == 1


def test_shards_are_the_same_bytes_whoever_writes_them_and_in_whatever_order(
    rows: list[ClipRow], shard_format: ShardFormat, tmp_path: Path
) -> None:
    planned = _planned(rows, 5)
    described = {shard.file: shard for shard in _write(planned, shard_format)}
    counted: list[int] = []
    for processes in (1, 2):
        other = replace(shard_format, mr_path=tmp_path / str(processes))
        clear_folder(planned, other.mr_path)
        for shard in write_shards(planned[::-1], other, processes, counted.append):
            assert shard == described[shard.file]
        _assert_same_shards(shard_format.mr_path, other.mr_path)
    assert sum(counted) == 2 * len(rows)


def test_half_precision_is_stored_as_bytes_of_half_the_size(
    rows: list[ClipRow], shard_format: ShardFormat, cache: FeatureCache
) -> None:
    planned = _planned(rows, 1)
    _write(planned, replace(shard_format, feature_dtype="float16"))
    for row in _read_rows(shard_format.mr_path / planned[0].file):
        clip = next(clip for clip in rows if clip.id == row["id"])
        exact = cache.load(clip.sha256)
        stored = np.frombuffer(row["feature"], np.float16)
        assert stored.nbytes == exact.nbytes // 2
        np.testing.assert_allclose(stored.reshape(exact.shape), exact, atol=0.0626)


@pytest.mark.parametrize("clips", [16, 17, 35])
def test_every_clip_of_a_shard_is_written_and_counted_also_beyond_one_write(
    tmp_path: Path, clips: int
) -> None:
    parameters = FeatureParameters(8000, 0.01, 16, 40, 2, "amplitude_to_db")
    cache = FeatureCache(tmp_path, parameters)
    rows = [_row(f"{number:02}") for number in range(clips)]
    for number, row in enumerate(rows):
        feature = np.full(parameters.shape, number, dtype=np.float32)
        cache.store(row.sha256, Outcome("kept", "", 0.01), feature)
    counted: list[int] = []
    shard_format = ShardFormat(cache, tmp_path / "shards", ("x",), "float32")
    (planned,) = _planned(rows, 1)
    shard_format.mr_path.mkdir()
    write_shard(planned, shard_format, counted.append)
    stored = _read_rows(tmp_path / "shards" / "train.mindrecord0")
    assert [row["id"] for row in stored] == [row.id for row in rows]
    assert [row["feature"].max() for row in stored] == list(range(clips))
    assert sum(counted) == clips


def test_shards_of_an_earlier_run_that_are_not_planned_go(
    rows: list[ClipRow], shard_format: ShardFormat
) -> None:
    folder = shard_format.mr_path
    _write([*_planned(rows, 3), *_planned(rows[:4], 2, "val")], shard_format)
    (folder / "annotations_final.csv").write_text("mine")
    (folder / "manifest.json").write_text("{}")
    _write(_planned(rows, 1) + _planned(rows[:4], 1, "val"), shard_format)
    expected = {"train.mindrecord0", "val.mindrecord0"}
    expected |= {f"{name}.db" for name in expected} | {f".{name}.json" for name in expected}
    assert {path.name for path in folder.iterdir()} == expected | {"annotations_final.csv"}


def test_a_finished_shard_is_not_written_again(
    rows: list[ClipRow], shard_format: ShardFormat
) -> None:
    planned = _planned(rows, 2)
    first = _write(planned, shard_format)
    before = _times(shard_format.mr_path)
    counted: list[int] = []
    again = [write_shard(shard, shard_format, counted.append) for shard in planned]
    assert again == first
    assert _times(shard_format.mr_path) == before
    assert sum(counted) == len(rows)


@pytest.mark.parametrize("ending", ["", ".db"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_finished_shard_that_was_damaged_is_written_again(
    rows: list[ClipRow], shard_format: ShardFormat, ending: str, damage: str
) -> None:
    planned = _planned(rows, 1)
    first = _write(planned, shard_format)
    path = shard_format.mr_path / f"{planned[0].file}{ending}"
    content = path.read_bytes()
    if damage == "remove":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(content[:-1])
    else:
        path.write_bytes(content[:1000] + bytes([content[1000] ^ 1]) + content[1001:])
    assert _write(planned, shard_format) == first
    assert path.read_bytes() == content


def test_a_shard_of_other_content_is_written_anew(
    rows: list[ClipRow], shard_format: ShardFormat, cache: FeatureCache
) -> None:
    planned = _planned(rows, 1)
    (whole,) = _write(planned, shard_format)
    other_labels = [replace(clip, labels=("rain",)) for clip in rows]
    other_audio = [replace(rows[0], sha256=rows[1].sha256), *rows[1:]]
    variants = [
        (_planned(rows[1:], 1), shard_format),
        (_planned(other_labels, 1), shard_format),
        (_planned(other_audio, 1), shard_format),
        (planned, replace(shard_format, class_names=shard_format.class_names[::-1])),
        (planned, replace(shard_format, feature_dtype="float16")),
    ]
    hashes = {_write(*variant)[0].sha256 for variant in variants}
    assert len(hashes) == len(variants)
    assert whole.sha256 not in hashes
    assert _write(planned, shard_format) == [whole]


def test_a_run_after_an_interrupted_one_keeps_its_finished_shards_and_gives_the_same_bytes(
    rows: list[ClipRow], shard_format: ShardFormat, tmp_path: Path
) -> None:
    planned = _planned(rows, 3)
    parts = 0

    def cut(clips: int) -> None:
        nonlocal parts
        parts += 1
        if parts == 3:
            raise PowerCut

    clear_folder(planned, shard_format.mr_path)
    with pytest.raises(PowerCut):
        for shard in planned:
            write_shard(shard, shard_format, cut)
    finished = {path: path.stat().st_mtime_ns for path in _shards_with_receipt(shard_format)}
    assert {path.name for path in finished} == {"train.mindrecord0", "train.mindrecord1"}
    _write(planned, shard_format)
    assert all(path.stat().st_mtime_ns == before for path, before in finished.items())
    _write(planned, replace(shard_format, mr_path=tmp_path / "whole"))
    _assert_same_shards(shard_format.mr_path, tmp_path / "whole")


def test_a_shard_that_was_written_but_does_not_know_its_set_yet_is_written_anew(
    rows: list[ClipRow], shard_format: ShardFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: object) -> None:
        raise PowerCut

    planned = _planned(rows, 2)
    with monkeypatch.context() as patch:
        patch.setattr(writing, "join_set", cut)
        with pytest.raises(PowerCut):
            _write(planned, shard_format)
    assert _alone(shard_format.mr_path / planned[0].file)
    _write(planned, shard_format)
    assert not _alone(shard_format.mr_path / planned[0].file)


def _alone(path: Path) -> bool:
    reader = FileReader(str(path))
    ids = [row["id"] for row in reader.get_next()]
    reader.close()
    return len(ids) == 11


@pytest.mark.parametrize(("umask", "mode"), [(0o027, 0o640), (0o002, 0o664), (0o077, 0o600)])
def test_shards_are_open_to_those_to_whom_the_umask_opens_them(
    rows: list[ClipRow], shard_format: ShardFormat, umask: int, mode: int
) -> None:
    before = os.umask(umask)
    try:
        _write(_planned(rows, 1), shard_format)
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in shard_format.mr_path.iterdir()}
    assert modes == {mode}


def test_no_process_stays_when_the_writing_is_given_up(
    rows: list[ClipRow], shard_format: ShardFormat
) -> None:
    planned = _planned(rows, 3)
    clear_folder(planned, shard_format.mr_path)
    writing = write_shards(planned, shard_format, 2, _nobody_counts)
    next(writing)
    assert psutil.Process().children()
    writing.close()
    assert not [child for child in psutil.Process().children() if "spawn_main" in child.cmdline()]


def test_a_manifest_is_gone_as_soon_as_shards_are_touched(
    own_shards: Path, rows: list[ClipRow]
) -> None:
    clear_folder(_planned(rows, 2), own_shards)
    with pytest.raises(InputError, match=r"manifest\.json is missing"):
        read_manifest(own_shards)


def test_a_disk_that_fills_up_ends_with_a_sentence_and_the_shard_does_not_count(
    small_disk: Path, rows: list[ClipRow], shard_format: ShardFormat
) -> None:
    shard_format = replace(shard_format, mr_path=small_disk)
    many = _planned(rows * 100, 1)
    clear_folder(many, small_disk)
    with pytest.raises(Fcn4DistError) as caught:
        list(write_shards(many, shard_format, 1, _nobody_counts))
    assert re.fullmatch(
        rf"cannot write the shard {small_disk}/train\.mindrecord0: the disk of {small_disk} is "
        r"full \(No space left on device; 31\.5 MB left, [\d.]+ MB needed\): make room there, or "
        "name another folder with --mr_path",
        str(caught.value),
    )
    assert not list(small_disk.iterdir())


def test_a_writer_that_dies_is_named_with_its_shard(
    rows: list[ClipRow], shard_format: ShardFormat
) -> None:
    clear_folder(_planned(rows, 1), shard_format.mr_path)
    # A file that may not grow: where MindSpore's index meets this, the process is gone.
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        told = r"shard .*mindrecord0: files may have 10 kB at most here .*'ulimit -f'$"
        with pytest.raises(Fcn4DistError, match=told):
            list(write_shards(_planned(rows, 1), shard_format, 1, _nobody_counts))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)


def _row(clip_id: str) -> ClipRow:
    return ClipRow(clip_id, clip_id, f"{clip_id:0>64}", ("x",), "train", "", "kept", "", 0.01)


def _times(folder: Path) -> dict[str, int]:
    time.sleep(0.01)
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def _shards_with_receipt(shard_format: ShardFormat) -> list[Path]:
    receipts = shard_format.mr_path.glob(".*.json")
    return [path.with_name(path.name[1 : -len(".json")]) for path in receipts]


def _assert_same_shards(first: Path, second: Path) -> None:
    names = {path.name for path in first.iterdir()}
    assert names == {path.name for path in second.iterdir()}
    for name in names:
        assert filecmp.cmp(first / name, second / name, shallow=False), name
    assert any(os.path.getsize(first / name) for name in names)
