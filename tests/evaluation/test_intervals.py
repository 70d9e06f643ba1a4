"""Bootstrap intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from fcn4_dist.evaluation import intervals
from fcn4_dist.evaluation.intervals import (
    ClassRanking,
    bootstrap_intervals,
    interval_differences,
    metric_intervals,
    normal_intervals,
)

# Few different values, so that ties are usual.
CLIP = st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.25, 0.5, 1.0]))


@given(
    clips=st.lists(CLIP, min_size=1, max_size=25),
    whole=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_the_area_of_weighted_clips_is_scikit_learns(
    clips: list[tuple[int, float]], whole: bool, seed: int
) -> None:
    labels, scores = (np.array(column) for column in zip(*clips, strict=True))
    weights = np.random.default_rng(seed).poisson(1.0, (4, len(clips)))
    weights = weights if whole else weights * 0.37
    areas = ClassRanking(labels, scores).weighted_roc_auc(weights)
    assert areas.shape == (4,)
    for area, weight in zip(areas, weights, strict=True):
        if weight @ labels > 0 and weight @ (1 - labels) > 0:
            expected = roc_auc_score(labels, scores, sample_weight=weight)
            assert area == pytest.approx(expected, abs=1e-12)
        else:
            assert np.isnan(area)


def test_intervals_are_those_of_clips_drawn_and_scored_one_resample_after_the_other() -> None:
    labels, scores = _clips(30, 4)
    # So rare that about a third of the resamples have no clip of it.
    labels[:, 3], labels[0] = 0, np.eye(4)[3]
    labels[labels.sum(axis=1) == 0, 0] = 1
    generator = np.random.default_rng(7)
    areas, accuracies = np.full((200, 4), np.nan), []
    for row in areas:
        drawn = generator.integers(30, size=30)
        truth, score = labels[drawn], scores[drawn]
        for column in np.flatnonzero(truth.any(axis=0) & ~truth.all(axis=0)):
            row[column] = roc_auc_score(truth[:, column], score[:, column])
        accuracies.append((truth.argmax(axis=1) == score.argmax(axis=1)).mean())
    assert 0 < np.isnan(areas[:, 3]).sum() < 200
    found = bootstrap_intervals(labels, scores, resamples=200, seed=7)
    ends = [2.5, 97.5]
    assert found.roc_auc_macro == _nearly(np.percentile(np.nanmean(areas, axis=1), ends))
    assert found.accuracy == _nearly(np.percentile(accuracies, ends))
    for interval, column in zip(found.roc_auc, areas.T, strict=True):
        assert interval == _nearly(np.nanpercentile(column, ends))


def test_intervals_do_not_depend_on_how_many_resamples_are_computed_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clips = _clips(50, 3)
    at_once = bootstrap_intervals(*clips)
    monkeypatch.setattr(intervals, "_BLOCK", 50 * 7)
    assert bootstrap_intervals(*clips) == at_once


def test_the_same_predictions_have_the_same_intervals_and_another_seed_has_others() -> None:
    clips = _clips(50, 3)
    assert bootstrap_intervals(*clips) == bootstrap_intervals(*clips)
    assert bootstrap_intervals(*clips) != bootstrap_intervals(*clips, seed=2)


def test_four_times_the_clips_give_about_half_the_width() -> None:
    few, many = (bootstrap_intervals(*_clips(clips, 3)) for clips in (200, 800))
    for name in ("roc_auc_macro", "accuracy"):
        ratio = np.diff(getattr(many, name)) / np.diff(getattr(few, name))
        assert 0.35 < ratio < 0.7


def test_of_true_values_about_95_in_100_are_inside() -> None:
    # Equal chances for each class: the true area is a half, whatever the clips.
    inside = 0
    for seed in range(200):
        generator = np.random.default_rng(seed)
        labels = np.eye(2, dtype=np.int32)[np.arange(60) % 2]
        low, high = _given(bootstrap_intervals(labels, generator.random((60, 2)), 200))
        inside += low <= 0.5 <= high
    # The method is a little too sure for few clips.
    assert 178 <= inside <= 198


@pytest.mark.parametrize("several", [False, True], ids=["one label", "several labels"])
def test_intervals_of_many_scores_are_nearly_those_of_resamples(
    several: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels, scores = _clips(3000, 3)
    others = np.round(scores + np.random.default_rng(2).normal(0, 0.2, scores.shape), 2)
    labels[:100, 1] |= several
    drawn = [metric_intervals(labels, scores), interval_differences(labels, scores, others)]
    monkeypatch.setattr(intervals, "MOST_RESAMPLED", labels.size - 1)
    without = [metric_intervals(labels, scores), interval_differences(labels, scores, others)]
    for found, expected in zip(without, drawn, strict=True):
        assert (found.resamples, expected.resamples) == (0, intervals.RESAMPLES)
        assert (found.accuracy is None) == several
        for one, other in zip(_all_of(found), _all_of(expected), strict=True):
            assert one == pytest.approx(other, abs=0.15 * (other[1] - other[0]))


def test_a_class_that_is_told_apart_without_fault_stays_within_one() -> None:
    labels = np.eye(2, dtype=np.int32)[np.arange(10) % 2]
    found = normal_intervals(labels, labels.astype(float))
    assert found.roc_auc_macro == found.accuracy == (1.0, 1.0)


def test_a_class_that_all_clips_or_none_have_has_no_interval() -> None:
    labels = np.array([[1, 0, 1], [1, 0, 0], [1, 0, 1]])
    for compute in (bootstrap_intervals, normal_intervals):
        found = compute(labels, np.random.default_rng(1).random((3, 3)))
        assert found.roc_auc[:2] == (None, None)
        assert found.roc_auc[2] is not None
        assert found.accuracy is None


def test_without_any_class_that_is_told_from_others_there_is_none_at_all() -> None:
    for compute in (bootstrap_intervals, normal_intervals):
        found = compute(np.ones((3, 1), dtype=np.int32), np.full((3, 1), 0.5))
        assert found.roc_auc_macro is None
        assert found.roc_auc == (None,)
        assert found.accuracy == (1.0, 1.0)


def _clips(clips: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(clips)
    labels = np.eye(classes, dtype=np.int32)[generator.integers(classes, size=clips)]
    # Rounded, so that some are tied.
    return labels, np.round(generator.random((clips, classes)) + 0.3 * labels, 2)


def _all_of(found: intervals.Intervals) -> list[tuple[float, float]]:
    return [each for each in (found.roc_auc_macro, *found.roc_auc, found.accuracy) if each]


def _given(found: intervals.Intervals) -> tuple[float, float]:
    assert found.roc_auc_macro is not None
    return found.roc_auc_macro


def _nearly(ends: np.ndarray) -> object:
    return pytest.approx(tuple(ends), abs=1e-12)
