"""How a job is watched: real processes under a real msrun that die, hang, or are stopped."""

import json
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from fcn4_dist.cluster import supervision
from fcn4_dist.cluster.launch import plan_launch
from fcn4_dist.cluster.preflight import port_in_use
from fcn4_dist.cluster.supervision import run_launch
from fcn4_dist.cluster.topology import local_topology

PROGRAM = Path(__file__).with_name("supervised_program.py")
CANN = Path(__file__).parents[1] / "data/cann"
SECONDS_TO_BRING_DOWN = 10.0


def run_job(
    folder: Path,
    how: str,
    *,
    rank: int = 1,
    ranks: int = 3,
    step: int = 3,
    step_timeout: float = 2.0,
    **more: Any,
) -> int:
    """Run workers of which one misbehaves; see the program."""
    argument = json.dumps({"rank": rank, "how": how, "step": step, **more})
    topology = local_topology(ranks)
    launch = plan_launch(
        [str(PROGRAM), argument], topology, folder, step_timeout=step_timeout, start_timeout=30.0
    )
    exit_code = run_launch(launch)
    assert not processes_of(folder)
    assert not port_in_use("127.0.0.1", topology.nodes.master_port)
    return exit_code


def processes_of(folder: Path) -> list[psutil.Process]:
    """Processes of a job, which have its folder in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            variables = process.environ()
            alive = process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            continue
        if variables.get("FCN4_DIST_LAUNCHED") == str(folder) and alive:
            found.append(process)
    return found


def wait_for_text(log: Path, text: str) -> None:
    """Wait until a log holds a text."""
    ends = time.monotonic() + 60
    while not (log.exists() and text in log.read_text()):
        assert time.monotonic() < ends, f"{log} does not say {text!r}"
        time.sleep(0.05)


@pytest.fixture
def plogs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where CANN would write its logs."""
    monkeypatch.setenv("ASCEND_PROCESS_LOG_PATH", str(tmp_path / "ascend"))
    return tmp_path / "ascend/debug/plog"


