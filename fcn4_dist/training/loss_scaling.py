"""Dynamic loss scaling: a factor on the loss as large as the gradients bear.

Source: Micikevicius et al., Mixed Precision Training, ICLR 2018, section 3.2.
"""

from collections.abc import Sequence

import numpy as np
from mindspore import Parameter, ParameterTuple, Tensor, amp, nn, ops
from mindspore import dtype as mstype

from fcn4_dist.model.batch_norm import moving_statistics

GROWTH_INTERVAL = 2000
"""Clean steps after which the scale is doubled, as in MindSpore's and PyTorch's own scalers."""
SMALLEST_SCALE, LARGEST_SCALE = 1.0, 2.0**24


class DynamicLossScale(nn.Cell):
    """A loss scale that a step halves if it overflows, and many clean steps in a row double.

    What a step does to batch-norm's moving statistics while the loss is computed is undone if the
    step turns out to overflow; all else is up to :class:`~fcn4_dist.training.step.TrainingStep`.

    Args:
        network: The network that is trained.
        first: The scale of the first step.
        growth_interval: Clean steps after which it is doubled.

    Attributes:
        scale: The scale of the next step.
        clean_steps: Steps since it was changed last.
    """

    def __init__(
        self, network: nn.Cell, first: float, growth_interval: int = GROWTH_INTERVAL
    ) -> None:
        super().__init__(auto_prefix=False)
        self.growth_interval = growth_interval
        self.scale = _parameter(np.float32(first), "loss_scale")
        self.clean_steps = _parameter(np.float32(0), "loss_scale.clean_steps")
        self.smallest = min(SMALLEST_SCALE, first)
        # Of the batches of a step before its last one.
        self.overflows = _parameter(np.float32(0), "sum.overflows")
        moving = moving_statistics(network.get_parameters())
        self.moving = ParameterTuple(moving)
        self.kept = ParameterTuple(
            [_parameter(each.asnumpy(), f"kept.{each.name}") for each in moving]
        )

    def start(self) -> None:
        """Take the moving statistics as they are for those of a clean step."""
        for kept, moving in zip(self.kept, self.moving, strict=True):
            kept.set_data(Tensor(moving.asnumpy()))

    def state(self) -> list[Parameter]:
        """List what is to be kept in a checkpoint."""
        return [self.scale, self.clean_steps]

    def watched(self, features: Tensor) -> Tensor:
        """Begin to watch for overflows in what is computed from features; gives these.

        The first Ascend 910 does not compute infinities, but sets a flag, which anything since, as
        a validation, may have done. To ask for it clears it.
        """
        return ops.depend(features, amp.all_finite((self.scale,)))

    def overflow(self, values: Sequence[Tensor]) -> Tensor:
        """Tell whether something has overflowed: in values, statistics, or batches before.

        Args:
            values: What is to be finite.

        Returns:
            A scalar, 0.0 for nothing.
        """
        total = self.scale * 1
        # Of infinities and what is no number, a sum is none either.
        for value in (*values, *self.moving):
            total = total + value.sum()
        return self.overflows + (1 - amp.all_finite((total,)).astype(mstype.float32))

    def remember(self, values: Sequence[Tensor]) -> Tensor:
        """Note whether a batch has overflowed that is not the last one of its step."""
        return ops.assign(self.overflows, self.overflow(values))

    def follow(self, taken: Tensor) -> Tensor:
        """Change the scale after a step, and undo its changes of the statistics if it overflowed.

        Args:
            taken: 0.0 if it did, on any rank; else 1.0.
        """
        skipped = 1 - taken
        steps = (self.clean_steps + 1) * taken
        grows = (steps == self.growth_interval).astype(mstype.float32)
        larger = ops.minimum(self.scale * (1 + grows), LARGEST_SCALE)
        smaller = ops.maximum(self.scale / 2, self.smallest)
        ops.assign(self.scale, larger * taken + smaller * skipped)
        ops.assign(self.clean_steps, steps * (1 - grows))
        ops.assign(self.overflows, ops.zeros_like(self.overflows))
        for kept, moving in zip(self.kept, self.moving):  # noqa: B905
            clean = ops.masked_fill(moving, taken == 0, 0.0) + kept * skipped
            ops.assign(kept, clean)
            ops.assign(moving, clean)
        return taken


class SkippingAdam(nn.Adam):
    """Adam that can leave a step out without a branch in the graph.

    MindSpore compiles a branch to a graph of its own, and that has been seen not to know of what
    was put into a parameter from outside since (``set_data``), as a validation does.

    Args:
        weights: What it changes.
    """

    def __init__(self, weights: Sequence[Parameter]) -> None:
        super().__init__(weights, learning_rate=0.0)
        self.update = ops.Adam()

    def construct(self, gradients: Sequence[Tensor], taken: Tensor, scale: Tensor) -> Tensor:
        """Take a step, or let everything be as it is.

        Args:
            gradients: By the weights, times the loss scale.
            taken: 1.0 to take it, 0.0 to let everything be.
            scale: The loss scale.
        """
        # Of gradients of zero, at betas of 1 and a learning rate of 0, all stays to the bit.
        beta1, beta2 = (beta * taken + (1 - taken) for beta in (self.beta1, self.beta2))
        learning_rate = self.learning_rate * taken
        # Before the first step, the powers themselves would be divided by zero.
        powers = self.beta1_power * self.beta1, self.beta2_power * self.beta2
        updated = taken
        for weight, moment1, moment2, gradient in zip(  # noqa: B905
            self.parameters, self.moment1, self.moment2, gradients
        ):
            unscaled = ops.masked_fill(gradient * (1 / scale), taken == 0, 0.0)
            updated = ops.depend(
                updated,
                self.update(
                    weight, moment1, moment2, *powers, learning_rate, beta1, beta2, self.eps,
                    unscaled,
                ),
            )  # fmt: skip
        ops.assign(self.beta1_power, self.beta1_power * beta1)
        ops.assign(self.beta2_power, self.beta2_power * beta2)
        ops.assign_add(self.global_step, taken.reshape(1).astype(mstype.int32))
        return updated


def _parameter(value: np.ndarray | np.generic, name: str) -> Parameter:
    return Parameter(Tensor(value), name=name, requires_grad=False)
