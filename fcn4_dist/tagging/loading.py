"""Finding and loading the network that somebody names."""

import os
from pathlib import Path

from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.checkpoints.folder import BEST, LAST
from fcn4_dist.config import SETTINGS
from fcn4_dist.errors import InputError
from fcn4_dist.tagging.model_description import Network
from fcn4_dist.terminal import warn


def load_network(
    model: str | os.PathLike[str],
    *,
    class_names: tuple[str, ...] = (),
    device_target: str = "",
    device_id: int = 0,
) -> Network:
    """Load a network.

    Args:
        model: A checkpoint of this package or of the ModelZoo's FCN-4, a folder of checkpoints,
            or an ONNX file that ``export`` wrote, which needs onnxruntime and no MindSpore.
        class_names: Names of the classes, for a checkpoint that does not say them.
        device_target: "Ascend", "CPU", or "" for an Ascend card where there is one. ONNX files
            run on the CPU.
        device_id: The card.

    Raises:
        InputError: If there is none, or it cannot be used here.
    """
    path = Path(model)
    if path.suffix == ".onnx":
        from fcn4_dist.tagging.onnx_network import OnnxNetwork

        return OnnxNetwork(path)
    from fcn4_dist.tagging.checkpoint_network import CheckpointNetwork

    return CheckpointNetwork(find_checkpoint(path), class_names, device_target, device_id)


def find_checkpoint(
    place: Path, folder: Path | None = None, prefix: str = SETTINGS["prefix"].default
) -> Path:
    """Find the checkpoint that somebody names.

    Args:
        place: A checkpoint; a folder, for its best one or else its last; or "best" or "last".
        folder: Where "best" and "last" are.
        prefix: First part of the checkpoints' names.

    Raises:
        InputError: If there is none.
    """
    if place.is_file():
        return place
    name = str(place)
    if place.is_dir():
        folder, name = place, SETTINGS["model_name"].default
    if folder is None or not (place.is_dir() or name in (BEST, LAST)):
        raise InputError(
            f"there is no checkpoint {place}: name a file, or a folder of checkpoints, with "
            "--checkpoint"
        )
    checkpoints = CheckpointFolder(folder, prefix)
    try:
        path = checkpoints.find(name, warn)
    except InputError as error:
        which = "" if place.is_dir() else f"{place} "
        raise InputError(
            f"there is no whole {which}checkpoint {prefix}-*.ckpt in {folder}: name a file or "
            "another folder with --checkpoint, or their --prefix"
        ) from error
    if told := checkpoints.told_of_several_runs():
        warn(f"{told}; {path.name} is taken")
    return path
