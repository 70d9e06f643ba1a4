"""Shards written one by one are one MindRecord set for whoever opens any of them with MindSpore."""

import json
import re
import shutil
from pathlib import Path

import mindspore.dataset as ds
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mindspore.mindrecord import FileReader, FileWriter

from fcn4_dist.audio import FeatureCache, FeatureParameters, Outcome
from fcn4_dist.errors import Fcn4DistError
from fcn4_dist.records import ClipRow
from fcn4_dist.records.joining import join_set
from fcn4_dist.records.layout import ShardFormat
from fcn4_dist.records.planning import PlannedShard
from fcn4_dist.records.writing import clear_folder, write_shard

SMALL = FeatureParameters(8000, 0.01, 16, 40, 2, "amplitude_to_db")


class Shards:
    """Shards of made-up clips, and what MindSpore's own writer makes of the same rows."""

    def __init__(
        self,
        folder: Path,
        clips: int,
        shards: int,
        name: str = "train",
        dtype: str = "float32",
        parameters: FeatureParameters = SMALL,
    ) -> None:
        self.folder, self.name, self.number = folder, name, min(shards, clips)
        cache = FeatureCache(folder / "npy", parameters)
        self.format = ShardFormat(cache, folder / "ours", ("x", "y", "z"), dtype)
        # Like most of those of real collections, ids are of different lengths, and not of ASCII.
        self.rows = [self._row(f"{number}.ä{'.' * (number % 7)}") for number in range(clips)]
        for number, row in enumerate(self.rows):
            feature = np.full(parameters.shape, number, np.float32)
            cache.store(row.sha256, Outcome("kept", "", 0.01), feature)

    def _row(self, clip_id: str) -> ClipRow:
        sha256 = clip_id.encode().hex().rjust(64, "0")
        labels = ("x", "y", "z")[: len(clip_id) % 4]
        return ClipRow(clip_id, clip_id, sha256, labels, self.name, "", "kept", "", 0.01)

    def write(self) -> list[Path]:
        """Write them as a preprocess job does, one by one."""
        files = tuple(f"{self.name}.mindrecord{number}" for number in range(self.number))
        runs = np.array_split(np.arange(len(self.rows)), self.number)
        planned = [
            PlannedShard(file, self.name, tuple(self.rows[i] for i in run), files, len(self.rows))
            for file, run in zip(files, runs, strict=True)
        ]
        clear_folder(planned, self.format.mr_path)
        for shard in reversed(planned):
            write_shard(shard, self.format, lambda clips: None)
        return [self.format.mr_path / file for file in files]

    def write_by_mindspore(self) -> list[Path]:
        """Have MindSpore's writer write the whole set."""
        folder = self.folder / "theirs"
        folder.mkdir()
        first = f"{self.name}.mindrecord"
        number = self.number if self.number > 1 else 0
        writer = FileWriter(str(folder / (first if number else f"{first}0")), max(1, number))
        single = self.format.feature_dtype == "float32"
        shape = list(self.format.cache.parameters.shape)
        feature = {"type": "float32", "shape": shape} if single else {"type": "bytes"}
        label = {"type": "int32", "shape": [3]}
        schema = {"id": {"type": "string"}, "feature": feature, "label": label}
        writer.add_schema(schema, "log-mel spectrograms and labels of music clips")
        writer.write_raw_data([self._record(row) for row in self.rows])
        writer.commit()
        return [folder / f"{first}{place}" for place in range(self.number)]

    def _record(self, row: ClipRow) -> dict[str, object]:
        feature = self.format.cache.load(row.sha256)
        half = feature.astype("float16").tobytes()
        return {
            "id": row.id,
            "feature": feature if self.format.feature_dtype == "float32" else half,
            "label": np.array([name in row.labels for name in "xyz"], np.int32),
        }


def ids_of(path: Path, **options: object) -> list[str]:
    """The ids that MindSpore's reader gives for one shard's path."""
    rows = ds.MindDataset(str(path), columns_list=["id"], **options)
    ids = [str(row[0]) for row in rows.create_tuple_iterator(num_epochs=1, output_numpy=True)]
    assert rows.get_dataset_size() == len(ids)
    return ids


