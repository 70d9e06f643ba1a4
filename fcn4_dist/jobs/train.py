"""The train job, as one rank of it."""

import resource
from pathlib import Path

from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.cluster.device import check_device, launched, prepare_environment
from fcn4_dist.config import LoadedSettings, Settings
from fcn4_dist.files import check_writable
from fcn4_dist.jobs.run_folder import choose_run_folder, enter_run_folder, save_settings
from fcn4_dist.jobs.shards import check_every_shard, open_shards
from fcn4_dist.terminal import say, warn
from fcn4_dist.training.plan import plan_training


def check_training(settings: Settings, world_size: int) -> None:
    """Find what would stop a run, before anything is started. MindSpore is not imported.

    Args:
        settings: The settings of the run.
        world_size: Number of ranks it will have.

    Raises:
        InputError: For the first thing that is wrong.
    """
    check_device(settings.device_target)
    _, record_set = open_shards(settings, settings.train_filename)
    plan_training(len(record_set), settings, world_size)
    if settings.pre_trained:
        CheckpointFolder.from_settings(settings).find(settings.model_name)
    check_writable(Path(settings.checkpoint_path), "checkpoint_path")
    check_every_shard(record_set)


def train(loaded: LoadedSettings) -> None:
    """Train as the settings say: alone, or as one rank if a launcher started this process."""
    if not launched():
        check_training(loaded.settings, world_size=1)
    loaded = choose_run_folder(loaded, "train")
    settings = loaded.settings
    if not launched():
        say(loaded.to_yaml("train"))
        save_settings(loaded)
    prepare_environment(settings.device_target)

    from fcn4_dist.cluster.worker import start_worker
    from fcn4_dist.training.loop import Trainer

    manifest, record_set = open_shards(settings, settings.train_filename)
    enter_run_folder(loaded)
    worker = start_worker(settings.device_target, settings.device_id)
    if worker.is_main:
        say_unused_settings(settings, worker.world_size)
    summary = Trainer(settings, manifest, record_set, worker).run()
    if not worker.is_main:
        return
    say(
        f"trained {settings.epoch_size} epochs, loss {summary.epoch_losses[0]:.4f} in the first "
        f"and {summary.epoch_losses[-1]:.4f} in the last, {summary.samples_per_second:.1f} "
        f"samples/s, peak memory {peak_memory_gb():.2f} GB a worker"
    )
    say(f"checkpoint: {summary.checkpoint}")
    say(f"settings and logs: {settings.run_dir}")


def say_unused_settings(settings: Settings, world_size: int) -> None:
    """Say which settings that were asked for have no effect in this run."""
    if settings.mixed_precision and settings.device_target == "CPU":
        warn("mixed_precision is left off: the CPU back end has no float16 convolutions")
    if settings.device_id and world_size > 1:
        warn("device_id is ignored: the launcher gives each rank of a distributed run its card")


def peak_memory_gb() -> float:
    """Largest resident memory this process had so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
