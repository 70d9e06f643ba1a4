"""Finding and loading the network that somebody names."""

import os
from pathlib import Path

from fcn4_dist.config import SETTINGS
from fcn4_dist.errors import InputError
from fcn4_dist.runs.folder import DEFAULT_RUNS
from fcn4_dist.runs.trained import TrainedModel, find_model, newest_run
from fcn4_dist.tagging.model_description import Network
from fcn4_dist.terminal import say, warn


def load_network(
    model: str | os.PathLike[str],
    *,
    class_names: tuple[str, ...] = (),
    device_target: str = "",
    device_id: int = 0,
) -> Network:
    """Load a network.

    Args:
        model: Folder of a run or of checkpoints, a checkpoint of this package or of the ModelZoo's
            FCN-4, or an ONNX file that ``export`` wrote, which needs onnxruntime and no MindSpore.
        class_names: Names of the classes, for a checkpoint that does not say them.
        device_target: "Ascend", "CPU", or "" for Ascend where anything says that there is a card,
            else the CPU. ONNX files run on the CPU.
        device_id: The card.

    Raises:
        InputError: If there is none, or it cannot be used here.
    """
    found = named_model(Path(model))
    if found.is_exported:
        from fcn4_dist.tagging.onnx_network import OnnxNetwork

        return OnnxNetwork(found.file)
    from fcn4_dist.tagging.checkpoint_network import CheckpointNetwork

    return CheckpointNetwork(found.file, class_names, device_target, device_id)


def named_model(
    place: Path | None, folder: Path | None = None, prefix: str = SETTINGS["prefix"].default
) -> TrainedModel:
    """Find the network that somebody names, and warn of what is passed over on the way.

    Args:
        place: See :func:`fcn4_dist.runs.trained.find_model`; None for the one in the folder.
        folder: Where "best" and "last" are; None for the documented one, or where that is not
            there and nothing is named, for the newest run's.
        prefix: First part of the checkpoints' names.

    Raises:
        InputError: If there is none.
    """
    usual = Path(SETTINGS["checkpoint_path"].default)
    if place is None and folder is None and not usual.exists():
        if not (run := newest_run("train")):
            raise InputError(
                f"there is no trained network here, neither in {usual} nor in {DEFAULT_RUNS}: "
                "train one with 'fcn4-dist train music/', or name one with --model"
            )
        found = find_model(run, warn=warn)
        say(f"model: {found.file}, of the newest run, {run}")
        return found
    folder = folder or usual
    return find_model(place or folder, folder, prefix, warn)


def find_checkpoint(
    place: Path | None, folder: Path | None = None, prefix: str = SETTINGS["prefix"].default
) -> Path:
    """Find the checkpoint that somebody names, as :func:`named_model` does.

    Raises:
        InputError: If there is none, or an exported model is named.
    """
    found = named_model(place, folder, prefix)
    if found.is_exported:
        raise InputError(f"{found.file} is an exported model: name a checkpoint with --model")
    return found.file
