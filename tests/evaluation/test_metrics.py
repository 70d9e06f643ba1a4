"""Metrics of predictions."""

import json

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    confusion_matrix,
    f1_score,
    log_loss,
    recall_score,
    roc_auc_score,
    top_k_accuracy_score,
)

from fcn4_dist.errors import Fcn4DistError
from fcn4_dist.evaluation import (
    compute_metrics,
    left_out_text,
    metrics_content,
    metrics_text,
)
from fcn4_dist.evaluation.intervals import bootstrap_intervals

NAMES = ("blues", "jazz", "rock", "disco", "metal")
# Few different values, so that ties, of which ROC-AUC counts half, are usual.
SCORES = st.sampled_from([0.0, 0.125, 0.3, 0.5, 0.75, 1.0])
Clips = tuple[np.ndarray, np.ndarray]

EXAMPLE = (
    np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0]]),
    np.array([[0.9, 0.1, 0.2], [0.3, 0.6, 0.2], [0.5, 0.7, 0.2], [0.1, 0.8, 0.9]]),
)


@st.composite
def _scored_clips(draw: st.DrawFn, single_label: bool) -> Clips:
    clips, classes = draw(st.integers(1, 30)), draw(st.integers(1, len(NAMES)))
    if single_label:
        columns = draw(st.lists(st.integers(0, classes - 1), min_size=clips, max_size=clips))
        labels = np.eye(classes, dtype=np.int32)[columns]
    else:
        flags = st.lists(st.integers(0, 1), min_size=classes, max_size=classes)
        labels = np.array(draw(st.lists(flags, min_size=clips, max_size=clips)), dtype=np.int32)
    row = st.lists(SCORES, min_size=classes, max_size=classes)
    return labels, np.array(draw(st.lists(row, min_size=clips, max_size=clips)))


ANY_CLIPS = st.booleans().flatmap(lambda single_label: _scored_clips(single_label))


@given(clips=ANY_CLIPS)
def test_the_means_of_the_classes_that_have_one_are_scikit_learns(clips: Clips) -> None:
    labels, scores = clips
    names = NAMES[: labels.shape[1]]
    metrics = compute_metrics(labels, scores, names)
    both = labels.any(axis=0) & ~labels.all(axis=0)
    assert metrics.left_out == tuple(np.array(names)[~both])
    assert metrics.clips == len(labels)
    if both.any():
        kept = labels[:, both], scores[:, both]
        assert metrics.roc_auc_macro == _nearly(roc_auc_score(*kept, average="macro"))
        assert metrics.pr_auc_macro == _nearly(average_precision_score(*kept, average="macro"))
    else:
        assert metrics.roc_auc_macro is metrics.pr_auc_macro is metrics.f1_macro is None


@given(clips=ANY_CLIPS)
def test_each_class_has_scikit_learns_figures_or_none(clips: Clips) -> None:
    labels, scores = clips
    classes = compute_metrics(labels, scores, NAMES[: labels.shape[1]]).classes
    assert tuple(each.name for each in classes) == NAMES[: labels.shape[1]]
    for each, truth, score in zip(classes, labels.T, scores.T, strict=True):
        assert each.positives == truth.sum()
        if 0 < each.positives < len(truth):
            assert each.roc_auc == _nearly(roc_auc_score(truth, score))
            assert each.pr_auc == _nearly(average_precision_score(truth, score))
        else:
            assert each.roc_auc is each.pr_auc is None


@given(clips=ANY_CLIPS)
def test_the_micro_roc_auc_is_that_of_all_pairs_of_a_clip_and_a_class(clips: Clips) -> None:
    labels, scores = clips
    metrics = compute_metrics(labels, scores, NAMES[: labels.shape[1]])
    if len(np.unique(labels)) == 2:
        expected = roc_auc_score(labels.ravel(), scores.ravel())
        assert metrics.roc_auc_micro == _nearly(expected)
    else:
        assert metrics.roc_auc_micro is None


