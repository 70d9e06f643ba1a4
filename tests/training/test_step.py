"""One training step on one rank."""

from collections.abc import Sequence
from itertools import combinations, pairwise

import mindspore as ms
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mindspore import Parameter, Tensor, nn

from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.model.build import build_fcn4
from fcn4_dist.model.fcn4 import Fcn4
from fcn4_dist.training.agreement import hash_of_weights
from fcn4_dist.training.step import (
    TrainingStep,
    bucket_ends,
    find_not_finite,
    names_in_checkpoint,
    step_controls,
)

GO_ON = step_controls(learning_rate=0.01)


BATCH = Tensor(np.ones((3, 2), np.float32)), Tensor(np.zeros((3, 2), np.float32))


class LinearNetwork(nn.Cell):
    """Small enough to follow Adam by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = Parameter(Tensor(np.float32([[0.5, -1.0], [2.0, 0.25]])), name="weight")

    def construct(self, features: Tensor) -> Tensor:
        return features.matmul(self.weight)


def test_a_step_is_adam_on_the_mean_binary_cross_entropy() -> None:
    network = LinearNetwork()
    step = TrainingStep(network, Ranks(0, 1), loss_scale=1024.0)
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
        step = TrainingStep(network, Ranks(0, 1), loss_scale=loss_scale)
        step(*BATCH, GO_ON)
        return network.weight.asnumpy()

    np.testing.assert_array_equal(trained(1.0), trained(1024.0))


def test_a_rank_asked_to_stop_takes_its_step_all_the_same() -> None:
    def stepped(stop: bool) -> tuple[np.ndarray, np.ndarray]:
        network = LinearNetwork()
        step = TrainingStep(network, Ranks(0, 1), loss_scale=1024.0)
        return step(
            *BATCH, step_controls(learning_rate=0.01, stop=stop)
        ).asnumpy(), network.weight.asnumpy()

    (loss, nobody), weights = stepped(False)
    (same_loss, one), same_weights = stepped(True)
    assert (nobody, one) == (0, 1)
    assert loss == same_loss
    np.testing.assert_array_equal(weights, same_weights)


def test_equal_seeds_give_equal_weights_to_the_bit() -> None:
    def trained() -> list[np.ndarray]:
        ms.set_seed(7)
        random = np.random.default_rng(7)
        network = Fcn4(3, (4, 6, 8, 10)).set_train(True)
        step = TrainingStep(network, Ranks(0, 1), loss_scale=1024.0)
        for _ in range(3):
            features = random.normal(size=(4, 1, 32, 170)).astype(np.float32)
            step(Tensor(features), Tensor(np.eye(4, 3, dtype=np.float32)), GO_ON)
        return [parameter.asnumpy() for parameter in step.state()]

    for one, other in zip(trained(), trained(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_state_is_all_that_training_changes_under_the_modelzoos_names() -> None:
    network = Fcn4(3, (2, 2, 2, 2))
    step = TrainingStep(network, Ranks(0, 1), loss_scale=1.0)
    names = [parameter.name for parameter in step.state()]
    weights = [parameter.name for parameter in network.trainable_params()]
    assert len(names) == len(set(names))
    assert set(names) == (
        {parameter.name for parameter in network.get_parameters()}
        | {f"{moment}.{name}" for moment in ("moment1", "moment2") for name in weights}
        | {"global_step", "learning_rate", "beta1_power", "beta2_power"}
    )


def test_each_step_has_the_learning_rate_it_is_given() -> None:
    def moved(rates: list[float]) -> np.ndarray:
        network = LinearNetwork()
        step = TrainingStep(network, Ranks(0, 1), loss_scale=1.0)
        before = network.weight.asnumpy().copy()
        for rate in rates:
            step(*BATCH, step_controls(learning_rate=rate))
        return network.weight.asnumpy() - before

    np.testing.assert_array_equal(moved([0.0, 0.0]), 0)
    np.testing.assert_allclose(np.abs(moved([0.01])), 0.01, rtol=1e-4)
    np.testing.assert_allclose(np.abs(moved([0.01, 0.0, 0.03])), 0.04, rtol=1e-3)


@pytest.mark.parametrize("batches", [2, 3, 6])
def test_a_step_of_several_batches_is_that_of_one_large_batch(batches: int) -> None:
    random = np.random.default_rng(2)
    steps = [
        (random.normal(size=(6, 2)).astype(np.float32), random.integers(0, 2, (6, 2)))
        for _ in range(4)
    ]

    def trained(accumulation: int) -> tuple[list[float], np.ndarray]:
        network = LinearNetwork()
        step = TrainingStep(network, Ranks(0, 1), 1024.0, accumulation=accumulation)
        losses = []
        for features, labels in steps:
            *others, last = zip(
                np.split(features, accumulation), np.split(labels, accumulation), strict=True
            )
            for part in others:
                step.accumulate(*_tensors(part))
            losses.append(float(step(*_tensors(last), GO_ON).asnumpy()[0]))
        return losses, network.weight.asnumpy()

    losses, weight = trained(batches)
    expected_losses, expected_weight = trained(1)
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-6)
    np.testing.assert_allclose(weight, expected_weight, rtol=1e-5)


def _tensors(arrays: tuple[np.ndarray, ...]) -> list[Tensor]:
    return [Tensor(array.astype(np.float32)) for array in arrays]


def test_what_is_added_up_is_in_no_checkpoint() -> None:
    plain, accumulating = (
        TrainingStep(LinearNetwork(), Ranks(0, 1), 1.0, accumulation=each).state()
        for each in (1, 2)
    )
    assert [each.name for each in accumulating] == [each.name for each in plain]


def test_weight_decay_takes_its_share_of_the_weights_and_leaves_their_update_alone() -> None:
    def trained(weight_decay: float) -> np.ndarray:
        network = LinearNetwork()
        step = TrainingStep(network, Ranks(0, 1), 1.0, weight_decay)
        step(*BATCH, step_controls(learning_rate=0.01))
        return network.weight.asnumpy()

    start = LinearNetwork().weight.asnumpy()
    np.testing.assert_allclose(trained(0.5), trained(0.0) - 0.01 * 0.5 * start, rtol=1e-5)


def test_weight_decay_leaves_biases_and_batch_norm_alone() -> None:
    step = TrainingStep(Fcn4(3, (2, 2, 2, 2)), Ranks(0, 1), 1.0, 0.5)
    names = {parameter.name for parameter in step.decayed}
    assert names == {f"conv{layer}.weight" for layer in range(1, 5)} | {"dense.weight"}


def test_the_average_moves_by_its_share_towards_the_weights_after_each_step() -> None:
    network, average = LinearNetwork(), LinearNetwork()
    step = TrainingStep(network, Ranks(0, 1), 1.0, average=average)
    expected = network.weight.asnumpy().astype(np.float64)
    for share in (0.9, 0.5, 0.25):
        step(*BATCH, step_controls(learning_rate=0.1, ema_share=share))
        expected += share * (network.weight.asnumpy() - expected)
        np.testing.assert_allclose(average.weight.asnumpy(), expected, rtol=1e-5)


def test_an_average_changes_nothing_of_the_training() -> None:
    def trained(average: nn.Cell | None) -> np.ndarray:
        network = LinearNetwork()
        step = TrainingStep(network, Ranks(0, 1), 1.0, average=average)
        for _ in range(3):
            step(*BATCH, step_controls(learning_rate=0.1, ema_share=0.5))
        return network.weight.asnumpy()

    np.testing.assert_array_equal(trained(None), trained(LinearNetwork()))


def test_batch_norm_has_its_statistics_averaged_too() -> None:
    network, average = (Fcn4(3, (2, 2, 2, 2)).set_train(True) for _ in range(2))
    step = TrainingStep(network, Ranks(0, 1), 1.0, average=average)
    step.start_average()
    features = np.random.default_rng(1).normal(size=(4, 1, 32, 170)).astype(np.float32)
    labels = Tensor(np.eye(4, 3, dtype=np.float32))
    step(Tensor(features), labels, step_controls(learning_rate=0.1, ema_share=0.5))
    half = network.bn1.moving_mean.asnumpy() / 2
    assert half.any()
    np.testing.assert_allclose(average.bn1.moving_mean.asnumpy(), half, rtol=1e-5)


def test_without_an_average_a_checkpoint_has_the_parameters_own_names() -> None:
    state = TrainingStep(Fcn4(3, (2, 2, 2, 2)), Ranks(0, 1), 1.0).state()
    assert names_in_checkpoint(state) == {each.name: each.name for each in state}


def test_the_average_has_the_plain_names_and_the_last_weights_are_kept_beside_it() -> None:
    network, average = Fcn4(3, (2, 2, 2, 2)), Fcn4(3, (2, 2, 2, 2))
    plain = {parameter.name for parameter in network.get_parameters()}
    names = names_in_checkpoint(TrainingStep(network, Ranks(0, 1), 1.0, average=average).state())
    assert len(set(names.values())) == len(names)
    assert {names[f"average.{name}"] for name in plain} == plain
    assert {names[name] for name in plain} == {f"last.{name}" for name in plain}
    assert names["moment1.conv1.weight"] == "moment1.conv1.weight"


def test_an_average_begins_as_the_network_is() -> None:
    network, average = Fcn4(3, (2, 3, 4, 5)), Fcn4(3, (2, 3, 4, 5))
    TrainingStep(network, Ranks(0, 1), 1.0, average=average).start_average()
    for one, other in zip(average.get_parameters(), network.get_parameters(), strict=True):
        np.testing.assert_array_equal(one.asnumpy(), other.asnumpy())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_hold_a_number_that_is_not_finite_are_named(value: float) -> None:
    network = Fcn4(3, (2, 2, 2, 2))
    assert find_not_finite(network) is None
    spoilt = network.conv2.weight.asnumpy().copy()
    spoilt.flat[3] = value
    network.conv2.weight.set_data(Tensor(spoilt))
    assert find_not_finite(network) == "conv2.weight"


def test_weights_that_differ_in_one_bit_have_other_hashes() -> None:
    network = LinearNetwork()
    before = hash_of_weights(network)
    assert hash_of_weights(LinearNetwork()) == before
    changed = network.weight.asnumpy().copy()
    changed.flat[1] = np.nextafter(changed.flat[1], 0, dtype=np.float32)
    network.weight.set_data(Tensor(changed))
    assert hash_of_weights(network) != before


@given(st.lists(st.integers(1, 100), min_size=1, max_size=8), st.integers(1, 9))
def test_buckets_are_as_many_as_asked_for_and_none_could_be_smaller(
    sizes: list[int], buckets: int
) -> None:
    def largest(ends: Sequence[int]) -> int:
        edges = [0, *(end + 1 for end in ends), len(sizes)]
        return max(sum(sizes[a:b]) for a, b in pairwise(edges))

    ends = bucket_ends(sizes, buckets)
    assert len(ends) == min(buckets, len(sizes)) - 1
    others = combinations(range(len(sizes) - 1), len(ends))
    assert largest(ends) == min(largest(other) for other in others)


def test_two_buckets_let_the_largest_layer_travel_first() -> None:
    sizes = [each.size for each in build_fcn4(50, 1.0).trainable_params()]
    names = [each.name for each in build_fcn4(50, 1.0).trainable_params()]
    (end,) = bucket_ends(sizes, 2)
    assert names[end + 1] == "conv4.weight"
