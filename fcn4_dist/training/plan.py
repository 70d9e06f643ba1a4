"""How many steps a run has, and where it begins, known before anything is started."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fcn4_dist.checkpoints.content import CheckpointDescription
from fcn4_dist.config import Affects, Settings, differences
from fcn4_dist.errors import InputError

FEW_STEPS = 10


@dataclass(frozen=True)
class Position:
    """A step of a run, as a place in it: "epoch 2, step 4".

    Attributes:
        global_step: The step within the run, from 1; 0 is the end of an epoch 0, before the first.
        steps_per_epoch: Steps of a whole epoch.
    """

    global_step: int
    steps_per_epoch: int

    @property
    def epoch(self) -> int:
        """The epoch, from 1."""
        return (self.global_step - 1) // self.steps_per_epoch + 1

    @property
    def step(self) -> int:
        """The step within the epoch, from 1."""
        return (self.global_step - 1) % self.steps_per_epoch + 1

    @property
    def ends_epoch(self) -> bool:
        """Whether it is the last step of its epoch."""
        return self.step == self.steps_per_epoch

    def as_dict(self) -> dict[str, Any]:
        """Give epoch, step and global step by name."""
        return {"epoch": self.epoch, "step": self.step, "global_step": self.global_step}

    def after(self, steps: int) -> "Position":
        """Give the position some steps later."""
        return replace(self, global_step=self.global_step + steps)

    def __str__(self) -> str:
        return f"epoch {self.epoch}, step {self.step}"


@dataclass(frozen=True)
class TrainingPlan:
    """The steps of a run.

    Attributes:
        clips: Clips in the training set.
        epochs: Number of epochs.
        global_batch: Clips in a step, over all ranks.
        steps_done: Steps that were taken before, by the run that is resumed.
    """

    clips: int
    epochs: int
    global_batch: int
    steps_done: int = 0

    @property
    def steps_per_epoch(self) -> int:
        """Full global batches in an epoch."""
        return self.clips // self.global_batch

    @property
    def left_out(self) -> int:
        """Clips that an epoch leaves out; the next epoch's order leaves out others."""
        return self.clips % self.global_batch

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self.epochs * self.steps_per_epoch

    @property
    def start(self) -> Position:
        """Where the run begins or goes on: the last step that was taken before."""
        return Position(self.steps_done, self.steps_per_epoch)


def plan_training(clips: int, settings: Settings, world_size: int) -> TrainingPlan:
    """Count the steps of a run.

    Args:
        clips: Clips in the training set.
        settings: The settings of the run.
        world_size: Number of ranks.

    Raises:
        InputError: If there is no full global batch, so that nothing would be trained.
    """
    plan = TrainingPlan(clips, settings.epoch_size, settings.batch_per_rank * world_size)
    if plan.steps_per_epoch == 0:
        batches = settings.accumulation_steps
        accumulated = f" x accumulation_steps {batches}" if batches > 1 else ""
        raise InputError(
            f"an epoch has no step: {clips} training clips are fewer than a global batch of "
            f"{plan.global_batch} (batch_size {settings.batch_size}{accumulated} x {world_size} "
            f"ranks); lower {'--accumulation_steps, ' if accumulated else ''}--batch_size or the "
            "number of ranks"
        )
    return plan


def settings_for_resuming(
    settings: Settings, description: CheckpointDescription, path: Path, world_size: int
) -> Settings:
    """Take from a checkpoint the batch size that keeps the global batch on this number of ranks.

    Args:
        settings: The settings of the run.
        description: What the checkpoint says of itself.
        path: Where it is.
        world_size: Number of ranks.

    Raises:
        InputError: If the run could not go on as if nothing had happened.
    """
    differing = differences(description.settings, settings, {Affects.RESULT})
    before, now = description.loss_scaling, settings.loss_scaling_in_use
    of_scaling = f"loss_scaling {before} instead of {now}"
    if before != now and of_scaling not in differing:
        differing.append(of_scaling)
    if differing:
        raise InputError(
            f"{path} is of a run with other settings: {', '.join(differing)}; give those to go "
            "on with it, or start a new run from its weights with --pre_trained True"
        )
    batches = world_size * settings.accumulation_steps
    if description.global_batch % batches:
        accumulated = settings.accumulation_steps > 1
        raise InputError(
            f"{path} is of a run with a global batch of {description.global_batch} clips, which "
            f"{world_size} ranks cannot share evenly"
            f"{f' in {settings.accumulation_steps} batches each' if accumulated else ''}: use "
            f"another number of ranks{' or accumulation_steps' if accumulated else ''}"
        )
    return replace(settings, batch_size=description.global_batch // batches)


def plan_run(
    settings: Settings,
    clips: int,
    shards: str,
    world_size: int,
    description: CheckpointDescription | None,
    path: Path,
) -> tuple[Settings, TrainingPlan]:
    """Plan a run that begins, or one that goes on.

    Args:
        settings: The settings it was started with.
        clips: Clips in the training set.
        shards: Fingerprint of the manifest of the shards.
        world_size: Number of ranks.
        description: What the checkpoint to go on from says of itself; None for a new run.
        path: Where that checkpoint is.

    Returns:
        The settings of the run, which keep the global batch of the checkpoint, and its steps.

    Raises:
        InputError: If there is nothing to train, or the run could not go on as if nothing had
            happened.
    """
    if description is None:
        return settings, plan_training(clips, settings, world_size)
    settings = settings_for_resuming(settings, description, path, world_size)
    plan = plan_training(clips, settings, world_size)
    if description.shards != shards:
        raise InputError(
            f"{path} was trained on other shards: name them with --data_dir, or start a new run "
            "from its weights with --pre_trained True"
        )
    return settings, replace(plan, steps_done=description.global_step)
