"""The network: what its layers and its loss compute."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn
from scipy.signal import correlate2d

from fcn4_dist.model import POOLS
from fcn4_dist.model.fcn4 import BinaryCrossEntropy, Fcn4


@pytest.mark.parametrize(("n_mels", "frames"), [(24, 160), (96, 235), (40, 331)])
def test_logits_equal_a_plain_computation_at_any_size_the_pools_leave(
    n_mels: int, frames: int
) -> None:
    ms.set_seed(3)
    random = np.random.default_rng(3)
    network = Fcn4(5, (2, 3, 4, 5)).set_train(False)
    for parameter in network.get_parameters():
        if parameter.name.startswith("bn"):
            values = random.uniform(0.5, 1.5, parameter.shape).astype(np.float32)
            parameter.set_data(Tensor(values))
    features = random.normal(size=(2, 1, n_mels, frames)).astype(np.float32)
    values = {parameter.name: parameter.asnumpy() for parameter in network.get_parameters()}
    expected = np.stack([_plain_logits(sample, values) for sample in features])
    np.testing.assert_allclose(network(Tensor(features)).asnumpy(), expected, atol=2e-5)


class PaperOrder(Fcn4):
    """FCN-4 with each ReLU before its max-pool, as published."""

    def construct(self, features: Tensor) -> Tensor:
        x = self.pool1(self.relu(self.bn1(self.conv1(features))))
        x = self.pool2(self.relu(self.bn2(self.conv2(x))))
        x = self.pool3(self.relu(self.bn3(self.conv3(x))))
        x = self.relu(self.bn4(self.conv4(x)))
        return self.dense(self.pool_rest(x, (2, 3)))


def test_logits_and_gradients_are_those_of_the_published_order_to_the_bit() -> None:
    random = np.random.default_rng(5)
    features = Tensor(random.normal(size=(4, 1, 52, 331)).astype(np.float32))
    labels = Tensor(random.integers(0, 2, (4, 5)).astype(np.float32))

    def computed(kind: type[Fcn4]) -> list[bytes]:
        ms.set_seed(3)
        network = kind(5, (8, 12, 16, 20)).set_train(True)
        loss = nn.WithLossCell(network, BinaryCrossEntropy())
        derive = ms.value_and_grad(loss, None, network.trainable_params())
        value, gradients = derive(features, labels)
        return [each.asnumpy().tobytes() for each in (value, *gradients, *network.get_parameters())]

    assert computed(Fcn4) == computed(PaperOrder)


def test_the_loss_is_the_mean_binary_cross_entropy_of_the_logits() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(scale=3, size=(4, 6)).astype(np.float32)
    labels = random.integers(0, 2, size=(4, 6)).astype(np.float32)
    chance = 1 / (1 + np.exp(-logits.astype(np.float64)))
    expected = -(labels * np.log(chance) + (1 - labels) * np.log(1 - chance)).mean()
    loss = BinaryCrossEntropy()(Tensor(logits), Tensor(labels))
    assert float(loss.asnumpy()) == pytest.approx(expected, rel=1e-5)


def _plain_logits(sample: np.ndarray, values: dict[str, np.ndarray]) -> np.ndarray:
    x = sample.astype(np.float64)
    for layer in range(1, 5):
        kernels = values[f"conv{layer}.weight"].astype(np.float64)
        x = np.stack(
            [
                sum(correlate2d(x[i], kernel[i], mode="same") for i in range(len(x)))
                for kernel in kernels
            ]
        )
        mean, variance, gamma, beta = (
            values[f"bn{layer}.{name}"][:, None, None]
            for name in ("moving_mean", "moving_variance", "gamma", "beta")
        )
        x = np.maximum((x - mean) / np.sqrt(variance + 1e-5) * gamma + beta, 0)
        if layer <= len(POOLS):
            x = _max_pool(x, *POOLS[layer - 1])
    return values["dense.weight"] @ x.max(axis=(1, 2)) + values["dense.bias"]


def _max_pool(x: np.ndarray, bands: int, frames: int) -> np.ndarray:
    rows, columns = x.shape[1] // bands, x.shape[2] // frames
    cut = x[:, : rows * bands, : columns * frames]
    return cut.reshape(len(x), rows, bands, columns, frames).max(axis=(2, 4))
