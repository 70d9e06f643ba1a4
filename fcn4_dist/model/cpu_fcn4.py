"""FCN-4 on the CPU: the same function and parameters, its first block computed in one pass."""

from collections.abc import Callable, Sequence

import numpy as np
from mindspore import Tensor, nn, ops
from mindspore import dtype as mstype

from fcn4_dist.model import first_block
from fcn4_dist.model.batch_norm import follow_batch
from fcn4_dist.model.fcn4 import Fcn4

Shape = Sequence[int]

_FLOATS = mstype.float32


class CpuFcn4(Fcn4):
    """:class:`Fcn4` without the 500 MB of values between its first convolution and its max-pool.

    Outputs, gradients by the parameters, and moving statistics are those of :class:`Fcn4` but for
    rounding. A gradient by the features is not computed: it is NaN.

    Args:
        num_classes: Number of genres or tags.
        channels: Output channels of the four convolutions, see
            :func:`fcn4_dist.model.channels`.
    """

    def __init__(self, num_classes: int, channels: Sequence[int]) -> None:
        super().__init__(num_classes, channels)
        self.statistics1 = _operator(first_block.statistics, _like_statistics, (_FLOATS,) * 3)
        self.block1 = _FirstBlock()

    def first_block(self, features: Tensor) -> Tensor:
        """Compute the first block; in training, update its moving statistics."""
        weight, norm = self.conv1.weight, self.bn1
        if norm.training:
            mean, variance, patches = self.statistics1(features, ops.stop_gradient(weight))
            follow_batch(norm, mean, variance, features.size)
        else:
            # Of patches that are zero, no gradient flows through the statistics.
            mean, variance, patches = norm.moving_mean, norm.moving_variance, ops.zeros((10, 9))
        return self.block1(features, weight, norm.gamma, norm.beta, mean, variance, patches)[0]


class _FirstBlock(nn.Cell):
    """What :mod:`fcn4_dist.model.first_block` computes, as a part of the graph."""

    def __init__(self) -> None:
        super().__init__()
        self.forward = _operator(first_block.forward, _like_block, (_FLOATS, mstype.uint8))
        self.backward = _operator(first_block.backward, _like_parameters, (_FLOATS,) * 3)

    def construct(
        self,
        features: Tensor,
        weight: Tensor,
        gamma: Tensor,
        beta: Tensor,
        mean: Tensor,
        variance: Tensor,
        patches: Tensor,
    ) -> tuple[Tensor, Tensor]:
        return self.forward(features, weight, gamma, beta, mean, variance)

    def bprop(
        self,
        features: Tensor,
        weight: Tensor,
        gamma: Tensor,
        beta: Tensor,
        mean: Tensor,
        variance: Tensor,
        patches: Tensor,
        out: tuple[Tensor, Tensor],
        dout: tuple[Tensor, Tensor],
    ) -> tuple[Tensor, ...]:
        by_weight, by_gamma, by_beta = self.backward(
            features, weight, gamma, mean, variance, patches, out[1], dout[0]
        )
        # The gradient by the weight has that through the statistics in it.
        none = ops.zeros_like(mean), ops.zeros_like(variance), ops.zeros_like(patches)
        return ops.full_like(features, np.nan), by_weight, by_gamma, by_beta, *none


def _operator(function: Callable, like: Callable, types: tuple[mstype.Type, ...]) -> ops.Custom:
    return ops.Custom(function, out_shape=like, out_dtype=types, func_type="pyfunc")


def _like_statistics(features: Shape, weight: Shape) -> tuple[Shape, ...]:
    return (weight[0],), (weight[0],), (10, 9)


def _like_block(features: Shape, weight: Shape, *parameters: Shape) -> tuple[Shape, ...]:
    shape = first_block.output_shape(features, weight)
    return shape, shape


def _like_parameters(
    features: Shape, weight: Shape, gamma: Shape, *others: Shape
) -> tuple[Shape, ...]:
    return weight, gamma, gamma
