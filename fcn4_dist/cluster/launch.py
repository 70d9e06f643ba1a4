"""Starting a distributed job: one msrun command, the logs of its workers, its end.

Every worker runs the same command line as a single-card run would; msrun tells each its rank.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from fcn4_dist.cluster.device import LAUNCHED_VARIABLE
from fcn4_dist.errors import InputError
from fcn4_dist.terminal import say

STALE_VARIABLES = ("MS_ROLE", "MS_WORKER_NUM", "MS_SCHED_HOST", "MS_SCHED_PORT", "MS_NODE_ID")
"""Variables of an earlier job that make a new one hang or find its port taken."""

ERROR_PREFIX = "fcn4-dist: error:"
_FAILURE_OF_A_WORKER = "exit with exception. Error code"
_SECONDS_BETWEEN_LOOKS = 0.5
_SECONDS_TO_STOP = 5.0


@dataclass(frozen=True)
class Launch:
    """A distributed job on this host, ready to start.

    Attributes:
        command: The msrun command line.
        environment: All variables it runs with.
        log_folder: Where ``rank_<r>.log``, ``scheduler.log`` and ``msrun.log`` go.
        ranks: Number of workers.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str]
    log_folder: Path
    ranks: int

    @property
    def msrun_log(self) -> Path:
        """Name the file with what msrun printed."""
        return self.log_folder / "msrun.log"

    def log_of(self, rank: int) -> Path:
        """Name the file with what a rank printed."""
        return self.log_folder / f"rank_{rank}.log"


def plan_launch(
    program: Sequence[str],
    ranks: int,
    log_folder: Path,
    environment: Mapping[str, str] = os.environ,
) -> Launch:
    """Decide how a job is started on this host, without starting it.

    Args:
        program: What every worker runs: arguments of ``python``.
        ranks: Number of workers.
        log_folder: Folder for the logs.
        environment: Variables to start from; what an earlier job left is taken out.
    """
    cleaned = {name: value for name, value in environment.items() if name not in STALE_VARIABLES}
    # msrun knows an interpreter only by the name "python", which must then be this one.
    folder_of_python = str(Path(sys.executable).parent)
    cleaned["PATH"] = os.pathsep.join([folder_of_python, cleaned.get("PATH", os.defpath)])
    # Workers find this package, installed or not.
    python_path = [str(Path(__file__).parents[2]), cleaned.get("PYTHONPATH", "")]
    cleaned["PYTHONPATH"] = os.pathsep.join(filter(None, python_path))
    command = (
        "msrun",
        f"--worker_num={ranks}",
        f"--local_worker_num={ranks}",
        "--master_addr=127.0.0.1",
        f"--master_port={free_port()}",
        f"--log_dir={log_folder}",
        "--worker_log_name=rank",
        "--join=True",
        # This process shows rank 0's log; a rank that does not exist keeps msrun from it.
        f"--tail_worker_log={ranks}",
        "python",
        *program,
    )
    cleaned[LAUNCHED_VARIABLE] = "1"
    return Launch(command, cleaned, log_folder, ranks)


def run_launch(launch: Launch) -> int:
    """Start a job, show what rank 0 prints, and wait for its end.

    Ctrl-C, SIGTERM and SIGHUP stop all its processes.

    Args:
        launch: From :func:`plan_launch`.

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
    for rank in range(launch.ranks):
        launch.log_of(rank).unlink(missing_ok=True)
    with _signals_as_exceptions(), launch.msrun_log.open("wb") as log:
        # In a session of its own: a Ctrl-C reaches this process alone, which then stops all.
        msrun = subprocess.Popen(
            launch.command,
            env=dict(launch.environment),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        ended = threading.Event()
        shower = threading.Thread(target=_show_log, args=(launch.log_of(0), ended))
        shower.start()
        try:
            exit_code = _wait(msrun, launch)
        finally:
            _stop(msrun)
            ended.set()
            shower.join()
    if exit_code != 0:
        _say_failures(launch)
    return 1 if exit_code else 0


def free_port() -> int:
    """Find a port of this host on which nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


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


def _wait(msrun: subprocess.Popen[bytes], launch: Launch) -> int:
    while True:
        try:
            return msrun.wait(_SECONDS_BETWEEN_LOOKS)
        except subprocess.TimeoutExpired:
            # After a worker's death msrun waits half a minute for its scheduler, for nothing.
            if _FAILURE_OF_A_WORKER in launch.msrun_log.read_text("utf-8", "replace"):
                return 1


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


def _say_failures(launch: Launch) -> None:
    for line in launch.msrun_log.read_text("utf-8", "replace").splitlines():
        if _FAILURE_OF_A_WORKER in line:
            say(f"msrun: {line.rsplit('] ', maxsplit=1)[-1]}")
    for rank in range(1, launch.ranks):
        log = launch.log_of(rank)
        lines = log.read_text("utf-8", "replace").splitlines() if log.exists() else []
        for line in lines:
            if line.startswith(ERROR_PREFIX):
                say(f"rank {rank}: {line}")
    say(f"the job failed; every rank's log is in {launch.log_folder}")
