"""FCN-4 whose first block pools before it normalises: the same function, in fewer bytes."""

from collections.abc import Callable, Sequence

import numpy as np
from mindspore import Tensor, nn, ops

from fcn4_dist.model.batch_norm import follow_batch
from fcn4_dist.model.fcn4 import Fcn4

_TAPS = 9
_REACH = 2
"""Bands or frames between the two places of a 3x3 patch that are farthest from each other."""
_DISPLACEMENTS = [
    (bands, frames)
    for bands in range(_REACH + 1)
    for frames in range(-_REACH, _REACH + 1)
    if (bands, frames) >= (0, 0)
]
"""From one place of a patch to a later one, or the same."""


class PooledFcn4(Fcn4):
    """:class:`Fcn4` whose first batch-norm and ReLU touch an eighth of the values.

    What batch-norm does to the values of a channel is the same for all of them and never turns
    their order, unless its scale is negative: with that sign in the kernel, the largest of a pool
    stays the largest. The statistics are those of the values before the pool. They are known
    without these: each value is the product of a kernel and a 3x3 patch of the features, so the
    mean and covariance of the patches give the mean and variance of every channel, and the
    gradients through them.

    Outputs, gradients by the parameters, and moving statistics are those of :class:`Fcn4` but for
    rounding. No gradient by the features flows through the statistics.

    Args:
        num_classes: Number of genres or tags.
        channels: Output channels of the four convolutions, see
            :func:`fcn4_dist.model.channels`.
        batch_norm: Gives the batch-norm of a number of channels.
        ranks: Ranks whose samples the statistics of the first block are made of in training: 1
            for this rank's own, or all of them.
    """

    def __init__(
        self,
        num_classes: int,
        channels: Sequence[int],
        batch_norm: Callable[[int], nn.Cell] = nn.BatchNorm2d,
        ranks: int = 1,
    ) -> None:
        super().__init__(num_classes, channels, batch_norm)
        self.ranks = ranks
        self.convolve1 = _Convolution(channels[0])
        self.statistics1 = PatchStatistics(ranks)
        self.channels1 = _ChannelStatistics()
        self.parameters1 = _ThroughStatistics(self.bn1.eps)
        self.normalise1 = GivenBatchNorm2d(self.bn1.eps)
        self.plus = Tensor(np.ones(channels[0], np.float32))

    def first_block(self, features: Tensor) -> Tensor:
        """Compute the first block; in training, update its moving statistics."""
        weight, norm = self.conv1.weight, self.bn1
        if norm.training:
            means, covariance = self.statistics1(features)
            mean, variance = self.channels1(weight, means, covariance)
            follow_batch(norm, mean, variance, self.ranks * features.size)
        else:
            mean, variance = norm.moving_mean, norm.moving_variance
        sign = ops.stop_gradient(ops.masked_fill(self.plus, norm.gamma < 0, -1.0))
        values = self.convolve1(features, weight * sign.reshape((-1, 1, 1, 1)))
        scale, shift = self.parameters1(norm.gamma, norm.beta, sign, mean, variance)
        return self.relu(self.normalise1(self.pool1(values), scale, shift, mean * sign, variance))


