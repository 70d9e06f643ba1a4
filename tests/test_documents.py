"""What is kept as JSON: one reader and one writer, which no content of a file can surprise."""

import copy
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, is_dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist import documents
from fcn4_dist.audio import ClipFeature, FeatureIndex, Outcome, read_feature_index
from fcn4_dist.checkpoints.container import DamagedError
from fcn4_dist.checkpoints.content import CheckpointDescription
from fcn4_dist.cluster.heartbeat import Beat
from fcn4_dist.errors import InputError
from fcn4_dist.records import ClipRow, ClipRows, Manifest, Shard, read_manifest
from fcn4_dist.records.writing import _Receipt
from fcn4_dist.runs.cross_validation import CrossValidationRecord
from fcn4_dist.runs.reading import read_run
from fcn4_dist.tagging import ModelDescription
from tests.checkpoints.examples import DESCRIPTION, PARAMETERS
from tests.reports.run_folders import epoch_line, step_line, write_description
from tests.sealing import resealed, sealed

SHARD = Shard("train.mindrecord0", 2, 1048576, "a" * 64, "b" * 64)
CLIPS = tuple(
    ClipRow(name, f"/data/{name}", "0" * 64, ("rock",), "train", SHARD.file, "kept", "", 30.013)
    for name in ("a.wav", "é\n雨.wav")
)
MANIFEST = Manifest(
    parameters=PARAMETERS,
    feature_dtype="float32",
    dataset="folder",
    class_names=("jazz", "rock"),
    split={"split": "random", "val_ratio": 0.2, "seed": 1},
    sets={"train": (SHARD,)},
    clips=CLIPS,
    versions={"fcn4_dist": "0.1.0"},
)
SETTINGS = {"lr": 0.0005, "mr_name": ["train", "val"], "run_dir": "", "pre_trained": False}
STOP = {"kind": "stopped", "epoch": 1, "step": 2, "global_step": 2, "reason": "", "ids": ["a.wav"]}


@dataclass(frozen=True)
class Kind:
    """A kind of document.

    Attributes:
        write: Writes one into a folder.
        read: Reads it back.
        file: Its name there; what an error has to name.
    """

    file: str
    write: Callable[[Path], object]
    read: Callable[[Path], object]

    def __str__(self) -> str:
        return self.file


def as_part(name: str, text: str, parse: Callable[[str], object]) -> Kind:
    """Give the kind of a document that is part of something else: an array, a checkpoint."""

    def read(folder: Path) -> object:
        return parse((folder / name).read_bytes().decode("utf-8", "surrogateescape"))

    return Kind(name, lambda folder: (folder / name).write_text(text), read)


def as_file(name: str, document: documents.Document) -> Kind:
    return Kind(
        name,
        lambda folder: documents.write(folder / name, document),
        lambda folder: documents.read(folder / name, type(document)),
    )


def write_run_record(folder: Path) -> None:
    write_description(folder, class_names=("jazz", "rock"), skipped=[("a", "/a", "too short")])
    content = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(content | {"settings": SETTINGS}))


def write_lines(folder: Path) -> None:
    lines = step_line(1), step_line(2), json.dumps(STOP), "\n", epoch_line(1)
    (folder / "metrics.jsonl").write_text("".join(lines))


def model_description(text: str) -> object:
    return ModelDescription.from_json(text, "model.onnx")


KINDS = [
    Kind("manifest.json", MANIFEST.write, read_manifest),
    Kind(
        "features.json",
        FeatureIndex(PARAMETERS, (ClipFeature("a", "/a", "0" * 64, "kept", "", 1.5),)).write,
        read_feature_index,
    ),
    Kind("run.json", write_run_record, lambda folder: read_run(folder).description),
    Kind("metrics.jsonl", write_lines, lambda folder: read_run(folder).course),
    as_file("rank_1.heartbeat", Beat(4711, 3, "reading", False)),
    as_file(".train.mindrecord0.json", _Receipt("key", SHARD)),
    as_file("cross_validation.json", CrossValidationRecord(SETTINGS | {"device_num": None})),
    as_part(
        "a feature",
        documents.to_line(Outcome("padded", "1.20 s long", 1.2)),
        lambda text: documents.parse(text, Outcome, "a feature"),
    ),
    as_part(
        "its description",
        replace(DESCRIPTION, settings=SETTINGS).to_json(),
        CheckpointDescription.from_json,
    ),
    as_part(
        "model.onnx",
        json.dumps(ModelDescription(("a", "b"), PARAMETERS, 29.12, 1.0, {"epoch": 1}).as_dict()),
        model_description,
    ),
]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=str)

