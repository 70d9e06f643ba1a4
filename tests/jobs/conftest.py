"""A real training run that nothing disturbs, for those that are disturbed to be compared with."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fcn4_dist.checkpoints.content import read_checkpoint
from fcn4_dist.config import Settings, load_settings
from fcn4_dist.jobs.preprocess import preprocess
from tests.jobs.recorded_training import RecordedTraining


@pytest.fixture(scope="session")
def resumable(
    real_clips: Path, small_flags: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    """Settings of a tiny run with all there is: 3 epochs of 8 steps of 2 clips, one a worker.

    The ten checkpoints are of the steps 3, 6, 8, 9, 12, 15, 16, 18, 21 and 24.
    """
    folder = tmp_path_factory.mktemp("resumable")
    # What the last batch-norm sees of one clip has to be more than two values: of those it makes
    # -1 and 1, whatever they are, and no gradient comes through.
    larger = {"n_mels": "48", "hop_length": "48"}
    paths = {"audio_path": str(real_clips), "npy_path": str(folder / "npy")}
    paths |= {"info_path": str(folder), "mr_path": str(folder / "mindrecord")}
    loaded = load_settings(
        flags=small_flags | larger | paths | {"num_consumer": "2", "processes": "1"}
    )
    preprocess(loaded)
    return replace(
        loaded.settings,
        device_target="CPU",
        width=0.05,
        lr=0.01,
        loss_scaling="dynamic",
        batch_size=1,
        epoch_size=3,
        save_step=3,
        keep_checkpoint_max=2,
        lr_schedule="cosine",
        warmup_epochs=0.5,
        weight_decay=0.05,
        ema_decay=0.8,
        patience=3,
        label_smoothing=0.1,
        mixup=0.4,
        time_shift=0.2,
        freq_mask=4,
        time_mask=0.1,
    )


@pytest.fixture(scope="session")
def undisturbed(resumable: Settings, tmp_path_factory: pytest.TempPathFactory) -> RecordedTraining:
    """A finished run of two workers."""
    training = RecordedTraining(tmp_path_factory.mktemp("undisturbed"), resumable)
    training.run()
    assert len(training.steps(0)) == len(training.steps(1)) == 24
    values = read_checkpoint(training.checkpoints.files()[-1]).values
    moments = {name: value for name, value in values.items() if name.startswith("moment1.")}
    steps = [line for line in training.history() if line["kind"] == "step"]
    assert [step["global_step"] for step in steps if step["skipped"]] == [5, 11, 19]
    # It is doubled after four clean steps; and halved after each that overflowed, on one rank.
    doubled = [step["global_step"] for step in steps if step["loss_scale"] == 2048]
    assert doubled == [5, 10, 11, 16, 17, 18, 19, 24]
    assert all(step["loss_scale"] == 1024 for step in steps if step["global_step"] not in doubled)
    # Weights that do not learn would be the same after any accident.
    assert moments and all(np.abs(value).max() > 0 for value in moments.values())
    return training
