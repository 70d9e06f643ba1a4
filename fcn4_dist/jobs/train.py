"""The train job, as one rank of it."""

import resource

from fcn4_dist.config import LoadedSettings
from fcn4_dist.jobs.rank import become_rank
from fcn4_dist.jobs.shards import open_shards
from fcn4_dist.terminal import say


def train(loaded: LoadedSettings) -> None:
    """Train as the settings say: alone, or as one rank if a launcher started this process."""
    settings, worker = become_rank("train", loaded)

    from fcn4_dist.training.loop import Trainer

    manifest, record_set = open_shards(settings, settings.train_filename)
    summary = Trainer(settings, manifest, record_set, worker).run()
    if not worker.is_main:
        return
    peak_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    rate = summary.samples_per_second
    speed = "" if rate is None else f"{rate:.1f} samples/s, "
    say(
        f"trained {settings.epoch_size} epochs, mean loss {summary.epoch_losses[0]:.4f} in the "
        f"first and {summary.epoch_losses[-1]:.4f} in the last, {speed}peak memory of rank 0 "
        f"{peak_memory:.2f} GB"
    )
    say(f"checkpoint: {summary.checkpoint}")
    say(f"settings and logs: {settings.run_dir}")