DEEP, LONG = "a list in a list in a list …", "a number of thousands of digits"
AS_TEXT = {DEEP: "[" * 20_000 + "]" * 20_000, LONG: "7" * 10_000}
"""What Python's own writer would not write, and what it is in JSON."""

ABSURD = [
    None, True, 0, -1, 1, 2**63, -(2**63) - 1, 10**400, LONG, 0.5, -0.0, 1e308,
    float("nan"), float("inf"), "", ".", "..", "a/b", "/etc/passwd", "\0", "x" * 10_000,
    "\udce9", "\x1b[31m\n\u2028", [], [None], [[]], [0], ["a"], {}, {"": None}, {"a": {"b": []}},
    {"format": 3}, DEEP,
]  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


def places_in(content: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    keys: Iterable[Any] = ()
    if isinstance(content, dict | list):
        keys = content if isinstance(content, dict) else range(len(content))
    for key in keys:
        yield from places_in(content[key], (*place, key))


def text_of(content: object, ensure_ascii: bool = False) -> bytes:
    """Give the bytes of a document, with the right checksum where it has one."""
    if isinstance(content, dict) and "sha256" in content:
        data = resealed(content, ensure_ascii=ensure_ascii)
    else:
        data = json.dumps(content, ensure_ascii=ensure_ascii).encode("utf-8", "surrogateescape")
    if not any(json.dumps(name, ensure_ascii=ensure_ascii).encode() in data for name in AS_TEXT):
        return data
    for name, meant in AS_TEXT.items():
        data = data.replace(json.dumps(name, ensure_ascii=ensure_ascii).encode(), meant.encode())
    return sealed(data[: data.rindex(b',\n"sha256"')]) if b',\n"sha256"' in data else data


def with_value(content: Any, place: tuple[Any, ...], value: object) -> object:
    if not place:
        return value
    changed = copy.deepcopy(content)
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return changed


def without(content: Any, place: tuple[Any, ...]) -> object:
    changed = copy.deepcopy(content)
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    del inner[place[-1]]
    return changed


def rows_of(kind: type, values: Any) -> ClipRows:
    assert kind is ClipRows
    return ClipRows.of(msgspec.convert(values, list[ClipRow]))


def read_or_refuse(kind: Kind, folder: Path, data: bytes) -> str:
    """Read a document of some bytes: it has its types, or one sentence says what is wrong.

    Returns:
        The sentence; "" if it was read.
    """
    (folder / kind.file).write_bytes(data)
    try:
        document = kind.read(folder)
    except (InputError, DamagedError) as error:
        sentence = str(error)
        assert kind.file in sentence
        assert sentence.isprintable() and len(sentence) < 600 + len(str(folder))
        return sentence
    # What is not allowed by the types is found by taking all of it apart, and putting it together.
    if is_dataclass(document):
        values = msgspec.to_builtins(document, enc_hook=list)
        msgspec.convert(values, type(document), dec_hook=rows_of)
    return ""


def lines_of(kind: Kind, folder: Path) -> list[Any]:
    """Give the JSON values of an example: one, or one a line."""
    kind.write(folder)
    text = (folder / kind.file).read_text("utf-8", "surrogateescape")
    lines = text.splitlines() if kind.file.endswith(".jsonl") else [text]
    return [json.loads(line) for line in lines]


@each_kind
def test_what_is_written_is_read(kind: Kind, tmp_path: Path) -> None:
    kind.write(tmp_path)
    assert read_or_refuse(kind, tmp_path, (tmp_path / kind.file).read_bytes()) == ""


@each_kind
def test_absurd_values_in_every_place_are_read_or_refused(kind: Kind, tmp_path: Path) -> None:
    sentences = []
    for content in lines_of(kind, tmp_path):
        for place in places_in(content):
            for value in ABSURD:
                data = text_of(with_value(content, place, value))
                sentences.append(read_or_refuse(kind, tmp_path, data))
    assert "" in sentences
    # Lines that cannot be read are counted, and never refused.
    assert any(sentences) is not kind.file.endswith(".jsonl")


@each_kind
def test_every_key_may_be_missing(kind: Kind, tmp_path: Path) -> None:
    for content in lines_of(kind, tmp_path):
        for place in places_in(content):
            if place:
                read_or_refuse(kind, tmp_path, text_of(without(content, place)))


@each_kind
def test_no_key_may_be_there_twice(kind: Kind, tmp_path: Path) -> None:
    for content in lines_of(kind, tmp_path):
        for place in places_in(content):
            if place and isinstance(place[-1], str):
                twice = json.dumps(content).replace(
                    f'"{place[-1]}": ', f'"{place[-1]}": 1, "{place[-1]}": '
                )
                sentence = read_or_refuse(kind, tmp_path, twice.encode())
                assert sentence or kind.file.endswith(".jsonl")


@each_kind
def test_a_document_may_break_off_anywhere(kind: Kind, tmp_path: Path) -> None:
    kind.write(tmp_path)
    whole = (tmp_path / kind.file).read_bytes()
    for size in range(len(whole.rstrip())):
        sentence = read_or_refuse(kind, tmp_path, whole[:size])
        assert sentence or kind.file.endswith(".jsonl")


@each_kind
@given(data=st.data())
def test_any_value_in_any_place_is_read_or_refused(
    kind: Kind, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("any", numbered=True)
    content = data.draw(st.sampled_from(lines_of(kind, folder)))
    place = data.draw(st.sampled_from(list(places_in(content))))
    read_or_refuse(kind, folder, text_of(with_value(content, place, data.draw(JSON)), True))


@each_kind
@given(begin=st.integers(0), length=st.integers(0, 8), noise=st.binary(max_size=20))
def test_any_bytes_in_any_place_are_read_or_refused(
    kind: Kind, begin: int, length: int, noise: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("bytes", numbered=True)
    kind.write(folder)
    whole = (folder / kind.file).read_bytes()
    begin %= len(whole) + 1
    read_or_refuse(kind, folder, whole[:begin] + noise + whole[begin + length :])
    read_or_refuse(kind, folder, noise)


@each_kind
def test_keys_of_a_later_version_are_passed_over(kind: Kind, tmp_path: Path) -> None:
    for content in lines_of(kind, tmp_path):
        assert read_or_refuse(kind, tmp_path, text_of(content | {"since 9.9": [{"a": 1}]})) == ""


SEALED = [kind for kind in KINDS if kind.file in ("manifest.json", "features.json")]


@pytest.mark.parametrize("kind", SEALED, ids=str)
def test_no_bit_of_a_sealed_document_changes_without_its_being_refused(
    kind: Kind, tmp_path: Path
) -> None:
    kind.write(tmp_path)
    whole = (tmp_path / kind.file).read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        assert read_or_refuse(kind, tmp_path, bytes(changed))


@pytest.mark.parametrize("kind", SEALED, ids=str)
def test_a_sealed_document_that_was_written_anew_is_refused_with_what_to_do(
    kind: Kind, tmp_path: Path
) -> None:
    (content,) = lines_of(kind, tmp_path)
    told = "is not as it was written (its checksum is wrong): run preprocess again"
    assert told in read_or_refuse(kind, tmp_path, json.dumps(content).encode())
    # Nor does it pass for an earlier version's.
    content["format"] -= 1
    assert told in read_or_refuse(kind, tmp_path, json.dumps(content).encode())


@pytest.mark.parametrize("kind", SEALED, ids=str)
def test_one_of_the_format_before_that_has_no_checksum_is_read(kind: Kind, tmp_path: Path) -> None:
    (content,) = lines_of(kind, tmp_path)
    del content["sha256"]
    assert "checksum" in read_or_refuse(kind, tmp_path, json.dumps(content).encode())
    content["format"] -= 1
    assert read_or_refuse(kind, tmp_path, json.dumps(content).encode()) == ""


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (("clips", 1, "seconds"), "long", "at clips[1].seconds (expected float, got str)"),
        (("clips", 0, "labels", 0), 7, "at clips[0].labels[0] (expected str, got int)"),
        (("clips",), None, "at clips (expected array, got null)"),
        (("parameters", "n_fft"), 0, "at parameters.n_fft (expected int >= 2)"),
        (("parameters", "sample_rate"), 10**12, "at parameters.sample_rate (expected int <= "),
        (("parameters", "log_mel"), "\x1b[31m", "(invalid enum value '\\x1b[31m')"),
        (("shards", 0, "rows"), -1, "at shards[0].rows (expected int >= 0)"),
        (("shards", 0, "file"), "../a", "at shards[0].file (expected the name of a file, without"),
        (("shards", 0, "file"), "notes.txt", "(shards[0].file is not what that shard is called)"),
        (("shards", 0, "sha256"), "a/b", "at shards[0].sha256 (expected a SHA-256 in hexadecimal)"),
        (("clips", 0, "sha256"), "..", "at clips[0].sha256 (expected a SHA-256 in hexadecimal)"),
        (("clips", 0, "status"), "lost", "at clips[0].status (invalid enum value 'lost')"),
        (("shards", 0, "set"), "val", "(shards[0] is of a set that is not among the sets)"),
        ((), [], "is damaged (expected object, got array): run preprocess again"),
        (("format",), 5, "has format 5, this version reads 4: run preprocess again"),
        (("format",), "x\n" * 999, "has format 'x\\nx\\n"),
        (("format",), None, "has format None, this version reads 4"),
        (("split", "seed"), DEEP, "manifest.json is damaged"),
    ],
)
def test_a_wrong_value_is_told_with_the_place_and_what_was_expected(
    tmp_path: Path, place: tuple[Any, ...], value: object, told: str
) -> None:
    (content,) = lines_of(KINDS[0], tmp_path)
    data = text_of(with_value(content, place, value))
    assert told in read_or_refuse(KINDS[0], tmp_path, data)


def test_a_missing_key_is_told_with_its_place(tmp_path: Path) -> None:
    (content,) = lines_of(KINDS[0], tmp_path)
    for place, told in (
        (("clips", 1, "id"), "at clips[1].id (it is missing)"),
        (("dataset",), "at dataset (it is missing)"),
        (("format",), "has format None"),
    ):
        assert told in read_or_refuse(KINDS[0], tmp_path, text_of(without(content, place)))


@pytest.mark.parametrize("text", ["", "{", "no json", '{"format": 1', "[" * 100_000])
def test_what_is_no_json_is_told(tmp_path: Path, text: str) -> None:
    assert " is damaged (" in read_or_refuse(KINDS[0], tmp_path, text.encode())


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*missing\.json: No such file"):
        documents.read(tmp_path / "missing.json", FeatureIndex)


def test_a_file_that_is_absurdly_large_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "file.json").open("wb") as file:
        file.truncate(FeatureIndex.most_bytes + 1)
    with pytest.raises(InputError, match=r"file\.json has 4294967297 bytes, at most 4294967296"):
        documents.read(tmp_path / "file.json", FeatureIndex)


