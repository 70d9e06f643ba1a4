"""Metrics of predictions, equal to scikit-learn's."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fcn4_dist.errors import Fcn4DistError

THRESHOLD = 0.5
_TOP = 3
_SMALLEST_GIVEN = np.finfo(np.float64).eps


@dataclass(frozen=True)
class ClassMetrics:
    """How well one class is told from the others.

    Attributes:
        name: Its name.
        positives: Number of clips that have it.
        roc_auc: Area under the ROC curve; None if all clips or none have the class.
        pr_auc: Area under the precision-recall curve (average precision); None likewise.
    """

    name: str
    positives: int
    roc_auc: float | None
    pr_auc: float | None


@dataclass(frozen=True)
class Metrics:
    """How good scores are.

    Means over classes leave out those that all clips or none have; they are None if that leaves
    no class. What is for single-label collections is None where clips have several labels or none.

    Attributes:
        clips: Number of clips scored.
        classes: Each class by itself.
        roc_auc_macro: Mean of the classes' ROC-AUC.
        roc_auc_micro: ROC-AUC of all pairs of a clip and a class; None if their labels are equal.
        pr_auc_macro: Mean of the classes' average precision.
        cross_entropy: Mean binary cross-entropy of all pairs of a clip and a class. What a score
            gives to its label counts as at least the epsilon of float64, 2.2e-16, as in
            scikit-learn, so that a score of 0 or 1 that is wrong costs 36 and not infinity.
        f1_macro: Mean of the classes' F1; a single-label clip is given the class of its highest
            score, another one all classes with scores of at least 0.5.
        accuracy: Share of single-label clips whose highest score is their label.
        balanced_accuracy: Mean of that share within each class that has clips.
        top_3_accuracy: Share of single-label clips whose label is among their three highest
            scores; None unless there are more than three classes.
        confusion_matrix: Numbers of single-label clips, a row for each true class, a column for
            each class of the highest score.
    """

    clips: int
    classes: tuple[ClassMetrics, ...]
    roc_auc_macro: float | None
    roc_auc_micro: float | None
    pr_auc_macro: float | None
    f1_macro: float | None
    cross_entropy: float
    accuracy: float | None = None
    balanced_accuracy: float | None = None
    top_3_accuracy: float | None = None
    confusion_matrix: tuple[tuple[int, ...], ...] | None = None

    @property
    def left_out(self) -> tuple[str, ...]:
        """Names of the classes that all clips or none have, which are in no mean over classes."""
        return tuple(each.name for each in self.classes if each.roc_auc is None)


def compute_metrics(
    labels: np.ndarray,
    scores: np.ndarray,
    class_names: tuple[str, ...],
    goes_on: Callable[[str], None] = lambda doing: None,
) -> Metrics:
    """Compute the metrics of scored clips.

    Args:
        labels: 0/1 of shape (clips, classes).
        scores: Higher for more likely, from 0 to 1, of the same shape.
        class_names: Names of the classes.
        goes_on: Told again and again what is done, since of many clips it takes a while.

    Raises:
        Fcn4DistError: If a score is NaN: the network has diverged.
    """
    check_defined(scores)
    classes = []
    for column in zip(class_names, labels.T, scores.T, strict=True):
        goes_on(f"computing metrics of {len(labels)} clips")
        classes.append(_class_metrics(*column))
    goes_on(f"computing the micro ROC-AUC of {len(labels)} clips")
    return Metrics(
        clips=len(labels),
        classes=tuple(classes),
        roc_auc_macro=_mean([each.roc_auc for each in classes]),
        roc_auc_micro=areas_of(labels.ravel(), scores.ravel())[0],
        pr_auc_macro=_mean([each.pr_auc for each in classes]),
        f1_macro=_f1_macro(labels, scores),
        cross_entropy=_cross_entropy(labels, scores),
        **(_single_label_metrics(labels, scores) if is_single_label(labels) else {}),
    )


def check_defined(scores: np.ndarray) -> None:
    """Refuse scores of a network that has diverged.

    Args:
        scores: Of shape (clips, classes).

    Raises:
        Fcn4DistError: If one is NaN.
    """
    if undefined := int(np.isnan(scores).any(axis=1).sum()):
        raise Fcn4DistError(
            f"the network gives NaN for {undefined} of {len(scores)} clips: it has diverged in "
            "training; name an earlier checkpoint with --model_name"
        )


def areas_of(labels: np.ndarray, scores: np.ndarray) -> tuple[float | None, float | None]:
    """Compute the ROC-AUC and the average precision, from one sorting of the scores.

    Step for step as scikit-learn's ``roc_auc_score`` and ``average_precision_score``, each of which
    sorts several times; of millions of scores that takes minutes.

    Args:
        labels: 0/1 of shape (scores,).
        scores: Higher for more likely, of the same shape.

    Returns:
        Both areas; None for each if all labels are equal.
    """
    if not labels.any() or labels.all():
        return None, None
    # Of many scores each array here is as large as they are: none is kept longer than it is needed.
    order = np.argsort(scores)[::-1]
    in_order = scores[order]
    is_last = np.append(in_order[1:] != in_order[:-1], True)
    del in_order
    positives = np.cumsum(labels[order], dtype=np.float64)
    del order
    # Positives and negatives down to the last of each set of ties.
    positives, given = positives[is_last], 1.0 + np.flatnonzero(is_last)
    gains = np.diff(positives / positives[-1], prepend=0)
    gains *= positives / given
    pr_auc = np.sum(gains[::-1])
    del gains
    negatives = np.subtract(given, positives, out=given)
    # Points on a straight line add nothing to the area but rounding, and are left out.
    bends = np.diff(negatives, 2) != 0
    bends |= np.diff(positives, 2) != 0
    corners = np.concatenate([[True], bends, [True]])[: len(positives)]
    true, false = (np.append(0, each[corners] / each[-1]) for each in (positives, negatives))
    roc_auc = np.trapz(true, false)
    return float(roc_auc), float(pr_auc)


def is_single_label(labels: np.ndarray) -> bool:
    """Tell whether each clip has exactly one label.

    Args:
        labels: 0/1 of shape (clips, classes).
    """
    return bool((labels.sum(axis=1) == 1).all())


def _class_metrics(name: str, labels: np.ndarray, scores: np.ndarray) -> ClassMetrics:
    # Read in any order, what lies together takes a fraction of the time.
    areas = areas_of(np.ascontiguousarray(labels), np.ascontiguousarray(scores))
    return ClassMetrics(name, int(labels.sum()), *areas)


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _cross_entropy(labels: np.ndarray, scores: np.ndarray) -> float:
    given = np.where(labels > 0, scores, 1 - scores)
    np.log(np.maximum(given, _SMALLEST_GIVEN, out=given), out=given)
    return float(-given.mean())


def _f1_macro(labels: np.ndarray, scores: np.ndarray) -> float | None:
    if is_single_label(labels):
        given = np.eye(labels.shape[1], dtype=bool)[scores.argmax(axis=1)]
    else:
        given = scores >= THRESHOLD
    # Each class that is counted has positives, so nothing is divided by zero.
    counted = labels.any(axis=0) & ~labels.all(axis=0)
    hits = (given & labels.astype(bool)).sum(axis=0)[counted]
    f1 = 2 * hits / (given.sum(axis=0) + labels.sum(axis=0))[counted]
    return float(f1.mean()) if counted.any() else None


def _single_label_metrics(labels: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
    true, classes = labels.argmax(axis=1), labels.shape[1]
    pairs = true * classes + scores.argmax(axis=1)
    confusion = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    positives = confusion.sum(axis=1)
    recalls = confusion.diagonal()[positives > 0] / positives[positives > 0]
    top = None
    if classes > _TOP:
        # Importing it takes longer than starting a job should wait for.
        from sklearn.metrics import top_k_accuracy_score

        top = float(top_k_accuracy_score(true, scores, k=_TOP, labels=np.arange(classes)))
    return {
        "accuracy": float(confusion.trace() / len(labels)),
        "balanced_accuracy": float(recalls.mean()),
        "top_3_accuracy": top,
        "confusion_matrix": tuple(map(tuple, confusion.tolist())),
    }
