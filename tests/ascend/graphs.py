"""What the compiler's texts say of its graphs: their operators, and of what types these are."""

import re
from collections.abc import Iterable
from typing import NamedTuple

GENERATIONS = ("910", "A2", "A3")
_LATER = ("A2", "A3")
GRAPHS = {
    "training": GENERATIONS,
    "training, sync_bn": GENERATIONS,
    "training, float16": GENERATIONS,
    "training, sync_bn, float16": GENERATIONS,
    "training, bfloat16": _LATER,
    "training, sync_bn, bfloat16": _LATER,
    "training, pool_first": GENERATIONS,
    "training, sync_bn, pool_first, float16": GENERATIONS,
    "training, pool_first, all float16": GENERATIONS,
    "training, sync_bn, pool_first, bfloat16": _LATER,
    "training, all float16": GENERATIONS,
    "training, sync_bn, all float16": GENERATIONS,
    "training, all bfloat16": _LATER,
    "training, weight decay and average": GENERATIONS,
    "training, accumulation": GENERATIONS,
    "training, dynamic loss scale": _LATER,
    "training, dynamic loss scale, rank table": _LATER,
    "training, dynamic loss scale, first 910": ("910",),
    "training, all-reduces": GENERATIONS,
    "training, sinking": GENERATIONS,
    "accumulation": GENERATIONS,
    "evaluation": GENERATIONS,
    "evaluation, pool_first, float16": GENERATIONS,
    "evaluation, float16": GENERATIONS,
    "evaluation, all float16": GENERATIONS,
    "export": GENERATIONS,
}
"""What the package may have Ascend compile, which compile_program.py makes, and on which cards."""

STRUCTURE = {"Depend", "Load", "MakeTuple", "TupleGetItem", "UpdateState"}
"""Order and tuples of the graph itself: nothing a device computes."""

_NODE = re.compile(
    r"^ *%\d+\([^)]*\) = (?:PrimFunc_)?([^(]+)\((?s:.*?)\n +: (.*) -> (.*)$",
    re.MULTILINE,
)
_COUNT = re.compile(r"^Total number of cnodes: (\d+)$", re.MULTILINE)
_TENSORS = re.compile(r"Tensor\[(\w+)\](?:\*(\d+))?")


class Node(NamedTuple):
    """An operator in a graph.

    Attributes:
        operator: Its name.
        inputs: Types of the tensors that go in, such as "float32"; scalars are left out.
        outputs: Types of the tensors that come out.
    """

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def nodes_of(text: str) -> list[Node]:
    """Find the operators in the compiler's text of a graph, and make sure that none is missed."""
    nodes = [
        Node(operator, _types(inputs), _types(outputs))
        for operator, inputs, outputs in _NODE.findall(text)
    ]
    # The one left is the graph's return.
    assert [int(count) for count in _COUNT.findall(text)] == [len(nodes) + 1]
    return nodes


def computing(nodes: Iterable[Node]) -> set[Node]:
    """Give what a device has to have: each operator with the types it is used with."""
    return {node for node in nodes if node.operator not in STRUCTURE}


def _types(side: str) -> tuple[str, ...]:
    return tuple(
        each for name, count in _TENSORS.findall(side) for each in [name.lower()] * int(count or 1)
    )
