"""Metrics of predictions, by scikit-learn."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import accuracy_score, roc_auc_score

from fcn4_dist.errors import Fcn4DistError


@dataclass(frozen=True)
class Metrics:
    """How good scores are.

    Attributes:
        clips: Number of clips scored.
        roc_auc_macro: Mean of the classes' ROC-AUC; None if no class has one.
        roc_auc: ROC-AUC of each class that has one, by name.
        left_out: Classes without positives or without negatives, which have no ROC-AUC.
        accuracy: Share of clips whose highest score is their label; None where clips have
            several labels or none.
    """

    clips: int
    roc_auc_macro: float | None
    roc_auc: dict[str, float]
    left_out: tuple[str, ...]
    accuracy: float | None


def compute_metrics(
    labels: np.ndarray, scores: np.ndarray, class_names: tuple[str, ...]
) -> Metrics:
    """Compute the metrics of scored clips.

    Args:
        labels: 0/1 of shape (clips, classes).
        scores: Higher for more likely, of the same shape.
        class_names: Names of the classes.

    Raises:
        Fcn4DistError: If a score is NaN: the network has diverged.
    """
    if np.isnan(scores).any():
        raise Fcn4DistError(
            f"the network gives NaN for {int(np.isnan(scores).any(axis=1).sum())} of {len(scores)} "
            "clips: it has diverged in training; name an earlier checkpoint with --model_name"
        )
    roc_auc = {
        name: float(roc_auc_score(labels[:, column], scores[:, column]))
        for column, name in enumerate(class_names)
        if 0 < labels[:, column].sum() < len(labels)
    }
    single_label = bool((labels.sum(axis=1) == 1).all())
    accuracy = accuracy_score(labels.argmax(axis=1), scores.argmax(axis=1))
    return Metrics(
        clips=len(labels),
        roc_auc_macro=float(np.mean(list(roc_auc.values()))) if roc_auc else None,
        roc_auc=roc_auc,
        left_out=tuple(name for name in class_names if name not in roc_auc),
        accuracy=float(accuracy) if single_label else None,
    )
