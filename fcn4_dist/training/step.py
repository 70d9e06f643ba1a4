"""One training step, compiled: forward, gradients, their average over the ranks, the update."""

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations, pairwise
from typing import Any

import mindspore as ms
import numpy as np
from mindspore import Parameter, ParameterTuple, Tensor, nn, ops
from mindspore import dtype as mstype

from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.config import Settings
from fcn4_dist.model.build import use_jit_level
from fcn4_dist.model.fcn4 import BinaryCrossEntropy
from fcn4_dist.training import loss_scaling
from fcn4_dist.training.loss_scaling import DynamicLossScale, SkippingAdam

_AVERAGE = "average."
_LAST = "last."


class TrainingStep(nn.Cell):
    """A step on one batch of this rank; the same code for one rank and for many.

    Args:
        network: The network; its parameters are changed by each call.
        ranks: This process's place in the job.
        loss_scale: Factor on the loss, taken off the gradients again, so that small gradients
            survive float16; with a :class:`DynamicLossScale` a step that overflows on any rank is
            skipped on all: what it would have changed is as before.
        weight_decay: Share of the weights that a step at learning rate 1 takes away, decoupled
            from the gradients (Loshchilov and Hutter, Decoupled Weight Decay Regularization, ICLR
            2019); biases and batch-norm are left alone.
        average: A network of the same parameters, which are given other names, and changed to the
            exponential moving average of the first one's; None for none.
        accumulation: How many batches a step is made of: all but the last are given to
            :attr:`accumulate`.
        all_reduce_buckets: All-reduces that the gradients are averaged by; those of the last
            layers, which are known first, can travel while the first layers' are computed. 1
            leaves it to MindSpore, which makes one of all on Ascend, and one of each on the CPU.

    Attributes:
        accumulate: Adds the gradients of a batch to those of the step; gives the batch's loss.
        told: How many numbers a step tells.
    """

    def __init__(
        self,
        network: nn.Cell,
        ranks: Ranks,
        loss_scale: float | DynamicLossScale,
        weight_decay: float = 0.0,
        average: nn.Cell | None = None,
        accumulation: int = 1,
        all_reduce_buckets: int = 1,
    ) -> None:
        # Without prefixes the parameters keep the network's own names in checkpoints.
        super().__init__(auto_prefix=False)
        self.network = network
        self.loss = BinaryCrossEntropy()
        self.is_dynamic = isinstance(loss_scale, DynamicLossScale)
        self.loss_scale: Any = loss_scale
        self.told = 4 if self.is_dynamic else 2
        self.weight_decay = weight_decay
        self.world_size = ranks.size
        weights = network.trainable_params()
        # The learning rate is a parameter of the optimiser, which each step sets.
        self.optimizer = (
            SkippingAdam(weights)
            if self.is_dynamic
            else nn.Adam(weights, learning_rate=0.0, loss_scale=loss_scale)
        )
        self.value_and_gradients = ms.value_and_grad(self.scaled_loss, None, weights)
        self.decayed = ParameterTuple([each for each in weights if each.ndim > 1])
        self.accumulation = accumulation
        if accumulation > 1:
            self.sums = ParameterTuple(_sums_of(weights))
            self.accumulate = _Accumulation(self.value_and_gradients, self.sums, loss_scale)
        self.averages = average is not None
        if average is not None:
            # Names of their own beside those of the trained.
            for parameter in average.get_parameters():
                parameter.name = _AVERAGE + parameter.name
            self.averaged = ParameterTuple(list(network.get_parameters()))
            self.average = ParameterTuple(list(average.get_parameters()))
        if self.world_size > 1:
            ends = bucket_ends([each.size for each in weights], all_reduce_buckets)
            if ends:
                ms.set_auto_parallel_context(all_reduce_fusion_config=ends)
            self.average_gradients = nn.DistributedGradReducer(weights, mean=True)
            self.sum_over_ranks = ops.AllReduce(ops.ReduceOp.SUM)

    def scaled_loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """Compute this rank's loss times the loss scale."""
        return self.loss(self.network(features), labels) * self.scale()

    def scale(self) -> Any:
        """Give the loss scale of this step."""
        if self.is_dynamic:
            return self.loss_scale.scale
        return self.loss_scale

    def construct(self, features: Tensor, labels: Tensor, controls: Tensor) -> Tensor:
        """Take one step.

        Args:
            features: This rank's share of the global batch, or the last part of it,
                (batch, 1, n_mels, frames).
            labels: float32 of shape (batch, num_classes).
            controls: Of :func:`step_controls`.

        Returns:
            The loss before the step, averaged over the global batch, and how many ranks are asked
            to stop. With a dynamic loss scale also, whether the step is skipped (above 0) because
            a rank has overflowed, and the scale that it was tried with.
        """
        if self.is_dynamic:
            features = self.loss_scale.watched(features)
        loss, gradients = self.value_and_gradients(features, labels)
        sums: tuple[Tensor, ...] = ()
        if self.accumulation > 1:
            for total, gradient in zip(self.sums, (loss, *gradients)):  # noqa: B905
                sums += ((total + gradient) / self.accumulation,)
            loss, gradients = sums[0], sums[1:]
        # The request travels with the loss, so that all ranks learn of it at the same step.
        figures: tuple[Tensor, ...] = (loss, controls[0])
        if self.world_size > 1:
            gradients = self.average_gradients(gradients)
        if self.is_dynamic:
            figures += (self.loss_scale.overflow((loss, *gradients)),)
        told = ops.stack(figures)
        if self.world_size > 1:
            told = self.sum_over_ranks(told)
        figures = (told[0] / (self.world_size * self.scale()), told[1])
        if self.is_dynamic:
            figures += (told[2], self.scale() * 1)
        updated = self.update(gradients, controls, told)
        if self.accumulation > 1:
            # Once they are read, the next step's begin.
            updated = ops.depend(updated, sums)
            for total in self.sums:
                updated = ops.depend(updated, ops.assign(total, ops.zeros_like(total)))
        # It is handed on only after the optimiser has run.
        return ops.depend(ops.stack(figures), updated)

    def update(self, gradients: tuple[Tensor, ...], controls: Tensor, told: Tensor) -> Any:
        """Change weights and averages, unless there was an overflow, and the loss scale."""
        learning_rate, ema_share = controls[1], controls[2]
        ops.assign(self.optimizer.learning_rate, learning_rate)
        if self.is_dynamic:
            # No branch: to leave a step out is to take it with zeros.
            taken = (told[2] == 0).astype(mstype.float32)
            learning_rate, ema_share = learning_rate * taken, ema_share * taken
        if self.weight_decay > 0:
            for weight in self.decayed:
                ops.assign(weight, weight * (1 - learning_rate * self.weight_decay))
        if self.is_dynamic:
            updated = self.optimizer(gradients, taken, self.scale())
            updated = ops.depend(updated, self.loss_scale.follow(taken))
        else:
            updated = self.optimizer(gradients)
        if self.averages:
            for average, value in zip(self.average, self.averaged):  # noqa: B905
                ops.assign(average, average + ema_share * (value - average))
        return updated

    def start(self) -> None:
        """Begin to train the network as it is, after all its state was set."""
        if self.is_dynamic:
            self.loss_scale.start()

    def start_average(self) -> None:
        """Let the average, if there is one, begin as the network is."""
        if self.averages:
            for average, value in zip(self.average, self.averaged, strict=True):
                average.set_data(Tensor(value.asnumpy()))

    def state(self) -> list[Parameter]:
        """List everything that training changes: weights, statistics, averages, moments, counts."""
        known = {id(parameter): parameter for parameter in self.network.get_parameters()}
        if self.averages:
            known |= {id(parameter): parameter for parameter in self.average}
        of_scale = self.loss_scale.state() if self.is_dynamic else []
        for parameter in (*self.optimizer.get_parameters(), *of_scale):
            known.setdefault(id(parameter), parameter)
        return list(known.values())


