"""Predictions: the scores of every clip, and the file that holds them."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fcn4_dist.files import write_text


@dataclass(frozen=True)
class Predictions:
    """Scores of clips.

    Attributes:
        ids: Ids of the clips, in the order of the manifest.
        labels: int32 0/1 of shape (clips, classes).
        scores: float64 probabilities of shape (clips, classes).
        class_names: Names of the classes.
    """

    ids: tuple[str, ...]
    labels: np.ndarray
    scores: np.ndarray
    class_names: tuple[str, ...]


def write_predictions(predictions: Predictions, path: Path) -> None:
    """Write a CSV file: id, labels separated by ``|``, and the score of each class.

    Scores are written with all their digits, so that equal files mean equal bits.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "labels", *predictions.class_names])
    names = np.array(predictions.class_names, dtype=object)
    for clip_id, labels, scores in zip(
        predictions.ids, predictions.labels, predictions.scores, strict=True
    ):
        writer.writerow(
            [clip_id, "|".join(names[labels.astype(bool)]), *(repr(float(s)) for s in scores)]
        )
    write_text(path, text.getvalue())
