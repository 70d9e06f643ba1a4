"""Networks scored on the same clips: differences and how sure they are."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fcn4_dist.evaluation import Predictions
from fcn4_dist.evaluation.differences import (
    clip_differences,
    compare,
    mean_difference,
    why_unpaired,
)
from fcn4_dist.evaluation.folds import Folds, gather_folds
from tests.evaluation.test_folds import NAMES, predictions, write

SCORES = st.lists(st.floats(0, 1), min_size=2, max_size=10)
RATIO = st.floats(0, 1)


@given(differences=SCORES)
def test_without_overlap_the_interval_is_that_of_the_paired_t_test(
    differences: list[float],
) -> None:
    found = mean_difference(np.array(differences), 0)
    assert found.interval is not None
    if np.ptp(differences) > 1e-6:
        usual = stats.ttest_rel(differences, np.zeros(len(differences))).confidence_interval()
        assert found.interval == pytest.approx(tuple(usual), abs=1e-9)


@given(differences=SCORES, ratio=RATIO)
def test_training_sets_that_overlap_make_the_interval_wider_by_a_known_factor(
    differences: list[float], ratio: float
) -> None:
    usual, corrected = (_width(differences, each) for each in (0.0, ratio))
    assert corrected == pytest.approx(usual * np.sqrt(1 + len(differences) * ratio), abs=1e-9)


@given(differences=SCORES, ratio=RATIO, constant=st.floats(-1, 1))
def test_a_difference_the_other_way_round_is_its_negative_and_a_constant_shifts_it(
    differences: list[float], ratio: float, constant: float
) -> None:
    array = np.array(differences)
    found, other = mean_difference(array, ratio), mean_difference(-array, ratio)
    shifted = mean_difference(array + constant, ratio)
    assert found.interval and other.interval and shifted.interval
    assert other.value == -found.value
    assert other.interval == (-found.interval[1], -found.interval[0])
    assert shifted.value == pytest.approx(found.value + constant, abs=1e-9)
    moved = [end + constant for end in found.interval]
    assert shifted.interval == pytest.approx(tuple(moved), abs=1e-6)


def test_folds_are_compared_in_pairs_and_so_are_clips(tmp_path: Path) -> None:
    first, second = (
        _cross_validation(tmp_path / name, seed) for name, seed in (("a", 1), ("b", 2))
    )
    comparison, other = compare(first, second), compare(second, first)
    assert comparison.unpaired == ""
    for name in first.mean:
        of_folds, of_clips = comparison.of_folds[name], comparison.of_clips[name]
        assert of_folds.value == pytest.approx(second.mean[name] - first.mean[name])
        assert other.of_folds[name].value == -of_folds.value
        assert other.of_clips[name].value == -of_clips.value
        pairs = [b[name] - a[name] for a, b in zip(first.figures, second.figures, strict=True)]
        assert of_folds == mean_difference(np.array(pairs), 1 / 3)
    of_clips, turned = (each.of_clips["accuracy"] for each in (comparison, other))
    assert of_clips.interval and turned.interval
    assert of_clips.interval == pytest.approx((-turned.interval[1], -turned.interval[0]))
    # What both find hard is no doubt about which is better.
    assert of_clips.interval[1] - of_clips.interval[0] < 0.5


def test_the_same_results_differ_by_nothing(tmp_path: Path) -> None:
    folds = _cross_validation(tmp_path, 1)
    comparison = compare(folds, folds)
    for found in (*comparison.of_folds.values(), *comparison.of_clips.values()):
        assert found.value == 0
        assert found.interval in ((0, 0), None)


def test_the_order_of_the_clips_does_not_matter() -> None:
    first, second = predictions(1, clips=30), _noisy(predictions(1, clips=30), 3)
    order = np.random.default_rng(1).permutation(30)
    mixed = Predictions(
        *(tuple(each[place] for place in order) for each in (second.ids, second.paths)),
        second.labels[order], second.scores[order], NAMES,
    )  # fmt: skip
    assert clip_differences(first, mixed) == clip_differences(first, second)


def test_what_is_not_of_the_same_clips_is_not_paired() -> None:
    one = predictions(1)
    assert why_unpaired(one, _noisy(one, 1)) == ""
    more = why_unpaired(one, predictions(1, clips=14))
    assert more == "2 clips were scored in one of them alone, such as 1/12.wav"
    labels = one.labels.copy()
    labels[3] = 1
    other = why_unpaired(one, replace(one, labels=labels))
    assert other == "1 clips have other labels in each, such as 1/3.wav"
    names = why_unpaired(one, replace(one, class_names=("blues", "jazz", "soul")))
    assert names == "they have other classes (blues, jazz, rock; blues, jazz, soul)"


def test_clips_in_other_folds_are_compared_together_and_the_folds_are_not(tmp_path: Path) -> None:
    four = _cross_validation(tmp_path, 1)
    turned = replace(four, clips=(11, 13, *four.clips[2:]))
    three = replace(four, clips=(24, *four.clips[2:]), figures=four.figures[1:])
    for other, reason in (
        (turned, "fold 1 is of other clips in each, as another split, seed or grouping makes it"),
        (three, "one has 4 folds and one 3"),
    ):
        comparison = compare(four, other)
        assert comparison.unpaired == reason
        assert not comparison.of_folds
        assert comparison.of_clips["roc_auc_macro"].interval == (0, 0)


def _width(differences: list[float], ratio: float) -> float:
    interval = mean_difference(np.array(differences), ratio).interval
    assert interval
    return interval[1] - interval[0]


def _cross_validation(folder: Path, seed: int) -> Folds:
    folds = [_noisy(predictions(fold), 10 * seed + fold) for fold in range(1, 5)]
    return gather_folds(write(folder, *folds))


def _noisy(clean: Predictions, seed: int) -> Predictions:
    noise = np.random.default_rng(seed).normal(0, 0.1, clean.scores.shape)
    return replace(clean, scores=np.clip(clean.scores + noise, 0, 1))