@given(clips=ANY_CLIPS)
def test_the_cross_entropy_is_scikit_learns_of_all_pairs_of_a_clip_and_a_class(
    clips: Clips,
) -> None:
    labels, scores = clips
    metrics = compute_metrics(labels, scores, NAMES[: labels.shape[1]])
    expected = log_loss(labels.ravel(), scores.ravel(), labels=[0, 1])
    assert metrics.cross_entropy == _nearly(expected)


def test_a_score_that_is_certain_and_wrong_costs_much_and_not_infinity() -> None:
    surely_wrong = compute_metrics(np.array([[1, 0]]), np.array([[0.0, 1.0]]), NAMES[:2])
    assert surely_wrong.cross_entropy == pytest.approx(36.04, abs=0.01)
    right = compute_metrics(np.array([[1, 0]]), np.array([[1.0, 0.0]]), NAMES[:2])
    assert right.cross_entropy == 0


@pytest.mark.filterwarnings("ignore:A single label was found")
@given(clips=_scored_clips(single_label=True))
def test_what_the_highest_score_says_is_measured_as_scikit_learn_does(clips: Clips) -> None:
    labels, scores = clips
    metrics = compute_metrics(labels, scores, NAMES[: labels.shape[1]])
    true, given_class = labels.argmax(axis=1), scores.argmax(axis=1)
    columns = range(labels.shape[1])
    assert metrics.accuracy == accuracy_score(true, given_class)
    # Balanced accuracy is the mean recall of the classes that have clips.
    recall = recall_score(true, given_class, labels=np.unique(true), average="macro")
    assert metrics.balanced_accuracy == _nearly(recall)
    expected = confusion_matrix(true, given_class, labels=columns)
    np.testing.assert_array_equal(metrics.confusion_matrix, expected)
    counted = [column for column in columns if 0 < labels[:, column].sum() < len(labels)]
    if counted:
        f1 = f1_score(true, given_class, labels=counted, average="macro")
        assert metrics.f1_macro == _nearly(f1)


@given(clips=_scored_clips(single_label=True))
def test_the_three_highest_scores_are_measured_where_there_are_more_classes(clips: Clips) -> None:
    labels, scores = clips
    classes = labels.shape[1]
    metrics = compute_metrics(labels, scores, NAMES[:classes])
    if classes > 3:
        expected = top_k_accuracy_score(labels.argmax(axis=1), scores, k=3, labels=range(classes))
        assert metrics.top_3_accuracy == _nearly(expected)
    else:
        assert metrics.top_3_accuracy is None


@given(clips=_scored_clips(single_label=False))
def test_tags_are_given_from_a_half_on(clips: Clips) -> None:
    labels, scores = clips
    counted = labels.any(axis=0) & ~labels.all(axis=0)
    assume(counted.any() and (labels.sum(axis=1) != 1).any())
    columns = zip(labels.T[counted], scores.T[counted], strict=True)
    expected = np.mean([f1_score(truth, score >= 0.5) for truth, score in columns])
    assert compute_metrics(labels, scores, NAMES[: len(counted)]).f1_macro == _nearly(expected)


@pytest.mark.parametrize("labels", [[[1, 0], [1, 1]], [[1, 0], [0, 0]]])
def test_clips_of_several_labels_or_none_have_no_accuracy(labels: list[list[int]]) -> None:
    metrics = compute_metrics(np.array(labels), np.array([[0.9, 0.1], [0.2, 0.3]]), NAMES[:2])
    assert metrics.accuracy is metrics.balanced_accuracy is metrics.top_3_accuracy is None
    assert metrics.confusion_matrix is None


def test_figures_of_a_small_example() -> None:
    metrics = compute_metrics(*EXAMPLE, NAMES[:3])
    assert [each.roc_auc for each in metrics.classes] == [0.75, 1.0, None]
    assert [each.positives for each in metrics.classes] == [2, 2, 0]
    assert metrics.roc_auc_macro == 0.875
    assert metrics.left_out == ("rock",)
    assert metrics.accuracy == metrics.balanced_accuracy == 0.5
    assert metrics.confusion_matrix == ((1, 1, 0), (0, 1, 1), (0, 0, 0))
    assert metrics.clips == 4


