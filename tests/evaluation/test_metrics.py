"""Metrics of predictions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, roc_auc_score

from fcn4_dist.errors import Fcn4DistError
from fcn4_dist.evaluation import compute_metrics

NAMES = ("blues", "jazz", "rock", "disco")
# Few different values, so that ties, of which ROC-AUC counts half, are usual.
SCORES = st.sampled_from([0.0, 0.125, 0.3, 0.5, 0.75, 1.0])


@st.composite
def _scored_clips(draw: st.DrawFn, single_label: bool) -> tuple[np.ndarray, np.ndarray]:
    clips, classes = draw(st.integers(1, 30)), draw(st.integers(1, len(NAMES)))
    if single_label:
        columns = draw(st.lists(st.integers(0, classes - 1), min_size=clips, max_size=clips))
        labels = np.eye(classes, dtype=np.int32)[columns]
    else:
        flags = st.lists(st.integers(0, 1), min_size=classes, max_size=classes)
        labels = np.array(draw(st.lists(flags, min_size=clips, max_size=clips)), dtype=np.int32)
    row = st.lists(SCORES, min_size=classes, max_size=classes)
    return labels, np.array(draw(st.lists(row, min_size=clips, max_size=clips)))


@given(clips=st.booleans().flatmap(lambda single_label: _scored_clips(single_label)))
def test_the_mean_of_the_classes_that_have_one_is_scikit_learns_macro_roc_auc(
    clips: tuple[np.ndarray, np.ndarray],
) -> None:
    labels, scores = clips
    names = NAMES[: labels.shape[1]]
    metrics = compute_metrics(labels, scores, names)
    both = labels.any(axis=0) & ~labels.all(axis=0)
    assert tuple(metrics.roc_auc) == tuple(np.array(names)[both])
    assert metrics.left_out == tuple(np.array(names)[~both])
    assert metrics.clips == len(labels)
    if both.any():
        expected = roc_auc_score(labels[:, both], scores[:, both], average="macro")
        assert metrics.roc_auc_macro == pytest.approx(expected, abs=1e-12)
    else:
        assert metrics.roc_auc_macro is None


@given(clips=_scored_clips(single_label=True))
def test_accuracy_is_scikit_learns_of_the_highest_score(
    clips: tuple[np.ndarray, np.ndarray],
) -> None:
    labels, scores = clips
    metrics = compute_metrics(labels, scores, NAMES[: labels.shape[1]])
    assert metrics.accuracy == accuracy_score(labels.argmax(axis=1), scores.argmax(axis=1))


@pytest.mark.parametrize("labels", [[[1, 0], [1, 1]], [[1, 0], [0, 0]]])
def test_clips_of_several_labels_or_none_have_no_accuracy(labels: list[list[int]]) -> None:
    metrics = compute_metrics(np.array(labels), np.array([[0.9, 0.1], [0.2, 0.3]]), NAMES[:2])
    assert metrics.accuracy is None


def test_figures_of_a_small_example() -> None:
    labels = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0]])
    scores = np.array([[0.9, 0.1, 0.2], [0.3, 0.6, 0.2], [0.5, 0.7, 0.2], [0.1, 0.8, 0.9]])
    metrics = compute_metrics(labels, scores, NAMES[:3])
    assert metrics.roc_auc == {"blues": 0.75, "jazz": 1.0}
    assert metrics.roc_auc_macro == 0.875
    assert metrics.left_out == ("rock",)
    assert metrics.accuracy == 0.5
    assert metrics.clips == 4


def test_scores_that_are_no_numbers_are_a_failure_that_is_told() -> None:
    scores = np.array([[0.5, np.nan], [0.5, 0.5]])
    with pytest.raises(Fcn4DistError, match="NaN"):
        compute_metrics(np.eye(2, dtype=np.int32), scores, NAMES[:2])
