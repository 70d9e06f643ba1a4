"""A real training run that nothing disturbs, for those that are disturbed to be compared with."""

from pathlib import Path

import pytest

from fcn4_dist.config import Settings
from tests.jobs.recorded_training import (
    RecordedTraining,
    resumable_settings,
    undisturbed_training,
)


@pytest.fixture(scope="session")
def resumable(
    real_clips: Path, small_flags: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    """Settings of a tiny run with all there is: 3 epochs of 8 steps of 2 clips, one a worker.

    The ten checkpoints are of the steps 3, 6, 8, 9, 12, 15, 16, 18, 21 and 24.
    """
    return resumable_settings(real_clips, small_flags, tmp_path_factory.mktemp("resumable"))


@pytest.fixture(scope="session")
def undisturbed(resumable: Settings, tmp_path_factory: pytest.TempPathFactory) -> RecordedTraining:
    """A finished run of two workers."""
    return undisturbed_training(resumable, tmp_path_factory.mktemp("undisturbed"))
