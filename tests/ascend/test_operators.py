"""Whatever training, evaluation and exports compile to is made of operators that Ascend has.

Known without any Ascend: the compiler's front end is the same for every back end, and what
operators it leaves in a graph can be compared with what MindSpore says and ships for Ascend. For
what types a generation has each is in docs/operator_types.md, each row with its source.
"""

import inspect
import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby
from pathlib import Path

import mindspore as ms
import pytest
from mindspore import ops
from mindspore.ops import auto_generate, operations
from mindspore.ops.auto_generate import gen_ops_def, gen_ops_prim
from mindspore.ops.operations import _grad_ops

from fcn4_dist.config import load_settings
from fcn4_dist.jobs.auto_settings import choose_for_card
from tests.ascend.graphs import GENERATIONS, GRAPHS, STRUCTURE, Node, computing

DOCUMENT = Path(__file__).parents[2] / "docs/operator_types.md"
RUNS = {"yes", "float16"}
UNDOCUMENTED = 0
"""Cells of the document for which no source was found."""

_CELL = r" (yes|float16|no|\?) \|"
_ROW = re.compile(rf"^(\| \w+ \| [^|]+ \| [^|]+ \|){_CELL * 3} .+ \|$", re.MULTILINE)

ADAPTED = {
    "BatchNormGrad": "nn_batch_norm_ops_declare.cc",
    "BiasAddGrad": "nn_calculation_ops_declare.cc",
    "Conv2DBackpropFilter": "nn_calculation_ops_declare.cc",
    "Conv2DBackpropInput": "nn_calculation_ops_declare.cc",
    "MaxPoolGrad": "nn_pooling_ops_declare.cc",
    "TensorMove": "elewise_calculation_ops_declare.cc",
}
"""Undocumented operators that the compiler puts in, and the file of MindSpore's sources, in
transform/graph_ir/op_declare, that maps each to Ascend's operator of that name (REG_ADPT_DESC)."""

ANY_FUNCTION = "Custom"
"""Runs a function of the user's; which platforms have it, its name does not say."""

_PLATFORMS = re.compile(r"Supported Platforms:\s*\n\s*(.+)")
_REFERENCE = re.compile(r"Refer to :func:`mindspore\.(?:\w+\.)*(\w+)`")


def ascend_has(operator: str) -> bool:
    """Tell whether an operator of a compiled graph is one of Ascend's."""
    if operator in STRUCTURE or operator in ADAPTED:
        return True
    if operator == ANY_FUNCTION:
        return False
    platforms = documented_platforms(operator)
    return "Ascend" in platforms if platforms else plugin_has(operator)


def documented_platforms(operator: str) -> str:
    """Supported platforms, from the operator's docstring or that of the function it refers to."""
    for module in (operations, gen_ops_prim, _grad_ops):
        primitive = getattr(module, operator, None)
        if not inspect.isclass(primitive):
            continue
        text = primitive.__doc__ or ""
        reference = _REFERENCE.search(text)
        if not _PLATFORMS.search(text) and reference:
            text = documentation_of_function(reference.group(1))
        if found := _PLATFORMS.search(text):
            return found.group(1)
    return ""


def documentation_of_function(name: str) -> str:
    """Docstring of a function of ``mindspore.ops``; some are not exported there."""
    for module in (ops, auto_generate, gen_ops_def):
        if function := getattr(module, name, None):
            return function.__doc__ or ""
    return ""


def plugin_has(operator: str) -> bool:
    """Tell whether MindSpore's Ascend plugin, which every wheel ships, has the operator's kernel.

    Each is a C++ class ``mindspore::kernel::pyboost::<operator>Ascend`` with a method ``Call``.
    """
    kernel = f"{operator}Ascend"
    return f"7pyboost{len(kernel)}{kernel}4CallE".encode() in ascend_plugin()


@lru_cache
def ascend_plugin() -> bytes:
    """The shared library of Ascend's kernels."""
    return (Path(ms.__file__).parent / "lib/plugin/libmindspore_ops_ascend.so").read_bytes()


def lacking(nodes: Iterable[Node]) -> set[str]:
    """The operators that Ascend lacks."""
    return {node.operator for node in nodes if not ascend_has(node.operator)}


@pytest.mark.parametrize("graph", GRAPHS)
def test_ascend_has_every_operator(graphs: dict[str, list[Node]], graph: str) -> None:
    assert lacking(graphs[graph]) == set()


def test_an_operator_of_the_cpu_alone_is_found(graphs: dict[str, list[Node]]) -> None:
    assert lacking(graphs["training with Fmax"]) == {"Fmax"}


