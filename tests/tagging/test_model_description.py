"""What a model file says of itself, and what a checkpoint does not say."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcn4_dist.audio import FeatureParameters, mel_filters
from fcn4_dist.checkpoints.content import read_checkpoint
from fcn4_dist.clips.class_names import parse_class_names
from fcn4_dist.clips.gtzan import GTZAN_GENRES
from fcn4_dist.clips.magnatagatune import MODELZOO_TAGS
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.files import sha256_of
from fcn4_dist.tagging import ModelDescription, Tagger, describe_checkpoint, load_network
from fcn4_dist.tagging.checkpoint_network import CheckpointNetwork
from fcn4_dist.tagging.model_description import MelFilter
from tests.checkpoints.examples import DESCRIPTION, write_example
from tests.tagging.networks import CLASS_NAMES, write_modelzoo_checkpoint

NAMED = {10: ("gtzan", GTZAN_GENRES), 50: ("magnatagatune", MODELZOO_TAGS)}


def test_a_checkpoint_of_this_package_says_everything_itself(
    checkpoint: Path, parameters: FeatureParameters
) -> None:
    description = describe_checkpoint(read_checkpoint(checkpoint))
    assert description.class_names == CLASS_NAMES
    assert description.parameters == parameters
    assert (description.window_seconds, description.width) == (1.3, 0.05)
    assert description.source["checkpoint"] == "MusicTagger-3_24.ckpt"
    assert description.source["sha256"] == sha256_of(checkpoint)
    assert (description.source["epoch"], description.source["step"]) == (3, 24)
    assert description.source["metrics"] == DESCRIPTION.metrics
    assert description.source["versions"] == DESCRIPTION.versions


@given(rate=st.integers(1, 100_000), n_fft=st.integers(2, 1200), bands=st.integers(1, 130))
@settings(max_examples=50, deadline=None)
@pytest.mark.filterwarnings("ignore:Empty filters")
def test_its_mel_filters_are_librosas_to_the_bit_whatever_they_are(
    rate: int, n_fft: int, bands: int
) -> None:
    parameters = FeatureParameters(rate, 1.0, n_fft, 256, bands, "power_to_db")
    filters = mel_filters(parameters)
    mel = tuple(map(MelFilter.of, filters))
    kept = ModelDescription(("a", "b"), parameters, 1.0, 1.0, {}, mel)
    read = ModelDescription.from_json(json.dumps(kept.as_dict()), "model.onnx")
    bank = read.filter_bank()
    assert bank is not None and bank.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(bank, filters, strict=True)


@pytest.mark.parametrize(
    ("filters", "fault"),
    [
        ([{"first": 0, "weights": [0.5]}], "it has 1 mel filters for 32 bands"),
        ([{"first": 256, "weights": [0.5, 0.5]}] * 32, "a mel filter reaches beyond the 257"),
        ([{"first": 0, "weights": [1e300]}] * 32, "expected float <= 1000000000.0"),
    ],
)
def test_mel_filters_of_something_else_are_refused(
    filters: list[dict[str, Any]], fault: str, description: ModelDescription
) -> None:
    content = description.as_dict() | {"mel_filters": filters}
    with pytest.raises(InputError, match=fault):
        ModelDescription.from_json(json.dumps(content), "model.onnx")


def test_its_own_class_names_are_not_replaced(checkpoint: Path) -> None:
    read = read_checkpoint(checkpoint)
    assert describe_checkpoint(read, CLASS_NAMES).class_names == CLASS_NAMES
    with pytest.raises(InputError, match=r"names its classes itself .*: leave --class_names out"):
        describe_checkpoint(read, ("a", "b", "c"))


@pytest.mark.parametrize("classes", [10, 50])
def test_the_modelzoos_checkpoints_give_the_logits_of_their_network(
    tmp_path: Path, classes: int, real_clips: Path
) -> None:
    path = tmp_path / "MusicTagger-10_24.ckpt"
    original = write_modelzoo_checkpoint(path, classes)
    with pytest.raises(InputError, match=f"does not say what its {classes} classes are"):
        load_network(path)
    name, names = NAMED[classes]
    network = load_network(path, class_names=parse_class_names(name))
    assert isinstance(network, CheckpointNetwork)
    description = network.description
    assert description.class_names == names
    assert description.parameters == FeatureParameters.from_settings(Settings())
    assert description.input_shape == (1, 96, 1366)
    assert description.width == pytest.approx(0.05, abs=0.005)
    windows = np.random.default_rng(1).normal(-20, 10, (2, 1, 96, 1366)).astype(np.float32)
    from mindspore import Tensor

    np.testing.assert_array_equal(network.logits(windows), original(Tensor(windows)).asnumpy())
    tags = Tagger(network).tag(real_clips / "rain" / "1-26222-A.ogg")
    assert {name for name, _ in tags.top(99)} == set(names)


def test_other_classes_of_a_foreign_checkpoint_have_to_be_named(tmp_path: Path) -> None:
    path = tmp_path / "MusicTagger-10_24.ckpt"
    write_modelzoo_checkpoint(path, 3)
    read = read_checkpoint(path)
    assert describe_checkpoint(read, ("a", "b", "c")).class_names == ("a", "b", "c")
    with pytest.raises(InputError, match="does not say what its 3 classes are"):
        describe_checkpoint(read)
    with pytest.raises(InputError, match="has 3 classes and --class_names gives 2 names: name"):
        describe_checkpoint(read, ("a", "b"))


def test_another_networks_checkpoint_is_refused(tmp_path: Path) -> None:
    read = read_checkpoint(write_example(tmp_path))
    foreign = replace(read, description=None)
    with pytest.raises(InputError, match=r"holds no dense\.bias: it is no checkpoint of FCN-4"):
        describe_checkpoint(foreign)
    biased = {"dense.bias": np.zeros(10), "conv4.weight": np.zeros(4), "conv1.bias": np.zeros(4)}
    with pytest.raises(InputError, match=r"holds conv1\.bias, for which the known FCN-4 has no"):
        describe_checkpoint(replace(foreign, values=biased))


def test_a_description_comes_back_from_json(checkpoint: Path) -> None:
    description = describe_checkpoint(read_checkpoint(checkpoint))
    text = json.dumps(description.as_dict())
    assert ModelDescription.from_json(text, "a.onnx") == description


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 99}', '{"format": 1}', "[" * 99999])
def test_what_is_no_description_is_refused_by_name(text: str) -> None:
    with pytest.raises(InputError, match=r"the description in a\.onnx .*: export the checkp"):
        ModelDescription.from_json(text, "a.onnx")
