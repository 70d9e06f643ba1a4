"""Checkpoints: which there are (``folder``), and what is in one (``content``, needs MindSpore)."""

from fcn4_dist.checkpoints.folder import CheckpointFolder
