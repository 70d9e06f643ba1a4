"""How many steps a run has, and where it begins, known before anything is started."""

from dataclasses import dataclass, replace
from pathlib import Path

from fcn4_dist.checkpoints.content import CheckpointDescription
from fcn4_dist.config import Affects, Settings, differences
from fcn4_dist.errors import InputError

FEW_STEPS = 10


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
    if differing := differences(description.settings, settings, {Affects.RESULT}):
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


def resume_plan(
    plan: TrainingPlan, description: CheckpointDescription, shards: str, path: Path
) -> TrainingPlan:
    """Say where a run goes on.

    Args:
        plan: Its steps.
        description: What the checkpoint says of itself.
        shards: Fingerprint of the manifest of the shards.
        path: Where the checkpoint is.

    Raises:
        InputError: If the shards are not those of the checkpoint.
    """
    if description.shards != shards:
        raise InputError(
            f"{path} was trained on other shards: name them with --data_dir, or start a new run "
            "from its weights with --pre_trained True"
        )
    return replace(plan, steps_done=description.global_step)
