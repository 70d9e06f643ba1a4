"""What a run says before it begins, and when it has diverged."""

from collections.abc import Sequence
from pathlib import Path

from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.config import Settings
from fcn4_dist.runs.history import METRICS_LINES_NAME
from fcn4_dist.terminal import say, warn
from fcn4_dist.training.plan import FEW_STEPS, TrainingPlan

_SHOWN_IDS = 20


def announce(plan: TrainingPlan, ranks: Ranks, settings: Settings, *, resumed: bool) -> None:
    """Say what is going to be trained, and warn of what the user may not want.

    Args:
        plan: The steps of the run.
        ranks: Rank 0.
        settings: The settings of the run.
        resumed: Whether it goes on with an earlier one.
    """
    batches = settings.accumulation_steps
    shares = f"{batches} x {settings.batch_size}" if batches > 1 else f"{settings.batch_size}"
    say(
        f"training {plan.clips} clips, {settings.device_target} workers: {ranks.size}; "
        f"{plan.epochs} epochs of {plan.steps_per_epoch} steps of {plan.global_batch} clips "
        f"({shares} a worker); {plan.left_out} clips are left out of each epoch, "
        "others each time"
    )
    earlier = CheckpointFolder.from_settings(settings).files()
    if earlier and not resumed:
        warn(
            f"{settings.checkpoint_path} holds {len(earlier)} checkpoints of an earlier run; they "
            "stay, unless this run writes one of the same name: --checkpoint_path or --prefix "
            "keeps runs apart"
        )
    if plan.steps_per_epoch < FEW_STEPS:
        warn(
            f"only {plan.steps_per_epoch} steps an epoch, fewer than {FEW_STEPS}: a smaller "
            "--batch_size or fewer workers may train better"
        )


def divergence(
    what: str, epoch: int, step: int, ids: Sequence[str], run_dir: Path, checkpoint: Path | None
) -> str:
    """Word the error of a run whose numbers are no longer finite.

    Args:
        what: What is not.
        epoch: The epoch.
        step: The step within it.
        ids: The clips of its global batch.
        run_dir: Folder of the job.
        checkpoint: The last one before; None for none.
    """
    shown = ", ".join(ids[:_SHOWN_IDS])
    more = f" and {len(ids) - _SHOWN_IDS} more" if len(ids) > _SHOWN_IDS else ""
    last_good = (
        f"go on from {checkpoint}, the last good one, with --resume"
        if checkpoint
        else "there is no checkpoint yet"
    )
    return (
        f"{what} at epoch {epoch}, step {step}, a batch of {shown}{more} (all in "
        f"{run_dir / METRICS_LINES_NAME}): look at these clips, lower --lr or --loss_scale; "
        f"{last_good}"
    )
