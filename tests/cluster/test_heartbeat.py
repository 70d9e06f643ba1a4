"""Where each worker is: written by the worker, read by the launcher."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fcn4_dist.cluster.heartbeat import (
    Beat,
    Heartbeat,
    heartbeat_file,
    read_beat,
    stack_file,
    watched_heartbeat,
)

REPOSITORY = Path(__file__).parents[2]
WATCHED = (
    "import sys, threading\n"
    "from fcn4_dist.cluster.heartbeat import watched_heartbeat\n"
    "watched_heartbeat().at('waiting for the test')\n"
    "def a_function_of_the_test():\n"
    "    print('ready', flush=True)\n"
    "    sys.stdin.read()\n"
    "a_function_of_the_test()\n"
)


def test_what_a_worker_says_is_what_the_launcher_reads(tmp_path: Path) -> None:
    path = heartbeat_file(tmp_path, 3)
    Heartbeat(path).at("in epoch 1, step 2", may_take_long=True)
    assert read_beat(path) == Beat(os.getpid(), 1, "in epoch 1, step 2", True)


def test_each_word_counts_so_that_the_rank_behind_is_known(tmp_path: Path) -> None:
    path = tmp_path / "one"
    heartbeat = Heartbeat(path)
    counts = []
    for step in range(5):
        heartbeat.at(f"in epoch 1, step {step}")
        beat = read_beat(path)
        assert beat
        counts.append(beat.count)
    assert counts == [1, 2, 3, 4, 5]


def test_a_rank_that_goes_on_with_work_of_its_own_is_not_ahead_of_the_others(
    tmp_path: Path,
) -> None:
    heartbeat = Heartbeat(tmp_path / "one")
    heartbeat.at("gathering scores")
    for turn in range(3):
        heartbeat.goes_on(f"computing, turn {turn}", may_take_long=turn == 2)
    assert read_beat(tmp_path / "one") == Beat(os.getpid(), 1, "computing, turn 2", True, signs=3)


@pytest.mark.parametrize("first", ["x" * 20, "x" * 10_000, "ü" * 300, "\U0001f3b5" * 300])
def test_a_short_word_leaves_nothing_of_a_long_one(tmp_path: Path, first: str) -> None:
    heartbeat = Heartbeat(tmp_path / "one")
    heartbeat.at(first)
    heartbeat.at("y")
    beat = read_beat(tmp_path / "one")
    assert beat
    assert beat.doing == "y"


@pytest.mark.parametrize("content", [None, b"", b'{"process": 1', b"{}", b"[1]", b"\xff"])
def test_who_has_said_nothing_yet_is_no_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "one"
    if content is not None:
        path.write_bytes(content)
    assert read_beat(path) is None


def test_a_single_card_run_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FCN4_DIST_LAUNCHED", raising=False)
    monkeypatch.chdir(tmp_path)
    watched_heartbeat().at("in epoch 1, step 1")
    assert list(tmp_path.iterdir()) == []


def start(folder: Path, **variables: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", WATCHED],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
        env={**os.environ, "FCN4_DIST_LAUNCHED": str(folder), **variables},
    )


def test_a_worker_shows_where_it_is_and_its_stack_when_it_is_asked(tmp_path: Path) -> None:
    with start(tmp_path, MS_ROLE="MS_WORKER", RANK_ID="1") as worker:
        assert worker.stdout and worker.stdout.readline() == b"ready\n"
        beat = read_beat(heartbeat_file(tmp_path, 1))
        assert beat == Beat(worker.pid, 1, "waiting for the test", False)
        worker.send_signal(signal.SIGUSR1)
        # It goes on after that, and ends well.
        worker.communicate(b"")
    assert worker.returncode == 0
    assert "in a_function_of_the_test" in stack_file(tmp_path, 1).read_text()


def test_the_scheduler_is_no_rank_and_says_nothing(tmp_path: Path) -> None:
    with start(tmp_path, MS_ROLE="MS_SCHED", RANK_ID="0") as scheduler:
        scheduler.communicate(b"")
    assert scheduler.returncode == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("role", ["MS_WORKER", "MS_SCHED"])
def test_no_process_outlives_the_one_that_started_it(tmp_path: Path, role: str) -> None:
    launcher_program = (
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {WATCHED!r}])\n"
    )
    variables = {"FCN4_DIST_LAUNCHED": str(tmp_path), "MS_ROLE": role, "RANK_ID": "0"}
    with subprocess.Popen(
        [sys.executable, "-c", launcher_program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
        env={**os.environ, **variables},
    ) as launcher:
        assert launcher.stdout and launcher.stdout.readline() == b"ready\n"
        launcher.kill()
        # The pipe ends when nobody holds it any more, and its input is still open.
        assert launcher.stdout.read() == b""
