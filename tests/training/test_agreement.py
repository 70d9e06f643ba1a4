"""The weights of the ranks after training."""

from typing import Any

import numpy as np
import pytest
from mindspore import Tensor, nn

from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.errors import Fcn4DistError
from fcn4_dist.training.agreement import check_equal_weights


class OneOfTwo(Ranks):
    """Rank 0, beside another one whose weights are some factor larger."""

    def __init__(self, factor: float) -> None:
        super().__init__(0, 2)
        self.factor = factor

    def all_gather(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return np.stack([value, value * np.float32(self.factor)])
        if isinstance(value, dict):
            return [value, {name: self._of_the_other(text) for name, text in value.items()}]
        return [value, self._of_the_other(value)]

    def _of_the_other(self, text: str) -> str:
        return text if self.factor == 1 else "another hash"


@pytest.fixture
def network() -> nn.Cell:
    network = nn.Dense(3, 2)
    network.weight.set_data(Tensor(np.arange(1, 7, dtype=np.float32).reshape(2, 3)))
    return network


@pytest.mark.parametrize("repeatable", [True, False])
def test_equal_weights_are_right(
    network: nn.Cell, repeatable: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    check_equal_weights(network, OneOfTwo(1), repeatable=repeatable)
    assert capsys.readouterr() == ("", "")


def test_one_bit_is_too_much_where_numbers_repeat(network: nn.Cell) -> None:
    with pytest.raises(Fcn4DistError, match="do not agree on the weights after training"):
        check_equal_weights(network, OneOfTwo(1.0000001), repeatable=True)


def test_a_little_is_said_where_they_do_not(
    network: nn.Cell, capsys: pytest.CaptureFixture[str]
) -> None:
    check_equal_weights(network, OneOfTwo(1.0001), repeatable=False)
    assert "apart by 0.0001 of their norm" in capsys.readouterr().out


@pytest.mark.parametrize("factor", [1.01, 0.5, np.nan])
def test_ranks_that_have_gone_apart_are_refused(network: nn.Cell, factor: float) -> None:
    with pytest.raises(Fcn4DistError, match=r"apart by .*doctor --run"):
        check_equal_weights(network, OneOfTwo(factor), repeatable=False)
