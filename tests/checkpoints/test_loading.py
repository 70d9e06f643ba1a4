"""From a file into a network: our own, and those of the ModelZoo."""

from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from fcn4_dist.checkpoints.content import read_checkpoint, write_checkpoint
from fcn4_dist.checkpoints.loading import load_into_network, load_state, parameter_values
from fcn4_dist.errors import InputError
from fcn4_dist.model.fcn4 import Fcn4
from tests.checkpoints.examples import described

CHANNELS = (2, 3, 4, 5)


def network(classes: int = 3, seed: int = 1) -> Fcn4:
    ms.set_seed(seed)
    return Fcn4(classes, CHANNELS)


def written(folder: Path, source: Fcn4) -> Path:
    path = folder / "MusicTagger-1_1.ckpt"
    write_checkpoint(path, parameter_values(source.get_parameters()), described())
    return path


def assert_same_weights(one: Fcn4, other: Fcn4) -> None:
    for a, b in zip(one.get_parameters(), other.get_parameters(), strict=True):
        np.testing.assert_array_equal(a.asnumpy(), b.asnumpy())


class ModelZoo(nn.Cell):
    """FCN-4 as the ModelZoo has it: its names, written without any of our code."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        inputs = (1, *CHANNELS[:-1])
        for number, (before, after) in enumerate(zip(inputs, CHANNELS, strict=True), 1):
            setattr(self, f"conv{number}", nn.Conv2d(before, after, 3, has_bias=False))
            setattr(self, f"bn{number}", nn.BatchNorm2d(after))
        self.dense = nn.Dense(CHANNELS[-1], classes)


def model_zoo_file(folder: Path, classes: int) -> tuple[Path, ModelZoo]:
    ms.set_seed(7)
    source = ModelZoo(classes)
    optimizer = nn.Adam(source.trainable_params())
    # The training cell that the ModelZoo saves holds the optimiser and its moments.
    state = {parameter.name: parameter for parameter in optimizer.get_parameters()}
    state |= {parameter.name: parameter for parameter in source.get_parameters()}
    assert any(name.startswith("moment1.") for name in state)
    path = folder / "MusicTagger-10_543.ckpt"
    ms.save_checkpoint(list(state.values()), str(path))
    return path, source


def test_our_checkpoint_is_loaded_to_the_bit(tmp_path: Path) -> None:
    source, target = network(), network(seed=2)
    left = load_into_network(target, read_checkpoint(written(tmp_path, source)), fresh_dense=False)
    assert left == []
    assert_same_weights(source, target)


def test_plain_mindspore_loads_our_checkpoint_into_a_network(tmp_path: Path) -> None:
    source, target = network(), network(seed=2)
    content = ms.load_checkpoint(str(written(tmp_path, source)))
    # The texts are not parameters, and MindSpore's loading takes them as such.
    content = {name: value for name, value in content.items() if not isinstance(value, str)}
    missing, _ = ms.load_param_into_net(target, content)
    assert missing == []
    assert_same_weights(source, target)


@pytest.mark.parametrize("classes", [10, 50])
def test_a_file_of_the_model_zoo_is_loaded_whatever_else_it_holds(
    tmp_path: Path, classes: int
) -> None:
    path, source = model_zoo_file(tmp_path, classes)
    checkpoint = read_checkpoint(path)
    assert checkpoint.description is None
    target = network(classes, seed=2)
    assert load_into_network(target, checkpoint, fresh_dense=True) == []
    expected = parameter_values(source.get_parameters())
    for name, value in parameter_values(target.get_parameters()).items():
        np.testing.assert_array_equal(value, expected[name])


def test_a_dense_layer_of_another_size_may_stay_fresh_where_asked(tmp_path: Path) -> None:
    checkpoint = read_checkpoint(model_zoo_file(tmp_path, 50)[0])
    target = network(classes=10, seed=2)
    fresh = target.dense.weight.asnumpy().copy()
    left = load_into_network(target, checkpoint, fresh_dense=True)
    assert left == ["dense.weight", "dense.bias"]
    np.testing.assert_array_equal(target.dense.weight.asnumpy(), fresh)
    np.testing.assert_array_equal(target.conv4.weight.asnumpy(), checkpoint.values["conv4.weight"])


def test_elsewhere_another_number_of_classes_is_refused(tmp_path: Path) -> None:
    path, _ = model_zoo_file(tmp_path, 50)
    with pytest.raises(InputError) as caught:
        load_into_network(network(classes=10), read_checkpoint(path), fresh_dense=False)
    assert str(caught.value) == (
        f"{path} does not fit the network: dense.weight has shape (10, 5) and the file holds shape "
        "(50, 5); the settings num_classes and width must be those of the checkpoint"
    )


def test_another_width_is_refused(tmp_path: Path) -> None:
    checkpoint = read_checkpoint(written(tmp_path, network()))
    with pytest.raises(InputError, match=r"conv1\.weight has shape \(9, 1, 3, 3\).*width"):
        load_into_network(Fcn4(3, (9, 3, 4, 5)), checkpoint, fresh_dense=True)


@pytest.mark.parametrize("name", ["conv3.weight", "bn2.moving_variance", "dense.bias"])
def test_a_parameter_that_is_missing_is_named(tmp_path: Path, name: str) -> None:
    source = network()
    values = parameter_values(source.get_parameters())
    del values[name]
    path = tmp_path / "MusicTagger-1_1.ckpt"
    write_checkpoint(path, values, described())
    with pytest.raises(InputError, match=rf"{name} has shape .* and the file lacks it"):
        load_into_network(network(), read_checkpoint(path), fresh_dense=True)


def test_the_state_of_training_is_put_back_to_the_bit_or_refused(tmp_path: Path) -> None:
    path, source = model_zoo_file(tmp_path, 3)
    target = network(seed=2)
    optimizer = nn.Adam(target.trainable_params())
    moments = list(optimizer.moment1)
    for moment in moments:
        moment.set_data(Tensor(np.ones(moment.shape, np.float32)))
    state = [*target.get_parameters(), *moments]
    names = {each.name: each.name for each in state}
    load_state(state, read_checkpoint(path), names)
    assert not any(moment.asnumpy().any() for moment in moments)
    expected = parameter_values(source.get_parameters())
    np.testing.assert_array_equal(target.conv1.weight.asnumpy(), expected["conv1.weight"])
    alone = read_checkpoint(written(tmp_path, target))
    with pytest.raises(InputError, match=r"moment1\.conv1\.weight .*the file lacks it"):
        load_state(state, alone, names)


def test_parameter_values_are_copies() -> None:
    source = network()
    values = parameter_values(source.get_parameters())
    source.dense.bias.set_data(Tensor(np.full(3, 9, np.float32)))
    assert not (values["dense.bias"] == 9).any()
