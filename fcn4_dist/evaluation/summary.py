"""Metrics as people and programs take them away: a table, and the file metrics.json."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fcn4_dist import documents
from fcn4_dist.evaluation.intervals import LEVEL, SEED, Interval, Intervals
from fcn4_dist.evaluation.metrics import Metrics
from fcn4_dist.findings import counted
from fcn4_dist.terminal import table
from fcn4_dist.text import Lines

METRICS_NAME = "metrics.json"
_METRICS_FORMAT = 3
_MOST_ROWS = 50
_EXTREMES = 10
_SHOWN_LEFT_OUT = 5

TITLES = {
    "roc_auc_macro": "macro ROC-AUC",
    "accuracy": "accuracy",
    "roc_auc_micro": "micro ROC-AUC",
    "pr_auc_macro": "macro PR-AUC",
    "f1_macro": "macro F1",
    "balanced_accuracy": "balanced accuracy",
    "top_3_accuracy": "top-3 accuracy",
    "cross_entropy": "cross-entropy",
}
"""What the metrics that are one number each are called where people read them."""

MAIN_METRICS = ("roc_auc_macro", "accuracy", "cross_entropy")
"""Those that one line has room for."""

HOW_THE_BEST_IS_CHOSEN = "by macro ROC-AUC, of equals by cross-entropy"
"""Of several validations of a run."""


@dataclass(frozen=True, kw_only=True)
class SavedMetrics(documents.Document):
    """What metrics.json says that is read again; None for what is not defined."""

    format = _METRICS_FORMAT
    mend = "run eval again"

    clips: documents.Count
    roc_auc_macro: float | None = None
    accuracy: float | None = None
    roc_auc_micro: float | None = None
    pr_auc_macro: float | None = None
    f1_macro: float | None = None
    balanced_accuracy: float | None = None
    top_3_accuracy: float | None = None
    cross_entropy: float | None = None
    checkpoint: str | None = None
    shards: str | None = None


def metrics_content(metrics: Metrics, intervals: Intervals) -> dict[str, Any]:
    """Give what metrics.json says of a set; null for what is not defined."""
    return {"format": _METRICS_FORMAT, **asdict(metrics)} | {
        "classes": [
            asdict(each) | {"roc_auc_interval": interval}
            for each, interval in zip(metrics.classes, intervals.roc_auc, strict=True)
        ],
        "left_out": metrics.left_out,
        "intervals": {"roc_auc_macro": intervals.roc_auc_macro, "accuracy": intervals.accuracy},
        "bootstrap": {"level": LEVEL, "resamples": intervals.resamples, "seed": SEED},
    }


def metrics_text(
    metrics: Metrics, intervals: Intervals, of_all: str = f"{METRICS_NAME} has all"
) -> str:
    """Lay out the metrics for the terminal: a table of the classes, then the summary.

    Of many classes, the table has those of the lowest and of the highest ROC-AUC.

    Args:
        metrics: The metrics.
        intervals: Their intervals.
        of_all: Where the others are.
    """
    heading = ["class", "positives", f"ROC-AUC [{LEVEL:.0%} interval]", "PR-AUC"]
    rows = [
        [each.name, str(each.positives), _figure(each.roc_auc, interval), _figure(each.pr_auc)]
        for each, interval in zip(metrics.classes, intervals.roc_auc, strict=True)
    ]
    notes = []
    if len(rows) > _MOST_ROWS:
        known = [place for place, each in enumerate(metrics.classes) if each.roc_auc is not None]
        known.sort(key=lambda place: metrics.classes[place].roc_auc or 0.0)
        shown = known if len(known) <= 2 * _EXTREMES else known[:_EXTREMES] + known[-_EXTREMES:]
        rows = [rows[place] for place in shown]
        notes.append(f"these are the lowest and highest of {len(known)} classes; {of_all}")
    first = {
        "macro ROC-AUC": _figure(metrics.roc_auc_macro, intervals.roc_auc_macro),
        "accuracy": _figure(metrics.accuracy, intervals.accuracy),
        "clips": str(metrics.clips),
    }
    if metrics.left_out:
        first["classes in the means"] = f"{_counted(metrics)} of {len(metrics.classes)}"
    second = {
        TITLES[name]: _figure(value)
        for name, value in summary_figures(metrics).items()
        if TITLES[name] not in first
    }
    return Lines("\n".join([table([heading, *rows]), *notes, _summary(first), _summary(second)]))


def summary_figures(metrics: Metrics | SavedMetrics) -> dict[str, float]:
    """Give the metrics that are one number each, those that are defined, by name."""
    figures = {name: getattr(metrics, name) for name in TITLES}
    return {name: value for name, value in figures.items() if value is not None}


def summary_text(metrics: Metrics) -> str:
    """Give the main ones of those metrics in one line."""
    texts = [main_figures_text(summary_figures(metrics))]
    if metrics.roc_auc_macro is None:
        texts.insert(0, "no macro ROC-AUC, since no class has both kinds of clips")
    return ", ".join(texts)


def main_figures_text(figures: Mapping[str, float]) -> str:
    """Give the main ones of figures of :func:`summary_figures` in one line."""
    return ", ".join(f"{TITLES[k]} {figures[k]:.4f}" for k in MAIN_METRICS if k in figures)


def left_out_text(metrics: Metrics) -> str:
    """Say which classes are in no mean, and how many are; "" if all are."""
    if not metrics.left_out:
        return ""
    return (
        "classes that all clips or none have are in no mean: "
        f"{counted(metrics.left_out, _SHOWN_LEFT_OUT)}; the means are of "
        f"{_counted(metrics)} of {len(metrics.classes)}"
    )


def _counted(metrics: Metrics) -> int:
    return len(metrics.classes) - len(metrics.left_out)


def _figure(value: float | None, interval: Interval | None = None) -> str:
    if value is None:
        return "none"
    return f"{value:.4f}" + ("" if interval is None else " [{:.3f}, {:.3f}]".format(*interval))


def _summary(figures: dict[str, str]) -> str:
    # What a collection cannot have is not worth a place, but that there is no main figure is.
    shown = {k: v for k, v in figures.items() if v != "none" or k == "macro ROC-AUC"}
    return "   ".join(f"{name} {figure}" for name, figure in shown.items())
