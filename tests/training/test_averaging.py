"""Where the moving average of the weights is kept."""

import mindspore as ms
import numpy as np

from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.model.fcn4 import Fcn4
from fcn4_dist.training.averaging import name_as_average, names_in_checkpoint, start_average
from fcn4_dist.training.step import TrainingStep

CHANNELS = (2, 3, 4, 5)


def test_without_an_average_a_checkpoint_has_the_parameters_own_names() -> None:
    state = TrainingStep(Fcn4(3, CHANNELS), Ranks(0, 1), 1.0).state()
    assert names_in_checkpoint(state) == {each.name: each.name for each in state}


def test_the_average_has_the_plain_names_and_the_last_weights_are_kept_beside_it() -> None:
    network, average = Fcn4(3, CHANNELS), Fcn4(3, CHANNELS)
    plain = {parameter.name for parameter in network.get_parameters()}
    name_as_average(average)
    names = names_in_checkpoint(TrainingStep(network, Ranks(0, 1), 1.0, average=average).state())
    assert len(set(names.values())) == len(names)
    assert {names[f"average.{name}"] for name in plain} == plain
    assert {names[name] for name in plain} == {f"last.{name}" for name in plain}
    assert names["moment1.conv1.weight"] == "moment1.conv1.weight"


def test_an_average_begins_as_the_network_is() -> None:
    ms.set_seed(1)
    network, average = Fcn4(3, CHANNELS), Fcn4(3, CHANNELS)
    start_average(average, network)
    for one, other in zip(average.get_parameters(), network.get_parameters(), strict=True):
        np.testing.assert_array_equal(one.asnumpy(), other.asnumpy())
