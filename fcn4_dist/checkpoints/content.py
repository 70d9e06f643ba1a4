"""What is in a checkpoint: write it, read it, put it into a network.

A checkpoint is one file that plain ``mindspore.load_checkpoint`` reads: weights and optimiser
state under the ModelZoo's parameter names, and under the name ``fcn4_dist`` a JSON text with all
that is needed to use the weights without any settings file.
"""

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn

from fcn4_dist.audio import FeatureParameters
from fcn4_dist.errors import Fcn4DistError, InputError
from fcn4_dist.files import sync_folder

_DESCRIPTION_NAME = "fcn4_dist"
_DENSE_NAMES = ("dense.weight", "dense.bias")


@dataclass(frozen=True)
class CheckpointDescription:
    """What a checkpoint says of itself besides the weights.

    Attributes:
        epoch: Epoch of the run, from 1.
        step: Step within the epoch, from 1.
        global_step: Steps since the run began.
        global_batch: Clips in a step, over all ranks.
        class_names: Names of the classes, in the order of the logits.
        parameters: Feature parameters.
        width: Factor on the network's channels.
        settings: All settings of the run.
        versions: Versions of the packages that made it.
    """

    epoch: int
    step: int
    global_step: int
    global_batch: int
    class_names: tuple[str, ...]
    parameters: FeatureParameters
    width: float
    settings: Mapping[str, Any]
    versions: Mapping[str, str]

    def to_json(self) -> str:
        """Write the description as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "CheckpointDescription":
        """Read a description that :meth:`to_json` wrote."""
        content = json.loads(text)
        content["class_names"] = tuple(content["class_names"])
        content["parameters"] = FeatureParameters(**content["parameters"])
        return cls(**content)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint read from disk.

    Attributes:
        path: Where it was.
        values: Name of a parameter -> its value.
        description: What it says of itself; None for a file of another program.
    """

    path: Path
    values: Mapping[str, np.ndarray]
    description: CheckpointDescription | None


def write_checkpoint(
    path: Path, values: Mapping[str, np.ndarray], description: CheckpointDescription
) -> None:
    """Write a checkpoint that is either whole and on disk, or not there.

    Args:
        path: File to write; its folder is made if missing.
        values: Name of a parameter -> its value.
        description: What to say of it.

    Raises:
        Fcn4DistError: If it cannot be written; what was at ``path`` is as it was.
    """
    # MindSpore writes by name, insists on the ending and leaves the file read-only and unsynced.
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp.ckpt")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        ms.save_checkpoint(
            [{"name": name, "data": Tensor(value)} for name, value in values.items()],
            str(temporary),
            append_dict={_DESCRIPTION_NAME: description.to_json()},
        )
        temporary.chmod(0o644)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except (OSError, RuntimeError) as error:
        raise Fcn4DistError(
            f"cannot write the checkpoint {path} ({_first_line(error)}): earlier checkpoints are "
            "untouched; make room, or name another folder with --checkpoint_path"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint of this package or of another program.

    Raises:
        InputError: If MindSpore cannot read the file.
    """
    try:
        content = ms.load_checkpoint(str(path))
    except (ValueError, RuntimeError, OSError, TypeError) as error:
        raise InputError(
            f"{path} cannot be read as a checkpoint ({_first_line(error)}): name another one with "
            "--model_name"
        ) from error
    text = content.pop(_DESCRIPTION_NAME, None)
    values = {name: value.asnumpy() for name, value in content.items() if isinstance(value, Tensor)}
    return Checkpoint(path, values, CheckpointDescription.from_json(text) if text else None)


def check_description(
    description: CheckpointDescription | None,
    path: Path,
    class_names: tuple[str, ...],
    parameters: FeatureParameters,
) -> None:
    """Refuse a checkpoint that was trained on other classes or features than the shards hold.

    Args:
        description: What the checkpoint says of itself; None (a file of another program) says
            nothing that could differ.
        path: Where the checkpoint is.
        class_names: Classes of the shards.
        parameters: Feature parameters of the shards.

    Raises:
        InputError: Naming every difference.
    """
    if description is None:
        return
    differences = description.parameters.differences(parameters)
    if description.class_names != class_names:
        differences.append(
            f"classes {', '.join(description.class_names)} instead of {', '.join(class_names)}"
        )
    if differences:
        raise InputError(
            f"{path} was trained on other data than these shards hold: {'; '.join(differences)}: "
            "name another checkpoint with --model_name, or other shards with --data_dir"
        )


def load_into_network(network: nn.Cell, checkpoint: Checkpoint, *, fresh_dense: bool) -> list[str]:
    """Put the weights of a checkpoint into a network.

    Args:
        network: The network to change.
        checkpoint: Where the weights come from; what it holds besides is not used.
        fresh_dense: Whether a dense layer of another size may stay as it is (for another number
            of classes).

    Returns:
        Names of the parameters that were left as they are.

    Raises:
        InputError: If a parameter is missing or has another shape.
    """
    left = []
    for parameter in network.get_parameters():
        value = checkpoint.values.get(parameter.name)
        if value is not None and value.shape == parameter.shape:
            parameter.set_data(Tensor(value, parameter.dtype))
        elif value is not None and fresh_dense and parameter.name in _DENSE_NAMES:
            left.append(parameter.name)
        else:
            found = "lacks it" if value is None else f"holds shape {value.shape}"
            raise InputError(
                f"{checkpoint.path} does not fit the network: {parameter.name} has shape "
                f"{tuple(parameter.shape)} and the file {found}; the settings num_classes and "
                "width must be those of the checkpoint"
            )
    return left


def parameter_values(parameters: Iterable[Parameter]) -> dict[str, np.ndarray]:
    """Copy the values of parameters, by name."""
    return {parameter.name: parameter.asnumpy().copy() for parameter in parameters}


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
