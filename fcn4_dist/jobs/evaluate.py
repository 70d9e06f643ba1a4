"""The eval job, as one rank of it."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fcn4_dist.config import LoadedSettings
from fcn4_dist.evaluation import (
    Intervals,
    Metrics,
    bootstrap_intervals,
    compute_metrics,
    write_predictions,
)
from fcn4_dist.evaluation.intervals import LEVEL, RESAMPLES, SEED, Interval
from fcn4_dist.files import write_json
from fcn4_dist.jobs.rank import become_rank
from fcn4_dist.jobs.shards import open_shards
from fcn4_dist.terminal import say, table, warn
from fcn4_dist.versions import package_versions

PREDICTIONS_NAME = "predictions.csv"
METRICS_NAME = "metrics.json"


def evaluate(loaded: LoadedSettings) -> None:
    """Score the validation set: alone, or as one rank if a launcher started this process."""
    settings, worker = become_rank("eval", loaded)
    folder = Path(settings.run_dir)
    if worker.is_main:
        # Scores of an earlier evaluation must not outlive a failure of this one.
        for name in (PREDICTIONS_NAME, METRICS_NAME):
            (folder / name).unlink(missing_ok=True)

    from fcn4_dist.evaluation.scoring import score_clips
    from fcn4_dist.jobs.trained_network import load_trained_network

    manifest, record_set = open_shards(settings, settings.val_filename)
    worker.check_agreement({"shards' manifest": int(manifest.fingerprint()[:15], 16)})
    network, path = load_trained_network(settings, manifest, worker)
    begun = time.monotonic()
    predictions = score_clips(network, record_set, settings.batch_size, worker)
    if predictions is None:
        return
    seconds = time.monotonic() - begun
    metrics = compute_metrics(predictions.labels, predictions.scores, predictions.class_names)
    intervals = bootstrap_intervals(predictions.labels, predictions.scores)
    write_predictions(predictions, folder / PREDICTIONS_NAME)
    content = metrics_content(metrics, intervals) | {
        "checkpoint": path,
        "shards": str(record_set.folder / settings.val_filename),
        "versions": package_versions("mindspore", "numpy", "scikit-learn"),
    }
    write_json(folder / METRICS_NAME, {"format": 2, **content})
    say(metrics_text(metrics, intervals))
    if metrics.left_out:
        warn(
            "left out of the means, because all clips or none have the label: "
            + ", ".join(metrics.left_out)
        )
    say(f"{len(record_set) / seconds:.1f} samples/s, compilation included")
    say(f"predictions: {folder / PREDICTIONS_NAME}")
    say(f"metrics: {folder / METRICS_NAME}")


def metrics_content(metrics: Metrics, intervals: Intervals) -> dict[str, Any]:
    """Give the metrics and their intervals as JSON can hold them; null for what is not defined."""
    return asdict(metrics) | {
        "classes": [
            asdict(each) | {"roc_auc_interval": interval}
            for each, interval in zip(metrics.classes, intervals.roc_auc, strict=True)
        ],
        "left_out": metrics.left_out,
        "intervals": {"roc_auc_macro": intervals.roc_auc_macro, "accuracy": intervals.accuracy},
        "bootstrap": {"level": LEVEL, "resamples": RESAMPLES, "seed": SEED},
    }


def metrics_text(metrics: Metrics, intervals: Intervals) -> str:
    """Lay out the metrics for the terminal: a table of the classes, then the summary."""
    rows = [["class", "positives", f"ROC-AUC [{LEVEL:.0%} interval]", "PR-AUC"]]
    rows += [
        [each.name, str(each.positives), _figure(each.roc_auc, interval), _figure(each.pr_auc)]
        for each, interval in zip(metrics.classes, intervals.roc_auc, strict=True)
    ]
    first = {
        "macro ROC-AUC": _figure(metrics.roc_auc_macro, intervals.roc_auc_macro),
        "accuracy": _figure(metrics.accuracy, intervals.accuracy),
        "clips": str(metrics.clips),
    }
    second = {
        "micro ROC-AUC": _figure(metrics.roc_auc_micro),
        "macro PR-AUC": _figure(metrics.pr_auc_macro),
        "macro F1": _figure(metrics.f1_macro),
        "balanced accuracy": _figure(metrics.balanced_accuracy),
        "top-3 accuracy": _figure(metrics.top_3_accuracy),
    }
    return "\n".join([table(rows), _summary(first), _summary(second)])


def _figure(value: float | None, interval: Interval | None = None) -> str:
    if value is None:
        return "none"
    return f"{value:.4f}" + ("" if interval is None else " [{:.3f}, {:.3f}]".format(*interval))


def _summary(figures: dict[str, str]) -> str:
    # What a collection cannot have is not worth a place, but that there is no main figure is.
    shown = {k: v for k, v in figures.items() if v != "none" or k == "macro ROC-AUC"}
    return "   ".join(f"{name} {figure}" for name, figure in shown.items())
