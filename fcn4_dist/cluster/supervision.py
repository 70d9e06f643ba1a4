"""Running a job: show rank 0's output, notice what goes wrong, stop all processes."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from fcn4_dist.cluster.device import LAUNCHED_VARIABLE
from fcn4_dist.cluster.diagnosis import (
    explain_deaths,
    explain_hang,
    explain_reports,
    explain_scheduler,
    stopped_on_request,
    worker_ended,
)
from fcn4_dist.cluster.heartbeat import heartbeat_file, stack_file
from fcn4_dist.cluster.launch import Launch
from fcn4_dist.cluster.launchers import Launchers
from fcn4_dist.cluster.local_workers import LocalWorkers
from fcn4_dist.errors import StoppedError
from fcn4_dist.host.memory import out_of_memory_kills
from fcn4_dist.log import follow, say_as_logged
from fcn4_dist.processes import die_with_parent
from fcn4_dist.terminal import say, say_result, warn

_SECONDS_BETWEEN_LOOKS = 0.3
_SECONDS_TO_STOP = 5.0


def run_launch(launch: Launch, launchers: Launchers | None = None) -> int:
    """Start this host's share of a job, show what rank 0 prints, and wait for its end.

    A worker that dies or hangs, another node's failure, Ctrl-C, SIGTERM and SIGHUP stop all
    processes of this host.

    Args:
        launch: From :func:`fcn4_dist.cluster.launch.plan_launch`.
        launchers: This one among those of other nodes; None on a single host.

    Returns:
        0 if every worker ended well; 75 if they have stopped after a checkpoint, as SIGTERM asked;
        else 1.

    Raises:
        KeyboardInterrupt: After Ctrl-C, when the workers are stopped.
        SystemExit: The same after SIGTERM or SIGHUP.
    """
    launchers = launchers or Launchers(launch.topology.nodes)
    _prepare_folder(launch)
    with _signals(launch) as stop, launch.msrun_log.open("wb") as log:
        # In a session of its own: a Ctrl-C reaches this process alone, which then stops all.
        msrun = subprocess.Popen(
            launch.command,
            env=dict(launch.environment),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_prepare_msrun,
        )
        try:
            with _shown_log(launch):
                problems = _supervise(msrun, launch, launchers, stop)
        except BaseException as error:
            launchers.tell(f"stopped by {_name_of(error)}")
            raise
        finally:
            _stop(msrun, launch)
    _tidy(launch)
    for line in problems:
        say_result(line)
    if problems:
        say_result(f"the job failed; every rank's log is in {launch.log_folder}")
        return 1
    printed = launch.msrun_log.read_text("utf-8", "replace")
    return StoppedError.exit_code if stopped_on_request(printed) else 0


def _prepare_folder(launch: Launch) -> None:
    launch.log_folder.mkdir(parents=True, exist_ok=True)
    for rank in launch.topology.ranks_here:
        for path in (launch.log_of(rank), heartbeat_file(launch.log_folder, rank)):
            path.unlink(missing_ok=True)


def _prepare_msrun() -> None:
    die_with_parent()
    # A site's scheduler sends SIGTERM to every process; msrun must live until the workers have
    # saved, and has no use for it.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _tidy(launch: Launch) -> None:
    # A stack that was never asked for is an empty file.
    for rank in launch.topology.ranks_here:
        heartbeat_file(launch.log_folder, rank).unlink(missing_ok=True)
        stack = stack_file(launch.log_folder, rank)
        if stack.exists() and not stack.stat().st_size:
            stack.unlink()


def _supervise(
    msrun: subprocess.Popen[bytes], launch: Launch, launchers: Launchers, stop: "_Stop"
) -> list[str]:
    """Wait for the end; return what went wrong, in lines, or nothing."""
    workers = LocalWorkers(launch)
    kills_before = out_of_memory_kills()
    had_left = False
    while True:
        with suppress(subprocess.TimeoutExpired):
            if msrun.wait(_SECONDS_BETWEEN_LOOKS) == 0:
                return []
        workers.look(msrun.pid)
        left, had_left = had_left, workers.all_left()
        launchers.report(workers.standing())
        log = launch.msrun_log.read_text("utf-8", "replace")
        if stopped_on_request(log):
            return []
        stop.pass_on(workers)
        problems: list[str] = []
        # After a worker's death msrun waits half a minute for its scheduler, for nothing.
        if worker_ended(log) or msrun.returncode:
            if workers.all_done():
                # MindSpore takes connections apart while threads of its own still read from them,
                # and now and then a worker dies of that as it leaves.
                warn("a worker died as it left, when all had done their work: the job is done")
                return []
            kills = out_of_memory_kills() - kills_before
            problems = explain_deaths(workers, log, kills, msrun.returncode)
        elif code := workers.scheduler_failure():
            problems = explain_scheduler(workers, code, out_of_memory_kills() - kills_before)
        elif failure := launchers.failure():
            return [failure, *explain_reports(workers)]
        elif workers.hang(launchers.elsewhere()):
            problems = explain_hang(workers, launchers)
        elif left and launch.topology.nodes.count == 1:
            # A look ago already, so that msrun has told of any death. It goes on to wait for its
            # scheduler, which looks for the end of the job every five seconds.
            return []
        if problems:
            launchers.tell(problems[0])
            return problems


@contextmanager
def _shown_log(launch: Launch) -> Iterator[None]:
    """Show what rank 0 prints, if it is a rank of this host, while the job runs."""
    if 0 not in launch.topology.ranks_here:
        yield
        return
    ended = threading.Event()
    shower = threading.Thread(target=_show_log, args=(launch.log_of(0), ended))
    shower.start()
    try:
        yield
    finally:
        ended.set()
        shower.join()


def _show_log(path: Path, ended: threading.Event) -> None:
    for line in follow(path, ended):
        # MindSpore's communication library notes its end here, at any log level.
        if not line.startswith("[INFO]"):
            say_as_logged(line)


class _Stop:
    """What SIGTERM has asked for: the workers stop by themselves, within the grace period."""

    def __init__(self, grace_period: float) -> None:
        self._grace_period = grace_period
        self._ends: float | None = None

    def ask(self, number: int, _: FrameType | None) -> None:
        """Note SIGTERM; where there is no grace, leave at once."""
        if not self._grace_period:
            raise SystemExit(128 + number)
        if self._ends is None:
            self._ends = time.monotonic() + self._grace_period

    def pass_on(self, workers: LocalWorkers) -> None:
        """Tell the workers, again and again: those that still start do not hear it."""
        if self._ends is None:
            return
        if time.monotonic() > self._ends:
            say(f"the workers did not stop within {self._grace_period:g} s (grace_period)")
            raise SystemExit(128 + signal.SIGTERM)
        for process in workers.processes.values():
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGTERM)


@contextmanager
def _signals(launch: Launch) -> Iterator[_Stop]:
    def leave(number: int, _: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    stop = _Stop(launch.grace_period)
    before = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, stop.ask),
        signal.SIGHUP: signal.signal(signal.SIGHUP, leave),
    }
    # Whoever started this process may have held them back, which is inherited.
    held = signal.pthread_sigmask(signal.SIG_UNBLOCK, set(before))
    try:
        yield stop
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        for number, handler in before.items():
            signal.signal(number, handler)


def _name_of(error: BaseException) -> str:
    if isinstance(error, SystemExit) and isinstance(error.code, int):
        return signal.Signals(error.code - 128).name
    return "Ctrl-C" if isinstance(error, KeyboardInterrupt) else type(error).__name__


def _stop(msrun: subprocess.Popen[bytes], launch: Launch) -> None:
    """Kill every process of this host's share of the job."""
    import psutil

    family = _processes_of(launch)
    with suppress(psutil.NoSuchProcess):
        launcher = psutil.Process(msrun.pid)
        # The shells with which it looks through logs are of no rank.
        family += [launcher, *launcher.children(recursive=True)]
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(family, timeout=_SECONDS_TO_STOP)
    msrun.wait()


def _processes_of(launch: Launch) -> list[Any]:
    # By their environment, which they all inherit: the children of a worker that has died, such as
    # a compiler's, are nobody's descendants any more.
    import psutil

    ranks = [str(rank) for rank in launch.topology.ranks_here]
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            variables = process.environ()
            ours = variables.get(LAUNCHED_VARIABLE) == str(launch.log_folder)
            if ours and variables.get("RANK_ID") in ranks:
                found.append(process)
    return found
