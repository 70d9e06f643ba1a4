"""An exported network, run by onnxruntime."""

from pathlib import Path

import onnx
import pytest

from fcn4_dist.errors import InputError
from fcn4_dist.tagging import load_network


def test_it_knows_what_the_checkpoint_knew(exported: Path, checkpoint: Path) -> None:
    assert load_network(exported).description == load_network(checkpoint).description


def test_a_file_that_does_not_say_what_it_was_trained_on_is_refused(
    exported: Path, tmp_path: Path
) -> None:
    model = onnx.load(exported)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "foreign.onnx")
    with pytest.raises(InputError, match=r"foreign\.onnx does not say what it was trained on"):
        load_network(tmp_path / "foreign.onnx")


@pytest.mark.parametrize("length", [0, 100, -1])
def test_a_file_that_is_cut_is_refused(exported: Path, tmp_path: Path, length: int) -> None:
    (tmp_path / "cut.onnx").write_bytes(exported.read_bytes()[:length])
    with pytest.raises(InputError, match=r"cut\.onnx (cannot be read as an ONNX model|does not)"):
        load_network(tmp_path / "cut.onnx")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no model .*gone\.onnx: 'fcn4-dist export'"):
        load_network(tmp_path / "gone.onnx")
