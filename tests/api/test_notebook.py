"""The notebook of the Python interface runs from its first cell to its last."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "docs/python.ipynb"


@pytest.fixture(scope="module")
def notebook() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)


def text_of(cell: Any) -> str:
    """What a cell shows, as text."""
    texts = [each.get("text") or each["data"]["text/plain"] for each in cell.outputs]
    return "".join(texts)


def test_it_is_kept_without_outputs(notebook: Any) -> None:
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in cells)


@pytest.mark.slow
def test_it_goes_from_music_to_tags(notebook: Any) -> None:
    folder = {"metadata": {"path": str(NOTEBOOK.parent)}}
    client = NotebookClient(notebook, timeout=500, kernel_name="python3", resources=folder)
    shown = {cell.source: text_of(cell) for cell in client.execute().cells if "outputs" in cell}

    def output_of(call: str) -> str:
        (text,) = [text for source, text in shown.items() if call in source]
        return text

    assert "/run: 30 epochs, macro ROC-AUC" in output_of("run = fcn4_dist.train(")
    assert "'accuracy': " in output_of("run.scores")
    assert "Traceback" not in "".join(shown.values())
    assert output_of("confusion = ").startswith("('dog_bark', 'rain', 'rooster')\n")
    assert "[('rain', 0." in output_of("fcn4_dist.load(run)")
    (picture,) = [cell for cell in notebook.cells if cell.source.startswith("over_time")]
    assert "image/png" in picture.outputs[-1]["data"]
    assert "did you mean 'batch_size'?" in output_of("batchsize")


@pytest.mark.slow
def test_progress_is_a_bar_there_and_lines_stay_lines() -> None:
    program = (
        "from fcn4_dist.api.retelling import Retelling\n"
        "with Retelling(quiet=False) as retelling:\n"
        "    retelling.say('training: 1/4 steps  epoch 1/2  left 0:00:10')\n"
        "    retelling.say('saving the checkpoint')\n"
        "    retelling.say('training: 4/4 steps  epoch 2/2  took 0:00:20')\n"
    )
    cell = nbformat.v4.new_code_cell(program)
    NotebookClient(nbformat.v4.new_notebook(cells=[cell]), kernel_name="python3").execute()
    shown: dict[str, str] = {"stdout": "", "stderr": ""}
    for output in cell.outputs:
        shown[output.name] += output.text
    assert shown["stdout"] == "saving the checkpoint\n"
    assert "100%|██████████| 4/4 steps" in shown["stderr"]
    assert "Warning" not in shown["stderr"]