def test_scores_that_are_no_numbers_are_a_failure_that_is_told() -> None:
    scores = np.array([[0.5, np.nan], [0.5, 0.5]])
    with pytest.raises(Fcn4DistError, match="NaN"):
        compute_metrics(np.eye(2, dtype=np.int32), scores, NAMES[:2])


def test_the_terminal_shows_a_line_for_each_class_and_the_summary_with_intervals() -> None:
    metrics, intervals = compute_metrics(*EXAMPLE, NAMES[:3]), bootstrap_intervals(*EXAMPLE)
    assert metrics_text(metrics, intervals).splitlines() == [
        "class  positives  ROC-AUC [95% interval]  PR-AUC",
        "-----  ---------  ----------------------  ------",
        "blues  2          0.7500 [0.000, 1.000]   0.8333",
        "jazz   2          1.0000 [1.000, 1.000]   1.0000",
        "rock   0          none                    none",
        "macro ROC-AUC 0.8750 [0.500, 1.000]   accuracy 0.5000 [0.000, 1.000]   clips 4   "
        "classes in the means 2 of 3",
        "micro ROC-AUC 0.8281   macro PR-AUC 0.9167   macro F1 0.5833   balanced accuracy 0.5000   "
        "cross-entropy 0.5568",
    ]


def test_of_many_classes_the_terminal_shows_those_of_the_lowest_and_highest_area() -> None:
    random = np.random.default_rng(1)
    labels = (random.random((40, 300)) < 0.1).astype(int)
    labels[:, :7] = 0
    scores, names = random.random((40, 300)), tuple(f"tag {number}" for number in range(300))
    metrics = compute_metrics(labels, scores, names)
    intervals = bootstrap_intervals(labels, scores, resamples=50)
    table = metrics_text(metrics, intervals).splitlines()[2:22]
    known = sorted(each.roc_auc for each in metrics.classes if each.roc_auc is not None)
    shown = [float(line.split(" [")[0].split()[-1]) for line in table]
    assert shown == [round(area, 4) for area in known[:10] + known[-10:]]
    notes = metrics_text(metrics, intervals).splitlines()[22:]
    counted = len(known)
    assert notes[0] == (
        f"these are the lowest and highest of {counted} classes; metrics.json has all"
    )
    assert notes[1].endswith(f"classes in the means {counted} of 300")
    assert len(notes) == 3
    assert len(metrics_content(metrics, intervals)["classes"]) == 300
    told = left_out_text(metrics)
    assert f"none have are in no mean: {300 - counted}, like tag 0, tag 1, tag 2, " in told
    assert told.endswith(f"tag 4; the means are of {counted} of 300")


@given(clips=ANY_CLIPS)
def test_what_goes_into_the_file_is_json_without_nan_and_holds_every_figure(clips: Clips) -> None:
    labels, scores = clips
    metrics = compute_metrics(labels, scores, NAMES[: labels.shape[1]])
    intervals = bootstrap_intervals(labels, scores, resamples=20)
    content = json.loads(json.dumps(metrics_content(metrics, intervals), allow_nan=False))
    means = ("roc_auc_macro", "roc_auc_micro", "pr_auc_macro", "f1_macro", "cross_entropy")
    for key in (*means, "clips"):
        assert content[key] == getattr(metrics, key)
    for key in ("accuracy", "balanced_accuracy", "top_3_accuracy"):
        assert content[key] == getattr(metrics, key)
    assert tuple(content["left_out"]) == metrics.left_out
    assert [each["name"] for each in content["classes"]] == list(NAMES[: labels.shape[1]])
    for each, metric, interval in zip(
        content["classes"], metrics.classes, intervals.roc_auc, strict=True
    ):
        assert (each["roc_auc"], each["pr_auc"]) == (metric.roc_auc, metric.pr_auc)
        assert each["roc_auc_interval"] == (None if interval is None else list(interval))
    assert set(content["intervals"]) == {"roc_auc_macro", "accuracy"}


def _nearly(value: float) -> object:
    return pytest.approx(value, abs=1e-12)
