"""The network that pools before it normalises: the function of the plain one."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mindspore import Tensor

from fcn4_dist.model import first_block
from fcn4_dist.model.fcn4 import Fcn4
from fcn4_dist.model.pooled_fcn4 import PatchStatistics
from tests.model.forms import (
    FEATURES,
    build,
    in_training,
    loss_gradients_and_statistics,
    with_frozen_statistics,
)


@pytest.mark.parametrize("state", [in_training, with_frozen_statistics])
def test_loss_gradients_and_moving_statistics_are_those_of_the_plain_network(
    state: Callable[[Fcn4], Fcn4],
) -> None:
    plain, pooled = (
        loss_gradients_and_statistics(state(build(pool_first=pooled))) for pooled in (False, True)
    )
    assert list(plain) == list(pooled)
    for name, values in plain.items():
        np.testing.assert_allclose(
            pooled[name], values, atol=1e-5 * np.abs(values).max(), err_msg=name
        )
    moved = not np.array_equal(plain["bn1.moving_variance"], build().bn1.moving_variance)
    assert moved == (state is in_training)


def test_in_float16_it_is_about_as_far_from_float32_as_the_plain_network_is() -> None:
    exact = loss_gradients_and_statistics(in_training(build()))

    def deviation(pooled: bool) -> float:
        network = in_training(build(pool_first=pooled, amp_level="O2"))
        found = loss_gradients_and_statistics(network)
        shares = [
            np.linalg.norm(found[name] - values) / np.linalg.norm(values)
            for name, values in exact.items()
        ]
        # Few bits let a maximum be at another place, so that each by itself says little.
        return float(np.sqrt(np.mean(np.square(shares))))

    plain, pooled = deviation(False), deviation(True)
    assert 1e-4 < plain < 0.2
    assert pooled < 1.5 * plain


def test_logits_are_those_of_the_plain_network() -> None:
    plain, pooled = (
        build(pool_first=pooled).set_train(False)(FEATURES).asnumpy() for pooled in (False, True)
    )
    np.testing.assert_allclose(pooled, plain, atol=1e-5 * np.abs(plain).max())


@settings(max_examples=8, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 3), st.just(1), st.integers(3, 9), st.integers(3, 12)),
    mean=st.sampled_from([0.0, -10.0, 300.0]),
)
def test_patches_have_the_mean_and_covariance_of_those_that_are_laid_out(
    shape: tuple[int, int, int, int], mean: float
) -> None:
    features = np.random.default_rng(1).normal(mean, 1, shape).astype(np.float32)
    means, covariance = PatchStatistics(ranks=1)(Tensor(features))
    *_, laid_out = first_block.statistics(features, np.zeros((1, 1, 3, 3), np.float32))
    np.testing.assert_allclose(means.asnumpy(), laid_out[0], rtol=1e-5, atol=1e-5)
    allowed = 1e-5 * np.abs(laid_out[1:]).max()
    np.testing.assert_allclose(covariance.asnumpy(), laid_out[1:], atol=allowed)
