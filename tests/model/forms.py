"""What a form of the network is held against the plain one by."""

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

from fcn4_dist.model.build import build_fcn4
from fcn4_dist.model.fcn4 import BinaryCrossEntropy, Fcn4

RANDOM = np.random.default_rng(0)
FEATURES = Tensor(RANDOM.normal(size=(4, 1, 48, 331)).astype(np.float32) - 10)
LABELS = Tensor((RANDOM.random((4, 5)) < 0.3).astype(np.float32))


def build(**form: bool | str) -> Fcn4:
    """Give a network of parameters unlike those of a new one: some scales are negative."""
    ms.set_seed(1)
    network = build_fcn4(5, 0.1, **form)  # type: ignore[arg-type]
    random = np.random.default_rng(2)
    for parameter in network.get_parameters():
        if parameter.name.startswith("bn"):
            low = -1.5 if parameter.name.endswith("gamma") else 0.5
            values = random.uniform(low, 1.5, parameter.shape).astype(np.float32)
            parameter.set_data(Tensor(values))
    return network


def loss_gradients_and_statistics(network: Fcn4) -> dict[str, np.ndarray]:
    cross_entropy = BinaryCrossEntropy()

    def loss_of(features: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(network(features), labels)

    class Gradients(nn.Cell):
        def __init__(self) -> None:
            super().__init__(auto_prefix=False)
            self.network = network
            self.gradients = ms.value_and_grad(loss_of, None, network.trainable_params())

        def construct(self, features: Tensor, labels: Tensor) -> tuple:
            return self.gradients(features, labels)

    loss, gradients = Gradients()(FEATURES, LABELS)
    found = {"loss": loss.asnumpy()}
    for parameter, gradient in zip(network.trainable_params(), gradients, strict=True):
        found[f"by {parameter.name}"] = gradient.asnumpy()
    return found | {each.name: each.asnumpy() for each in network.get_parameters()}


def in_training(network: Fcn4) -> Fcn4:
    return network.set_train(True)


def with_frozen_statistics(network: Fcn4) -> Fcn4:
    network.set_train(True)
    for cell in network.cells():
        if isinstance(cell, nn.BatchNorm2d):
            cell.set_train(False)
    return network
