"""Taking several steps on Ascend at a time: batches wait in a queue of the card's own.

On the graph engine the card takes them by itself; elsewhere MindSpore starts each, and what is
saved is handing over its batch and waiting for its loss.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import mindspore as ms
import numpy as np
from mindspore import JitConfig, Parameter, Tensor, nn, ops

from fcn4_dist.errors import Fcn4DistError
from fcn4_dist.pipeline import Batch
from fcn4_dist.terminal import say
from fcn4_dist.training.data import TrainingData
from fcn4_dist.training.plan import Position, TrainingPlan
from fcn4_dist.training.schedule import Schedule
from fcn4_dist.training.step import TrainingStep
from fcn4_dist.training.stepping import Outcome, Stepper, StepsTaken, StepTimes

_COLUMNS = ["features", "labels", "controls"]


@dataclass
class SinkingStepper(Stepper):
    """Takes several steps at a time, in MindSpore's data sinking.

    All batches of the run go into the card's queue ahead, in the order of the steps, each with its
    own learning rate; so a request to stop cannot go with them, and the ranks ask each other after
    every call. A call takes no more than ``sink_size`` steps, and so that epochs are whole calls.
    """

    def __post_init__(self) -> None:
        plan, asked_for = self.schedule.plan, self.settings.sink_size
        self._steps = steps_per_call(asked_for, plan)
        self._queue = _Queue(self.data, self.schedule)
        self._call: Callable[[], Tensor] | None = None
        if self.ranks.is_main and self._steps != asked_for:
            say(
                f"sink_size is {self._steps} instead of {asked_for}, so that the "
                f"{plan.steps_per_epoch} steps of an epoch are whole calls"
            )

    def take(self, batches: Iterator[Batch], position: Position) -> StepsTaken:
        """Take the next steps, all of one epoch.

        Args:
            batches: Left alone: the card takes those of its queue.
            position: The first of the steps.
        """
        last = position.after(self._steps - 1)
        doing = f"in epoch {position.epoch}, steps {position.step} to {last.step}"
        self.ranks.heartbeat.at(doing, may_take_long=not self._compiled)
        augmented = self.data.augmenting
        begun = time.monotonic()
        try:
            call = self._call = self._call or self._start()
            with self._compiling():
                told = call().asnumpy()
        except RuntimeError as error:
            # What goes wrong in MindSpore's threads arrives as something else.
            raise self._queue.error or error from error
        asked = self.ranks.all_gather(np.array([self.stop_asked()], dtype=np.int32))
        augmenting = self.data.augmenting - augmented
        times = StepTimes(self._steps, None, augmenting, time.monotonic() - begun)
        return StepsTaken(position, tuple(map(Outcome.of, told)), bool(asked.any()), times)

    def _start(self) -> Callable[[], Tensor]:
        import mindspore.dataset as ds

        level = self.settings.jit_level
        step = RememberedStep(self.step, self._steps)

        def take_step(features: Tensor, labels: Tensor, controls: Tensor) -> Tensor:
            return step(features, labels, controls)

        return ms.data_sink(
            take_step,
            ds.GeneratorDataset(self._queue, _COLUMNS, shuffle=False, num_parallel_workers=1),
            sink_size=self._steps,
            # Without any, it would run operator by operator in Python.
            jit_config=JitConfig(jit_level="" if level == "auto" else level),
        )


class RememberedStep(nn.Cell):
    """A training step that tells what the last steps told, too: the host sees only the last call.

    Args:
        step: The step.
        steps: How many it remembers.
    """

    def __init__(self, step: TrainingStep, steps: int) -> None:
        super().__init__(auto_prefix=False)
        self.step = step
        told = np.zeros((steps, step.told), np.float32)
        self.told = Parameter(told, name="told", requires_grad=False)

    def construct(self, features: Tensor, labels: Tensor, controls: Tensor) -> Tensor:
        """Take a step, as :class:`TrainingStep` does.

        Returns:
            What the last steps told, a row each, the newest at the end.
        """
        told = self.step(features, labels, controls)
        return ops.assign(self.told, ops.concat((self.told[1:], told.reshape(1, -1))))


def steps_per_call(sink_size: int, plan: TrainingPlan) -> int:
    """Give the largest number of steps within a limit of which an epoch, or what is left, is made.

    Args:
        sink_size: The limit.
        plan: The steps of the run.
    """
    # After a resume, the rest of an epoch has to be whole calls, too.
    common = math.gcd(plan.steps_per_epoch, plan.steps_done)
    return max(steps for steps in range(1, sink_size + 1) if common % steps == 0)


class _Queue:
    """All steps that are left of a run, for MindSpore's generator."""

    def __init__(self, data: TrainingData, schedule: Schedule) -> None:
        self._data, self._schedule = data, schedule
        self.error: Fcn4DistError | None = None

    def __len__(self) -> int:
        return self._schedule.plan.steps - self._schedule.plan.steps_done

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        try:
            yield from self._steps()
        except Fcn4DistError as error:
            self.error = error
            raise

    def _steps(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        position = self._schedule.plan.start
        while position.global_step < self._schedule.plan.steps:
            for batch in self._data.batches(position.after(1)):
                position = position.after(1)
                controls = self._schedule.controls(position).asnumpy()
                yield batch.features, batch.labels, controls
