"""Trains small networks in one process, some at the same time; ``trainings_program.py FILE``.

FILE holds a list of the fields of :class:`Case` as JSON. What each came to, by name, is written
beside it, to ``outcome_<i>.npz``.
"""

import gc
import json
import random
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fcn4_dist.cluster.device import prepare_environment

prepare_environment("CPU")

import mindspore as ms  # noqa: E402
import numpy as np  # noqa: E402
from mindspore import Tensor  # noqa: E402

from fcn4_dist.cluster.ranks import Ranks  # noqa: E402
from fcn4_dist.config import Settings  # noqa: E402
from fcn4_dist.model.build import build_network  # noqa: E402
from fcn4_dist.training.step import build_step, step_controls  # noqa: E402

STEPS = 2
AT_ONCE = 3


@dataclass(frozen=True)
class Case:
    """A training.

    Attributes:
        compiled: Whether its steps are compiled, or computed operator by operator.
        batch: Clips in a batch.
        window: Mel bands and frames of a clip.
        settings: The others.
    """

    compiled: bool
    batch: int
    window: tuple[int, int]
    settings: dict[str, Any]


class Training:
    """A training on noise that is drawn for it alone."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.settings = Settings(device_target="CPU", **case.settings)
        self.random = np.random.default_rng(0)
        self.losses: list[float] = []
        ms.set_seed(1)
        self.network = build_network(self.settings, 1).set_train(True)
        average = build_network(self.settings, 1) if self.settings.ema_decay else None
        self.step = build_step(self.network, average, self.settings, Ranks())
        self.step.start_average()
        self.step.start()

    def take_step(self) -> None:
        self._use_mode()
        for _ in range(self.settings.accumulation_steps - 1):
            self.step.accumulate(*self._draw())
        told = self.step(*self._draw(), step_controls(learning_rate=1e-3, ema_share=0.1))
        self.losses.append(float(told.asnumpy()[0]))

    def score(self) -> None:
        """Do what a validation and tagging do."""
        self._use_mode()
        self.network.set_train(False)
        shape = (self.case.batch + 1, 1, *self.case.window)
        self.network(Tensor(np.ones(shape, np.float32))).asnumpy()
        self.network.set_train(True)

    def outcome(self) -> dict[str, np.ndarray]:
        state = {each.name: each.asnumpy() for each in self.step.state()}
        return {"losses": np.array(self.losses), **state}

    def _use_mode(self) -> None:
        ms.set_context(mode=ms.GRAPH_MODE if self.case.compiled else ms.PYNATIVE_MODE)

    def _draw(self) -> tuple[Tensor, Tensor]:
        features = self.random.normal(size=(self.case.batch, 1, *self.case.window))
        labels = self.random.integers(0, 2, (self.case.batch, self.settings.num_classes))
        return Tensor(features.astype(np.float32)), Tensor(labels.astype(np.float32))


def main(file: Path) -> None:
    order = random.Random(0)
    waiting = list(enumerate(json.loads(file.read_text())))
    running: dict[int, Training] = {}
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            number, case = waiting.pop(0)
            running[number] = Training(Case(**case))
        number = order.choice(list(running))
        if order.random() < 0.3:
            running[number].score()
        running[number].take_step()
        if len(running[number].losses) == STEPS:
            np.savez(file.with_name(f"outcome_{number}.npz"), **running.pop(number).outcome())
            # What comes next may be where this one was.
            gc.collect()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
