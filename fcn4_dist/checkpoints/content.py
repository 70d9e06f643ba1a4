"""What is in a checkpoint: write it, read it, hold it against what it is wanted for.

A checkpoint is one file that plain ``mindspore.load_checkpoint`` reads: weights and optimiser
state under the ModelZoo's parameter names, and a JSON text with all that is needed to go on, or to
use the weights without any settings file. No MindSpore is needed here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
from msgspec import Meta

from fcn4_dist import documents
from fcn4_dist.audio import LONGEST_SECONDS, FeatureParameters
from fcn4_dist.checkpoints.container import (
    DamagedError,
    read_text,
    read_values,
    verify_container,
    write_container,
)
from fcn4_dist.errors import Fcn4DistError, InputError
from fcn4_dist.files import write_atomically
from fcn4_dist.refusals import explain
from fcn4_dist.text import unlike

RANK_STATISTICS = "fcn4_dist.rank_statistics"
"""Batch-norm's moving statistics of every rank, (ranks, values); what else is there is averaged."""


@dataclass(frozen=True)
class CheckpointDescription(documents.Document):
    """What a checkpoint says of itself besides the weights.

    Attributes:
        run_id: The same in all checkpoints of a run, also of one that was resumed.
        epoch: Epoch of the run, from 1.
        step: Step within the epoch, from 1.
        steps_per_epoch: Steps of a whole epoch.
        global_step: Steps since the run began.
        global_batch: Clips in a step, over all ranks.
        world_size: Number of ranks.
        shards: Fingerprint of the manifest of the shards.
        class_names: Names of the classes, in the order of the logits.
        parameters: Feature parameters.
        width: Factor on the network's channels.
        settings: All settings of the run.
        versions: Versions of the packages that made it.
        metrics: Scores on the validation set at this step; empty if there was no validation.
        best: The best validation so far: its epoch and scores; empty for none.
        loss_scaling: Whether it is of a run with a "fixed" loss scale, as those of earlier
            versions are, or a "dynamic" one.
    """

    run_id: str
    epoch: documents.Count
    step: documents.Count
    steps_per_epoch: documents.Positive
    global_step: documents.Count
    global_batch: documents.Positive
    world_size: documents.Positive
    shards: str
    class_names: tuple[str, ...]
    parameters: FeatureParameters
    width: Annotated[float, Meta(gt=0, le=16)]
    settings: Mapping[str, documents.Value]
    versions: Mapping[str, str]
    metrics: Mapping[str, documents.Number] = field(default_factory=dict)
    best: Mapping[str, documents.Number] = field(default_factory=dict)
    loss_scaling: str = "fixed"

    @property
    def run_dir(self) -> Path | None:
        """Folder of the job that wrote it; None if it does not say."""
        folder = self.settings.get("run_dir")
        return Path(folder) if isinstance(folder, str) else None

    @property
    def window_seconds(self) -> float:
        """Length of the network's input.

        Raises:
            InputError: If the settings do not say it.
        """
        seconds = self.settings.get("window_seconds")
        if not isinstance(seconds, int | float) or not 0 < seconds <= LONGEST_SECONDS:
            raise InputError(
                "the settings in the checkpoint do not say how long the network's input is "
                "(window_seconds): name another checkpoint"
            )
        return seconds

    def to_json(self) -> str:
        """Write the description as JSON."""
        return documents.to_line(self)

    @classmethod
    def from_json(cls, text: str) -> "CheckpointDescription":
        """Read a description that :meth:`to_json` wrote.

        Raises:
            DamagedError: If it is none.
        """
        try:
            return documents.parse(text, cls, "its description")
        except InputError as error:
            raise DamagedError(str(error)) from error


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
        Fcn4DistError: If it cannot be written, or not be read back; what was at ``path`` is as it
            was if it could not be written.
    """
    try:
        with write_atomically(path) as file:
            write_container(file, description.to_json(), values)
        verify_container(path)
    except (OSError, DamagedError) as error:
        if isinstance(error, DamagedError):
            # The disk did not keep what it was given; nothing may take the file for a checkpoint.
            path.unlink(missing_ok=True)
        needed = sum(value.nbytes for value in values.values())
        reason = (
            explain(error, path, needed)
            if isinstance(error, OSError)
            else (f"{error}: name another folder")
        )
        raise Fcn4DistError(
            f"cannot write the checkpoint {path}, earlier ones are untouched: {reason} with "
            "--checkpoint_path"
        ) from error


def verify_checkpoint(path: Path) -> CheckpointDescription | None:
    """Make sure that a checkpoint is whole, and is the one its name says.

    Returns:
        What it says of itself; None for a file of another program, which has no checksum.

    Raises:
        DamagedError: If it is cut, changed, empty, no checkpoint, or another one's content.
        OSError: If it cannot be read.
    """
    text = read_text(path)
    if text is None:
        return None
    verify_container(path)
    description = CheckpointDescription.from_json(text)
    _check_name(path, description)
    return description


def read_description(path: Path) -> CheckpointDescription | None:
    """Read what a checkpoint says of itself, after making sure that it is whole.

    Returns:
        The description; None for a file of another program.

    Raises:
        InputError: If the file is damaged or cannot be read.
    """
    try:
        return verify_checkpoint(path)
    except (DamagedError, OSError) as error:
        raise _unusable(path, error) from error


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint of this package or of another program.

    Raises:
        InputError: If the file is damaged or cannot be read.
    """
    description = read_description(path)
    try:
        return Checkpoint(path, read_values(path), description)
    except (DamagedError, OSError) as error:
        raise _unusable(path, error) from error


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
        of_checkpoint, of_shards = unlike(description.class_names, class_names)
        differences.append(f"classes {of_checkpoint} instead of {of_shards}")
    if differences:
        raise InputError(
            f"{path} was trained on other data than these shards hold: {'; '.join(differences)}: "
            "name another checkpoint with --model_name, or other shards with --data_dir"
        )


def _check_name(path: Path, description: CheckpointDescription) -> None:
    # Only names this package gives: whoever renames a file freely means it.
    _, _, place = path.stem.rpartition("-")
    epoch, _, step = place.partition("_")
    if not (epoch.isdecimal() and step.isdecimal()):
        return
    if (int(epoch), int(step)) != (description.epoch, description.step):
        raise DamagedError(
            f"it holds epoch {description.epoch}, step {description.step}, which is not what its "
            "name says: files were swapped or renamed"
        )


def _unusable(path: Path, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or error
    return InputError(
        f"{path} cannot be used as a checkpoint: {reason}; name another one "
        "('fcn4-dist checkpoints verify' looks through a folder)"
    )
