"""A real training run that nothing disturbs, for those that are disturbed to be compared with."""

from dataclasses import replace

import pytest

from fcn4_dist.config import Settings
from tests.jobs.recorded_training import RecordedTraining


@pytest.fixture(scope="session")
def resumable(preprocessed: Settings) -> Settings:
    """Settings of a tiny run with all there is: 3 epochs of 8 steps of 2 clips, one a worker.

    The ten checkpoints are of the steps 3, 6, 8, 9, 12, 15, 16, 18, 21 and 24.
    """
    return replace(
        preprocessed,
        device_target="CPU",
        width=0.05,
        lr=0.01,
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
    return training
