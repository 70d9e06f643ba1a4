"""The eval job, as one rank of it."""

import time
from dataclasses import asdict
from pathlib import Path

from fcn4_dist.config import LoadedSettings
from fcn4_dist.evaluation import Metrics, compute_metrics, write_predictions
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
    write_predictions(predictions, folder / PREDICTIONS_NAME)
    content = asdict(metrics) | {
        "checkpoint": path,
        "shards": str(record_set.folder / settings.val_filename),
        "versions": package_versions("mindspore", "numpy", "scikit-learn"),
    }
    write_json(folder / METRICS_NAME, {"format": 1, **content})
    _print_metrics(metrics)
    say(f"{len(record_set) / seconds:.1f} samples/s, compilation included")
    say(f"predictions: {folder / PREDICTIONS_NAME}")
    say(f"metrics: {folder / METRICS_NAME}")


def _print_metrics(metrics: Metrics) -> None:
    rows = [["class", "ROC-AUC"]]
    rows += [[name, f"{value:.4f}"] for name, value in metrics.roc_auc.items()]
    macro = "none" if metrics.roc_auc_macro is None else f"{metrics.roc_auc_macro:.4f}"
    rows.append(["macro", macro])
    say(table(rows))
    if metrics.left_out:
        warn(
            "left out of the mean, because all clips or none have the label: "
            + ", ".join(metrics.left_out)
        )
    accuracy = "" if metrics.accuracy is None else f"   accuracy {metrics.accuracy:.4f}"
    say(f"macro ROC-AUC {macro}{accuracy}   clips {metrics.clips}")
