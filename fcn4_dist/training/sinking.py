"""Taking several steps on Ascend at a time: batches wait in a queue of the card's own.

On the graph engine the card takes them by itself; elsewhere MindSpore starts each, and what is
saved is handing over its batch and waiting for its loss.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import mindspore as ms
import numpy as np
from mindspore import JitConfig, Parameter, Tensor, nn, ops

from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.config import Settings
from fcn4_dist.errors import Fcn4DistError
from fcn4_dist.training.compiling import compiling
from fcn4_dist.training.plan import TrainingPlan
from fcn4_dist.training.samples import Samples
from fcn4_dist.training.schedule import Schedule
from fcn4_dist.training.step import TrainingStep, step_controls
from fcn4_dist.training.stepping import StepsTaken

_COLUMNS = ["features", "labels", "controls"]


class SinkingStepper:
    """Takes several steps at a time, in MindSpore's data sinking.

    All batches of the run go into the card's queue ahead, in the order of the steps, each with its
    own learning rate; so a request to stop cannot go with them, and the ranks ask each other after
    every call.

    Args:
        step: The step.
        settings: The settings of the run.
        samples: What the steps are taken on.
        schedule: The numbers that differ from step to step.
        plan: The steps of the run.
        ranks: This rank.
        stop_asked: Tells whether this rank is asked to stop.

    Attributes:
        steps: How many steps :meth:`take` takes: no more than ``sink_size``, and so that epochs
            are whole calls.
    """

    def __init__(
        self,
        step: TrainingStep,
        settings: Settings,
        samples: Samples,
        schedule: Schedule,
        plan: TrainingPlan,
        ranks: Ranks,
        stop_asked: Callable[[], bool],
    ) -> None:
        self.steps = steps_a_call(settings.sink_size, plan)
        self._settings, self._ranks, self._stop_asked = settings, ranks, stop_asked
        self._samples = samples
        self._rows = _Rows(samples, schedule, plan)
        self._step = RememberedStep(step, self.steps)
        self._call: Callable[[], Tensor] | None = None

    def begin_epoch(self, epoch: int, done: int) -> None:
        """Do nothing: the queue goes on from epoch to epoch."""

    def take(self, epoch: int, step: int, global_step: int) -> StepsTaken:
        """Take the next steps, all of one epoch.

        Args:
            epoch: The epoch, from 1.
            step: The first of the steps within the epoch, from 1.
            global_step: The same within the run, from 1.
        """
        first = self._call is None
        doing = f"in epoch {epoch}, steps {step} to {step + self.steps - 1}"
        self._ranks.heartbeat.at(doing, may_take_long=first)
        augmented = self._samples.augmenting
        begun = time.monotonic()
        try:
            call = self._call = self._call or self._start()
            shape = self._samples.shape
            with compiling(self._settings, self._ranks, shape) if first else nullcontext():
                told = call().asnumpy()
        except RuntimeError as error:
            # What goes wrong in MindSpore's threads arrives as something else.
            raise self._rows.error or error from error
        asked = self._ranks.all_gather(np.array([self._stop_asked()], dtype=np.int32))
        return StepsTaken(
            losses=tuple(map(float, told[:, 0])),
            stop=bool(asked.any()),
            reading=None,
            augmenting=self._samples.augmenting - augmented,
            computing=time.monotonic() - begun,
        )

    def _start(self) -> Callable[[], Tensor]:
        import mindspore.dataset as ds

        level = self._settings.jit_level
        step = self._step

        def take_step(features: Tensor, labels: Tensor, controls: Tensor) -> Tensor:
            return step(features, labels, controls)

        return ms.data_sink(
            take_step,
            ds.GeneratorDataset(self._rows, _COLUMNS, shuffle=False, num_parallel_workers=1),
            sink_size=self.steps,
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
        self.told = Parameter(np.zeros((steps, 2), np.float32), name="told", requires_grad=False)

    def construct(self, features: Tensor, labels: Tensor, controls: Tensor) -> Tensor:
        """Take a step.

        Args:
            features: As of :class:`TrainingStep`.
            labels: As of :class:`TrainingStep`.
            controls: As of :class:`TrainingStep`.

        Returns:
            What the last steps told, (steps, 2), the newest at the end.
        """
        told = self.step(features, labels, controls)
        return ops.assign(self.told, ops.concat((self.told[1:], told.reshape(1, 2))))


def steps_a_call(sink_size: int, plan: TrainingPlan) -> int:
    """Give the largest number of steps within a limit of which an epoch, or what is left, is made.

    Args:
        sink_size: The limit.
        plan: The steps of the run.
    """
    # After a resume, the rest of an epoch has to be whole calls, too.
    common = math.gcd(plan.steps_per_epoch, plan.steps_done)
    return max(steps for steps in range(1, sink_size + 1) if common % steps == 0)


class _Rows:
    """All steps that are left of a run, for MindSpore's generator."""

    def __init__(self, samples: Samples, schedule: Schedule, plan: TrainingPlan) -> None:
        self._samples, self._schedule, self._plan = samples, schedule, plan
        self.error: Fcn4DistError | None = None

    def __len__(self) -> int:
        return self._plan.steps - self._plan.steps_done

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        try:
            yield from self._steps()
        except Fcn4DistError as error:
            self.error = error
            raise

    def _steps(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        global_step = self._plan.steps_done
        while global_step < self._plan.steps:
            epochs, done = divmod(global_step, self._plan.steps_per_epoch)
            for batch in self._samples.of_epoch(epochs + 1, done):
                global_step += 1
                controls = step_controls(
                    learning_rate=self._schedule.learning_rate(global_step),
                    ema_share=self._schedule.ema_share(global_step),
                )
                yield batch.features, batch.labels, controls.asnumpy()