@pytest.mark.parametrize(
    ("how", "sentences"),
    [
        (
            "exception",
            ["rank 1 failed: the shard is gone", "rank 1 | the last thing it did"],
        ),
        ("exit code", ["rank 1 ended with exit code 7", "rank 1 | rank 1 speaks"]),
        ("SIGKILL", [r"rank 1 was killed by SIGKILL; it used up to \d\.\d GB of memory, and the"]),
        ("SIGSEGV", ["rank 1 was killed by SIGSEGV", "rank 1 | rank 1 speaks"]),
    ],
)
def test_a_worker_that_dies_brings_the_job_down_and_is_named_with_its_reason(
    how: str, sentences: list[str], tmp_path: Path, plogs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # A sentence of our own says more than what CANN has noted at some time.
    noted = {"1": str(CANN / "plog_operator.log")} if how == "exception" else {}
    assert run_job(tmp_path, how, plogs=noted) == 1
    # The last that the rank did was to write there.
    died = (tmp_path / "rank_1.log").stat().st_mtime
    assert 0 < time.time() - died < SECONDS_TO_BRING_DOWN
    output = capfd.readouterr().out
    for sentence in sentences:
        assert re.search(sentence if "\\" in sentence else re.escape(sentence), output), output
    assert f"the job failed; every rank's log is in {tmp_path}" in output
    assert "rank 2 " not in output
    assert "CANN" not in output


def test_a_worker_that_dies_as_it_leaves_fails_no_job_whose_work_is_all_done(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_job(tmp_path, "die as it leaves", step=0, step_timeout=20.0) == 0
    assert "warning: a worker died as it left" in capfd.readouterr().out


def test_a_worker_that_dies_is_told_with_what_cann_says_in_its_plog(
    tmp_path: Path, plogs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    own = {"1": str(CANN / "plog_out_of_memory.log")}
    assert run_job(tmp_path / "job", "SIGSEGV", plogs=own) == 1
    output = capfd.readouterr().out
    assert (
        "rank 1 was killed by SIGSEGV; before that, CANN's error EL0004, the card's mem" in output
    )
    assert "or lower --batch_size" in output
    assert "rank 1 | [ERROR] RUNTIME(4176881,python):2026-03-18" in output
    assert f"rank 1 | (in {plogs}/plog-" in output


def test_ranks_that_waited_for_the_one_that_failed_are_not_the_cause(
    tmp_path: Path, plogs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # Rank 1 dies first, of waiting; the one it waited for is still busy with its end.
    waiting = {"0": str(CANN / "plog_link.log"), "2": str(CANN / "plog_operator.log")}
    waits = {"1": str(CANN / "error_collective.txt")}
    assert run_job(tmp_path / "job", "exit code", plogs=waiting, errors=waits) == 1
    lines = capfd.readouterr().out.splitlines()
    cause = next(number for number, line in enumerate(lines) if line.startswith("rank 2 failed"))
    assert "CANN's error EZ9999, an operator failed on the card" in lines[cause]
    assert "rank 1 waited for another rank (EI0002), so it is not the cause" in lines[cause:]


def test_where_all_that_failed_only_waited_the_rank_they_waited_for_is_named(
    tmp_path: Path, plogs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    waits = {rank: str(CANN / "plog_link.log") for rank in ("0", "1")}
    assert run_job(tmp_path / "job", "sleep", rank=2, plogs=waits, ending=[0, 1]) == 1
    output = capfd.readouterr().out
    assert re.search(r"rank [01] failed with CANN's error EI0006, another rank did not ans", output)
    # One of the two may not have come to its end yet.
    assert re.search("rank ([01], )?2 did not fail, and was reading the batch of step 3", output)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("killed", "sentence"),
    [
        (
            "msrun",
            "msrun, which starts the workers of this host and watches them, was killed by SI",
        ),
        (
            "scheduler",
            "the scheduler, by which the workers of all hosts find each other, was kille",
        ),
    ],
)
def test_the_end_of_what_workers_need_is_told_with_its_reason_and_its_log(
    killed: str,
    sentence: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # It dies before it is looked at for the first time.
    monkeypatch.setattr(supervision, "_SECONDS_BETWEEN_LOOKS", 2.0)

    def kill() -> None:
        for log in ("rank_1.log", "scheduler.log"):
            wait_for_text(tmp_path / log, "speaks")
        (process,) = (
            each
            for each in processes_of(tmp_path)
            if each.environ().get("MS_ROLE", "msrun")
            == {"scheduler": "MS_SCHED"}.get(killed, killed)
        )
        process.kill()

    with ThreadPoolExecutor(1) as pool:
        killing = pool.submit(kill)
        assert run_job(tmp_path, "wait", rank=-1, ranks=2, step=1, step_timeout=60.0) == 1
        killing.result(0)
    output = capfd.readouterr().out
    assert sentence in output, output
    assert "somebody sent the signal" in output
    assert f"(in {tmp_path}/{killed}.log)" in output


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("MemoryError", "ended with exit code 1: there was no more memory for this process (Me"),
        ("bad_alloc", "was killed by SIGABRT: there was no more memory for this process (term"),
    ],
)
def test_a_worker_that_gets_no_memory_is_told_so(
    how: str, sentence: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_job(tmp_path, how) == 1
    output = capfd.readouterr().out
    assert f"rank 1 {sentence}" in output
    assert "lower --batch_size, start fewer workers, or raise the limit (ulimit -v" in output


def test_only_rank_0s_output_is_shown_while_all_is_well(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_job(tmp_path, "end", rank=-1, step=0) == 0
    assert capfd.readouterr().out == "rank 0 speaks\n"
    assert (tmp_path / "rank_2.log").read_text() == "rank 2 speaks\n"
    assert {path.name for path in tmp_path.iterdir()} == {
        "msrun.log",
        "rank_0.log",
        "rank_1.log",
        "rank_2.log",
        "scheduler.log",
    }


def test_a_job_of_one_host_ends_with_its_workers_and_does_not_wait_for_its_scheduler(
    tmp_path: Path,
) -> None:
    # The scheduler would sleep for ten minutes.
    assert run_job(tmp_path, "end before the scheduler", rank=-1, step=0) == 0


def test_the_last_of_the_workers_may_still_fail(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_job(tmp_path, "exit last", step=0) == 1
    assert "rank 1 ended with exit code 7" in capfd.readouterr().out


def test_a_rank_that_does_not_enter_the_collective_is_named_with_its_python_stack(
    tmp_path: Path, plogs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    noted = {"2": str(CANN / "plog_operator.log")}
    assert run_job(tmp_path, "sleep", rank=2, plogs=noted) == 1
    output = capfd.readouterr().out
    assert "no step has ended for 2 s (step_timeout): rank 2 is reading the batch of st" in output
    assert re.search(r'rank 2 \|   File ".*_program.py", line \d+ in sleep_in_the_data', output)
    assert "rank 1 is" not in output
    assert "rank 2 has CANN's error EZ9999, an operator failed on the card" in output


def test_a_stopped_rank_is_named_without_a_stack(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_job(tmp_path, "stop", rank=0) == 1
    output = capfd.readouterr().out
    assert "rank 0 is reading the batch of step 3, and its process" in output
    assert "is stopped: 'kill -CONT" in output
    assert "stack" not in output


def test_a_step_that_no_rank_ends_is_told_of_all_ranks(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_job(tmp_path, "none of them", rank=-1, ranks=2) == 1
    output = capfd.readouterr().out
    assert "rank 0 is in step 3; its Python stack:" in output
    assert "rank 1 is in step 3; its Python stack:" in output


def test_long_work_of_one_rank_that_says_it_goes_on_is_no_hang(tmp_path: Path) -> None:
    # Longer than a step may take, while the others wait, and when they have left.
    assert run_job(tmp_path, "work on", rank=0, ranks=2) == 0


def test_starting_may_take_longer_than_a_step(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    worker = tmp_path / "slow_start.py"
    worker.write_text(
        "import os, time\n"
        "from fcn4_dist.cluster.heartbeat import watched_heartbeat\n"
        "heartbeat = watched_heartbeat()\n"
        "heartbeat.at('starting', may_take_long=True)\n"
        "time.sleep(2.5)\n"
    )
    launch = plan_launch(
        [str(worker)], local_topology(2), tmp_path / "job", step_timeout=0.5, start_timeout=60.0
    )
    assert run_launch(launch) == 0


@pytest.mark.parametrize(
    ("number", "exit_code"),
    [
        (signal.SIGINT, -signal.SIGINT),
        (signal.SIGTERM, 143),
        (signal.SIGHUP, 129),
        (signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_a_launcher_that_is_stopped_or_killed_leaves_no_process_behind(
    tmp_path: Path, number: signal.Signals, exit_code: int
) -> None:
    argument = json.dumps({"rank": -1, "how": "wait", "step": 1})
    program = (
        "from pathlib import Path\n"
        "from fcn4_dist.cluster.launch import plan_launch\n"
        "from fcn4_dist.cluster.supervision import run_launch\n"
        "from fcn4_dist.cluster.topology import local_topology\n"
        f"job = plan_launch([{str(PROGRAM)!r}, {argument!r}], local_topology(2), "
        f"Path({str(tmp_path)!r}))\n"
        "run_launch(job)\n"
    )
    launcher = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert launcher.stdout is not None
    assert launcher.stdout.readline() == b"rank 0 speaks\n"
    # Only when all are up do they know whom to follow.
    for log in ("rank_1.log", "scheduler.log"):
        wait_for_text(tmp_path / log, "speaks")
    assert len(processes_of(tmp_path)) == 4  # msrun, its scheduler and two workers
    launcher.send_signal(number)
    begun = time.monotonic()
    assert launcher.wait(30) == exit_code
    while processes_of(tmp_path) and time.monotonic() - begun < 5:
        time.sleep(0.05)
    assert not processes_of(tmp_path)


def test_logs_of_an_earlier_job_in_the_folder_are_not_shown(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rank_0.log").write_text("old news\n")
    assert run_job(tmp_path, "end", rank=-1, step=0) == 0
    assert "old news" not in capfd.readouterr().out
