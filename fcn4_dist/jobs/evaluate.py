"""The eval job, as one rank of it."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fcn4_dist import documents
from fcn4_dist.config import LoadedSettings
from fcn4_dist.evaluation import (
    METRICS_NAME,
    PREDICTIONS_NAME,
    bootstrap_intervals,
    compute_metrics,
    metrics_content,
    metrics_text,
    summary_figures,
    summary_text,
    write_predictions,
)
from fcn4_dist.jobs.rank import become_rank
from fcn4_dist.jobs.shards import open_shards
from fcn4_dist.runs.record import write_run_record
from fcn4_dist.terminal import say, warn

if TYPE_CHECKING:
    from fcn4_dist.evaluation.scoring import Scores

WINDOW_PREDICTIONS_NAME = "window_predictions.csv"


def evaluate(loaded: LoadedSettings) -> None:
    """Score the validation set: alone, or as one rank if a launcher started this process."""
    settings, ranks = become_rank("eval", loaded)
    folder = Path(settings.run_dir)
    if ranks.is_main:
        # Scores of an earlier evaluation must not outlive a failure of this one.
        for name in (PREDICTIONS_NAME, WINDOW_PREDICTIONS_NAME, METRICS_NAME):
            (folder / name).unlink(missing_ok=True)

    from fcn4_dist.evaluation.scoring import score_clips
    from fcn4_dist.jobs.trained_network import load_trained_network

    manifest, record_set = open_shards("eval", settings)
    ranks.check_agreement({"shards' manifest": manifest.fingerprint()[:12]})
    network, path = load_trained_network(settings, manifest, ranks)
    record = None
    if ranks.is_main:
        record = write_run_record("eval", settings, manifest, ranks.size, checkpoint=path)
    begun = time.monotonic()
    scores = score_clips(network, record_set, settings.window_seconds, settings.batch_size, ranks)
    if scores is None or record is None:
        return
    seconds = time.monotonic() - begun
    content = _written(scores, folder) | {
        "checkpoint": path,
        "shards": str(record_set.folder / settings.val_filename),
        "versions": record.versions,
        "device": record.machine.device,
        "precision": record.precision,
        "repeatable": record.repeatable,
    }
    documents.write(folder / METRICS_NAME, content)
    say(f"{len(record_set) / seconds:.1f} samples/s, compilation included")
    say(f"predictions: {folder / PREDICTIONS_NAME}")
    say(f"metrics: {folder / METRICS_NAME}")


def _written(scores: "Scores", folder: Path) -> dict[str, Any]:
    """Write the predictions, print the metrics, and give them for the file."""
    clips, windows = scores.clips, scores.windows
    metrics = compute_metrics(clips.labels, clips.scores, clips.class_names)
    intervals = bootstrap_intervals(clips.labels, clips.scores)
    write_predictions(clips, folder / PREDICTIONS_NAME)
    say(metrics_text(metrics, intervals))
    if metrics.left_out:
        warn(
            "left out of the means, because all clips or none have the label: "
            + ", ".join(metrics.left_out)
        )
    content = metrics_content(metrics, intervals)
    if windows is None:
        return content
    write_predictions(windows, folder / WINDOW_PREDICTIONS_NAME)
    of_windows = compute_metrics(windows.labels, windows.scores, windows.class_names)
    say(f"each of {of_windows.clips} windows by itself: {summary_text(of_windows)}")
    return content | {"windows": {"windows": of_windows.clips, **summary_figures(of_windows)}}
