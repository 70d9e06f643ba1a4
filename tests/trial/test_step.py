"""The stored training step."""

from dataclasses import replace

import numpy as np
import pytest

from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.config import Settings
from fcn4_dist.trial.expectations import step_limits
from fcn4_dist.trial.step import Gradient, deviations, read_reference, take_reference_step


@pytest.mark.parametrize(
    "form",
    [{"fused_first_block": False}, {}, {"fused_first_block": False, "pool_first": True}],
    ids=["plain", "fused first block", "pool_first"],
)
def test_the_cpu_gives_what_is_stored(form: dict[str, bool]) -> None:
    settings = replace(Settings(), device_target="CPU", **form)
    found = deviations(take_reference_step(settings, Ranks()), read_reference())
    limits = step_limits("exact")
    assert found["loss"][0] < limits.loss
    assert max(norm for norm, _ in found.values()) < limits.norm
    assert max(direction for _, direction in found.values()) < limits.direction


def test_every_weight_and_statistic_is_stored() -> None:
    stored = read_reference()
    assert len(stored.gradients) == 14
    assert len(stored.statistics) == 8
    assert all(one.norm > 0 for one in stored.gradients.values())


@pytest.mark.parametrize("bits", ["exact", "float16", "bfloat16"])
def test_gradients_that_are_doubled_turned_or_missing_are_beyond_all_limits(bits: str) -> None:
    stored = read_reference()
    name, one = "conv2.weight", stored.gradients["conv2.weight"]
    values = np.array(one.values)
    limits = step_limits(bits)
    for norm, changed in (
        (2, values * 2),
        (1, -values),
        (0, values * 0),
        (np.nan, values * np.nan),
    ):
        wrong = Gradient(one.norm * norm, tuple(changed))
        found = deviations(replace(stored, gradients={**stored.gradients, name: wrong}), stored)
        assert found[name][0] > limits.norm or found[name][1] > limits.direction
        assert found["conv1.weight"] == (0, 0)