@settings(max_examples=8)
@given(
    clips=st.integers(1, 40),
    shards=st.integers(1, 5),
    name=st.sampled_from(["train", "train set", "übung", "a.mindrecord", "-x"]),
    dtype=st.sampled_from(["float32", "float16"]),
)
def test_any_shard_opens_the_whole_set(
    tmp_path_factory: pytest.TempPathFactory, clips: int, shards: int, name: str, dtype: str
) -> None:
    made = Shards(tmp_path_factory.mktemp("set"), clips, shards, name, dtype)
    files, all_ids = made.write(), [row.id for row in made.rows]
    for path in files:
        assert ids_of(path, shuffle=False) == all_ids
    shuffled = ids_of(files[-1])
    assert sorted(shuffled) == sorted(all_ids)
    for number in (1, 2, 3):
        parts = [
            ids_of(files[-1], num_shards=number, shard_id=part, shuffle=False)
            for part in range(number)
        ]
        # Of uneven numbers MindSpore gives some twice, so that all parts have as many.
        assert {len(part) for part in parts} == {-(-clips // number)}
        assert {one for part in parts for one in part} == set(all_ids)
    shutil.rmtree(made.folder)


# Which shards get the clips that are left over, MindSpore's writer decides anew for each set.
@pytest.mark.parametrize(
    ("clips", "shards", "dtype"),
    [(1, 4, "float32"), (6, 3, "float16"), (8, 4, "float32"), (60, 2, "float32")],
)
def test_the_bytes_are_those_of_one_writer_of_the_whole_set(
    tmp_path: Path, clips: int, shards: int, dtype: str
) -> None:
    made = Shards(tmp_path, clips, shards, dtype=dtype)
    for ours, theirs in zip(made.write(), made.write_by_mindspore(), strict=True):
        for ending in ("", ".db"):
            same = Path(f"{ours}{ending}").read_bytes() == Path(f"{theirs}{ending}").read_bytes()
            assert same, f"{ours.name}{ending}"


def test_shards_of_several_pages_are_a_set_too(tmp_path: Path) -> None:
    # A page holds 32 MB.
    made = Shards(tmp_path, 10, 2, parameters=FeatureParameters(8000, 1.0, 512, 4, 1000, "log"))
    files = made.write()
    assert all(len(_header(path)["page"]) > 2 for path in files)
    for path in files:
        assert ids_of(path, shuffle=False) == [row.id for row in made.rows]


def test_a_set_that_was_moved_is_read_where_it_is(tmp_path: Path) -> None:
    made = Shards(tmp_path, 9, 3)
    made.write()
    moved = tmp_path / "elsewhere"
    made.format.mr_path.rename(moved)
    for path in moved.glob("*.mindrecord?"):
        assert ids_of(path, shuffle=False) == [row.id for row in made.rows]


def test_the_other_reader_of_mindspore_sees_the_whole_set_too(tmp_path: Path) -> None:
    made = Shards(tmp_path, 9, 4)
    for path in made.write():
        reader = FileReader(str(path))
        rows = list(reader.get_next())
        reader.close()
        assert sorted(row["id"] for row in rows) == sorted(row.id for row in made.rows)
        for row in rows:
            place = [one.id for one in made.rows].index(row["id"])
            np.testing.assert_array_equal(row["feature"], np.full(SMALL.shape, place))


def test_their_page_tells_how_mindspore_opens_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = Shards(tmp_path, 7, 3)
    made.write()
    made.format.mr_path.rename(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    page = Path(__file__).parents[2].joinpath("docs/prepare.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n([^`]*MindDataset[^`]*)```", page)
    exec(example, {})
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == [row.id for row in made.rows]
    assert all(f" {SMALL.shape} [" in line for line in printed)


def test_features_of_half_precision_are_viewed_as_their_page_says(tmp_path: Path) -> None:
    made = Shards(tmp_path, 3, 2, dtype="float16")
    rows = ds.MindDataset(str(made.write()[1]), shuffle=False)
    for number, row in enumerate(rows.create_dict_iterator(num_epochs=1, output_numpy=True)):
        assert (row["feature"].view("float16") == number).all()


def test_twelve_shards_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    made = Shards(tmp_path, 30, 12)
    files = made.write()
    assert [path.name for path in files[9:]] == [f"train.mindrecord{i}" for i in (9, 10, 11)]
    assert ids_of(files[10], shuffle=False) == [row.id for row in made.rows]


@pytest.mark.parametrize(
    "change",
    [
        lambda header: header.pop("shard_addresses"),
        lambda header: header.update(shard_addresses=["a", "b"]),
        lambda header: header.pop("page"),
        lambda header: header.update(page=[1]),
        lambda header: header.update(compression_size="many"),
    ],
)
def test_a_header_of_an_unknown_form_is_refused(tmp_path: Path, change: object) -> None:
    assert callable(change)
    (path,) = Shards(tmp_path, 1, 1).write()
    header = _header(path)
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    _assert_refused(path)


@pytest.mark.parametrize("content", [b"", b"\0" * 7, b"\xff" * 100, b"\3" + b"\0" * 7 + b"{}]"])
def test_what_is_no_shard_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "train.mindrecord0"
    path.write_bytes(content)
    _assert_refused(path)


def _assert_refused(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(Fcn4DistError, match=r"mindrecord0 has a header of a form that is not kno"):
        join_set(path, 1, [path.name, "train.mindrecord1"], 2)
    assert path.read_bytes() == before


def _header(path: Path) -> dict:
    with path.open("rb") as file:
        header: dict = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return header
