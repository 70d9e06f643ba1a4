"""Twenty real runs of two workers killed with SIGKILL and resumed: nothing may be lost."""

import random
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from fcn4_dist.config import Settings
from tests.jobs.recorded_training import (
    RecordedTraining,
    assert_went_on_as_if_nothing_had_happened,
    family_of,
    output_of,
)

pytestmark = pytest.mark.slow

SECONDS_A_STEP = 0.03
VICTIMS = ("rank 0", "rank 1", "launcher", "whole job")


@dataclass(frozen=True)
class Moment:
    """When a run is killed from outside, and what of it.

    Attributes:
        victim: One of VICTIMS.
        step: The step that has to be taken before.
        seconds: Time after that.
    """

    victim: str
    step: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.victim} {1000 * self.seconds:.0f} ms after step {self.step}"


def random_moments() -> list[Moment]:
    """Draw ten moments, in all three epochs, within the time of two steps."""
    draw = random.Random(4)
    return [
        Moment(
            VICTIMS[number % 4],
            draw.choice((*range(3, 8), *range(10, 16), *range(18, 23))),
            draw.uniform(0, 2 * SECONDS_A_STEP),
        )
        for number in range(10)
    ]


@pytest.fixture(scope="module")
def outcomes() -> list[str]:
    """What became of each run."""
    return []


@pytest.fixture
def training(resumable: Settings, tmp_path: Path) -> RecordedTraining:
    return RecordedTraining(tmp_path, resumable)


@pytest.mark.parametrize("moment", random_moments(), ids=str)
def test_a_run_killed_at_any_moment_goes_on_as_if_nothing_had_happened(
    training: RecordedTraining,
    undisturbed: RecordedTraining,
    moment: Moment,
    outcomes: list[str],
) -> None:
    started = training.start(seconds_a_step=SECONDS_A_STEP)
    training.await_step(moment.step)
    family = family_of(started)
    workers = training.workers()
    time.sleep(moment.seconds)
    if moment.victim == "launcher":
        started.kill()
    elif moment.victim == "whole job":
        for process in family:
            process.kill()
    else:
        workers[int(moment.victim[-1])].kill()
    output_of(started, expected=1 if "rank" in moment.victim else -9)
    _, left = psutil.wait_procs(family[1:], timeout=10)
    assert left == []
    outcomes.append(f"{moment}: {resumed(training, undisturbed)}")


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize(
    ("place", "unharmed"),
    [
        ("before the write", 3),
        ("in the middle of the write", 3),
        ("before fsync", 3),
        ("before the rename", 3),
        # The first two saves delete nothing.
        ("before the deletion of the oldest", 2),
    ],
)
def test_a_run_killed_in_a_save_goes_on_as_if_nothing_had_happened(
    training: RecordedTraining,
    undisturbed: RecordedTraining,
    place: str,
    unharmed: int,
    number: int,
    outcomes: list[str],
) -> None:
    training.run(accident=(place, unharmed + number), expected=1)
    assert (training.records_folder / "accident").exists()
    outcomes.append(f"rank 0 {place}, save {4 + number}: {resumed(training, undisturbed)}")


def resumed(training: RecordedTraining, undisturbed: RecordedTraining) -> str:
    """Resume a run from inside an epoch, and compare it; say where it went on."""
    died_after = len(training.steps())
    for rank in range(2):
        before = training.steps(rank)
        assert before == undisturbed.steps(rank)[: len(before)]
    path, description = training.newest()
    resume = "auto"
    if description.step == description.steps_per_epoch:
        path = training.checkpoints.files()[-2]
        resume = str(path)
    assert f"goes on from {path}: epoch" in training.run("--resume", resume)
    assert_went_on_as_if_nothing_had_happened(training, undisturbed)
    left = {path.name for path in training.checkpoints.path.iterdir()}
    assert left == {path.name for path in undisturbed.checkpoints.path.iterdir()}
    return f"died after step {died_after}, went on from {path.stem}, the same to the bit"


def test_the_record(outcomes: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print("", *outcomes, f"{len(outcomes)} of 20 runs killed and resumed", sep="\n")
    assert len(outcomes) == 20
