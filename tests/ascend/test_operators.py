"""Whatever training and evaluation compile to is made of operators that Ascend has.

Known without any Ascend: the compiler's front end is the same for every back end, and what
operators it leaves in a graph can be compared with what MindSpore says and ships for Ascend.
"""

import inspect
import json
import re
from functools import lru_cache
from pathlib import Path

import mindspore as ms
import pytest
from mindspore import ops
from mindspore.ops import auto_generate, operations
from mindspore.ops.auto_generate import gen_ops_def, gen_ops_prim
from mindspore.ops.operations import _grad_ops

from fcn4_dist.cluster.launch import plan_launch
from fcn4_dist.cluster.supervision import run_launch
from fcn4_dist.cluster.topology import local_topology

RANKS = 2
PROGRAM = Path(__file__).with_name("compile_program.py")
GRAPHS = (
    "training",
    "training, sync_bn",
    "training, float16",
    "training, sync_bn, float16",
    "training, bfloat16",
    "training, all float16",
    "training, weight decay and average",
    "training, accumulation",
    "training, all-reduces",
    "training, sinking",
    "accumulation",
    "evaluation",
    "evaluation, float16",
)

STRUCTURE = {"Depend", "Load", "MakeTuple", "TupleGetItem", "UpdateState"}
"""Order and tuples of the graph itself: nothing a device computes."""

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

_NODE = re.compile(
    r"^ *%\d+\([^)]*\) = (?:PrimFunc_)?([^(]+)\((?s:.*?)\n +: (.*)$",
    re.MULTILINE,
)
_COUNT = re.compile(r"^Total number of cnodes: (\d+)$", re.MULTILINE)
_PLATFORMS = re.compile(r"Supported Platforms:\s*\n\s*(.+)")
_REFERENCE = re.compile(r"Refer to :func:`mindspore\.(?:\w+\.)*(\w+)`")

Nodes = list[tuple[str, str]]


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


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Nodes]:
    """Name of a graph -> its operators and their types, compiled by a rank of two."""
    folder = tmp_path_factory.mktemp("graphs")
    launch = plan_launch([str(PROGRAM), str(folder)], local_topology(RANKS), folder / "logs")
    assert run_launch(launch) == 0
    files = json.loads((folder / "graphs.json").read_text())
    return {name: nodes_of(Path(file).read_text()) for name, file in files.items()}


def nodes_of(text: str) -> Nodes:
    """Find the operators in the compiler's text of a graph, and make sure that none is missed."""
    nodes = _NODE.findall(text)
    # The one left is the graph's return.
    assert [int(count) for count in _COUNT.findall(text)] == [len(nodes) + 1]
    return nodes


def lacking(nodes: Nodes) -> set[str]:
    """The operators that Ascend lacks."""
    return {operator for operator, _ in nodes if not ascend_has(operator)}


@pytest.mark.parametrize("graph", GRAPHS)
def test_ascend_has_every_operator(graphs: dict[str, Nodes], graph: str) -> None:
    assert lacking(graphs[graph]) == set()


def test_an_operator_of_the_cpu_alone_is_found(graphs: dict[str, Nodes]) -> None:
    assert lacking(graphs["training with Fmax"]) == {"Fmax"}


def test_the_graphs_are_whole(graphs: dict[str, Nodes]) -> None:
    """Every layer, every gradient, every optimiser's update and every collective is in them."""
    counts = {
        graph: {name: [each for each, _ in nodes].count(name) for name, _ in nodes}
        for graph, nodes in graphs.items()
    }
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
    for graph in ("evaluation", "evaluation, float16"):
        assert counts[graph]["Conv2D"] == counts[graph]["BatchNorm"] == 4
        assert "AllReduce" not in counts[graph]


@pytest.mark.parametrize("operator", ["ReduceMean", "AllReduce", "AssignSub", "BatchNorm"])
def test_synchronised_statistics_stay_float32_in_a_float16_network(
    graphs: dict[str, Nodes], operator: str
) -> None:
    nodes = graphs["training, sync_bn, float16"]
    assert any("Float16" in types for name, types in nodes if name == "Conv2D")
    of_operator = [types for name, types in nodes if name == operator]
    assert of_operator
    assert all("Float32" in types and "Float16" not in types for types in of_operator)


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
