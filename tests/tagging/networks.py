"""Networks with random weights, written as this package and as the ModelZoo write them."""

from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

from fcn4_dist.audio import FeatureParameters
from fcn4_dist.checkpoints.content import write_checkpoint
from fcn4_dist.config import Settings
from fcn4_dist.model.build import build_fcn4
from tests.checkpoints.examples import described

CLASS_NAMES = ("dog <b>bark", "rain", "rooster")


def random_network(classes: int, width: float) -> nn.Cell:
    """Build a network all of whose parameters are random, also those of batch-norm."""
    network = build_fcn4(classes, width)
    random = np.random.default_rng(7)
    for parameter in network.get_parameters():
        values = random.uniform(0.5, 1.5, parameter.shape)
        if not parameter.name.endswith(("variance", "gamma")):
            inputs = np.prod(parameter.shape[1:])
            values = random.normal(0, 1 / np.sqrt(inputs), parameter.shape)
        parameter.set_data(Tensor(values.astype(np.float32)))
    return network.set_train(False)


def write_network(path: Path, parameters: FeatureParameters, window_seconds: float) -> None:
    """Write a checkpoint of this package."""
    network = random_network(len(CLASS_NAMES), 0.05)
    values = {each.name: each.asnumpy() for each in network.get_parameters()}
    settings = Settings(window_seconds=window_seconds).as_dict()
    description = described(
        3, 24, class_names=CLASS_NAMES, parameters=parameters, width=0.05, settings=settings
    )
    write_checkpoint(path, values, description)


def write_modelzoo_checkpoint(path: Path, classes: int) -> nn.Cell:
    """Write what the ModelZoo's trainer saves, with MindSpore alone: weights and Adam's state."""
    network = random_network(classes, 0.05)
    optimiser = nn.Adam(network.trainable_params(), learning_rate=0.0005, loss_scale=1024.0)
    parameters = {each.name: each for each in network.get_parameters()}
    parameters |= {each.name: each for each in optimiser.get_parameters()}
    saved = [{"name": name, "data": each} for name, each in parameters.items()]
    ms.save_checkpoint(saved, str(path))
    return network
