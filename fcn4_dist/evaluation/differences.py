"""Two networks scored on the same clips: by how much one is better, and how sure that is."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from fcn4_dist.evaluation.folds import Folds
from fcn4_dist.evaluation.intervals import LEVEL, Interval, interval_differences
from fcn4_dist.evaluation.predictions import Predictions
from fcn4_dist.evaluation.summary import summary_figures
from fcn4_dist.text import unlike


@dataclass(frozen=True)
class Difference:
    """A score minus another one.

    Attributes:
        value: Above 0 where the score is the higher one.
        interval: Its 95 % interval; None if there is none for this score.
    """

    value: float
    interval: Interval | None


@dataclass(frozen=True)
class Comparison:
    """A cross-validation against another one.

    Attributes:
        of_folds: Means of the folds' differences, by the name of the score; empty unless the folds
            are of the same clips.
        of_clips: Differences of the scores of all clips together; empty unless they are the same.
        unpaired: Why one of them is empty, as the end of a sentence; "" if none is.
    """

    of_folds: Mapping[str, Difference]
    of_clips: Mapping[str, Difference]
    unpaired: str


def compare(first: Folds, second: Folds) -> Comparison:
    """Compare a second cross-validation with a first one."""
    if unpaired := why_unpaired(first.pooled, second.pooled):
        return Comparison({}, {}, unpaired)
    unpaired = _other_folds(first, second)
    of_folds = {} if unpaired else _fold_differences(first, second)
    return Comparison(of_folds, clip_differences(first.pooled, second.pooled), unpaired)


def why_unpaired(first: Predictions, second: Predictions) -> str:
    """Say why predictions are not of the same clips and labels; "" if they are."""
    if first.class_names != second.class_names:
        return (
            f"they have other classes ({'; '.join(unlike(first.class_names, second.class_names))})"
        )
    if lost := set(first.ids) ^ set(second.ids):
        return f"{len(lost)} clips were scored in one of them alone, such as {min(lost)}"
    differing = (first.labels != _in_order_of(first, second).labels).any(axis=1)
    if differing.any():
        name = first.ids[int(differing.argmax())]
        return f"{differing.sum()} clips have other labels in each, such as {name}"
    return ""


def clip_differences(first: Predictions, second: Predictions) -> dict[str, Difference]:
    """Give how far second scores are above first ones, of the same clips and labels."""
    second = _in_order_of(first, second)
    before, after = (summary_figures(each.metrics) for each in (first, second))
    intervals = interval_differences(first.labels, first.scores, second.scores)
    return {
        name: Difference(after[name] - before[name], getattr(intervals, name, None))
        for name in before
    }


def mean_difference(differences: np.ndarray, tested_to_trained: float) -> Difference:
    """Give the mean of paired differences with its corrected interval of Student's t.

    Training sets of folds overlap, so their scores vary together, and the usual interval is too
    narrow; the correction makes the variance of the mean s² (1 / n + tested / trained). The usual
    one is that of a ratio of 0.

    Source: Nadeau and Bengio, Inference for the Generalization Error, Machine Learning 52 (2003),
    their corrected resampled t-test; Bouckaert and Frank, Evaluating the Replicability of
    Significance Tests for Comparing Learning Algorithms (PAKDD 2004), for folds.

    Args:
        differences: Of shape (folds,), two or more.
        tested_to_trained: Clips that a fold is tested on, for each one it is trained on.
    """
    # Importing it takes longer than starting a job should wait for.
    from scipy.stats import t

    folds, mean = len(differences), float(np.mean(differences))
    deviation = 0.0 if np.ptp(differences) == 0 else float(np.std(differences, ddof=1))
    error = deviation * np.sqrt(1 / folds + tested_to_trained)
    half = float(t.ppf((1 + LEVEL) / 2, folds - 1) * error)
    return Difference(mean, (mean - half, mean + half))


def _fold_differences(first: Folds, second: Folds) -> dict[str, Difference]:
    folds = len(first.clips)
    pairs = list(zip(first.figures, second.figures, strict=True))
    differences = {
        name: np.array([after[name] - before[name] for before, after in pairs])
        for name in first.mean
    }
    # Of k folds, one is tested and k - 1 are trained on.
    return {name: mean_difference(each, 1 / (folds - 1)) for name, each in differences.items()}


def _other_folds(first: Folds, second: Folds) -> str:
    if len(first.clips) != len(second.clips):
        return f"one has {len(first.clips)} folds and one {len(second.clips)}"
    pairs = zip(_clips_of_folds(first), _clips_of_folds(second), strict=True)
    others = [number for number, (one, other) in enumerate(pairs, start=1) if one != other]
    if others:
        return (
            f"fold {others[0]} is of other clips in each, as another split, seed or grouping makes "
            "it"
        )
    return ""


def _clips_of_folds(folds: Folds) -> list[set[str]]:
    ends = list(accumulate(folds.clips))
    return [set(folds.pooled.ids[begin:end]) for begin, end in zip([0, *ends], ends, strict=False)]


def _in_order_of(first: Predictions, second: Predictions) -> Predictions:
    """Give the same clips as ``first`` has them."""
    if first.ids == second.ids:
        return second
    places = {clip_id: place for place, clip_id in enumerate(second.ids)}
    order = [places[clip_id] for clip_id in first.ids]
    paths = tuple(second.paths[place] for place in order)
    labels, scores = second.labels[order], second.scores[order]
    return Predictions(first.ids, paths, labels, scores, second.class_names)
