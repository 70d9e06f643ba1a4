"""Every operator that training, evaluation or an export compiles to is used with types Ascend has.

Which it has, generation by generation, is in docs/operator_types.md, each row with its source.
"""

import re
from collections import Counter
from itertools import groupby
from pathlib import Path

import pytest

from fcn4_dist.config import load_settings
from fcn4_dist.jobs.auto_settings import choose_for_card
from tests.ascend.graphs import GENERATIONS, GRAPHS, Node, computing

DOCUMENT = Path(__file__).parents[2] / "docs/operator_types.md"
RUNS = {"yes", "float16"}
UNDOCUMENTED = 0
"""Cells of the document for which no source was found."""

_CELL = r" (yes|float16|no|\?) \|"
_ROW = re.compile(rf"^(\| \w+ \| [^|]+ \| [^|]+ \|){_CELL * 3} .+ \|$", re.MULTILINE)


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
    chosen = choose_for_card(load_settings(None, {"mixed_precision": "True"}), generation)
    nodes = computing(graphs[f"training, {chosen.settings.precision}"])
    # Nothing is left to be cast on the first 910, whose convolutions are in float16 alone.
    assert {CELLS[written(node)][generation] for node in nodes} == {"yes"}


def test_what_is_not_documented_is_counted() -> None:
    cells = Counter(cell for row in CELLS.values() for cell in row.values())
    assert cells["?"] == UNDOCUMENTED
