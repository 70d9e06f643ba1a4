"""The file of predictions."""

import csv
import os
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
        labels=np.array([[1, 0], [1, 1], [0, 0]], dtype=np.int32),
        scores=np.array([[0.75, 0.1], [1.0, 1e-9], [0.0, 0.5]]),
        class_names=("jazz", "rock, hard"),
    )
    write_predictions(predictions, tmp_path / "predictions.csv")
    assert (tmp_path / "predictions.csv").read_text() == (
        'id,labels,jazz,"rock, hard"\n'
        "jazz/a.wav,jazz,0.75,0.1\n"
        '"rock/""b"", live.wav","jazz|rock, hard",1.0,1e-09\n'
        "none.wav,,0.0,0.5\n"
    )


@given(scores=arrays(np.float64, (3, 2), elements=st.floats(0, 1)))
def test_scores_are_read_back_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory, scores: np.ndarray
) -> None:
    path = tmp_path_factory.getbasetemp() / "bits.csv"
    labels = np.zeros((3, 2), dtype=np.int32)
    write_predictions(Predictions(("a", "b", "c"), labels, scores, ("x", "y")), path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    read = np.array([[float(row["x"]), float(row["y"])] for row in rows])
    assert read.tobytes() == scores.tobytes()


def test_an_id_that_is_not_utf_8_leaves_as_the_bytes_it_was(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.wav")
    labels, scores = np.ones((1, 1), dtype=np.int32), np.full((1, 1), 0.5)
    path = tmp_path / "predictions.csv"
    write_predictions(Predictions((name,), labels, scores, ("x",)), path)
    assert path.read_bytes() == b"id,labels,x\ncaf\xe9.wav,x,0.5\n"
