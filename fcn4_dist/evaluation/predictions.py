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
        paths: Their audio files.
        labels: int32 0/1 of shape (clips, classes).
        scores: float64 probabilities of shape (clips, classes).
        class_names: Names of the classes.
    """

    ids: tuple[str, ...]
    paths: tuple[str, ...]
    labels: np.ndarray
    scores: np.ndarray
    class_names: tuple[str, ...]


def write_predictions(predictions: Predictions, path: Path) -> None:
    r"""Write a CSV file: id, path, labels separated by ``|``, and the score of each class.

    Within a label, ``|`` and ``\`` have a ``\`` before them, so that labels are told apart whatever
    they are. Scores are written with all their digits, so that equal files mean equal bits.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "path", "labels", *predictions.class_names])
    names = np.array([_escaped(name) for name in predictions.class_names], dtype=object)
    for clip_id, source, labels, scores in zip(
        predictions.ids, predictions.paths, predictions.labels, predictions.scores, strict=True
    ):
        label = "|".join(names[labels.astype(bool)])
        writer.writerow([clip_id, source, label, *(repr(float(score)) for score in scores)])
    write_text(path, text.getvalue())


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace("|", r"\|")
