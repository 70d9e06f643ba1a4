"""Work shared out to processes that may crash or hang."""

import ctypes
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import psutil
import pytest
from threadpoolctl import threadpool_info

from fcn4_dist.errors import Fcn4DistError
from fcn4_dist.processes import ProcessDiedError, TaskTimeoutError, run_in_processes


def _nothing() -> None:
    pass


def _run(
    function: Callable[[Any], Any],
    tasks: Iterable[Any],
    processes: int = 1,
    prepare: Callable[..., None] = _nothing,
    **options: Any,
) -> Iterator[tuple[Any, Future]]:
    return run_in_processes(function, tasks, processes, prepare=prepare, **options)


def _square(number: int) -> int:
    return number**2


@pytest.mark.parametrize("processes", [1, 3])
@pytest.mark.parametrize("tasks", [0, 1, 50])
def test_every_task_is_done_once(processes: int, tasks: int) -> None:
    done = [(task, future.result()) for task, future in _run(_square, range(tasks), processes)]
    assert sorted(done) == [(number, number**2) for number in range(tasks)]


def _refuse(number: int) -> int:
    if number % 2:
        raise FileNotFoundError(number, "is odd")
    return number


def test_what_a_task_raises_is_raised_and_shows_where_it_was_raised() -> None:
    for number, future in _run(_refuse, range(4)):
        if number % 2:
            with pytest.raises(FileNotFoundError, match="is odd") as caught:
                future.result()
            assert "in _refuse" in str(caught.value.__cause__)
        else:
            assert future.result() == number


def _crash_if_odd(number: int) -> int:
    if number % 4 == 1:
        os.abort()
    if number % 4 == 3:
        os._exit(3)
    return os.getpid()


def _be_killed(task: tuple[Path, int]) -> Path:
    """Be killed as often as is told, by what is kept in a file."""
    kept, kills = task
    with kept.open("a") as file:
        file.write("x")
    if kept.stat().st_size <= kills:
        os.kill(os.getpid(), signal.SIGKILL)
    return kept


@pytest.mark.parametrize("ahead", [0, 1])
def test_a_process_that_is_killed_once_at_a_task_costs_nothing(tmp_path: Path, ahead: int) -> None:
    kills = {tmp_path / str(number): number % 3 for number in range(6)}
    done = {task[0]: future for task, future in _run(_be_killed, kills.items(), ahead=ahead)}
    for kept, times in kills.items():
        if times < 2:
            assert done[kept].result() == kept
        else:
            with pytest.raises(ProcessDiedError, match="SIGKILL"):
                done[kept].result()


@pytest.mark.parametrize("processes", [1, 2])
def test_a_task_that_crashes_its_process_loses_only_itself(processes: int) -> None:
    for number, future in _run(_crash_if_odd, range(12), processes, timeout=60):
        if number % 2:
            with pytest.raises(ProcessDiedError, match=r"SIGABRT" if number % 4 == 1 else "code 3"):
                future.result()
        else:
            assert future.result() != os.getpid()