def test_the_graphs_are_whole(graphs: dict[str, list[Node]]) -> None:
    """Every layer, every gradient, every optimiser's update and every collective is in them."""
    counts = {graph: Counter(node.operator for node in nodes) for graph, nodes in graphs.items()}
    trainable = 14
    for graph in ("training", "training, float16", "training, bfloat16", "training, all float16"):
        assert counts[graph]["Conv2D"] == counts[graph]["Conv2DBackpropFilter"] == 4
        assert counts[graph]["BatchNorm"] == counts[graph]["BatchNormGrad"] == 4
        assert counts[graph]["Adam"] == trainable
        assert counts[graph]["AllReduce"] == trainable + 1
    for graph in ("training, sync_bn", "training, sync_bn, float16"):
        assert "BatchNormGrad" not in counts[graph]
        # Of each layer the mean and the variance, and two means of its gradient.
        assert counts[graph]["AllReduce"] == trainable + 1 + 4 * 4
    # The learning rate is set, and the powers of Adam's betas; five weights decay; weights and
    # statistics are averaged.
    assert counts["training"]["Assign"] == 3
    assert counts["training, weight decay and average"]["Assign"] == 3 + 5 + trainable + 8
    # Overflows are asked for after the gradients, and before them, to forget those of before.
    for kind, asks in (
        ("", "AllFinite"),
        (", rank table", "IsFinite"),
        (", first 910", "NPUGetFloatStatusV2"),
        (", first 910", "NPUClearFloatStatusV2"),
    ):
        of_graph = counts[f"training, dynamic loss scale{kind}"]
        assert (of_graph[asks], of_graph["Adam"]) == (2, trainable)
        assert of_graph["AllReduce"] == trainable + 1
    for graph in ("evaluation", "evaluation, float16"):
        assert counts[graph]["Conv2D"] == counts[graph]["BatchNorm"] == 4
        assert "AllReduce" not in counts[graph]


@pytest.mark.parametrize("precision", ["float16", "all float16", "bfloat16"])
@pytest.mark.parametrize("operator", ["ReduceMean", "AllReduce", "AssignSub", "BatchNorm"])
def test_synchronised_statistics_stay_float32_in_mixed_precision(
    graphs: dict[str, list[Node]], operator: str, precision: str
) -> None:
    nodes = graphs[f"training, sync_bn, {precision}"]
    assert any("float32" not in node.inputs for node in nodes if node.operator == "Conv2D")
    of_operator = [node for node in nodes if node.operator == operator]
    assert of_operator
    assert {each for node in of_operator for each in node.inputs + node.outputs} == {"float32"}


@pytest.mark.parametrize(
    ("operator", "has"),
    [
        pytest.param("MatMul", True, id="documented for Ascend"),
        pytest.param("Mul", True, id="documented by the function it refers to"),
        pytest.param("ReluGrad", True, id="undocumented, in the plugin"),
        pytest.param("Fmax", False, id="documented without Ascend"),
        pytest.param("Custom", False, id="any function"),
        pytest.param("PyFunc", False, id="Python on the host"),
        pytest.param("ConvolutionOfNobody", False, id="unknown"),
    ],
)
def test_what_ascend_has_is_known_by_documentation_and_plugin(operator: str, has: bool) -> None:
    assert ascend_has(operator) is has


def written(node: Node) -> str:
    """An operator and its types as the document has them."""
    return f"| {node.operator} | {_written_types(node.inputs)} | {_written_types(node.outputs)} |"


def _written_types(types: tuple[str, ...]) -> str:
    runs = [(name, len(list(same))) for name, same in groupby(types)]
    return ", ".join(name if many == 1 else f"{many} x {name}" for name, many in runs) or "nothing"


ROWS = _ROW.findall(DOCUMENT.read_text())
CELLS = {row: dict(zip(GENERATIONS, cells, strict=True)) for row, *cells in ROWS}


def test_the_document_has_what_is_compiled_and_no_more(graphs: dict[str, list[Node]]) -> None:
    compiled = {written(node) for graph in GRAPHS for node in computing(graphs[graph])}
    assert sorted(row for row, *_ in ROWS) == sorted(compiled)


@pytest.mark.parametrize(
    ("graph", "generation"),
    [(graph, generation) for graph, cards in GRAPHS.items() for generation in cards],
)
def test_a_generation_has_the_types_of_a_graph(
    graphs: dict[str, list[Node]], graph: str, generation: str
) -> None:
    lacking = {
        written(node)
        for node in computing(graphs[graph])
        if CELLS[written(node)][generation] not in {*RUNS, "?"}
    }
    assert lacking == set()


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_generation_computes_in_a_type_it_has_for_every_operator(
    graphs: dict[str, list[Node]], generation: str
) -> None:
    given = {"mixed_precision": "True", "device_target": "Ascend"}
    chosen = choose_for_card(load_settings(None, given), generation)
    nodes = computing(graphs[f"training, {chosen.settings.precision}"])
    # Nothing is left to be cast on the first 910, whose convolutions are in float16 alone.
    assert {CELLS[written(node)][generation] for node in nodes} == {"yes"}


def test_what_is_not_documented_is_counted() -> None:
    cells = Counter(cell for row in CELLS.values() for cell in row.values())
    assert cells["?"] == UNDOCUMENTED
