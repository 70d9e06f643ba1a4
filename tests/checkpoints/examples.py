"""Small checkpoints to work with, made without MindSpore."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fcn4_dist.audio import FeatureParameters
from fcn4_dist.checkpoints.content import CheckpointDescription, write_checkpoint
from fcn4_dist.config import Settings
from fcn4_dist.model import parameter_shapes

PARAMETERS = FeatureParameters.from_settings(Settings())
DESCRIPTION = CheckpointDescription(
    run_id="1f3b7c2e9a",
    epoch=3,
    step=24,
    steps_per_epoch=24,
    global_step=72,
    global_batch=64,
    world_size=2,
    shards="5d41402a",
    class_names=("blues", "día", "爵士"),
    parameters=PARAMETERS,
    width=0.125,
    settings=Settings().as_dict(),
    versions={"mindspore": "2.8.0"},
    metrics={"roc_auc_macro": 0.875},
    best={"epoch": 2, "roc_auc_macro": 0.9},
)
VALUES = {
    "conv1.weight": np.arange(18, dtype=np.float32).reshape(2, 1, 3, 3) / 7,
    "global_step": np.array(72, np.int32),
}


def described(epoch: int = 1, step: int = 1, **changes: Any) -> CheckpointDescription:
    """Describe a checkpoint of a run of ten steps an epoch."""
    place = {"epoch": epoch, "step": step, "global_step": (epoch - 1) * 10 + step}
    return replace(DESCRIPTION, **{**place, "steps_per_epoch": 10, **changes})


def write_example(
    folder: Path,
    epoch: int = 1,
    step: int = 1,
    *,
    prefix: str = "MusicTagger",
    values: Mapping[str, np.ndarray] = VALUES,
    **changes: Any,
) -> Path:
    """Write a checkpoint under the name of its step; ``changes`` go into its description."""
    path = folder / f"{prefix}-{epoch}_{step}.ckpt"
    write_checkpoint(path, values, described(epoch, step, **changes))
    return path


def weights(num_classes: int, width: float) -> dict[str, np.ndarray]:
    """Give weights that fit a network."""
    shapes = parameter_shapes(num_classes, width)
    return {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}


def flip(path: Path, bit: int) -> None:
    """Turn one bit of a file over."""
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)
