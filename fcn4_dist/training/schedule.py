"""What changes from step to step: the learning rate, and how fast the average of weights moves."""

import math
from dataclasses import dataclass

from mindspore import Tensor

from fcn4_dist.config import Settings
from fcn4_dist.training.plan import Position, TrainingPlan
from fcn4_dist.training.step import step_controls

_LR_IS_FOR = 32
"""Clips of the documented global batch."""


@dataclass(frozen=True)
class Schedule:
    """The numbers of each step.

    Attributes:
        settings: The settings of the run.
        plan: Its steps.
    """

    settings: Settings
    plan: TrainingPlan

    @property
    def highest(self) -> float:
        """The learning rate after its warm-up.

        Source of the linear rule: Goyal et al., Accurate, Large Minibatch SGD, 2017; of the root:
        Krizhevsky, One weird trick for parallelizing convolutional neural networks, 2014.
        """
        exponent = {"none": 0.0, "sqrt": 0.5, "linear": 1.0}[self.settings.lr_scaling]
        return self.settings.lr * (self.plan.global_batch / _LR_IS_FOR) ** exponent

    def controls(self, position: Position, *, stop: bool = False) -> Tensor:
        """Give a training step its numbers, and whether this rank is asked to stop."""
        return step_controls(
            stop=stop,
            learning_rate=self.learning_rate(position.global_step),
            ema_share=self.ema_share(position.global_step),
        )

    def learning_rate(self, step: int) -> float:
        """Give the learning rate: a warm-up in even steps, then constant or a half cosine to 0.

        Source: Loshchilov and Hutter, SGDR, ICLR 2017 (one period).

        Args:
            step: The step within the run, from 1.
        """
        warmup = round(self.settings.warmup_epochs * self.plan.steps_per_epoch)
        if step <= warmup:
            return self.highest * step / warmup
        if self.settings.lr_schedule == "constant":
            return self.highest
        # From the first step after the warm-up, at lr, to one step beyond the last, at 0.
        progress = (step - warmup - 1) / (self.plan.steps - warmup)
        return self.highest * (1 + math.cos(math.pi * progress)) / 2

    def ema_share(self, step: int) -> float:
        """Give the share of the weights after a step in their exponential moving average.

        In the beginning it is larger than ``1 - ema_decay``, so that the initial weights are
        forgotten soon.

        Args:
            step: The step within the run, from 1.
        """
        return 1 - min(self.settings.ema_decay, step / (step + 9))