class PatchStatistics(nn.Cell):
    """Mean and covariance of the 3x3 patches that a padded convolution goes over.

    Args:
        ranks: Ranks over whose samples they are taken; all of them have to call this.
    """

    def __init__(self, ranks: int) -> None:
        super().__init__()
        self.ranks = ranks
        self.mean = ops.ReduceMean()
        self.sum_over_ranks = ops.AllReduce(ops.ReduceOp.SUM)
        self.chosen = Tensor(_pairs_of_taps())

    def construct(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Compute both.

        Args:
            features: (batch, 1, n_mels, frames), of one shape on all ranks.

        Returns:
            The mean of each place of a patch, (9,), and their covariance, (9, 9). No gradient flows
            through them.
        """
        features = ops.stop_gradient(features)
        # Centred first: the mean of products minus the product of means would cancel.
        centre = self._over_ranks(self.mean(features, (0, 1, 2, 3)))
        products = self._over_ranks(self._window_means(features, centre))
        means = products[-1]
        covariance = self.mean(products.reshape((1, -1)) * self.chosen, 1) * self.chosen.shape[1]
        covariance = covariance.reshape((_TAPS, _TAPS)) - means.reshape((_TAPS, 1)) * means
        return means + centre, covariance

    def _window_means(self, features: Tensor, centre: Tensor) -> Tensor:
        """Average, over the places of each tap, the products of values that are displaced.

        Returns:
            A row for each displacement and a last one for the values themselves, a column for each
            tap that the first of the two values is under.
        """
        bands, frames = features.shape[2:]
        wide, high = frames + 2 * _REACH + 2, bands + 2
        flat, length = _padded_rows(features) - centre, high * wide
        origin = _REACH * wide + _REACH
        base = flat[:, origin : origin + length]
        # Tuples: lists stay in the graph, and no device has them.
        maps: tuple[Tensor, ...] = ()
        rows: tuple[Tensor, ...] = ()
        columns: tuple[Tensor, ...] = ()
        for down, right in _DISPLACEMENTS:
            begin = origin + down * wide + right
            maps = (*maps, self.mean(base * flat[:, begin : begin + length], 0))
        by_place = ops.stack((*maps, self.mean(base, 0))).reshape((-1, high, wide))
        for tap in range(3):
            rows = (*rows, self.mean(by_place[:, tap : tap + bands], 1))
        by_row = ops.stack(rows, 1)
        for tap in range(3):
            columns = (*columns, self.mean(by_row[:, :, tap : tap + frames], 2))
        return ops.stack(columns, 2).reshape((-1, _TAPS))

    def _over_ranks(self, value: Tensor) -> Tensor:
        return self.sum_over_ranks(value) / self.ranks if self.ranks > 1 else value


class _ChannelStatistics(nn.Cell):
    """Mean and biased variance of every channel of a convolution, from those of its patches."""

    def construct(self, weight: Tensor, means: Tensor, covariance: Tensor) -> tuple[Tensor, Tensor]:
        kernels = weight.reshape((-1, _TAPS))
        return (kernels * means).sum(1), (kernels * self._times(kernels, covariance)).sum(1)

    def bprop(
        self,
        weight: Tensor,
        means: Tensor,
        covariance: Tensor,
        out: tuple[Tensor, Tensor],
        dout: tuple[Tensor, Tensor],
    ) -> tuple[Tensor, Tensor, Tensor]:
        by_mean, by_variance = dout[0].reshape((-1, 1)), dout[1].reshape((-1, 1))
        products = self._times(weight.reshape((-1, _TAPS)), covariance)
        by_weight = by_mean * means + 2 * by_variance * products
        return by_weight.reshape(weight.shape), ops.zeros_like(means), ops.zeros_like(covariance)

    def _times(self, kernels: Tensor, covariance: Tensor) -> Tensor:
        # Ascend's matrix products have fewer bits.
        return (kernels.reshape((-1, 1, _TAPS)) * covariance).sum(2)


class GivenBatchNorm2d(nn.Cell):
    """Batch-norm of given statistics, through which no gradient flows.

    Args:
        eps: Added to the variance.
    """

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.normalise = ops.BatchNorm(is_training=False, epsilon=eps)

    def construct(
        self, x: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, variance: Tensor
    ) -> Tensor:
        """Normalise a batch.

        Args:
            x: (batch, channels, height, width).
            scale: (channels,), like all that follow.
            shift: Added to what is normalised and scaled.
            mean: Of each channel.
            variance: Of each channel.
        """
        given = ops.stop_gradient(mean), ops.stop_gradient(variance)
        return self.normalise(x, scale, shift, *given)[0]


class _ThroughStatistics(nn.Cell):
    """Batch-norm's scale and shift, and the gradients by the statistics that it is given.

    The operator for given statistics has none: they follow from those by scale and shift.
    """

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.normalise = GivenBatchNorm2d(eps)

    def construct(
        self, gamma: Tensor, beta: Tensor, sign: Tensor, mean: Tensor, variance: Tensor
    ) -> tuple[Tensor, Tensor]:
        return gamma * sign, beta * 1

    def bprop(
        self,
        gamma: Tensor,
        beta: Tensor,
        sign: Tensor,
        mean: Tensor,
        variance: Tensor,
        out: tuple[Tensor, Tensor],
        dout: tuple[Tensor, Tensor],
    ) -> tuple[Tensor, ...]:
        by_scale, by_shift = dout
        zeros = ops.zeros_like(gamma)
        # y = scale * (x - mean) / deviation + shift
        by_mean = self.normalise(by_shift.reshape((1, -1, 1, 1)), gamma, zeros, zeros, variance)
        by_variance = out[0] * by_scale / (variance + self.eps)
        return by_scale * sign, by_shift, zeros, -by_mean.reshape(gamma.shape), -0.5 * by_variance


IN_FLOAT32 = (PatchStatistics, _ChannelStatistics, _ThroughStatistics)
"""What stays in float32 in mixed precision."""


class _Convolution(nn.Cell):
    """The 3x3 convolution of given kernels, in whatever precision it is set to."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolve = ops.Conv2D(out_channel=channels, kernel_size=3, pad_mode="same")

    def construct(self, features: Tensor, weight: Tensor) -> Tensor:
        return self.convolve(features, weight)


def _padded_rows(features: Tensor) -> Tensor:
    """Put zeros around a batch, and its rows one after the other: (batch, values)."""
    batch, _, bands, frames = features.shape
    wide = frames + 2 * _REACH + 2
    between = ops.zeros((batch, bands, wide - frames), features.dtype)
    rows = ops.concat((features.reshape((batch, bands, frames)), between), 2)
    outside = ops.zeros((batch, (_REACH + 1) * wide + _REACH + 1), features.dtype)
    return ops.concat((outside, rows.reshape((batch, -1)), outside), 1)


def _pairs_of_taps() -> np.ndarray:
    """Say where the product of each pair of taps is found: 0/1, (81, displacements * 9 + 9)."""
    chosen = np.zeros((_TAPS, _TAPS, len(_DISPLACEMENTS) + 1, _TAPS), np.float32)
    for first in range(_TAPS):
        for second in range(first, _TAPS):
            displaced = second // 3 - first // 3, second % 3 - first % 3
            place = _DISPLACEMENTS.index(displaced)
            chosen[first, second, place, first] = chosen[second, first, place, first] = 1
    return chosen.reshape(_TAPS * _TAPS, -1)
