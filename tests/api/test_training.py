"""Trainings called from Python: one after the other, from a thread, and ended by Ctrl-C."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fcn4_dist
from fcn4_dist.checkpoints.content import read_checkpoint
from fcn4_dist.cluster.launch import PROGRAM

SMALL = {"batch_size": 2, "width": 0.05, "device_target": "CPU", "quiet": True}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def small(small_flags: dict[str, str], shards: Path) -> dict[str, Any]:
    """Keywords of a training that takes seconds."""
    return {**small_flags, **SMALL, "data": shards}


def state_of_this_process() -> tuple[Any, ...]:
    """What a job sets for itself, and must not change for others."""
    return (
        os.getcwd(),
        dict(os.environ),
        [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
        signal.pthread_sigmask(signal.SIG_BLOCK, []),
        list(logging.getLogger().handlers),
        os.sched_getaffinity(0),
        sys.stdout,
    )


def results(run: fcn4_dist.Run) -> tuple[dict[str, list[float]], dict[str, np.ndarray]]:
    """The figures and the weights of a run, without what tells how fast it was."""
    timed = ("seconds", "samples_per_second")
    figures = {name: each.tolist() for name, each in run.history.items() if name not in timed}
    return figures, dict(read_checkpoint(run.checkpoint).values)


@pytest.mark.slow
def test_a_training_after_one_that_failed_gives_the_bits_of_a_fresh_process(
    small: dict[str, Any], small_flags: dict[str, str]
) -> None:
    before = state_of_this_process()
    failures: list[Exception] = []

    def fail() -> None:
        try:
            fcn4_dist.train(**small, lr=1e30, seed=5, reader_threads=1, run_dir="failed")
        except fcn4_dist.Fcn4DistError as error:
            failures.append(error)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    assert "is no longer finite at epoch 1" in str(failures[0])
    assert not isinstance(failures[0], fcn4_dist.InputError)

    run = fcn4_dist.train(**small, epoch_size=2)
    assert run.folder.parent == Path("runs").absolute()
    assert state_of_this_process() == before

    given = small_flags | {name: value for name, value in SMALL.items() if name != "quiet"}
    flags = [f"--{name}={value}" for name, value in given.items()]
    flags += [f"--data_dir={small['data']}", "--epoch_size=2", "--run_dir=fresh"]
    subprocess.run([sys.executable, PROGRAM, "train", *flags], check=True, capture_output=True)
    figures, weights = results(run)
    fresh_figures, fresh_weights = results(fcn4_dist.Run("fresh"))
    assert figures == fresh_figures
    assert weights.keys() == fresh_weights.keys()
    for name, values in weights.items():
        np.testing.assert_array_equal(values, fresh_weights[name], err_msg=name)


@pytest.mark.slow
def test_ctrl_c_ends_it_with_a_checkpoint(small: dict[str, Any], tmp_path: Path) -> None:
    before = state_of_this_process()
    ended = threading.Event()

    def press() -> None:
        lines = tmp_path / "long/metrics.jsonl"
        while not (lines.exists() and lines.stat().st_size) and not ended.is_set():
            time.sleep(0.1)
        if not ended.is_set():
            os.kill(os.getpid(), signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    with pytest.raises(KeyboardInterrupt, match=r"the checkpoint of epoch .* is written"):
        try:
            fcn4_dist.train(**small, epoch_size=5000, val_interval=0, run_dir="long")
        finally:
            ended.set()
            presser.join()
    assert state_of_this_process() == before
    run = fcn4_dist.Run("long")
    assert run.checkpoint.parent == tmp_path / "long/weight"
    # It may have been stopped within its first epoch.
    assert len(run.history["loss"]) < 5000
    assert run.scores == {}