def test_crashes_are_told_apart_while_the_process_that_waits_is_busy() -> None:
    # A crash right after the task was taken, and a reader that comes late to hear of it.
    over = threading.Event()

    def compute() -> None:
        while not over.is_set():
            sum(range(10_000))

    threads = [threading.Thread(target=compute) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        results = {number: future for number, future in _run(_crash_if_odd, range(30), timeout=60)}
    finally:
        over.set()
    died = {number for number, future in results.items() if future.exception()}
    assert died == set(range(1, 30, 2))


def _hang(folder: Path) -> None:
    (folder / str(os.getpid())).touch()
    # As a decoder in an endless loop: no signal handler of Python comes to its turn.
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
    ctypes.PyDLL(None).sleep(600)


def test_a_task_that_hangs_is_given_up_after_its_time_and_its_process_is_gone(
    tmp_path: Path,
) -> None:
    begun = time.monotonic()
    for _, future in _run(_hang, [tmp_path, tmp_path], 2, timeout=0.5):
        with pytest.raises(TaskTimeoutError):
            future.result()
    assert 0.5 < time.monotonic() - begun < 10
    pids = [int(path.name) for path in tmp_path.iterdir()]
    assert len(pids) == 2
    assert not any(map(psutil.pid_exists, pids))


def _sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def test_a_task_that_hangs_holds_up_no_other() -> None:
    futures = _run(_sleep, [600, 0.01, 0.02], 2, timeout=3)
    assert [task for task, _ in futures] == [0.01, 0.02, 600]


def test_the_time_a_process_takes_to_start_is_not_the_tasks() -> None:
    ((_, future),) = _run(_sleep, [0.2], prepare=_sleep, arguments=(1.5,), timeout=1)
    assert future.result() == 0.2


def test_a_result_that_is_there_counts_however_late_it_is_looked_at() -> None:
    futures = _run(_sleep, [0, 0.1], timeout=0.5)
    next(futures)
    time.sleep(1)
    assert next(futures)[1].result() == 0.1


@pytest.mark.parametrize("prepare", [os.abort, sys.exit])
def test_a_process_that_cannot_start_ends_the_run(prepare: Callable[[], None]) -> None:
    with pytest.raises(Fcn4DistError, match=r"cannot start \((SIGABRT|exit code 0)\)"):
        list(_run(_square, range(3), prepare=prepare))


def test_tasks_are_taken_as_they_are_worked_off() -> None:
    numbers = itertools.count()
    results = _run(_square, numbers, 2)
    for _ in range(20):
        next(results)
    results.close()
    assert next(numbers) <= 24


def _pid(_: object) -> int:
    return os.getpid()


def _tasks_that_fail() -> Iterator[int]:
    yield from range(5)
    raise OSError("the list of clips cannot be read on")


@pytest.mark.parametrize("way", ["closed", "tasks fail", "finished"])
def test_no_process_stays_however_the_run_ends(way: str) -> None:
    results = _run(_pid, _tasks_that_fail() if way == "tasks fail" else range(10), 2)
    pids = {next(results)[1].result()}
    if way == "closed":
        results.close()
    elif way == "tasks fail":
        with pytest.raises(OSError, match="the list of clips"):
            list(results)
    else:
        pids |= {future.result() for _, future in results}
    assert not any(map(psutil.pid_exists, pids))
    assert not _workers()


def _workers() -> list[str]:
    lines = (" ".join(child.cmdline()) for child in psutil.Process().children(recursive=True))
    return [line for line in lines if "spawn_main" in line]


_KILLED_PROGRAM = """
import sys
from pathlib import Path
from tests.test_processes import _hang, _run
if __name__ == "__main__":
    list(_run(_hang, [Path(sys.argv[1])] * 2, 2))
"""


def test_no_process_outlives_one_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(_KILLED_PROGRAM)
    (tmp_path / "pids").mkdir()
    root = Path(__file__).parents[1]
    program = subprocess.Popen(
        [sys.executable, tmp_path / "program.py", tmp_path / "pids"],
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    _wait_until(lambda: len(list((tmp_path / "pids").iterdir())) == 2)
    started = psutil.Process(program.pid).children(recursive=True)
    assert len(started) >= 2
    program.kill()
    program.wait()
    _wait_until(lambda: not any(map(_runs, started)))


def _runs(process: psutil.Process) -> bool:
    try:
        # Where nothing reaps orphans they stay as zombies.
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _threads(_: object) -> list[int]:
    import numpy as np

    np.ones((2, 2)) @ np.ones((2, 2))
    return [library["num_threads"] for library in threadpool_info()]


def test_a_process_computes_with_one_thread_and_the_caller_with_as_many_as_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = dict(os.environ)
    ((_, future),) = _run(_threads, [None])
    assert future.result()
    assert set(future.result()) == {1}
    assert dict(os.environ) == before


def _interrupt(_: object) -> str:
    os.kill(os.getpid(), signal.SIGINT)
    return "goes on"


def test_ctrl_c_is_the_callers() -> None:
    ((_, future),) = _run(_interrupt, [None])
    assert future.result() == "goes on"
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, set())


def test_the_caller_is_called_while_it_waits() -> None:
    calls: list[None] = []
    list(_run(_sleep, [1.0], while_waiting=lambda: calls.append(None)))
    assert len(calls) > 2
