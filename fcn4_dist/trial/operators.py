"""Every operator of the graphs of FCN-4, with every type, on the device and by NumPy."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from mindspore import Tensor
from mindspore import dtype as mstype

from fcn4_dist.model.build import use_jit_level
from fcn4_dist.trial.cases import CASES, Case, round_to
from fcn4_dist.trial.references import Array


@dataclass(frozen=True)
class Deviation:
    """How far an operator is from what NumPy gives.

    Attributes:
        operator: Its name.
        type: What it computed in.
        largest: The largest difference, as a share of the largest value; infinite where something
            is not a number.
        allowed: What it may be.
        error: What the device said instead of a result; "" if it gave one.
    """

    operator: str
    type: str
    largest: float
    allowed: float
    error: str = ""

    @property
    def is_right(self) -> bool:
        """Whether the operator can be relied on."""
        return not self.error and self.largest <= self.allowed


def try_operators(
    types: Sequence[str], jit_level: str, allowed: Callable[[str, bool], float]
) -> Iterator[list[Deviation]]:
    """Run every case in every type, one after the other.

    Args:
        types: Those to try.
        jit_level: How the cases are compiled.
        allowed: Gives the deviation that is allowed, by type and whether matrix products are in it.

    Yields:
        The deviation of each operator of a case.
    """
    for case in CASES:
        for kind in types:
            if kind in case.types:
                yield _try(case, kind, jit_level, allowed(kind, case.multiplies))


def count_cases(types: Sequence[str]) -> int:
    """Tell how many :func:`try_operators` will run."""
    return sum(kind in case.types for case in CASES for kind in types)


def _try(case: Case, kind: str, jit_level: str, allowed: float) -> list[Deviation]:
    drawn = case.draw(np.random.RandomState(1))
    inputs = [
        each if place in case.kept or each.dtype != np.float32 else round_to(kind, each)
        for place, each in enumerate(drawn)
    ]
    cell = case.build(kind)
    use_jit_level(cell, jit_level)
    try:
        tensors = [
            Tensor(each)
            if place in case.kept or each.dtype != np.float32
            else Tensor(each).astype(getattr(mstype, kind))
            for place, each in enumerate(inputs)
        ]
        got = [output.astype(mstype.float32).asnumpy() for output in cell(*tensors)]
    except Exception as error:
        said = str(error).splitlines()
        # Rules and headings ("- Kernel select failed:") stand around what MindSpore has to say.
        lines = (line.strip() for line in said if not line.startswith("-"))
        sentence = next((line for line in lines if " " in line), repr(error))
        return [
            Deviation(name, kind, np.inf, allowed, sentence)
            for name in dict.fromkeys(case.operators)
        ]
    exact = [each.astype(np.float64) if each.dtype == np.float32 else each for each in inputs]
    expected = case.expect(*exact)
    return [
        Deviation(name, kind, _deviation(one, other), allowed)
        for name, one, other in zip(case.operators, got, expected, strict=True)
    ]


def _deviation(got: Array, expected: Array) -> float:
    if got.shape != np.shape(expected):
        return np.inf
    difference = np.abs(got - expected).max() / max(np.abs(expected).max(), 1e-30)
    return float(difference) if np.isfinite(difference) else np.inf
