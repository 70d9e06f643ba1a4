"""Batch-norm over the global batch: the statistics of all ranks' samples together."""

from collections.abc import Iterable

from mindspore import Parameter, Tensor, nn, ops

_ALL_BUT_CHANNELS = (0, 2, 3)
_MOVING = (".moving_mean", ".moving_variance")


class GlobalBatchNorm2d(nn.BatchNorm2d):
    """``nn.BatchNorm2d`` whose training statistics are those of the global batch.

    Parameters, their names, their update and inference are the parent's, and so is mixed
    precision: it leaves every ``nn.BatchNorm2d`` in float32. MindSpore's own
    ``nn.SyncBatchNorm`` is for Ascend only.

    Args:
        num_features: Number of channels.
        ranks: Number of ranks; all of them have to call this with batches of one shape.
    """

    def __init__(self, num_features: int, ranks: int) -> None:
        super().__init__(num_features)
        self.ranks = ranks
        self.normalise = _Normalise(self.eps, ranks)

    def construct(self, x: Tensor) -> Tensor:
        """Normalise a batch; in training, update the moving statistics.

        Args:
            x: This rank's share of the global batch, (batch, channels, height, width).

        Returns:
            Tensor of the same shape.
        """
        if not self.training:
            return super().construct(x)
        y, mean, variance = self.normalise(x, self.gamma, self.beta)
        follow_batch(self, mean, variance, self.ranks * _values_per_channel(x))
        return y


def moving_statistics(parameters: Iterable[Parameter]) -> list[Parameter]:
    """List batch-norm's moving statistics among parameters; they differ from rank to rank."""
    return [parameter for parameter in parameters if parameter.name.endswith(_MOVING)]


def follow_batch(
    norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, values_per_channel: int
) -> None:
    """Move the moving statistics of a batch-norm towards a batch's, as ``nn.BatchNorm2d`` does.

    Args:
        norm: What holds them.
        mean: Of the batch, (channels,).
        variance: Of the batch, the biased one, (channels,).
        values_per_channel: How many values these are of.
    """
    # The moving variance is the unbiased one, on the CPU and on Ascend.
    unbiased = variance * (values_per_channel / max(values_per_channel - 1, 1))
    _follow(norm.moving_mean, mean, norm.momentum)
    _follow(norm.moving_variance, unbiased, norm.momentum)


class _Normalise(nn.Cell):
    """The normalisation, with a gradient of its own.

    The compiler would derive the same gradient, but of operators that together take several times
    the memory.
    """

    def __init__(self, eps: float, ranks: int) -> None:
        super().__init__()
        self.eps = eps
        self.ranks = ranks
        self.mean_of_rank = ops.ReduceMean()
        self.sum_over_ranks = ops.AllReduce(ops.ReduceOp.SUM)
        self.add_to_channels = ops.BiasAdd()
        # (x - mean) / sqrt(variance + eps) * gamma + beta, of given statistics.
        self.normalise = ops.BatchNorm(is_training=False, epsilon=eps)

    def construct(self, x: Tensor, gamma: Tensor, beta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give the normalised batch, and each channel's mean and biased variance.

        These are of the global batch, (channels,); no gradient flows through them.
        """
        mean = self._over_ranks(self.mean_of_rank(x, _ALL_BUT_CHANNELS))
        # Squares of centred values: the mean of squares minus the squared mean would cancel.
        centred = self.add_to_channels(x, -mean)
        variance = self._over_ranks(self.mean_of_rank(centred * centred, _ALL_BUT_CHANNELS))
        return self.normalise(x, gamma, beta, mean, variance)[0], mean, variance

    def bprop(
        self,
        x: Tensor,
        gamma: Tensor,
        beta: Tensor,
        out: tuple[Tensor, Tensor, Tensor],
        dout: tuple[Tensor, Tensor, Tensor],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Derive the sum of all ranks' losses by this rank's ``x``, ``gamma`` and ``beta``.

        The last two are of this rank's loss alone: they are averaged over the ranks like the
        gradients by all weights.
        """
        _, mean, variance = out
        dy = dout[0]
        zeros, ones = ops.zeros_like(mean), ops.ones_like(mean)
        normal = self.normalise(x, ones, zeros, mean, variance)[0]
        mean_dy = self.mean_of_rank(dy, _ALL_BUT_CHANNELS)
        mean_product = self.mean_of_rank(dy * normal, _ALL_BUT_CHANNELS)
        # dx = gamma / sqrt(variance + eps) * (dy - mean(dy) - normal * mean(dy * normal))
        through_statistics = self.normalise(
            x, self._over_ranks(mean_product), self._over_ranks(mean_dy), mean, variance
        )[0]
        dx = self.normalise(dy - through_statistics, gamma, zeros, zeros, variance)[0]
        values = _values_per_channel(x)
        return dx, mean_product * values, mean_dy * values

    def _over_ranks(self, mean_of_rank: Tensor) -> Tensor:
        return self.sum_over_ranks(mean_of_rank) / self.ranks


def _follow(moving: Parameter, batch: Tensor, momentum: float) -> None:
    ops.assign_sub(moving, ops.stop_gradient((moving - batch) * momentum))


def _values_per_channel(x: Tensor) -> int:
    batch, _, height, width = x.shape
    return batch * height * width
