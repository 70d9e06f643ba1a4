"""Intervals of metrics: how much they would vary with other clips of the same kind."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from fcn4_dist.evaluation.metrics import is_single_label

LEVEL = 0.95
RESAMPLES = 1000
# Not the setting of that name: one set of predictions has one set of intervals.
SEED = 1

MOST_RESAMPLED = 10**6
"""Scores, clips times classes, above which resamples would take minutes, and of clips so many the
normal distribution says the same."""

Interval = tuple[float, float]
_DEVIATIONS = NormalDist().inv_cdf((1 + LEVEL) / 2)

# Numbers of a block of resamples: few enough to stay in the cache, many enough to be vectorised.
_BLOCK = 2**20


@dataclass(frozen=True)
class Intervals:
    """95 % intervals, each from its lower to its upper end; None where there is no metric.

    Attributes:
        roc_auc_macro: Of the mean of the classes' ROC-AUC.
        roc_auc: Of the ROC-AUC of each class.
        accuracy: Of the accuracy; None where clips have several labels or none.
        resamples: How often clips were drawn anew for them; 0 for those of
            :func:`normal_intervals`.
    """

    roc_auc_macro: Interval | None
    roc_auc: tuple[Interval | None, ...]
    accuracy: Interval | None
    resamples: int

    @property
    def method(self) -> str:
        """How they were computed, in a few words."""
        if self.resamples:
            return f"the percentile bootstrap over clips ({self.resamples} resamples)"
        return "the variance that each clip adds (infinitesimal jackknife), of so many clips"


def metric_intervals(
    labels: np.ndarray,
    scores: np.ndarray,
    goes_on: Callable[[str], None] = lambda doing: None,
) -> Intervals:
    """Compute intervals in the way that suits the number of scores.

    Args:
        labels: 0/1 of shape (clips, classes).
        scores: Higher for more likely, of the same shape; none is NaN.
        goes_on: Told again and again what is done.
    """
    if labels.size > MOST_RESAMPLED:
        return normal_intervals(labels, scores, goes_on)
    return bootstrap_intervals(labels, scores, goes_on=goes_on)


def normal_intervals(
    labels: np.ndarray,
    scores: np.ndarray,
    goes_on: Callable[[str], None] = lambda doing: None,
) -> Intervals:
    """Compute intervals of many clips from what each of them adds to the variance.

    The influence of a clip on an area is DeLong's structural component; its logit is taken for
    normal, so that intervals stay within 0 and 1.
    Source: DeLong and others, Comparing the Areas under Two or More Correlated ROC Curves
    (Biometrics 1988); by ranks as of Sun and Xu, Fast Implementation of DeLong's Algorithm (2014).

    Args:
        labels: 0/1 of shape (clips, classes).
        scores: Higher for more likely, of the same shape; none is NaN.
        goes_on: Told again and again what is done.
    """
    return _normal(labels, [(1, scores)], _within_one, goes_on)


def bootstrap_intervals(
    labels: np.ndarray,
    scores: np.ndarray,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    goes_on: Callable[[str], None] = lambda doing: None,
) -> Intervals:
    """Compute intervals by the percentile bootstrap over clips.

    A class that all clips of a resample or none have is left out of the mean of that resample.
    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.

    Args:
        labels: 0/1 of shape (clips, classes).
        scores: Higher for more likely, of the same shape; none is NaN.
        resamples: How often the clips are drawn anew, with replacement.
        seed: Of the draws.
        goes_on: Told again and again what is done, since of many clips it takes minutes.
    """
    return _intervals(_resample(labels, scores, resamples, seed, goes_on))


def interval_differences(
    labels: np.ndarray, first: np.ndarray, second: np.ndarray, resamples: int = RESAMPLES
) -> Intervals:
    """Compute intervals of what second scores give more than first ones, of the same clips.

    Each resample has the same clips for both, so what makes clips hard or easy cancels out; and
    so it does where the influence of each clip is that on the difference.

    Args:
        labels: 0/1 of shape (clips, classes).
        first: Higher for more likely, of the same shape; none is NaN.
        second: Likewise.
        resamples: As in :func:`bootstrap_intervals`, where there are not too many scores for it.
    """
    if labels.size > MOST_RESAMPLED:
        return _normal(labels, [(-1, first), (1, second)], _around)
    before, after = (_resample(labels, scores, resamples) for scores in (first, second))
    return _intervals(
        _Resampled(
            roc_auc_macro=after.roc_auc_macro - before.roc_auc_macro,
            roc_auc=after.roc_auc - before.roc_auc,
            accuracy=after.accuracy - before.accuracy,
        )
    )


@dataclass(frozen=True)
class _Resampled:
    """Metrics of resamples; NaN where there is none.

    Attributes:
        roc_auc_macro: Of shape (resamples,).
        roc_auc: Of shape (classes, resamples).
        accuracy: Of shape (resamples,).
    """

    roc_auc_macro: np.ndarray
    roc_auc: np.ndarray
    accuracy: np.ndarray


def _resample(
    labels: np.ndarray,
    scores: np.ndarray,
    resamples: int,
    seed: int = SEED,
    goes_on: Callable[[str], None] = lambda doing: None,
) -> _Resampled:
    correct = (scores.argmax(axis=1) == labels.argmax(axis=1)).astype(float)
    if not is_single_label(labels):
        correct[:] = np.nan
    roc_auc, accuracy = [], []
    classes = [ClassRanking(*column) for column in zip(labels.T, scores.T, strict=True)]
    for weights in _resampled_weights(len(labels), resamples, seed):
        of_classes = []
        for ranking in classes:
            goes_on(f"computing intervals of {len(labels)} clips")
            of_classes.append(ranking.weighted_roc_auc(weights))
        roc_auc.append(of_classes)
        accuracy.append(weights @ correct / len(labels))
    by_class = np.concatenate(roc_auc, axis=1)
    known = (~np.isnan(by_class)).sum(axis=0)
    macro = np.full(resamples, np.nan)
    np.divide(np.nansum(by_class, axis=0), known, out=macro, where=known > 0)
    return _Resampled(macro, by_class, np.concatenate(accuracy))


def _intervals(resampled: _Resampled) -> Intervals:
    return Intervals(
        roc_auc_macro=_interval(resampled.roc_auc_macro),
        roc_auc=tuple(map(_interval, resampled.roc_auc)),
        accuracy=_interval(resampled.accuracy),
        resamples=len(resampled.accuracy),
    )


def _normal(
    labels: np.ndarray,
    signed: list[tuple[int, np.ndarray]],
    interval: Callable[[float, float], Interval],
    goes_on: Callable[[str], None] = lambda doing: None,
) -> Intervals:
    """Compute intervals of a sum of metrics, of one scoring or more, each with its sign."""
    clips = len(labels)
    areas, macro = [], np.zeros(clips)
    of_classes: list[Interval | None] = []
    for number, of_class in enumerate(labels.T.astype(bool)):
        goes_on(f"computing intervals of {clips} clips")
        if of_class.all() or not of_class.any():
            of_classes.append(None)
            continue
        terms = [(sign, *_area(of_class, scores[:, number])) for sign, scores in signed]
        area = sum(sign * value for sign, value, _ in terms)
        influence = np.sum([sign * of_clips for sign, _, of_clips in terms], axis=0)
        of_classes.append(interval(area, _error(influence)))
        areas.append(area)
        macro += influence
    accuracy = None
    if is_single_label(labels):
        true = labels.argmax(axis=1)
        correct = np.sum([sign * (each.argmax(axis=1) == true) for sign, each in signed], axis=0)
        accuracy = interval(float(correct.mean()), _error((correct - correct.mean()) / clips))
    mean = interval(float(np.mean(areas)), _error(macro / len(areas))) if areas else None
    return Intervals(mean, tuple(of_classes), accuracy, resamples=0)


def _area(labels: np.ndarray, scores: np.ndarray) -> tuple[float, np.ndarray]:
    """Compute the ROC-AUC of a class, and how much each clip's weight moves it."""
    from scipy.stats import rankdata

    # By how many of the other kind each clip is in order with, ties counting half.
    in_order = rankdata(scores)
    for kind in (labels, ~labels):
        in_order[kind] -= rankdata(scores[kind])
    positives = np.count_nonzero(labels)
    in_order[~labels] = positives - in_order[~labels]
    shares = in_order / np.where(labels, len(labels) - positives, positives)
    area = shares[labels].mean()
    return float(area), (shares - area) / np.where(labels, positives, len(labels) - positives)


