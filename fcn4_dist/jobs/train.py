"""The train job, as one rank of it."""

import resource
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.cluster.stopping import StopRequest
from fcn4_dist.config import LoadedSettings, Settings
from fcn4_dist.evaluation import HOW_THE_BEST_IS_CHOSEN, main_figures_text
from fcn4_dist.jobs.rank import become_rank
from fcn4_dist.jobs.shards import find_validation_set, open_shards
from fcn4_dist.runs.occupancy import kept_to_this_job
from fcn4_dist.runs.record import write_run_record
from fcn4_dist.terminal import say, say_result
from fcn4_dist.text import count

if TYPE_CHECKING:
    from fcn4_dist.training.loop import Trainer, TrainingSummary


def train(loaded: LoadedSettings) -> None:
    """Train as the settings say: alone, or as one rank if a launcher started this process."""
    stop = StopRequest()
    settings, ranks = become_rank("train", loaded)

    from fcn4_dist.training.loop import Trainer

    manifest, record_set = open_shards("train", settings)
    folder = CheckpointFolder.from_settings(settings)
    with ExitStack() as held:
        # What MindSpore does then takes seconds, and is no step.
        held.callback(ranks.heartbeat.at, "leaving", may_take_long=True)
        for hold in (folder.kept_to_this_job(), kept_to_this_job(Path(settings.run_dir))):
            ranks.on_main(partial(held.enter_context, hold))
        trainer = Trainer(
            settings,
            manifest,
            record_set,
            find_validation_set(settings, manifest),
            ranks,
            stop_asked=lambda: stop.asked,
        )
        if ranks.is_main:
            _write_record(trainer)
        summary = trainer.run()
    if ranks.is_main:
        _say_summary(summary, trainer.settings)
    ranks.heartbeat.end()


def _write_record(trainer: "Trainer") -> None:
    write_run_record(
        "train",
        trainer.settings,
        trainer.manifest,
        trainer.ranks.size,
        run_id=trainer.run_id,
        global_batch=trainer.plan.global_batch,
        steps_per_epoch=trainer.plan.steps_per_epoch,
    )


def _say_summary(summary: "TrainingSummary", settings: Settings) -> None:
    if summary.epoch_losses:
        _say_figures(summary)
    elif not summary.ended_early:
        say_result(
            f"the run has had all its {settings.epoch_size} epochs: nothing is left to train; "
            "raise --epoch_size to go on"
        )
    if summary.ended_early:
        say(
            f"ended early: {settings.patience} validations (patience) have not been better than "
            "the best"
        )
    say(f"settings, metrics.jsonl and logs: {settings.run_dir}")
    say_result(f"last checkpoint: {summary.checkpoint}")
    if summary.best:
        best_file = CheckpointFolder.from_settings(settings).best_file
        kept = f" ({best_file})" if best_file.exists() else ""
        say_result(
            f"best epoch: {summary.best['epoch']:.0f}{kept}, {main_figures_text(summary.best)}; "
            f"chosen {HOW_THE_BEST_IS_CHOSEN}"
        )


def _say_figures(summary: "TrainingSummary") -> None:
    peak_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    rate = summary.samples_per_second
    losses = summary.epoch_losses
    mean_loss = f"mean loss {losses[0]:.4f}"
    if len(losses) > 1:
        mean_loss += f" in the first and {losses[-1]:.4f} in the last"
    speed = "" if rate is None else f"{rate:.1f} samples/s, "
    say_result(
        f"trained {count(len(losses), 'epoch')}, {mean_loss}, {speed}peak memory of rank 0 "
        f"{peak_memory:.2f} GB"
    )
    if summary.loss_scale is not None:
        say(
            f"loss scale {summary.loss_scale:g} in the last step; steps skipped because they "
            f"overflowed: {summary.skipped_steps}"
        )
