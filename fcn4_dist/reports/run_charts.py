"""The charts of a report of runs: curves of training, and what each class scores."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from fcn4_dist.evaluation.intervals import Interval
from fcn4_dist.evaluation.metrics import ClassMetrics
from fcn4_dist.reports.charts import Line, draw_lines
from fcn4_dist.reports.run_view import RunView
from fcn4_dist.reports.tables import score_text
from fcn4_dist.runs.history import Epoch, Step
from fcn4_dist.text import cleaned, shorten

_CHANCE = 0.5
_LOSS = "Training loss"


@dataclass(frozen=True)
class Bar:
    """What a run scores for a class.

    Attributes:
        run: The run.
        text: The score and its interval.
        end: Where the bar ends, in percent of the axis; None if there is no score.
        whisker: Beginning and length of the interval, likewise; None if there is none.
    """

    run: RunView
    text: str
    end: float | None
    whisker: tuple[float, float] | None


def curves(runs: Sequence[RunView]) -> list[tuple[str, Markup]]:
    """Draw the curves that there are any values of.

    Args:
        runs: The runs; those without a course have no line.

    Returns:
        What each chart of all runs shows, and the picture.
    """
    kinds: list[tuple[str, str, Callable[..., float | None]]] = [
        (_LOSS, "steps", lambda step: step.loss),
        ("Validation ROC-AUC", "epochs", lambda epoch: epoch.validation.get("roc_auc_macro")),
        ("Validation accuracy", "epochs", lambda epoch: epoch.validation.get("accuracy")),
        ("Learning rate", "steps", lambda step: step.lr),
        ("Samples per second", "steps", lambda step: step.samples_per_second),
    ]
    trained = [run for run in runs if run.record.course]
    in_epochs = all(_steps_per_epoch(run) for run in trained)
    drawn = []
    for title, points, value in kinds:
        found = [_line(run, getattr(run.course, points), value, in_epochs) for run in trained]
        if lines := [line for line in found if line]:
            text = _description(title, runs, lines)
            axis = "epoch" if in_epochs else "step"
            svg = draw_lines(title, lines, axis, text, logarithmic=title == _LOSS)
            drawn.append((title, svg))
    return drawn


def class_bars(runs: Sequence[RunView]) -> tuple[float, list[tuple[str, list[int], list[Bar]]]]:
    """Lay out what each class scores, the lowest of the first run first.

    Args:
        runs: The runs; those without metrics have no bars.

    Returns:
        Where the axis begins (it ends at 1), and of each class its name, the number of clips that
        have it in each run's set, and the bar of each run that knows it.
    """
    found: dict[str, list[tuple[RunView, ClassMetrics, Interval | None]]] = {}
    for run in runs:
        if run.metrics and run.intervals:
            for each, interval in zip(run.metrics.classes, run.intervals.roc_auc, strict=True):
                found.setdefault(each.name, []).append((run, each, interval))
    values = [
        value
        for scores in found.values()
        for _, each, interval in scores
        for value in (each.roc_auc, *(interval or ()))
        if value is not None
    ]
    begin = _CHANCE if min(values, default=0.0) >= _CHANCE else 0.0
    bars = [
        (
            name,
            [each.positives for _, each, _ in scores],
            [_bar(run, each.roc_auc, interval, begin) for run, each, interval in scores],
        )
        for name, scores in found.items()
    ]
    return begin, sorted(bars, key=lambda of_class: _first_end(of_class[-1]))


def _steps_per_epoch(run: RunView) -> int | None:
    return run.record.description.steps_per_epoch if run.record.description else None


def _line(
    run: RunView,
    points: Sequence[Step | Epoch],
    value: Callable[..., float | None],
    in_epochs: bool,
) -> Line | None:
    """Make the line of a run; None if it has no value."""
    values = np.array([value(point) for point in points], dtype=np.float64)
    if np.isnan(values).all():
        return None
    places = np.array([point.global_step for point in points], dtype=np.float64)
    if in_epochs:
        places /= _steps_per_epoch(run) or 1
    best = run.course.best
    marked = next((number for number, point in enumerate(points) if point is best), None)
    return Line(run.number, places, values, marked)


def _description(title: str, runs: Sequence[RunView], lines: Sequence[Line]) -> str:
    names = {run.number: cleaned(shorten(run.name)) for run in runs}
    parts = []
    for line in lines:
        known = line.y[~np.isnan(line.y)]
        parts.append(
            f"{names[line.number]}: first {known[0]:.4g}, last {known[-1]:.4g}, lowest "
            f"{known.min():.4g}, highest {known.max():.4g}"
        )
    return f"{title}. {'; '.join(parts)}"


def _bar(run: RunView, value: float | None, interval: Interval | None, begin: float) -> Bar:
    def place(score: float) -> float:
        return round(100 * (score - begin) / (1 - begin), 2)

    whisker = interval and (place(interval[0]), round(place(interval[1]) - place(interval[0]), 2))
    text = score_text(value, interval)
    return Bar(run, text, None if value is None else place(value), whisker)


def _first_end(bars: Sequence[Bar]) -> float:
    # What has no score comes last.
    return next((bar.end for bar in bars if bar.end is not None), 1000.0)