def _error(influence: np.ndarray) -> float:
    """Give the standard error of what clips of so much influence make."""
    return math.sqrt(influence @ influence)


def _around(value: float, error: float) -> Interval:
    half = _DEVIATIONS * error
    return float(value - half), float(value + half)


def _within_one(value: float, error: float) -> Interval:
    if not 0 < value < 1:
        return float(value), float(value)
    low, high = _around(math.log(value / (1 - value)), error / (value * (1 - value)))
    return 1 / (1 + math.exp(-low)), 1 / (1 + math.exp(-high))


class ClassRanking:
    """The clips in the order of their scores for one class, for areas of many weightings of them.

    Args:
        labels: 0/1 of shape (clips,).
        scores: Of the same shape.
    """

    def __init__(self, labels: np.ndarray, scores: np.ndarray) -> None:
        order = np.argsort(scores)
        in_order = scores[order]
        positive = np.flatnonzero(labels[order])
        self._order, self._positive = order, order[positive]
        # Where the ties of each positive begin, and where they end.
        self._first = np.searchsorted(in_order, in_order[positive], side="left")
        self._end = np.searchsorted(in_order, in_order[positive], side="right")

    def weighted_roc_auc(self, weights: np.ndarray) -> np.ndarray:
        """Compute the ROC-AUC of the class for many weightings of the clips at once.

        It is the Mann-Whitney statistic: the share of pairs of a positive and a negative that are
        in order, ties counting half. Whole weights are counted exactly.

        Args:
            weights: At least 0, of shape (weightings, clips).

        Returns:
            The areas, of shape (weightings,); NaN where positives or negatives weigh nothing.
        """
        sums = np.zeros((len(weights), len(self._order) + 1), dtype=weights.dtype)
        np.cumsum(weights[:, self._order], axis=1, out=sums[:, 1:])
        # Twice the weight below a positive: that below its ties, and that up to their end.
        below, up_to = sums[:, self._first], sums[:, self._end]
        weight = weights[:, self._positive]
        positives = weight.sum(axis=1)
        negatives = sums[:, -1] - positives
        # Pairs of two positives are in it, too: half of all of them, whatever their scores.
        doubled = np.einsum("wp,wp->w", weight, below + up_to) - positives**2
        pairs = 2.0 * positives * negatives
        return np.divide(doubled, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)


def _resampled_weights(clips: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Draw resamples, in blocks: how often each clip is in each, of shape (resamples, clips)."""
    generator = np.random.default_rng(seed)
    rows = max(1, _BLOCK // clips)
    for first in range(0, resamples, rows):
        count = min(rows, resamples - first)
        drawn = generator.integers(clips, size=(count, clips)) + clips * np.arange(count)[:, None]
        yield np.bincount(drawn.ravel(), minlength=count * clips).reshape(count, clips)


def _interval(values: np.ndarray) -> Interval | None:
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
