"""Real training runs that are asked to stop, or lose a worker and start again."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from fcn4_dist.config import Settings
from tests.jobs.recorded_training import (
    RecordedTraining,
    assert_same_values,
    assert_went_on_as_if_nothing_had_happened,
    family_of,
    output_of,
    running,
    wait_until,
)


def ask_the_launcher(launcher: int) -> None:
    os.kill(launcher, signal.SIGTERM)


def ask_every_process(launcher: int) -> None:
    """Do as Slurm does."""
    parent = psutil.Process(launcher)
    family = [parent, *parent.children(recursive=True)]
    assert len(family) == 5  # launcher, msrun, scheduler and two workers
    for process in family:
        process.terminate()


@pytest.mark.parametrize(
    "ask", [ask_the_launcher, pytest.param(ask_every_process, marks=pytest.mark.slow)]
)
def test_sigterm_ends_a_job_after_a_checkpoint_of_the_step_all_ranks_agree_on(
    ask: Callable[[int], None],
    resumable: Settings,
    undisturbed: RecordedTraining,
    tmp_path: Path,
) -> None:
    # Nothing is saved but what SIGTERM asks for, and the ends of epochs.
    training = RecordedTraining(tmp_path, replace(resumable, save_step=1000))
    started = training.start(seconds_a_step=0.1)
    training.await_step(10)
    family = family_of(started)
    ask(started.pid)
    output = output_of(started, expected=75)
    assert running(family) == []
    path, description = training.newest()
    assert 10 <= description.global_step < 16
    for rank in range(2):
        assert training.steps(rank) == undisturbed.steps(rank)[: description.global_step]
    assert (
        f"fcn4-dist: stopped by SIGTERM; the checkpoint of epoch 2, step {description.step} is "
        "written: --resume auto goes on from there"
    ) in output
    assert "failed" not in output
    assert f"goes on from {path}" in training.run("--resume", "auto")
    assert_went_on_as_if_nothing_had_happened(training, undisturbed)


def test_sigterm_ends_a_run_on_one_card_after_a_checkpoint(
    resumable: Settings, tmp_path: Path
) -> None:
    settings = replace(resumable, batch_size=2)
    (tmp_path / "whole").mkdir()
    (tmp_path / "stopped").mkdir()
    whole = RecordedTraining(tmp_path / "whole", settings)
    whole.run(ranks=1)
    stopped = RecordedTraining(tmp_path / "stopped", settings)
    started = stopped.start(ranks=1, seconds_a_step=0.1)
    stopped.await_step(10)
    started.terminate()
    output = output_of(started, expected=75)
    _, description = stopped.newest()
    assert stopped.steps() == whole.steps()[: description.global_step]
    assert f"stopped by SIGTERM; the checkpoint of epoch 2, step {description.step}" in output
    stopped.run("--resume", "auto", ranks=1)
    assert_went_on_as_if_nothing_had_happened(stopped, whole, ranks=1)


@contextmanager
def sigterm_held() -> Iterator[None]:
    """Hold SIGTERM back, which processes that are started meanwhile inherit."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


@pytest.mark.slow
def test_workers_that_do_not_stop_within_the_grace_period_are_killed(
    resumable: Settings, tmp_path: Path
) -> None:
    training = RecordedTraining(tmp_path, replace(resumable, grace_period=2.0))
    with sigterm_held():
        started = training.start(accident=("asleep over its data", 5), accident_rank=1)
    wait_until(lambda: (training.records_folder / "accident").exists())
    family = family_of(started)
    started.terminate()
    output = output_of(started, expected=143)
    assert "the workers did not stop within 2 s (grace_period)" in output
    assert running(family) == []


@pytest.mark.slow
def test_a_launcher_starts_again_after_a_workers_death(
    resumable: Settings, undisturbed: RecordedTraining, tmp_path: Path
) -> None:
    training = RecordedTraining(tmp_path, resumable)
    started = training.start(max_restarts=2, seconds_a_step=0.1)
    training.await_step(10)
    training.workers()[1].kill()
    output = output_of(started, expected=0)
    assert "rank 1 was killed by SIGKILL" in output
    assert "restart 1 of 2 in 1 s, from the last whole checkpoint" in output
    assert "restart 2" not in output
    assert "goes on from" in output
    assert_every_step_is_that_of(training, undisturbed)
    assert_same_values(training.last_values(), undisturbed.last_values())


@pytest.mark.slow
def test_a_worker_that_dies_at_every_start_ends_the_job_after_the_last_restart(
    resumable: Settings, undisturbed: RecordedTraining, tmp_path: Path
) -> None:
    training = RecordedTraining(tmp_path, resumable)
    dies = ("before a step", 4)
    output = training.run(max_restarts=2, accident=dies, accident_once=False, expected=1)
    assert output.count("rank 0 was killed by SIGKILL") == 3
    assert "restart 1 of 2 in 1 s" in output
    assert "restart 2 of 2 in 2 s" in output
    assert_every_step_is_that_of(training, undisturbed)


def assert_every_step_is_that_of(training: RecordedTraining, undisturbed: RecordedTraining) -> None:
    """Compare steps that may have been taken twice."""
    for rank in range(2):
        assert set(training.steps(rank)) <= set(undisturbed.steps(rank))
