"""What a call from Python names: files, and trained networks."""

import os
from collections.abc import Sequence

Place = str | os.PathLike[str]
"""A file or a folder."""

Files = Place | Sequence[Place] | None
"""YAML files of settings, as ``--config`` takes them: one, several, or none."""

Network = Place
"""Folder of a run or of checkpoints, a checkpoint, an ONNX file; a run and a model are one, too."""
