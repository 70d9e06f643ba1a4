"""What a person sees of a run while it goes on, and its record; ranks other than 0 show nothing."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType

import numpy as np

from fcn4_dist.runs.history import Pace, RunHistory
from fcn4_dist.terminal import Progress
from fcn4_dist.training.plan import TrainingPlan
from fcn4_dist.training.stepping import StepsTaken


class Watch:
    """Counts, times, shows and records the steps of a run.

    Args:
        plan: The steps of the run.
        history: Where to record them; None for nowhere.
        visible: Whether to show anything.
    """

    def __init__(self, plan: TrainingPlan, history: RunHistory | None, visible: bool) -> None:
        self._plan, self._history = plan, history
        self._progress = Progress("training", plan.steps, "steps", visible=visible)
        self._losses: list[float] = []
        self._run, self._epoch = _Clock(plan.global_batch), _Clock(plan.global_batch)
        self._epoch_begun = 0.0
        self._compiled = False

    def __enter__(self) -> "Watch":
        self._progress.__enter__()
        self._progress.count(self._plan.steps_done)
        self._progress.restart_clock()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.__exit__(kind, error, trace)
        if self._history:
            self._history.close()

    @property
    def samples_per_second(self) -> float | None:
        """Over all ranks and steps but the first, which compiles; None if there was no other."""
        return self._run.pace.samples_per_second

    @property
    def mean_loss(self) -> float:
        """Mean loss of the epoch so far."""
        return float(np.mean(self._losses))

    def begin_epoch(self, epoch: int) -> None:
        """Begin to count an epoch."""
        self._losses = self._history.losses_of(epoch) if self._history else []
        self._epoch = _Clock(self._plan.global_batch)
        self._epoch_begun = time.monotonic()

    def end_steps(
        self,
        epoch: int,
        step: int,
        losses: Sequence[float],
        lrs: Sequence[float],
        taken: StepsTaken,
    ) -> None:
        """Count, show and record the steps of a call.

        Args:
            epoch: The epoch, from 1.
            step: The first of the steps within the epoch, from 1.
            losses: Of those that have a finite one, averaged over the global batch.
            lrs: The learning rate of each.
            taken: What else is known of them.
        """
        this = _Clock(self._plan.global_batch)
        if self._compiled:
            for clock in (this, self._epoch, self._run):
                clock.add(taken)
        for number, (loss, lr) in enumerate(zip(losses, lrs, strict=True), start=step):
            self._losses.append(loss)
            self._progress.count()
            if self._history:
                global_step = (epoch - 1) * self._plan.steps_per_epoch + number
                self._history.add_step(epoch, number, global_step, loss, lr, this.pace)
        if not self._compiled:
            self._compiled = True
            self._progress.restart_clock()
        if losses:
            self._show(epoch, step + len(losses) - 1, lrs[-1])

    def _show(self, epoch: int, step: int, lr: float) -> None:
        pace = self._epoch.pace
        figures = [
            f"epoch {epoch}/{self._plan.epochs}",
            f"step {step}/{self._plan.steps_per_epoch}",
            f"mean loss {self.mean_loss:.4f}",
            f"lr {lr:.3g}",
        ]
        if pace.samples_per_second is not None:
            figures.append(f"{pace.samples_per_second:.1f} samples/s")
        if pace.waiting_for_data is not None:
            figures.append(f"{pace.waiting_for_data:.0%} waiting for data")
        self._progress.show("  ".join(figures), now=step == self._plan.steps_per_epoch)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Leave what is done meanwhile, like validation, out of the speed."""
        begun = time.monotonic()
        yield
        self._progress.leave_out(time.monotonic() - begun)

    def end_epoch(
        self, epoch: int, lr: float, validation: Mapping[str, float], *, best: bool
    ) -> None:
        """Record an epoch.

        Args:
            epoch: The epoch, from 1.
            lr: The learning rate of its last step.
            validation: Scores of the validation set; empty for none.
            best: Whether they are the best so far.
        """
        if self._history:
            seconds = time.monotonic() - self._epoch_begun
            global_step = epoch * self._plan.steps_per_epoch
            figures = self.mean_loss, lr, self._epoch.pace, seconds
            self._history.add_epoch(epoch, global_step, *figures, validation, best)

    def end_run(self, epoch: int, step: int, reason: str, ids: Sequence[str]) -> None:
        """Record that a run ends at a step, why, and which clips were in its global batch."""
        if self._history:
            global_step = (epoch - 1) * self._plan.steps_per_epoch + step
            self._history.add_stop(epoch, step, global_step, reason, ids)


class _Clock:
    """Adds up the time of steps."""

    def __init__(self, global_batch: int) -> None:
        self._global_batch = global_batch
        self._steps = 0
        self._knows_reading = True
        self._reading = self._computing = 0.0

    def add(self, taken: StepsTaken) -> None:
        self._steps += len(taken.losses)
        self._knows_reading &= taken.reading is not None
        self._reading += taken.reading or 0.0
        self._computing += taken.computing

    @property
    def pace(self) -> Pace:
        seconds = self._reading + self._computing
        if not self._steps or not seconds:
            return Pace(None, None)
        waiting = self._reading / seconds if self._knows_reading else None
        return Pace(self._steps * self._global_batch / seconds, waiting)
