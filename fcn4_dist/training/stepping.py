"""Taking steps: batches are handed over by the host, one by one."""

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
from mindspore import Tensor

from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.config import Settings
from fcn4_dist.pipeline import Batch
from fcn4_dist.training.compiling import compiling
from fcn4_dist.training.samples import Samples
from fcn4_dist.training.schedule import Schedule
from fcn4_dist.training.step import TrainingStep, step_controls


@dataclass(frozen=True)
class StepsTaken:
    """What some steps came to between which the host did not look.

    Attributes:
        losses: Of each step, averaged over the global batch.
        stop: Whether a rank is asked to stop.
        reading: Seconds that this rank waited for its samples; None where the card takes them
            from a queue of its own.
        augmenting: Seconds of those, or beside the steps, that augmentation took.
        computing: Seconds that the steps took besides.
    """

    losses: tuple[float, ...]
    stop: bool
    reading: float | None
    augmenting: float
    computing: float


class Stepper:
    """Takes a step at a time.

    Args:
        step: The step.
        settings: The settings of the run.
        samples: What the steps are taken on.
        schedule: The numbers that differ from step to step.
        ranks: This rank.
        stop_asked: Tells whether this rank is asked to stop.
    """

    def __init__(
        self,
        step: TrainingStep,
        settings: Settings,
        samples: Samples,
        schedule: Schedule,
        ranks: Ranks,
        stop_asked: Callable[[], bool],
    ) -> None:
        self._step, self._settings, self._samples = step, settings, samples
        self._schedule, self._ranks, self._stop_asked = schedule, ranks, stop_asked
        self._batches: Iterator[Batch] = iter(())
        self._compiled = False

    def begin_epoch(self, epoch: int, done: int) -> None:
        """Begin to read an epoch.

        Args:
            epoch: The epoch, from 1.
            done: Steps of it that were taken before.
        """
        self._batches = self._samples.of_epoch(epoch, done)

    def take(self, epoch: int, step: int, global_step: int) -> StepsTaken:
        """Take the next step of the epoch.

        Args:
            epoch: The epoch, from 1.
            step: The step within the epoch, from 1.
            global_step: The step within the run, from 1.
        """
        self._ranks.heartbeat.at(f"reading the batch of epoch {epoch}, step {step}")
        augmented = self._samples.augmenting
        begun = time.monotonic()
        batch = next(self._batches)
        read = time.monotonic()
        doing = f"in epoch {epoch}, step {step}"
        self._ranks.heartbeat.at(doing, may_take_long=not self._compiled)
        loss, stop = self._run_step(batch, global_step)
        return StepsTaken(
            losses=(loss,),
            stop=stop,
            reading=read - begun,
            augmenting=self._samples.augmenting - augmented,
            computing=time.monotonic() - read,
        )

    def _run_step(self, batch: Batch, global_step: int) -> tuple[float, bool]:
        controls = step_controls(
            stop=self._stop_asked(),
            learning_rate=self._schedule.learning_rate(global_step),
            ema_share=self._schedule.ema_share(global_step),
        )
        *others, last = self._parts(batch)
        for part in others:
            self._step.accumulate(*part)
        first = not self._compiled
        self._compiled = True
        shape = self._samples.shape
        with compiling(self._settings, self._ranks, shape) if first else nullcontext():
            told = self._step(*last, controls).asnumpy()
        return float(told[0]), bool(told[1] > 0)

    def _parts(self, batch: Batch) -> list[tuple[Tensor, Tensor]]:
        """Cut this rank's share of a global batch into what the network gets at once."""
        arrays = (batch.features, batch.labels)
        parts = (np.split(array, self._settings.accumulation_steps) for array in arrays)
        return [(Tensor(features), Tensor(labels)) for features, labels in zip(*parts, strict=True)]
