"""The mistakes a network was most sure of, and the classes it takes for each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fcn4_dist.evaluation import Metrics, Predictions
from fcn4_dist.evaluation.metrics import THRESHOLD

SHOWN = 15
_CONFUSIONS_SHOWN = 10


@dataclass(frozen=True)
class Mistake:
    """A class that a clip was given, or not given, wrongly.

    Attributes:
        id: Id of the clip.
        path: Its audio file.
        labels: Its true classes.
        class_name: The class it was given, or was not given.
        score: Of that class.
        true_score: Of its own class; None if it may have several.
    """

    id: str
    path: str
    labels: tuple[str, ...]
    class_name: str
    score: float
    true_score: float | None = None


@dataclass(frozen=True)
class Confusion:
    """How many clips of a class were taken for another one."""

    true: str
    given: str
    clips: int
    share: float


def wrong_classes(predictions: Predictions) -> list[Mistake]:
    """Find clips of one label that were given another class, the highest score first."""
    scores, true = predictions.scores, predictions.labels.argmax(axis=1)
    given = scores.argmax(axis=1)
    wrong = np.flatnonzero(given != true)
    order = wrong[np.argsort(-scores[wrong, given[wrong]], kind="stable")][:SHOWN]
    return [_mistake(predictions, row, given[row], float(scores[row, true[row]])) for row in order]


def false_positives(predictions: Predictions) -> list[Mistake]:
    """Find classes that were given to clips that do not have them, the highest score first."""
    return _pairs(predictions, predictions.labels == 0, -predictions.scores, -THRESHOLD)


def false_negatives(predictions: Predictions) -> list[Mistake]:
    """Find classes of clips that were not given to them, the lowest score first."""
    below = np.nextafter(THRESHOLD, 0)
    return _pairs(predictions, predictions.labels == 1, predictions.scores, below)


def confusions(metrics: Metrics) -> list[Confusion]:
    """Find the classes that clips of one label were most often taken for."""
    matrix = np.array(metrics.confusion_matrix)
    others = np.where(np.eye(len(matrix), dtype=bool), 0, matrix)
    order = np.argsort(-others, axis=None, kind="stable")[:_CONFUSIONS_SHOWN]
    places = [divmod(int(place), len(matrix)) for place in order]
    return [
        Confusion(
            metrics.classes[true].name,
            metrics.classes[given].name,
            int(others[true, given]),
            float(others[true, given] / matrix[true].sum()),
        )
        for true, given in places
        if others[true, given]
    ]


def _pairs(
    predictions: Predictions, candidates: np.ndarray, cost: np.ndarray, highest: float
) -> list[Mistake]:
    rows, columns = np.nonzero(candidates & (cost <= highest))
    order = np.argsort(cost[rows, columns], kind="stable")[:SHOWN]
    return [_mistake(predictions, rows[each], columns[each]) for each in order]


def _mistake(
    predictions: Predictions, row: int, column: int, true_score: float | None = None
) -> Mistake:
    names: Sequence[str] = predictions.class_names
    return Mistake(
        id=predictions.ids[row],
        path=predictions.paths[row],
        labels=tuple(names[label] for label in np.flatnonzero(predictions.labels[row])),
        class_name=names[column],
        score=float(predictions.scores[row, column]),
        true_score=true_score,
    )
