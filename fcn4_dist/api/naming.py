"""What a call from Python names: files, and trained networks."""

import os
from collections.abc import Sequence
from pathlib import Path

from fcn4_dist.config.forms import shown
from fcn4_dist.errors import InputError

Place = str | os.PathLike[str]
"""A file or a folder."""

Files = Place | Sequence[Place] | None
"""YAML files of settings, as ``--config`` takes them: one, several, or none."""

Network = Place
"""Folder of a run or of checkpoints, a checkpoint, an ONNX file; a run and a model are one, too."""


def path_of(place: Place, name: str) -> Path:
    """Give the path of a file or folder.

    Args:
        place: What stands for one.
        name: Of the argument that it was given as.

    Raises:
        InputError: If it is nothing that can.
    """
    if isinstance(place, str | os.PathLike) and isinstance(path := os.fspath(place), str):
        return Path(path)
    raise InputError(f"{name} must be the path of a file or folder, got {shown(place)}")
