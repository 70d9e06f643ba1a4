"""What a person sees of a run while it goes on, and its record; ranks other than 0 show nothing."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.config import Settings
from fcn4_dist.runs.history import METRICS_LINES_NAME, Epoch, Pace, RunHistory, Step, Stop
from fcn4_dist.terminal import Progress, say, warn
from fcn4_dist.text import count
from fcn4_dist.training.plan import FEW_STEPS, Position, TrainingPlan
from fcn4_dist.training.schedule import Schedule
from fcn4_dist.training.stepping import Outcome, StepsTaken, StepTimes
from fcn4_dist.training.validation import Validation

_SHOWN_IDS = 20


class Monitor:
    """Counts, times, shows and records the steps of a run.

    Args:
        schedule: The learning rate of each step, and the plan of the run.
        settings: The settings of the run.
        ranks: This rank.
        earlier: Folder of the job that is gone on with; None for a new run.
        again: Whether the epoch that had just ended then is going to be recorded again.

    Attributes:
        skipped_steps: Steps of the run so far that overflowed, and changed nothing.
        loss_scale: That of the last step, where it is dynamic; else None.
    """

    def __init__(
        self,
        schedule: Schedule,
        settings: Settings,
        ranks: Ranks,
        earlier: Path | None,
        *,
        again: bool = False,
    ) -> None:
        self._schedule, self._plan = schedule, schedule.plan
        self._settings, self._ranks = settings, ranks
        self._earlier, self._again = earlier, again
        self._history: RunHistory | None = None
        self._progress = Progress("training", self._plan.steps, "steps", visible=ranks.is_main)
        self._counted, self._loss_sum = 0, Fraction()
        self._run_times = self._epoch_times = StepTimes()
        self._epoch_begun = 0.0
        self._compiled = False
        self.skipped_steps = 0
        self.loss_scale: float | None = None

    def __enter__(self) -> "Monitor":
        if self._ranks.is_main:
            folder = Path(self._settings.run_dir)
            done = self._plan.steps_done
            self._history = RunHistory(folder, done, self._earlier, again=self._again)
            self.skipped_steps = self._history.skipped_steps
        self._progress.__enter__()
        self._progress.count(self._plan.steps_done)
        self._progress.restart_clock()
        return self

    def __exit__(self, *error: Any) -> None:
        self._progress.__exit__(*error)
        if self._history:
            self._history.close()

    @property
    def samples_per_second(self) -> float | None:
        """Over all ranks and steps but the first, which compiles; None if there was no other."""
        return self._pace(self._run_times).samples_per_second

    @property
    def mean_loss(self) -> float:
        """Mean loss of the epoch so far, without steps that were skipped; NaN for none."""
        return float(self._loss_sum / self._counted) if self._counted else math.nan

    def begin_epoch(self, epoch: int) -> None:
        """Begin to count an epoch."""
        losses = self._history.losses_of(epoch) if self._history else []
        # An exact sum is the same wherever an epoch was interrupted, and costs a step no more
        # late in an epoch than early.
        self._counted, self._loss_sum = len(losses), sum(map(Fraction, losses), Fraction())
        self._epoch_times = StepTimes()
        self._epoch_begun = time.monotonic()

    def log(self, taken: StepsTaken) -> None:
        """Count, show and record steps, up to the first taken without a finite loss."""
        times = taken.times if self._compiled else StepTimes()
        self._epoch_times += times
        self._run_times += times
        position = taken.first
        for number, outcome in enumerate(taken.good):
            position = taken.first.after(number)
            self._count(outcome)
            if self._history:
                figures = asdict(outcome) | asdict(self._pace(times))
                lr = self._learning_rate(position)
                self._history.add(Step(**position.as_dict(), lr=lr, **figures))
        if not self._compiled:
            self._compiled = True
            self._progress.restart_clock()
        if taken.good:
            self._show(position)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave what is done meanwhile, like validation, out of the speed."""
        begun = time.monotonic()
        yield
        self._progress.leave_out(time.monotonic() - begun)

    def end_epoch(self, position: Position, validation: Validation) -> None:
        """Record an epoch.

        Args:
            position: Its last step.
            validation: What its validation gave.
        """
        if self._history:
            epoch = Epoch(
                epoch=position.epoch,
                global_step=position.global_step,
                loss=self.mean_loss,
                lr=self._learning_rate(position),
                **asdict(self._pace(self._epoch_times)),
                seconds=time.monotonic() - self._epoch_begun,
                validation=validation.scores,
                best=validation.is_best,
            )
            self._history.add(epoch)

    def end_run(
        self, position: Position, what: str, ids: Sequence[str], checkpoint: Path | None
    ) -> str:
        """Record that a run has diverged.

        Args:
            position: The last step.
            what: What is no longer finite after it.
            ids: The clips of its global batch.
            checkpoint: The last one before; None for none.

        Returns:
            What to tell the user.
        """
        if self._history:
            self._history.add(Stop(**position.as_dict(), reason=what, ids=tuple(ids)))
        shown = ", ".join(ids[:_SHOWN_IDS])
        more = f" and {len(ids) - _SHOWN_IDS} more" if len(ids) > _SHOWN_IDS else ""
        last_good = (
            f"go on from {checkpoint}, the last good one, with --resume"
            if checkpoint
            else "there is no checkpoint yet"
        )
        return (
            f"{what} at {position}, a batch of {shown}{more} (all in "
            f"{Path(self._settings.run_dir, METRICS_LINES_NAME)}): look at these clips, lower --lr"
            f"{' or --loss_scale' if self.loss_scale is None else ''}; {last_good}"
        )

    def _count(self, outcome: Outcome) -> None:
        self._progress.count()
        self.loss_scale = outcome.loss_scale
        if outcome.skipped:
            self.skipped_steps += 1
        else:
            self._counted += 1
            self._loss_sum += Fraction(outcome.loss)

    def _learning_rate(self, position: Position) -> float:
        return self._schedule.learning_rate(position.global_step)

    def _pace(self, times: StepTimes) -> Pace:
        seconds = (times.reading or 0.0) + times.computing
        if not seconds:
            return Pace(None, None)
        waiting = None if times.reading is None else times.reading / seconds
        return Pace(times.steps * self._plan.global_batch / seconds, waiting)

    def _show(self, position: Position) -> None:
        pace = self._pace(self._epoch_times)
        figures = [
            f"epoch {position.epoch}/{self._plan.epochs}",
            f"step {position.step}/{self._plan.steps_per_epoch}",
            f"mean loss {self.mean_loss:.4f}",
            f"lr {self._learning_rate(position):.3g}",
        ]
        if self.loss_scale is not None:
            figures.append(f"loss scale {self.loss_scale:g}")
        if self.skipped_steps:
            figures.append(f"{self.skipped_steps} skipped")
        if pace.samples_per_second is not None:
            figures.append(f"{pace.samples_per_second:.1f} samples/s")
        if pace.waiting_for_data is not None:
            figures.append(f"{pace.waiting_for_data:.0%} waiting for data")
        self._progress.show("  ".join(figures), now=position.ends_epoch)


