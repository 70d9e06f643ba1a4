"""The network whose first block is computed in one pass: the function of the plain one."""

from collections.abc import Callable

import mindspore as ms
import numpy as np
import pytest

from fcn4_dist.model.fcn4 import Fcn4
from tests.model.forms import (
    FEATURES,
    build,
    in_training,
    loss_gradients_and_statistics,
    with_frozen_statistics,
)


def test_parameters_are_named_and_shaped_alike() -> None:
    plain, fused = (
        [(each.name, each.shape) for each in build(fused_first_block=fused).get_parameters()]
        for fused in (False, True)
    )
    assert plain == fused


@pytest.mark.parametrize("state", [in_training, with_frozen_statistics])
def test_loss_gradients_and_moving_statistics_are_those_of_the_plain_network(
    state: Callable[[Fcn4], Fcn4],
) -> None:
    plain, fused = (
        loss_gradients_and_statistics(state(build(fused_first_block=fused)))
        for fused in (False, True)
    )
    assert list(plain) == list(fused)
    for name, values in plain.items():
        np.testing.assert_allclose(
            fused[name], values, atol=1e-5 * np.abs(values).max(), err_msg=name
        )
    moved = not np.array_equal(plain["bn1.moving_mean"], build().bn1.moving_mean)
    assert moved == (state is in_training)


def test_logits_are_those_of_the_plain_network() -> None:
    plain, fused = (
        build(fused_first_block=fused).set_train(False)(FEATURES).asnumpy()
        for fused in (False, True)
    )
    np.testing.assert_allclose(fused, plain, atol=1e-5 * np.abs(plain).max())


def test_a_gradient_by_the_features_is_no_number_rather_than_a_wrong_one() -> None:
    network = build(fused_first_block=True).set_train(False)
    assert np.isnan(ms.grad(network)(FEATURES).asnumpy()).all()
