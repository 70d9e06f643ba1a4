"""The operators on this CPU, and what is found where one is wrong."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fcn4_dist.trial import operators
from fcn4_dist.trial.cases import CASES, Case, round_to
from fcn4_dist.trial.expectations import operator_limit
from fcn4_dist.trial.operators import count_cases, try_operators

DOCUMENT = Path(__file__).parents[2] / "docs/operator_types.md"
TRIED_ELSEWHERE = {
    ("AllReduce", "float32"),  # by the collectives
    ("AssignAdd", "int32"),  # beside that of float32
    ("Cast", "bool"),  # in the gradient of ReduceMax
    *(("AllFinite", "float32"), ("LogicalNot", "bool")),  # in all_finite, on A2 and A3
    # in all_finite, where the first 910 asks for its flag
    *(("Equal", "int32"), ("NPUClearFloatStatusV2", "int32"), ("NPUGetFloatStatusV2", "int32")),
    *(("ReduceAll", "bool"), ("Less", "int64"), ("Sub", "int64")),  # in all_finite, elsewhere
    ("GetNext", "nothing"),  # by training, with sink_size
    ("TensorMove", "float32"),  # a copy, which the compiler puts in where it wants
}


def limit(kind: str, multiplies: bool) -> float:
    return operator_limit("exact" if kind == "float32" else kind)


def test_every_operator_of_every_graph_is_tried_in_every_type() -> None:
    """The document of operators and types is itself held against the compiled graphs."""
    rows = re.findall(
        r"^\| (\w+) \| (?:\d+ x )?(\w+)[^|]* \| [^|]+ \| ", DOCUMENT.read_text(), re.M
    )
    of_graphs = {(operator, kind) for operator, kind in rows if kind != "in"}
    tried = {
        (operator, kind)
        for case in CASES
        for operators in case.operators
        for operator in operators.split(", ")
        for kind in case.types
    }
    assert of_graphs - tried == TRIED_ELSEWHERE
    assert tried - of_graphs == set()


@pytest.mark.parametrize("kind", ["float32", "float16"])
def test_every_operator_gives_what_numpy_gives(kind: str) -> None:
    found = list(try_operators([kind], "auto", limit))
    assert len(found) == count_cases([kind])
    wrong = [one for case in found for one in case if not one.is_right]
    assert wrong == []


@pytest.mark.parametrize("case", CASES[::4], ids=lambda case: f"{case.operators[0]}")
def test_a_wrong_value_of_any_operator_is_found(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reference of each output is changed in one place, as if the device had erred there."""

    def off_in_one_place(*inputs: np.ndarray) -> list[np.ndarray]:
        outputs = [np.array(each, np.float64) for each in case.expect(*inputs)]
        for output in outputs:
            output.flat[0] += 0.1 * np.abs(output).max() + 0.1
        return outputs

    changed = Case(**{**vars(case), "expect": off_in_one_place})
    monkeypatch.setattr(operators, "CASES", (changed,))
    (found,) = try_operators([case.types[0]], "auto", limit)
    assert not any(one.is_right for one in found)


def test_what_the_device_lacks_is_told_in_its_own_words() -> None:
    found = [one for case in try_operators(["bfloat16"], "auto", limit) for one in case]
    convolution = next(one for one in found if one.operator == "Conv2D")
    assert convolution.error.startswith("Select CPU operator[Conv2D] fail!")
    assert not convolution.is_right


@given(arrays.arrays(np.float32, 20, elements=st.floats(-(2.0**90), 2.0**90, width=32)))
def test_rounding_to_bfloat16_keeps_eight_bits_and_is_done_once(values: np.ndarray) -> None:
    rounded = round_to("bfloat16", values)
    assert np.all(np.abs(rounded - values) <= np.abs(values) * 2**-8 + 1e-38)
    assert np.array_equal(round_to("bfloat16", rounded), rounded)
