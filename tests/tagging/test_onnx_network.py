"""An exported network, run by onnxruntime."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from fcn4_dist.errors import InputError
from fcn4_dist.tagging import Tagger, load_network


def test_it_knows_what_the_checkpoint_knew(exported: Path, checkpoint: Path) -> None:
    assert load_network(exported).description == load_network(checkpoint).description


@pytest.fixture
def earlier(exported: Path, tmp_path: Path) -> Path:
    """The model as earlier versions exported it: without mel filters."""
    model = onnx.load(exported)
    (entry,) = model.metadata_props
    content = json.loads(entry.value)
    del content["mel_filters"]
    entry.value = json.dumps(content)
    onnx.save(model, tmp_path / "earlier.onnx")
    return tmp_path / "earlier.onnx"


def test_a_file_of_an_earlier_version_gives_the_same_scores(
    exported: Path, earlier: Path, real_clip: Path
) -> None:
    scores, expected = (
        Tagger(load_network(path)).tag(real_clip).scores for path in (earlier, exported)
    )
    np.testing.assert_array_equal(scores, expected)


def test_a_file_of_an_earlier_version_needs_librosa(
    earlier: Path, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fcn4_dist.tagging.onnx_network.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"earlier\.onnx does not hold .* pip install librosa$"):
        load_network(earlier)
    load_network(exported)


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
