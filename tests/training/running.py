"""Training runs of one worker in this process."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.config import Settings
from fcn4_dist.records import read_manifest
from fcn4_dist.training.loop import Trainer


def trainer_of(
    shards: Path, folder: Path, stop_asked: Callable[[], bool] = lambda: False, **changes: Any
) -> Trainer:
    """Give a run on the real clips: 16 of them, in batches of 4."""
    run_dir = folder / "run"
    run_dir.mkdir(parents=True)
    few: dict[str, Any] = {"num_classes": 3, "width": 0.05, "batch_size": 4, "epoch_size": 2}
    # What only Ascend does is asked for by some.
    few["device_target"] = "Ascend"
    small = {"window_seconds": 1.5, "hop_length": 96, "n_mels": 32, "val_interval": 0}
    places = {"checkpoint_path": str(folder / "weight"), "run_dir": str(run_dir)}
    settings = Settings(**few | small | places | changes)
    manifest = read_manifest(shards)
    record_set = manifest.record_set("train", shards)
    return Trainer(settings, manifest, record_set, None, Ranks(0, 1), stop_asked)


def weights_of(trainer: Trainer) -> dict[str, np.ndarray]:
    """Give all that training changes, by name."""
    return {parameter.name: parameter.asnumpy() for parameter in trainer.step.state()}