def bucket_ends(sizes: Sequence[int], buckets: int) -> list[int]:
    """Cut a row of gradients into buckets, the largest of which is as small as can be.

    Args:
        sizes: Values in each gradient.
        buckets: How many; no more than there are gradients are made.

    Returns:
        The index of the last gradient of every bucket but the last.
    """
    cuts = combinations(range(1, len(sizes)), min(buckets, len(sizes)) - 1)

    def largest(cut: tuple[int, ...]) -> int:
        return max(sum(sizes[a:b]) for a, b in pairwise((0, *cut, len(sizes))))

    return [first - 1 for first in min(cuts, key=largest)]


def build_step(
    network: nn.Cell, average: nn.Cell | None, settings: Settings, ranks: Ranks
) -> TrainingStep:
    """Build the training step that the settings ask for."""
    scale: float | DynamicLossScale = settings.loss_scale
    if settings.loss_scaling_in_use == "dynamic":
        scale = DynamicLossScale(network, settings.loss_scale, loss_scaling.GROWTH_INTERVAL)
    step = TrainingStep(
        network,
        ranks,
        scale,
        settings.weight_decay,
        average,
        settings.accumulation_steps,
        settings.all_reduce_buckets or 1,
    )
    for cell in filter(None, (step, *step.cells(), average)):
        use_jit_level(cell, settings.jit_level)
    return step


