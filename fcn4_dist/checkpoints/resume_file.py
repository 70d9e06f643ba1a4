"""Which checkpoint a run goes on from. No MindSpore needed."""

from collections.abc import Callable
from pathlib import Path

from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.checkpoints.content import read_description
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError

AUTO = "auto"


def find_resume_file(settings: Settings, warn: Callable[[str], None]) -> Path | None:
    """Find the checkpoint that ``resume`` names.

    Args:
        settings: The settings of the run.
        warn: Told of damaged files that are passed over.

    Returns:
        A whole checkpoint of this package; None if ``resume`` is "auto" and there is none yet.

    Raises:
        InputError: If a file is named that cannot be gone on from.
    """
    if settings.resume == AUTO:
        newest = CheckpointFolder.from_settings(settings).newest_whole(warn)
        return newest[0] if newest else None
    path = Path(settings.resume)
    if path.is_dir():
        newest = CheckpointFolder(path, settings.prefix).newest_whole(warn)
        if newest is None:
            raise InputError(f"resume: {path} holds no whole checkpoint {settings.prefix}-*.ckpt")
        return newest[0]
    if read_description(path) is None:
        raise InputError(
            f"resume: {path} is not a checkpoint of this package, so it does not say where to go "
            "on: start a new run from its weights with --pre_trained True"
        )
    return path