@dataclass(frozen=True)
class Names(documents.Document):
    """Names of files that are not UTF-8 are surrogates in a text."""

    format = 1

    name: str
    names: tuple[str, ...]
    sizes: dict[str, int]
    rows: tuple[ClipRow, ...]


@pytest.mark.parametrize(
    "name", [b"caf\xe9.wav", b'\xff\n"\\.wav', "é\udc80雨".encode("utf-8", "surrogateescape")]
)
def test_names_that_are_not_utf_8_are_kept_wherever_they_are(tmp_path: Path, name: bytes) -> None:
    text = os.fsdecode(name)
    rows = (replace(CLIPS[0], id=text, labels=(text,)), CLIPS[1])
    content = Names(text, (text, "é"), {text: 1}, rows)
    documents.write(tmp_path / "file.json", content)
    assert documents.read(tmp_path / "file.json", Names) == content
    assert documents.parse(documents.to_line(content), Names, "") == content


def test_a_file_may_hold_such_a_name_as_the_bytes_it_is(tmp_path: Path) -> None:
    names = b'{"format": 1, "name": "caf\xe9", "names": [], "sizes": {}, "rows": []}'
    (tmp_path / "file.json").write_bytes(names)
    assert documents.read(tmp_path / "file.json", Names).name == "caf\udce9"


