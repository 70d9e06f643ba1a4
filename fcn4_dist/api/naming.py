"""What a call from Python names: files, and trained networks."""

import os
from collections.abc import Sequence
from pathlib import Path

from fcn4_dist.tagging.loading import find_checkpoint

Place = str | os.PathLike[str]
"""A file or a folder."""

Files = Place | Sequence[Place] | None
"""YAML files of settings, as ``--config`` takes them: one, several, or none."""

Network = Place
"""A checkpoint, a folder of checkpoints, an ONNX file, or what has one: a run, a loaded model."""


def settings_naming(model: Network) -> dict[str, str]:
    """Give the settings by which eval finds a checkpoint."""
    path = find_checkpoint(Path(model)).absolute()
    return {"checkpoint_path": str(path.parent), "model_name": path.name}
