"""The eval job, as one rank of it."""

import time
from pathlib import Path

from fcn4_dist.config import LoadedSettings
from fcn4_dist.evaluation import (
    METRICS_FORMAT,
    METRICS_NAME,
    PREDICTIONS_NAME,
    bootstrap_intervals,
    compute_metrics,
    metrics_content,
    metrics_text,
    write_predictions,
)
from fcn4_dist.files import write_json
from fcn4_dist.jobs.rank import become_rank
from fcn4_dist.jobs.shards import open_shards
from fcn4_dist.terminal import say, warn
from fcn4_dist.versions import package_versions


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
    write_json(folder / METRICS_NAME, {"format": METRICS_FORMAT, **content})
    say(metrics_text(metrics, intervals))
    if metrics.left_out:
        warn(
            "left out of the means, because all clips or none have the label: "
            + ", ".join(metrics.left_out)
        )
    say(f"{len(record_set) / seconds:.1f} samples/s, compilation included")
    say(f"predictions: {folder / PREDICTIONS_NAME}")
    say(f"metrics: {folder / METRICS_NAME}")
