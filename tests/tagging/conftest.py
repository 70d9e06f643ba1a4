"""Clips of two windows, and a checkpoint of a network that was made for them."""

from dataclasses import replace
from pathlib import Path

import pytest

from fcn4_dist.audio import FeatureParameters
from fcn4_dist.cli import main
from fcn4_dist.config import Settings, load_settings
from fcn4_dist.tagging import ModelDescription
from tests.tagging.networks import CLASS_NAMES, write_network


@pytest.fixture(scope="session")
def windowed(
    real_clips: Path, small_flags: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    """Settings of finished shards of the real clips, of 1.5 s in windows of 1.3 s."""
    from fcn4_dist.jobs.preprocess import preprocess

    folder = tmp_path_factory.mktemp("windowed")
    flags = small_flags | {
        "audio_path": str(real_clips),
        "npy_path": str(folder / "npy"),
        "info_path": str(folder),
        "mr_path": str(folder / "mindrecord"),
        "clip_seconds": "1.5",
        "window_seconds": "1.3",
        "processes": "1",
    }
    loaded = load_settings(flags=flags)
    preprocess(loaded)
    return loaded.settings


@pytest.fixture(scope="session")
def parameters(small_features: FeatureParameters) -> FeatureParameters:
    """Feature parameters of the windowed clips."""
    return replace(small_features, clip_seconds=1.5)


@pytest.fixture(scope="session")
def description(parameters: FeatureParameters) -> ModelDescription:
    """Of the network in :func:`checkpoint`."""
    return ModelDescription(CLASS_NAMES, parameters, 1.3, 0.05)


@pytest.fixture(scope="session")
def checkpoint(description: ModelDescription, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of this package, of a network with random weights."""
    path = tmp_path_factory.mktemp("weight") / "MusicTagger-3_24.ckpt"
    write_network(path, description.parameters, window_seconds=1.3)
    return path


@pytest.fixture(scope="session")
def exported(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint as ONNX."""
    path = tmp_path_factory.mktemp("exported") / "fcn4.onnx"
    command = ["export", "--file_format", "ONNX", "--checkpoint", str(checkpoint)]
    assert main([*command, "--output", str(path)]) == 0
    return path
