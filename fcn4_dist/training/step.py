"""One training step, compiled: forward, gradients, their average over the ranks, Adam."""

import mindspore as ms
from mindspore import Parameter, Tensor, nn, ops

from fcn4_dist.cluster.worker import Worker
from fcn4_dist.model.fcn4 import BinaryCrossEntropy


class TrainingStep(nn.Cell):
    """A step on one batch of this rank; the same code for one rank and for many.

    Args:
        network: The network; its parameters are changed by each call.
        worker: This process's place in the job.
        lr: Learning rate of Adam.
        loss_scale: Factor on the loss, taken off the gradients again by the optimiser, so that
            small gradients survive float16.
    """

    def __init__(self, network: nn.Cell, worker: Worker, lr: float, loss_scale: float) -> None:
        # Without prefixes the parameters keep the network's own names in checkpoints.
        super().__init__(auto_prefix=False)
        self.network = network
        self.loss = BinaryCrossEntropy()
        self.loss_scale = loss_scale
        self.world_size = worker.world_size
        weights = network.trainable_params()
        self.optimizer = nn.Adam(weights, learning_rate=lr, loss_scale=loss_scale)
        self.value_and_gradients = ms.value_and_grad(self.scaled_loss, None, weights)
        if self.world_size > 1:
            self.average_gradients = nn.DistributedGradReducer(weights, mean=True)
            self.sum_over_ranks = ops.AllReduce(ops.ReduceOp.SUM)

    def scaled_loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """Compute this rank's loss times the loss scale."""
        return self.loss(self.network(features), labels) * self.loss_scale

    def construct(self, features: Tensor, labels: Tensor, stop: Tensor) -> Tensor:
        """Take one step.

        Args:
            features: This rank's share of the global batch, (batch, 1, n_mels, frames).
            labels: float32 of shape (batch, num_classes).
            stop: float32 scalar, 1 if this rank is asked to stop, else 0. It travels with the
                loss, so that all ranks learn of it at the same step.

        Returns:
            Of shape (2,): the loss before the step, averaged over the global batch, and how many
            ranks are asked to stop.
        """
        loss, gradients = self.value_and_gradients(features, labels)
        told = ops.stack((loss, stop))
        if self.world_size > 1:
            gradients = self.average_gradients(gradients)
            told = self.sum_over_ranks(told)
        # It is handed on only after the optimiser has run.
        loss = told[0] / (self.world_size * self.loss_scale)
        return ops.depend(ops.stack((loss, told[1])), self.optimizer(gradients))

    def state(self) -> list[Parameter]:
        """List everything that training changes: weights, statistics, moments, step count."""
        known = {id(parameter): parameter for parameter in self.network.get_parameters()}
        for parameter in self.optimizer.get_parameters():
            known.setdefault(id(parameter), parameter)
        return list(known.values())
