"""What is read from disk besides JSON documents: no content of a file can surprise its reader."""

import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from fcn4_dist.checkpoints.container import DamagedError, read_shapes, read_text, read_values
from fcn4_dist.checkpoints.content import verify_checkpoint
from fcn4_dist.clips import read_collection
from fcn4_dist.clips.class_names import parse_class_names
from fcn4_dist.config import Settings, load_settings
from fcn4_dist.errors import Fcn4DistError, InputError
from fcn4_dist.evaluation import Predictions, read_predictions, write_predictions
from fcn4_dist.findings import errors_in, refuse_errors
from fcn4_dist.rank_table import check_rank_table
from fcn4_dist.tagging import ModelDescription
from fcn4_dist.tagging.onnx_network import DESCRIPTION_KEY, OnnxNetwork
from fcn4_dist.text import Lines, cleaned
from fcn4_dist.trial.record import Record, read_record, record_file
from tests.checkpoints.examples import PARAMETERS, write_example
from tests.rank_table.cases import one_server

LONGEST_SENTENCE = 2000


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        file: Its name.
        write: Writes a whole one into a folder.
        read: Reads it as all who read it do.
        says: What a sentence may name instead of the file.
    """

    file: str
    write: Callable[[Path], object]
    read: Callable[[Path], object]
    says: str = "\0"

    def __str__(self) -> str:
        return self.file


def _text(text: str, path: Path) -> None:
    path.write_text(text, "utf-8", newline="")


def _write_predictions(path: Path) -> None:
    scores = np.array([[0.25, 1e-9], [1.0, 0.0]])
    labels = np.array([[1, 0], [1, 1]], dtype=np.int32)
    names = ("a.wav", "é, b.wav")
    write_predictions(Predictions(names, names, labels, scores, ("x", "=1|y")), path)


def _read_collection(dataset: str, path: Path) -> object:
    settings = Settings(
        dataset=dataset, info_path=str(path.parent), info_name=path.name, num_classes=2
    )
    return read_collection(settings, with_audio=False)


def _check_table(path: Path) -> None:
    refuse_errors(errors_in(check_rank_table(path, "A2")), str(path))


def _read_checkpoint(path: Path) -> None:
    read_text(path)
    read_shapes(path)
    read_values(path)
    verify_checkpoint(path)


DESCRIPTION = ModelDescription(("a", "b"), PARAMETERS, 29.12, 1.0)
WINDOWS = np.zeros((1, *DESCRIPTION.input_shape), dtype=np.float32)


def write_model(path: Path) -> None:
    """Write a network of three operators, as an export describes one."""
    means = helper.make_node("ReduceMean", ["features"], ["mean"], axes=[2, 3], keepdims=0)
    logits = helper.make_node("Concat", ["mean", "mean"], ["logits"], axis=1)
    takes = helper.make_tensor_value_info("features", 1, [None, *DESCRIPTION.input_shape])
    gives = helper.make_tensor_value_info("logits", 1, [None, 2])
    graph = helper.make_graph([means, logits], "network", [takes], [gives])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, {DESCRIPTION_KEY: json.dumps(DESCRIPTION.as_dict())})
    path.write_bytes(model.SerializeToString())


KINDS = [
    Kind(
        "settings.yaml",
        partial(_text, "lr: 0.001\nmr_name: [train, val]\n# é\nprefix: 'a b'\nbatch_size: 4\n"),
        load_settings,
    ),
    Kind("predictions.csv", _write_predictions, read_predictions),
    Kind(
        "clips.csv",
        partial(_text, 'path,labels,split,group\na.wav,x|y,train,"g, 1"\né.wav,y,val,\n'),
        partial(_read_collection, "csv"),
    ),
    Kind(
        "annotations.csv",
        partial(_text, '"clip_id"\t"x"\t"y"\t"mp3_path"\n"1"\t"1"\t"0"\t"f/a.mp3"\n2\t0\t1\tb\n'),
        partial(_read_collection, "magnatagatune"),
    ),
    Kind("table.json", lambda path: _text(json.dumps(one_server()), path), _check_table),
    Kind("a.ckpt", lambda path: write_example(path.parent).rename(path), _read_checkpoint),
    Kind(
        "classes.txt",
        partial(_text, "rock\nhip hop\né\n"),
        lambda path: parse_class_names(str(path)),
        says="--class_names",
    ),
    Kind(
        record_file(Path(), 0).name,
        lambda path: Record(path).begin("operators", "é"),
        lambda path: read_record(path.parent),
    ),
]
MODEL = Kind("model.onnx", write_model, lambda path: OnnxNetwork(path).logits(WINDOWS))
KINDS.append(MODEL)
each_kind = pytest.mark.parametrize("kind", KINDS, ids=str)

STRANGE = [
    b"", b"\n", b"\0" * 4096, b"\xff\xfe", b"\xef\xbb\xbf", b"\x1b[2J\x07", b"\r", b'"', b"'",
    b"\xed\xb3\xa9", b"[" * 1_500, b"- " * 2_000, b'{"a":' * 1_500, b"7" * 10_000,
    b"-1e999999", b"NaN", b"a: &a [x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nlr: *c\n", b"lr: *nobody",
    b"a: &a {b: *a}", b"!!python/object/apply:os.system ['touch owned']", b"lr: !!binary aGk=",
    b"--- 1\n--- 2\n", b"%YAML 9.9\n---\n", b"? [a, b]\n: c\n", b"<<: {lr: 1}\n",
    b"lr: " + b"9" * 5_000, b"lr: 1\nlr: 2\n", b"\xc2\x85\xe2\x80\xa8\xe2\x80\xae: 1\n",
    b"x" * 200_000, b"," * 20_000, b"\t" * 20_000, b'"' + b"x" * 200_000,
    b"path,labels\n" + b"a.wav,x\n" * 2_000, b"\x80\x02cos\nsystem\n(S'touch owned'\ntR.",
]  # fmt: skip


def read_or_refuse(kind: Kind, folder: Path, data: bytes) -> str:
    """Read a file of some bytes, or give the one sentence that it is refused in."""
    path = folder / kind.file
    path.write_bytes(data)
    try:
        kind.read(path)
    except (Fcn4DistError, DamagedError) as error:
        sentence = str(error)
        assert sentence == cleaned(Lines(sentence))
        assert len(sentence) < LONGEST_SENTENCE + 10 * len(str(folder))
        # The file of a checkpoint is named by those who read it.
        assert isinstance(error, DamagedError) or kind.file in sentence or kind.says in sentence
        return sentence
    return ""


def whole(kind: Kind, folder: Path) -> bytes:
    kind.write(folder / kind.file)
    return (folder / kind.file).read_bytes()


@each_kind
def test_what_is_written_is_read(kind: Kind, tmp_path: Path) -> None:
    assert read_or_refuse(kind, tmp_path, whole(kind, tmp_path)) == ""


@each_kind
def test_strange_files_are_read_or_refused_in_a_sentence(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    example = whole(kind, tmp_path)
    middle = len(example) // 2
    for strange in STRANGE:
        read_or_refuse(kind, tmp_path, strange)
        for data in (example + strange, strange + example):
            read_or_refuse(kind, tmp_path, data)
        read_or_refuse(kind, tmp_path, example[:middle] + strange + example[middle:])
    for encoding in ("utf-16", "utf-32-be", "utf-8-sig", "utf-7"):
        text = example.decode("utf-8", "replace")
        read_or_refuse(kind, tmp_path, text.encode(encoding))
    assert not (tmp_path / "owned").exists()


@each_kind
def test_a_file_may_break_off_or_have_any_byte_changed(kind: Kind, tmp_path: Path) -> None:
    example = whole(kind, tmp_path)
    drawn = random.Random(0)
    for _ in range(150):
        size, place = drawn.randrange(len(example)), drawn.randrange(len(example))
        read_or_refuse(kind, tmp_path, example[:size])
        changed = example[:place] + bytes([drawn.randrange(256)]) + example[place + 1 :]
        read_or_refuse(kind, tmp_path, changed)


# What onnxruntime makes of a file it may not survive, and random bytes would tell on some days.
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not MODEL], ids=str)
@given(begin=st.integers(0), length=st.integers(0, 8), noise=st.binary(max_size=20))
def test_any_bytes_in_any_place_are_read_or_refused(
    kind: Kind, begin: int, length: int, noise: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("bytes", numbered=True)
    example = whole(kind, folder)
    begin %= len(example) + 1
    read_or_refuse(kind, folder, example[:begin] + noise + example[begin + length :])
    read_or_refuse(kind, folder, noise)


PLACES: dict[str, Callable[[Path], None]] = {
    "folder": Path.mkdir,
    "pipe": os.mkfifo,
    "circle": lambda path: path.symlink_to(path),
}


@pytest.mark.parametrize(
    ("kind", "place"),
    # Settings may come through a pipe: a shell's <(…) is one.
    [
        pytest.param(kind, place, id=f"{kind.file}-{place}")
        for kind in KINDS
        for place in PLACES
        if not (kind.file.endswith(".yaml") and place == "pipe")
    ],
)
def test_what_is_no_file_is_refused_and_nobody_waits_for_it(
    kind: Kind, place: str, tmp_path: Path
) -> None:
    path = tmp_path / kind.file
    PLACES[place](path)
    try:
        kind.read(path)
    except InputError as error:
        assert kind.file in str(error)
    except OSError as error:
        # Those who read checkpoints name the file.
        assert kind.file.endswith(".ckpt") and error.strerror
