"""One training step on one rank."""

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn

from fcn4_dist.cluster.worker import Worker
from fcn4_dist.model.fcn4 import Fcn4
from fcn4_dist.training.step import TrainingStep

GO_ON = Tensor(np.float32(0))


class LinearNetwork(nn.Cell):
    """Small enough to follow Adam by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = Parameter(Tensor(np.float32([[0.5, -1.0], [2.0, 0.25]])), name="weight")

    def construct(self, features: Tensor) -> Tensor:
        return features.matmul(self.weight)


def test_a_step_is_adam_on_the_mean_binary_cross_entropy() -> None:
    network = LinearNetwork()
    step = TrainingStep(network, Worker(0, 1), lr=0.01, loss_scale=1024.0)
    weight = network.weight.asnumpy().astype(np.float64)
    first = second = np.zeros_like(weight)
    random = np.random.default_rng(0)
    for count in range(1, 6):
        features = random.normal(size=(3, 2)).astype(np.float32)
        labels = random.integers(0, 2, (3, 2)).astype(np.float32)
        chance = 1 / (1 + np.exp(-features @ weight))
        expected_loss = -np.log(np.where(labels == 1, chance, 1 - chance)).mean()
        gradient = features.T @ (chance - labels) / labels.size
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        rate = 0.01 * np.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        weight = weight - rate * first / (np.sqrt(second) + 1e-8)

        loss, _ = step(Tensor(features), Tensor(labels), GO_ON).asnumpy()

        np.testing.assert_allclose(loss, expected_loss, rtol=1e-5)
        np.testing.assert_allclose(network.weight.asnumpy(), weight, rtol=1e-4)


def test_the_loss_scale_leaves_no_trace_in_the_weights() -> None:
    def trained(loss_scale: float) -> np.ndarray:
        network = LinearNetwork()
        step = TrainingStep(network, Worker(0, 1), lr=0.01, loss_scale=loss_scale)
        step(Tensor(np.ones((3, 2), np.float32)), Tensor(np.zeros((3, 2), np.float32)), GO_ON)
        return network.weight.asnumpy()

    np.testing.assert_array_equal(trained(1.0), trained(1024.0))


def test_a_rank_asked_to_stop_takes_its_step_all_the_same() -> None:
    def stepped(stop: float) -> tuple[np.ndarray, np.ndarray]:
        network = LinearNetwork()
        step = TrainingStep(network, Worker(0, 1), lr=0.01, loss_scale=1024.0)
        batch = Tensor(np.ones((3, 2), np.float32)), Tensor(np.zeros((3, 2), np.float32))
        return step(*batch, Tensor(np.float32(stop))).asnumpy(), network.weight.asnumpy()

    (loss, nobody), weights = stepped(0)
    (same_loss, one), same_weights = stepped(1)
    assert (nobody, one) == (0, 1)
    assert loss == same_loss
    np.testing.assert_array_equal(weights, same_weights)


def test_equal_seeds_give_equal_weights_to_the_bit() -> None:
    def trained() -> list[np.ndarray]:
        ms.set_seed(7)
        random = np.random.default_rng(7)
        network = Fcn4(3, (4, 6, 8, 10)).set_train(True)
        step = TrainingStep(network, Worker(0, 1), lr=0.001, loss_scale=1024.0)
        for _ in range(3):
            features = random.normal(size=(4, 1, 32, 170)).astype(np.float32)
            step(Tensor(features), Tensor(np.eye(4, 3, dtype=np.float32)), GO_ON)
        return [parameter.asnumpy() for parameter in step.state()]

    for one, other in zip(trained(), trained(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_state_is_all_that_training_changes_under_the_modelzoos_names() -> None:
    network = Fcn4(3, (2, 2, 2, 2))
    step = TrainingStep(network, Worker(0, 1), lr=0.001, loss_scale=1.0)
    names = [parameter.name for parameter in step.state()]
    weights = [parameter.name for parameter in network.trainable_params()]
    assert len(names) == len(set(names))
    assert set(names) == (
        {parameter.name for parameter in network.get_parameters()}
        | {f"{moment}.{name}" for moment in ("moment1", "moment2") for name in weights}
        | {"global_step", "learning_rate", "beta1_power", "beta2_power"}
    )
