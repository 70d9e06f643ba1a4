"""Taking steps: batches are handed over by the host, one by one."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

import numpy as np
from mindspore import Tensor

from fcn4_dist.cluster.compile_cache import compile_cache
from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.config import Settings, graph_settings
from fcn4_dist.pipeline import Batch
from fcn4_dist.terminal import say, still_running
from fcn4_dist.training.data import TrainingData
from fcn4_dist.training.plan import Position
from fcn4_dist.training.schedule import Schedule
from fcn4_dist.training.step import TrainingStep

_NOTICE = "compiling the training step: seconds on a CPU, some minutes on Ascend"


@dataclass(frozen=True)
class StepTimes:
    """Where the time of some steps went; can be added up.

    Attributes:
        steps: How many.
        reading: Seconds that this rank waited for its samples; None where the card takes them
            from a queue of its own.
        augmenting: Seconds of those, or beside the steps, that augmentation took.
        computing: Seconds that the steps took besides.
    """

    steps: int = 0
    reading: float | None = 0.0
    augmenting: float = 0.0
    computing: float = 0.0

    def __add__(self, other: "StepTimes") -> "StepTimes":
        unknown = self.reading is None or other.reading is None
        return StepTimes(
            self.steps + other.steps,
            None if unknown else (self.reading or 0.0) + (other.reading or 0.0),
            self.augmenting + other.augmenting,
            self.computing + other.computing,
        )


@dataclass(frozen=True)
class Outcome:
    """What a step came to.

    Attributes:
        loss: Averaged over the global batch.
        skipped: Whether it changed nothing, because it overflowed at its loss scale.
        loss_scale: The scale, where it is dynamic; else None.
    """

    loss: float
    skipped: bool = False
    loss_scale: float | None = None

    @classmethod
    def of(cls, told: Sequence[float]) -> "Outcome":
        """Read what a :class:`~fcn4_dist.training.step.TrainingStep` tells."""
        loss, _, *scaling = map(float, told)
        return cls(loss, scaling[0] > 0, scaling[1]) if scaling else cls(loss)


@dataclass(frozen=True)
class StepsTaken:
    """What some steps came to between which the host did not look.

    Attributes:
        first: The first of them.
        outcomes: Of each step.
        stop: Whether a rank is asked to stop.
        times: Where their time went.
    """

    first: Position
    outcomes: tuple[Outcome, ...]
    stop: bool
    times: StepTimes

    @property
    def last(self) -> Position:
        """The last of the steps."""
        return self.first.after(len(self.outcomes) - 1)

    @property
    def good(self) -> list[Outcome]:
        """Those before the first step that was taken at a loss that is no finite number."""
        return list(takewhile(lambda each: each.skipped or np.isfinite(each.loss), self.outcomes))


@dataclass
class Stepper:
    """Takes a step at a time.

    Attributes:
        step: The compiled step.
        settings: The settings of the run.
        data: What the steps are taken on.
        schedule: The numbers that differ from step to step.
        ranks: This rank.
        stop_asked: Tells whether this rank is asked to stop.
    """

    step: TrainingStep
    settings: Settings
    data: TrainingData
    schedule: Schedule
    ranks: Ranks
    stop_asked: Callable[[], bool]
    _compiled: bool = field(default=False, init=False)

    def take(self, batches: Iterator[Batch], position: Position) -> StepsTaken:
        """Take the next step of an epoch.

        Args:
            batches: Those of the epoch that are left.
            position: The step.
        """
        self.ranks.heartbeat.at(f"reading the batch of {position}")
        augmented = self.data.augmenting
        begun = time.monotonic()
        batch = next(batches)
        read = time.monotonic()
        self.ranks.heartbeat.at(f"in {position}", may_take_long=not self._compiled)
        outcome, stop = self._run_step(batch, position)
        times = StepTimes(
            1, read - begun, self.data.augmenting - augmented, time.monotonic() - read
        )
        return StepsTaken(position, (outcome,), stop, times)

    def _run_step(self, batch: Batch, position: Position) -> tuple[Outcome, bool]:
        controls = self.schedule.controls(position, stop=self.stop_asked())
        *others, last = self._parts(batch)
        for part in others:
            self.step.accumulate(*part)
        with self._compiling():
            told = self.step(*last, controls).asnumpy()
        return Outcome.of(told), bool(told[1] > 0)

    def _parts(self, batch: Batch) -> list[tuple[Tensor, Tensor]]:
        """Cut this rank's share of a global batch into what the network gets at once."""
        arrays = (batch.features, batch.labels)
        parts = (np.split(array, self.settings.accumulation_steps) for array in arrays)
        return [(Tensor(features), Tensor(labels)) for features, labels in zip(*parts, strict=True)]

    @contextmanager
    def _compiling(self) -> Iterator[None]:
        """Say of the first call that it compiles, and keep what comes of it for the next start."""
        if self._compiled:
            yield
            return
        self._compiled = True
        begun = time.monotonic()
        with still_running(_NOTICE, visible=self.ranks.is_main), self._compile_cache():
            yield
        if self.ranks.is_main:
            say(f"compiled; the first step took {time.monotonic() - begun:.1f} s")

    def _compile_cache(self) -> AbstractContextManager[None]:
        if self.settings.fusion_in_use or self.settings.sink_in_use:
            # A graph that calls functions of this process, or takes batches from a queue of it,
            # means nothing to another one.
            return nullcontext()
        what = {"world size": self.ranks.size, "input": str(self.data.shape)}
        return compile_cache(graph_settings(self.settings) | what, Path(self.settings.run_dir))
