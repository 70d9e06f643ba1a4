"""The eval job, as one rank of it."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fcn4_dist import documents
from fcn4_dist.cluster.heartbeat import Heartbeat
from fcn4_dist.config import LoadedSettings, Settings
from fcn4_dist.evaluation import (
    METRICS_NAME,
    PREDICTIONS_NAME,
    check_defined,
    compute_metrics,
    left_out_text,
    metric_intervals,
    metrics_content,
    metrics_text,
    summary_figures,
    summary_text,
    write_predictions,
)
from fcn4_dist.jobs.rank import become_rank
from fcn4_dist.jobs.shards import open_shards
from fcn4_dist.runs.occupancy import kept_to_this_job
from fcn4_dist.runs.record import write_run_record
from fcn4_dist.terminal import say, say_result, warn
from fcn4_dist.text import count

if TYPE_CHECKING:
    from fcn4_dist.cluster.ranks import Ranks
    from fcn4_dist.evaluation.scoring import Scores

WINDOW_PREDICTIONS_NAME = "window_predictions.csv"


def evaluate(loaded: LoadedSettings) -> None:
    """Score the validation set: alone, or as one rank if a launcher started this process."""
    settings, ranks = become_rank("eval", loaded)
    with ExitStack() as held:
        # What MindSpore does then takes seconds, and is no step.
        held.callback(ranks.heartbeat.at, "leaving", may_take_long=True)
        ranks.on_main(lambda: held.enter_context(kept_to_this_job(Path(settings.run_dir))))
        _evaluate(settings, ranks)
    ranks.heartbeat.end()


def _evaluate(settings: Settings, ranks: "Ranks") -> None:
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
    seconds = time.monotonic() - begun

    def write() -> None:
        assert scores and record
        details = {
            "checkpoint": path,
            "shards": str(record_set.folder / settings.val_filename),
            "versions": record.versions,
            "device": record.machine.device,
            "precision": record.precision,
            "repeatable": record.repeatable,
        }
        write_scores(scores, Path(settings.run_dir), details, ranks.heartbeat)
        say(f"{len(record_set) / seconds:.1f} samples/s, compilation included")

    # MindSpore's ranks leave together: rank 0 may fall over one that has gone before.
    ranks.on_main(write)


def write_scores(
    scores: "Scores", folder: Path, details: Mapping[str, Any], heartbeat: Heartbeat
) -> None:
    """Write the predictions, and then, whatever becomes of that, the metrics; for rank 0.

    Args:
        scores: Of every clip.
        folder: The job's folder.
        details: What metrics.json is to say besides.
        heartbeat: Told that this goes on, which may take minutes.

    Raises:
        Fcn4DistError: If a score is NaN; nothing is written then.
    """

    def goes_on(doing: str) -> None:
        heartbeat.goes_on(doing, may_take_long=True)

    clips, windows = scores.clips, scores.windows
    check_defined(clips.scores)
    write_predictions(clips, folder / PREDICTIONS_NAME, goes_on)
    say(f"predictions: {folder / PREDICTIONS_NAME}")
    if windows:
        write_predictions(windows, folder / WINDOW_PREDICTIONS_NAME, goes_on)
    metrics = compute_metrics(clips.labels, clips.scores, clips.class_names, goes_on)
    intervals = metric_intervals(clips.labels, clips.scores, goes_on=goes_on)
    say_result(metrics_text(metrics, intervals))
    if left_out := left_out_text(metrics):
        warn(left_out)
    content = metrics_content(metrics, intervals)
    if windows:
        of_windows = compute_metrics(windows.labels, windows.scores, windows.class_names, goes_on)
        say(f"each of {count(of_windows.clips, 'window')} by itself: {summary_text(of_windows)}")
        figures = {"windows": of_windows.clips, **summary_figures(of_windows)}
        content = content | {"windows": figures}
    documents.write(folder / METRICS_NAME, content | dict(details))
    say(f"metrics: {folder / METRICS_NAME}")
