"""What a person sees of a run while it goes on, and its record; ranks other than 0 show nothing."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType

import numpy as np

from fcn4_dist.terminal import Progress
from fcn4_dist.training.history import Pace, RunHistory
from fcn4_dist.training.plan import TrainingPlan


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

    def end_step(
        self, epoch: int, step: int, loss: float, lr: float, reading: float, computing: float
    ) -> None:
        """Count, show and record a step.

        Args:
            epoch: The epoch, from 1.
            step: The step within the epoch, from 1.
            loss: Averaged over the global batch.
            lr: The learning rate.
            reading: Seconds that this rank waited for its samples.
            computing: Seconds that the step took besides.
        """
        self._losses.append(loss)
        this = _Clock(self._plan.global_batch)
        self._progress.count()
        if self._compiled:
            for clock in (this, self._epoch, self._run):
                clock.add(reading, computing)
        else:
            self._compiled = True
            self._progress.restart_clock()
        pace = self._epoch.pace
        figures = [
            f"epoch {epoch}/{self._plan.epochs}",
            f"step {step}/{self._plan.steps_per_epoch}",
            f"mean loss {self.mean_loss:.4f}",
            f"lr {lr:.3g}",
        ]
        if pace.samples_per_second is not None:
            figures.append(f"{pace.samples_per_second:.1f} samples/s")
            figures.append(f"{pace.waiting_for_data:.0%} waiting for data")
        self._progress.show("  ".join(figures), now=step == self._plan.steps_per_epoch)
        if self._history:
            global_step = (epoch - 1) * self._plan.steps_per_epoch + step
            self._history.add_step(epoch, step, global_step, loss, lr, this.pace)

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
        self._reading = self._computing = 0.0

    def add(self, reading: float, computing: float) -> None:
        self._steps += 1
        self._reading += reading
        self._computing += computing

    @property
    def pace(self) -> Pace:
        seconds = self._reading + self._computing
        if not self._steps or not seconds:
            return Pace(None, None)
        return Pace(self._steps * self._global_batch / seconds, self._reading / seconds)
