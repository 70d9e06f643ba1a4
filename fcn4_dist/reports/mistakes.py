"""The mistakes a network was most sure of, and the classes it takes for each other."""

import numpy as np

from fcn4_dist.evaluation import Metrics, Predictions
from fcn4_dist.evaluation.metrics import THRESHOLD
from fcn4_dist.reports.run_view import RunView
from fcn4_dist.reports.tables import NOTHING, Row, Table

SHOWN = 15
_CONFUSIONS_SHOWN = 10


def mistakes_tables(run: RunView) -> list[Table]:
    """Lay out the most confident mistakes of a run, and what it takes for what."""
    predictions, metrics = run.record.predictions, run.metrics
    if predictions is None or metrics is None:
        return []
    if metrics.confusion_matrix is None:
        columns = ["clip", "labels", "tag", "score", "audio file"]
        return [
            Table("Tags given wrongly", columns, _given_wrongly(predictions)),
            Table("Tags not given", columns, _not_given(predictions)),
        ]
    columns = ["clip", "label", "taken for", "score", "score of the label", "audio file"]
    return [
        Table("Clips taken for another class", columns, _wrong_classes(predictions)),
        Table(
            "Classes taken for another most often",
            ["class", "taken for", "clips", "of the class"],
            _confusions(metrics),
        ),
    ]


def _given_wrongly(predictions: Predictions) -> list[Row]:
    """Find classes that were given to clips that do not have them, the highest score first."""
    given = (predictions.labels == 0) & (predictions.scores >= THRESHOLD)
    return _tags(predictions, given, -predictions.scores)


def _not_given(predictions: Predictions) -> list[Row]:
    """Find classes of clips that were not given to them, the lowest score first."""
    not_given = (predictions.labels == 1) & (predictions.scores < THRESHOLD)
    return _tags(predictions, not_given, predictions.scores)


def _tags(predictions: Predictions, wrong: np.ndarray, cost: np.ndarray) -> list[Row]:
    clips, classes = np.nonzero(wrong)
    order = np.argsort(cost[clips, classes], kind="stable")[:SHOWN]
    return [_row(predictions, clips[each], classes[each]) for each in order]


def _wrong_classes(predictions: Predictions) -> list[Row]:
    """Find clips of one label that were given another class, the highest score first."""
    scores, true = predictions.scores, predictions.labels.argmax(axis=1)
    given = scores.argmax(axis=1)
    wrong = np.flatnonzero(given != true)
    order = wrong[np.argsort(-scores[wrong, given[wrong]], kind="stable")][:SHOWN]
    return [_row(predictions, clip, given[clip], true[clip]) for clip in order]


def _row(predictions: Predictions, clip: int, *classes: int) -> Row:
    """Write a clip, the class it was given or was not given, and the scores of classes."""
    labels = [predictions.class_names[each] for each in np.flatnonzero(predictions.labels[clip])]
    cells = [", ".join(labels) or NOTHING, predictions.class_names[classes[0]]]
    cells += [f"{predictions.scores[clip, each]:.3f}" for each in classes]
    return Row(predictions.ids[clip], [*cells, predictions.paths[clip]])


def _confusions(metrics: Metrics) -> list[Row]:
    """Find the classes that clips of one label were most often taken for."""
    matrix = np.array(metrics.confusion_matrix)
    others = np.where(np.eye(len(matrix), dtype=bool), 0, matrix)
    order = np.argsort(-others, axis=None, kind="stable")[:_CONFUSIONS_SHOWN]
    names = [each.name for each in metrics.classes]
    return [
        Row(
            names[true],
            [
                names[given],
                str(others[true, given]),
                f"{others[true, given] / matrix[true].sum():.0%}",
            ],
        )
        for true, given in (divmod(int(place), len(matrix)) for place in order)
        if others[true, given]
    ]
