"""Running a job: show rank 0's output, notice what goes wrong, stop all processes."""

import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from fcn4_dist.cluster.diagnosis import (
    Workers,
    explain_deaths,
    explain_hang,
    out_of_memory_kills,
    worker_ended,
)
from fcn4_dist.cluster.heartbeat import die_with_parent, heartbeat_file, stack_file
from fcn4_dist.cluster.launch import Launch
from fcn4_dist.cluster.link import Link
from fcn4_dist.errors import InputError
from fcn4_dist.terminal import say

_SECONDS_BETWEEN_LOOKS = 0.3
_SECONDS_TO_STOP = 5.0


def run_launch(launch: Launch, link: Link | None = None) -> int:
    """Start this host's share of a job, show what rank 0 prints, and wait for its end.

    A worker that dies or hangs, another node's failure, Ctrl-C, SIGTERM and SIGHUP stop all
    processes of this host.

    Args:
        launch: From :func:`fcn4_dist.cluster.launch.plan_launch`.
        link: Connection to the launchers of other nodes.

    Returns:
        0 if every worker ended well, else 1.

    Raises:
        InputError: If there is no msrun.
        KeyboardInterrupt: After Ctrl-C, when the workers are stopped.
        SystemExit: The same after SIGTERM or SIGHUP.
    """
    if shutil.which(launch.command[0], path=launch.environment["PATH"]) is None:
        raise InputError(
            "msrun, which comes with MindSpore, is not on the PATH: pip install "
            "'fcn4_dist[train]', or activate the environment that has MindSpore"
        )
    launch.log_folder.mkdir(parents=True, exist_ok=True)
    for rank in launch.topology.ranks_here:
        for path in (launch.log_of(rank), heartbeat_file(launch.log_folder, rank)):
            path.unlink(missing_ok=True)
    with _signals_as_exceptions(), launch.msrun_log.open("wb") as log:
        # In a session of its own: a Ctrl-C reaches this process alone, which then stops all.
        msrun = subprocess.Popen(
            launch.command,
            env=dict(launch.environment),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        try:
            with _shown_log(launch):
                problems = _supervise(msrun, launch, link)
        except BaseException as error:
            if link:
                link.tell(f"stopped by {_name_of(error)}")
            raise
        finally:
            _stop(msrun)
    _tidy(launch)
    for line in problems:
        say(line)
    if problems:
        say(f"the job failed; every rank's log is in {launch.log_folder}")
    return 1 if problems else 0


def _tidy(launch: Launch) -> None:
    # A stack that was never asked for is an empty file.
    for rank in launch.topology.ranks_here:
        heartbeat_file(launch.log_folder, rank).unlink(missing_ok=True)
        stack = stack_file(launch.log_folder, rank)
        if stack.exists() and not stack.stat().st_size:
            stack.unlink()


def _supervise(msrun: subprocess.Popen[bytes], launch: Launch, link: Link | None) -> list[str]:
    """Wait for the end; return what went wrong, in lines, or nothing."""
    workers = Workers(launch)
    kills_before = out_of_memory_kills()
    while True:
        with suppress(subprocess.TimeoutExpired):
            if msrun.wait(_SECONDS_BETWEEN_LOOKS) == 0:
                return []
        workers.look(msrun.pid)
        log = launch.msrun_log.read_text("utf-8", "replace")
        problems: list[str] = []
        # After a worker's death msrun waits half a minute for its scheduler, for nothing.
        if worker_ended(log) or msrun.returncode:
            problems = explain_deaths(workers, log, out_of_memory_kills() - kills_before)
        elif link and (failure := link.failure()):
            return [failure]
        elif workers.hang():
            problems = explain_hang(workers, link.failure if link else None)
        if problems:
            if link:
                link.tell(problems[0])
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
    while not path.exists():
        if ended.wait(0.1):
            return
    with path.open(encoding="utf-8", errors="replace") as log:
        last_look = False
        while not last_look:
            last_look = ended.wait(0.1)
            # MindSpore's communication library notes its end here, at any log level.
            for line in log.readlines():
                if not line.startswith("[INFO]"):
                    print(line, end="", flush=True)


@contextmanager
def _signals_as_exceptions() -> Iterator[None]:
    def leave(number: int, _: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _name_of(error: BaseException) -> str:
    if isinstance(error, SystemExit) and isinstance(error.code, int):
        return signal.Signals(error.code - 128).name
    return "Ctrl-C" if isinstance(error, KeyboardInterrupt) else type(error).__name__


def _stop(msrun: subprocess.Popen[bytes]) -> None:
    # Workers are in sessions of their own, so they are found by descent, and all at once: with
    # msrun gone they would be nobody's children.
    import psutil

    try:
        process = psutil.Process(msrun.pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(family, timeout=_SECONDS_TO_STOP)
    msrun.wait()