def test_there_is_a_line_for_each_key_and_each_row_so_that_changes_can_be_seen(
    tmp_path: Path,
) -> None:
    content = {"format": 1, "names": ("a", "b"), "clips": [{"id": "é"}, {"id": "b"}], "none": []}
    documents.write(tmp_path / "file.json", content)
    assert (tmp_path / "file.json").read_text("utf-8").splitlines() == [
        "{",
        '"format": 1,',
        '"names": ["a", "b"],',
        '"clips": [',
        '{"id": "é"},',
        '{"id": "b"}',
        "],",
        '"none": []',
        "}",
    ]


TEXT = st.text(st.characters(exclude_categories=[]) | st.sampled_from("\udc80\n\x7f\u2028\"\\'é"))


@given(texts=st.lists(TEXT, min_size=6, max_size=6), milliseconds=st.integers(0, 10**9))
def test_rows_are_written_as_json_writes_them(
    texts: list[str], milliseconds: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    clip_id, source, label, name, shard, reason = texts
    labels = (label,) * (milliseconds % 3)
    seconds = milliseconds / 1000
    row = ClipRow(clip_id, source, "0" * 64, labels, name, shard, "kept", reason, seconds)
    plain = msgspec.to_builtins(row)
    text = json.dumps(plain, ensure_ascii=False)
    text = text if text.isprintable() else json.dumps(plain)
    path = tmp_path_factory.getbasetemp() / "rows.json"
    documents.write(path, {"rows": (row,)})
    assert path.read_text("utf-8") == f'{{\n"rows": [\n{text}\n]\n}}\n'