def step_controls(*, learning_rate: float, stop: bool = False, ema_share: float = 0.0) -> Tensor:
    """Give a step the numbers that differ from step to step.

    Args:
        learning_rate: Of Adam.
        stop: Whether this rank is asked to stop.
        ema_share: Share of the weights after the step in their moving average.
    """
    return Tensor(np.array([stop, learning_rate, ema_share], dtype=np.float32))


def names_in_checkpoint(state: Iterable[Parameter]) -> dict[str, str]:
    """Tell under which name a checkpoint holds each parameter.

    The plain names are those of the weights to be used: where there is an average, it has them,
    and the last weights, with which training goes on, have a prefix.

    Args:
        state: All parameters that training changes.

    Returns:
        Name of a parameter -> its name in a checkpoint.
    """
    names = {parameter.name for parameter in state}
    return {
        name: name.removeprefix(_AVERAGE)
        if name.startswith(_AVERAGE)
        else (_LAST + name if _AVERAGE + name in names else name)
        for name in names
    }


def find_not_finite(network: nn.Cell) -> str | None:
    """Name the first weights that hold a number that is not finite; None for none."""
    for parameter in network.trainable_params():
        if not np.isfinite(parameter.asnumpy().sum(dtype=np.float64)):
            return parameter.name
    return None


class _Accumulation(nn.Cell):
    def __init__(
        self,
        value_and_gradients: Callable[..., Any],
        sums: Sequence[Parameter],
        loss_scale: float | DynamicLossScale,
    ) -> None:
        super().__init__(auto_prefix=False)
        self.is_dynamic = isinstance(loss_scale, DynamicLossScale)
        self.loss_scale: Any = loss_scale
        self.value_and_gradients = value_and_gradients
        self.sums = sums
        self.add = ops.AssignAdd()

    def construct(self, features: Tensor, labels: Tensor) -> Tensor:
        if self.is_dynamic:
            features = self.loss_scale.watched(features)
        loss, gradients = self.value_and_gradients(features, labels)
        if self.is_dynamic:
            loss = ops.depend(loss, self.loss_scale.remember((loss, *gradients)))
        for total, gradient in zip(self.sums, (loss, *gradients)):  # noqa: B905
            loss = ops.depend(loss, self.add(total, gradient))
        return loss


def _sums_of(weights: Sequence[Parameter]) -> list[Parameter]:
    loss = Parameter(np.zeros((), np.float32), name="sum.loss", requires_grad=False)
    gradients = [
        Parameter(np.zeros(each.shape, np.float32), name=f"sum.{each.name}", requires_grad=False)
        for each in weights
    ]
    return [loss, *gradients]
