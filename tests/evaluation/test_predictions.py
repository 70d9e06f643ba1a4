"""The file of predictions."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fcn4_dist.errors import InputError
from fcn4_dist.evaluation import Predictions, read_predictions, write_predictions


def test_a_file_has_a_line_of_names_and_one_for_each_clip(tmp_path: Path) -> None:
    predictions = Predictions(
        ids=("jazz/a.wav", 'rock/"b", live.wav', "none.wav"),
        paths=("/data/jazz/a.wav", '/data/rock/"b", live.wav', "/data/none.wav"),
        labels=np.array([[1, 0], [1, 1], [0, 0]], dtype=np.int32),
        scores=np.array([[0.75, 0.1], [1.0, 1e-9], [0.0, 0.5]]),
        class_names=("jazz", "rock, hard"),
    )
    write_predictions(predictions, tmp_path / "predictions.csv")
    assert (tmp_path / "predictions.csv").read_text() == (
        'id,path,labels,jazz,"rock, hard"\n'
        "jazz/a.wav,/data/jazz/a.wav,jazz,0.75,0.1\n"
        '"rock/""b"", live.wav","/data/rock/""b"", live.wav","jazz|rock, hard",1.0,1e-09\n'
        "none.wav,/data/none.wav,,0.0,0.5\n"
    )


@given(scores=arrays(np.float64, (3, 2), elements=st.floats(0, 1)))
def test_scores_are_read_back_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory, scores: np.ndarray
) -> None:
    path = tmp_path_factory.getbasetemp() / "bits.csv"
    labels = np.zeros((3, 2), dtype=np.int32)
    names = ("a", "b", "c")
    write_predictions(Predictions(names, names, labels, scores, ("x", "y")), path)
    assert read_predictions(path).scores.tobytes() == scores.tobytes()


@given(class_names=st.lists(st.text("ab|\\", min_size=1), min_size=1, max_size=4, unique=True))
def test_labels_are_told_apart_whatever_is_in_their_names(
    tmp_path_factory: pytest.TempPathFactory, class_names: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "names.csv"
    labels = np.tri(len(class_names), dtype=np.int32)
    ids = tuple(map(str, range(len(class_names))))
    write_predictions(Predictions(ids, ids, labels, labels, tuple(class_names)), path)
    read = read_predictions(path)
    assert read.class_names == tuple(class_names)
    assert np.array_equal(read.labels, labels)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\udce9='|\\@\t\r\n"))


@given(
    ids=st.lists(TEXTS, min_size=3, max_size=3),
    class_names=st.lists(TEXTS.filter(bool), min_size=1, max_size=4, unique=True),
)
def test_no_text_is_a_formula_and_every_text_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, ids: list[str], class_names: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "texts.csv"
    labels = np.ones((3, len(class_names)), dtype=np.int32)
    scores = np.linspace(0, 1, labels.size).reshape(labels.shape)
    written = Predictions(tuple(ids), tuple(ids), labels, scores, tuple(class_names))
    write_predictions(written, path)
    read = read_predictions(path)
    assert (read.ids, read.paths, read.class_names) == (
        written.ids,
        written.paths,
        read.class_names,
    )
    assert read.class_names == written.class_names
    assert np.array_equal(read.labels, labels) and np.array_equal(read.scores, scores)
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        for number, row in enumerate(csv.reader(file)):
            assert not any(cell.startswith(tuple("=+-@\t\r")) for cell in row)
            # Numbers are numbers.
            assert number == 0 or [float(cell) for cell in row[3:]] == scores[number - 1].tolist()


def test_a_text_of_an_earlier_version_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    path.write_text("id,path,labels,-x,'y\n=1.wav,@a,-x|'y,0.5,1.0\n")
    read = read_predictions(path)
    assert (read.ids, read.paths, read.class_names) == (("=1.wav",), ("@a",), ("-x", "'y"))
    assert read.labels.tolist() == [[1, 1]]


def test_an_id_that_is_not_utf_8_leaves_as_the_bytes_it_was(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.wav")
    labels, scores = np.ones((1, 1), dtype=np.int32), np.full((1, 1), 0.5)
    path = tmp_path / "predictions.csv"
    write_predictions(Predictions((name,), (f"/data/{name}",), labels, scores, ("x",)), path)
    assert path.read_bytes() == b"id,path,labels,x\ncaf\xe9.wav,/data/caf\xe9.wav,x,0.5\n"
    assert read_predictions(path).ids == (name,)


@pytest.mark.parametrize(
    "content",
    ["", "id,path,labels,x\n", "a,b\n1,2\n", "id,path,labels,x\na,b,y,0.5\n",
     "id,path,labels,x\na,b,x,high\n", "id,path,labels,x,y\na,b,x,0.5\n", "id,path,labels,x\na\n",
     "id,path,labels,x\na,b,x,-inf\n", "id,path,labels,x\na,b,x,1.5\n",
     "id,path,labels,x,x\na,b,x,1,1\n", 'id,path,labels,x\na,b,x,0.5\na,"b,x,0.5\n'],
)  # fmt: skip
def test_a_file_that_holds_no_predictions_is_refused_by_name(tmp_path: Path, content: str) -> None:
    (tmp_path / "other.csv").write_text(content)
    with pytest.raises(InputError, match=r"other\.csv holds no predictions"):
        read_predictions(tmp_path / "other.csv")


def test_predictions_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no\.csv: No such file"):
        read_predictions(tmp_path / "no.csv")
