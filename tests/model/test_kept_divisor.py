"""The loss's gradient is divided by the size of its own batch, whatever the process did before.

MindSpore's ``BCEWithLogitsLoss`` with a mean of its own does not do that where it computes operator
by operator (PyNative mode) on the CPU. The CPU has no kernel for its gradient,
``BinaryCrossEntropyWithLogitsBackward``, and makes it of others, with the number of values as a
constant (``backend/common/expander/fallback/nn_ops.cc`` of its sources). What comes of it is kept
by the operator's name and the number of dimensions of what it is given, but not by their sizes
(``OpCompiler::GetSingleOpGraphInfo`` in ``runtime/pynative/op_compiler.cc``). In GRAPH mode, in
which jobs run, each step has a constant of its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import mindspore as ms
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mindspore import Tensor, ops

from fcn4_dist.model.fcn4 import BinaryCrossEntropy

modes = pytest.mark.parametrize("mode", [ms.PYNATIVE_MODE, ms.GRAPH_MODE])


@contextmanager
def computing_in(mode: int) -> Iterator[None]:
    before = ms.get_context("mode")
    ms.set_context(mode=mode)
    try:
        yield
    finally:
        ms.set_context(mode=before)


def mean_of_mindspore(logits: Tensor, labels: Tensor) -> Tensor:
    """Compute the loss in MindSpore's own way."""
    ones = ops.ones_like(logits)
    return ops.BCEWithLogitsLoss(reduction="mean")(logits, labels, ones, ones)


def test_mindspores_own_mean_keeps_the_divisor_of_the_first_batch() -> None:
    """Seen in 2.7.1, 2.8.0 and 2.10.0; a version that this fails on has it mended."""

    def times_size(*shape: int) -> float:
        zeros = Tensor(np.zeros(shape, np.float32))
        gradient = ms.grad(mean_of_mindspore)(zeros, zeros).asnumpy()
        return float(gradient[0, 0] * gradient.size)

    with computing_in(ms.PYNATIVE_MODE):
        first, second = times_size(3, 2), times_size(4, 3)
    assert second == pytest.approx(2 * first)
    with computing_in(ms.GRAPH_MODE):
        assert [times_size(3, 2), times_size(4, 3)] == pytest.approx([0.5, 0.5])


@modes
@settings(max_examples=6)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=2, max_size=5))
def test_after_any_other_batches_the_gradient_is_that_of_the_mean_over_this_one(
    mode: int, shapes: list[tuple[int, int]]
) -> None:
    random = np.random.default_rng(len(shapes))
    derive = ms.value_and_grad(BinaryCrossEntropy(), 0)
    with computing_in(mode):
        for shape in shapes:
            logits = random.normal(scale=2, size=shape).astype(np.float32)
            labels = random.integers(0, 2, shape).astype(np.float32)
            loss, gradient = derive(Tensor(logits), Tensor(labels))
            chance = 1 / (1 + np.exp(-logits.astype(np.float64)))
            expected = -np.log(np.where(labels == 1, chance, 1 - chance)).mean()
            np.testing.assert_allclose(loss.asnumpy(), expected, rtol=1e-5)
            np.testing.assert_allclose(
                gradient.asnumpy(), (chance - labels) / labels.size, rtol=1e-4, atol=1e-7
            )
