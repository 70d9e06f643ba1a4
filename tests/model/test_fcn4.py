"""The network: the layers, names and numbers of the known trainer."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor
from scipy.signal import correlate2d

from fcn4_dist.model import POOLS
from fcn4_dist.model.build import build_fcn4, use_jit_level
from fcn4_dist.model.fcn4 import BinaryCrossEntropy, Fcn4

MODELZOO_SHAPES = {
    "conv1.weight": (128, 1, 3, 3),
    "bn1.moving_mean": (128,),
    "bn1.moving_variance": (128,),
    "bn1.gamma": (128,),
    "bn1.beta": (128,),
    "conv2.weight": (384, 128, 3, 3),
    "bn2.moving_mean": (384,),
    "bn2.moving_variance": (384,),
    "bn2.gamma": (384,),
    "bn2.beta": (384,),
    "conv3.weight": (768, 384, 3, 3),
    "bn3.moving_mean": (768,),
    "bn3.moving_variance": (768,),
    "bn3.gamma": (768,),
    "bn3.beta": (768,),
    "conv4.weight": (2048, 768, 3, 3),
    "bn4.moving_mean": (2048,),
    "bn4.moving_variance": (2048,),
    "bn4.gamma": (2048,),
    "bn4.beta": (2048,),
    "dense.weight": (50, 2048),
    "dense.bias": (50,),
}


def test_parameters_have_the_names_and_shapes_of_the_modelzoo() -> None:
    network = build_fcn4(50, 1.0)
    shapes = {parameter.name: tuple(parameter.shape) for parameter in network.get_parameters()}
    assert shapes == MODELZOO_SHAPES


@pytest.mark.parametrize("amp_level", ["O2", "O3"])
@pytest.mark.parametrize("amp_dtype", ["float16", "bfloat16"])
def test_mixed_precision_keeps_the_names_and_float32_weights(
    amp_level: str, amp_dtype: str
) -> None:
    network = build_fcn4(50, 0.125, amp_level=amp_level, amp_dtype=amp_dtype)
    assert [parameter.name for parameter in network.get_parameters()] == list(MODELZOO_SHAPES)
    assert {parameter.dtype for parameter in network.get_parameters()} == {ms.float32}


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


@pytest.mark.parametrize("jit_level", ["O0", "O1", "O2"])
def test_what_is_asked_of_the_compiler_is_the_level_that_is_set(jit_level: str) -> None:
    network = build_fcn4(3, 0.02)
    use_jit_level(network, "auto")
    assert not network.jit_config_dict
    use_jit_level(network, jit_level)
    assert network.jit_config_dict["jit_level"] == jit_level