def say_batch_size(given: Settings, kept: Settings, plan: TrainingPlan) -> None:
    """Say that a run goes on with another batch size than it was given; for rank 0."""
    if kept.batch_size != given.batch_size:
        say(
            f"batch_size is {kept.batch_size} instead of {given.batch_size}, so that the global "
            f"batch stays {count(plan.global_batch, 'clip')}"
        )


def say_plan(plan: TrainingPlan, settings: Settings, world_size: int) -> None:
    """Say what is going to be trained, and warn of what the user may not want; for rank 0."""
    batches = settings.accumulation_steps
    shares = f"{batches} x {settings.batch_size}" if batches > 1 else f"{settings.batch_size}"
    are = "is" if plan.left_out == 1 else "are"
    left_out = f"; {count(plan.left_out, 'clip')} {are} left out of each epoch, others each time"
    say(
        f"training {count(plan.clips, 'clip')}, {settings.device_target} workers: {world_size}; "
        f"{count(plan.epochs, 'epoch')} of {count(plan.steps_per_epoch, 'step')} of "
        f"{count(plan.global_batch, 'clip')} "
        f"({shares} a worker){left_out if plan.left_out else ''}"
    )
    earlier = CheckpointFolder.from_settings(settings).files()
    if earlier and not plan.steps_done:
        warn(
            f"{settings.checkpoint_path} holds {len(earlier)} checkpoints of an earlier run; they "
            "stay, unless this run writes one of the same name: --checkpoint_path or --prefix "
            "keeps runs apart"
        )
    if plan.steps_per_epoch < FEW_STEPS:
        warn(
            f"only {count(plan.steps_per_epoch, 'step')} an epoch, fewer than {FEW_STEPS}: a "
            "smaller --batch_size or fewer workers may train better"
        )
