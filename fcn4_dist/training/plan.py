"""How many steps a run has, known before anything is started."""

from dataclasses import dataclass

from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError

FEW_STEPS = 10


@dataclass(frozen=True)
class TrainingPlan:
    """The steps of a run.

    Attributes:
        clips: Clips in the training set.
        epochs: Number of epochs.
        global_batch: Clips in a step, over all ranks.
    """

    clips: int
    epochs: int
    global_batch: int

    @property
    def steps_per_epoch(self) -> int:
        """Full global batches in an epoch."""
        return self.clips // self.global_batch

    @property
    def left_out(self) -> int:
        """Clips that an epoch leaves out; the next epoch's order leaves out others."""
        return self.clips % self.global_batch


def plan_training(clips: int, settings: Settings, world_size: int) -> TrainingPlan:
    """Count the steps of a run.

    Args:
        clips: Clips in the training set.
        settings: The settings of the run.
        world_size: Number of ranks.

    Raises:
        InputError: If there is no full global batch, so that nothing would be trained.
    """
    plan = TrainingPlan(clips, settings.epoch_size, settings.batch_size * world_size)
    if plan.steps_per_epoch == 0:
        raise InputError(
            f"an epoch has no step: {clips} training clips are fewer than a global batch of "
            f"{plan.global_batch} (batch_size {settings.batch_size} x {world_size} ranks); lower "
            "--batch_size or the number of ranks"
        )
    return plan
