"""The file of predictions."""

import csv
import os
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fcn4_dist.evaluation import Predictions, write_predictions


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
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    read = np.array([[float(row["x"]), float(row["y"])] for row in rows])
    assert read.tobytes() == scores.tobytes()


@given(class_names=st.lists(st.text("ab|\\", min_size=1), min_size=1, max_size=4, unique=True))
def test_labels_are_told_apart_whatever_is_in_their_names(
    tmp_path_factory: pytest.TempPathFactory, class_names: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "names.csv"
    labels = np.ones((1, len(class_names)), dtype=np.int32)
    write_predictions(Predictions(("a",), ("a",), labels, labels, tuple(class_names)), path)
    with path.open(newline="") as file:
        (row,) = csv.DictReader(file)
    written = re.findall(r"(?:[^\\|]|\\.)+", row["labels"])
    assert [re.sub(r"\\(.)", r"\1", label) for label in written] == class_names


def test_an_id_that_is_not_utf_8_leaves_as_the_bytes_it_was(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.wav")
    labels, scores = np.ones((1, 1), dtype=np.int32), np.full((1, 1), 0.5)
    path = tmp_path / "predictions.csv"
    write_predictions(Predictions((name,), (f"/data/{name}",), labels, scores, ("x",)), path)
    assert path.read_bytes() == b"id,path,labels,x\ncaf\xe9.wav,/data/caf\xe9.wav,x,0.5\n"
