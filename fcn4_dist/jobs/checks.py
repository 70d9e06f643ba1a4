"""What would stop a train or eval job besides the workers: shards, steps, checkpoints, folders."""

from collections.abc import Iterable
from pathlib import Path

from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.cluster.preflight import Level, Result, result_of
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.files import check_writable
from fcn4_dist.jobs.shards import open_shards
from fcn4_dist.records import check_shards
from fcn4_dist.training.plan import plan_training


def check_job(
    command: str, settings: Settings, world_size: int, *, on_main: bool = True
) -> list[Result]:
    """Find what would stop a job, before anything is started. MindSpore is not imported.

    Args:
        command: "train" or "eval".
        settings: The settings of the job.
        world_size: Number of ranks it will have.
        on_main: Whether rank 0 runs on this host: others need no checkpoints.
    """
    filename = settings.train_filename if command == "train" else settings.val_filename
    results = [result_of("shards", lambda: _check_shards(settings, filename))]
    if command == "train" and results[0].level is Level.OK:
        results.append(result_of("steps", lambda: _check_steps(settings, world_size)))
    if on_main and (command == "eval" or settings.pre_trained):
        results.append(result_of("checkpoint", lambda: _check_checkpoint(settings)))
    if on_main and command == "train":
        folder = settings.checkpoint_path
        results.append(result_of("folder", lambda: _check_folder(folder, "checkpoint_path")))
    if settings.run_dir:
        results.append(result_of("folder", lambda: _check_folder(settings.run_dir, "run_dir")))
    return results


def refuse_errors(results: Iterable[Result]) -> None:
    """End the job before it starts if a check has found an error.

    Raises:
        InputError: With a line for each error.
    """
    if errors := [result.sentence for result in results if result.level is Level.ERROR]:
        raise InputError("\n".join(errors))


def _check_shards(settings: Settings, filename: str) -> str:
    _, record_set = open_shards(settings, filename)
    check_shards(record_set)
    return f"{len(record_set)} clips in {len(record_set.shards)} shards of {record_set.folder}"


def _check_steps(settings: Settings, world_size: int) -> str:
    _, record_set = open_shards(settings, settings.train_filename)
    plan = plan_training(len(record_set), settings, world_size)
    return f"{plan.steps_per_epoch} an epoch, of {plan.global_batch} clips"


def _check_checkpoint(settings: Settings) -> str:
    return str(CheckpointFolder.from_settings(settings).find(settings.model_name))


def _check_folder(folder: str, setting: str) -> str:
    check_writable(Path(folder), setting)
    return f"{setting} {folder} can be written to"
