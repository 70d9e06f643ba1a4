"""Work shared out to processes of this host, each of which may crash or hang by itself."""

import ctypes
import math
import os
import resource
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.pool import ExceptionWithTraceback  # type: ignore[attr-defined]
from types import ModuleType
from typing import Any, Generic, TypeVar

from fcn4_dist.errors import Fcn4DistError

_Task = TypeVar("_Task")

_SECONDS_BETWEEN_LOOKS = 0.2
_SECONDS_TO_DIE = 5
_PARENT_DEATH_SIGNAL = 1
# Which knows by itself where the package is.
_OUR_PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")
# Loaded before any fork, after which little may be called.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_POOL_VARIABLES = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    # Arrays of some MB come and go with every clip. Given back to the system each time, as glibc
    # does, they have to be fetched page by page again: that doubles the time of an FFT.
    **dict.fromkeys(("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"), str(32 * 2**20)),
}
# Spawned, not forked: a copy of a process that has threads may hang, and is as large as it.
_SPAWN = get_context("spawn")


class TaskTimeoutError(Exception):
    """A task took too long; its process was killed."""


class ProcessDiedError(Exception):
    """The process that was at a task died before it had finished; the message says of what."""


def usable_cores() -> int:
    """Count the cores this process may run on."""
    return len(os.sched_getaffinity(0))


def allow_open_files(more: int) -> int:
    """Have the system allow this process to open more files, as far as nobody has to be asked.

    Args:
        more: How many besides those that are open now.

    Returns:
        How many are lacking; 0 if all of them can be opened.
    """
    wanted = len(os.listdir("/proc/self/fd")) + more
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft < allowed and soft != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return wanted - allowed


def run_in_processes(
    function: Callable[[_Task], Any],
    tasks: Iterable[_Task],
    processes: int,
    *,
    ahead: int = 0,
    timeout: float | None = None,
    prepare: Callable[..., None],
    arguments: tuple[Any, ...] = (),
    while_waiting: Callable[[], None] = lambda: None,
) -> Generator[tuple[_Task, Future], None, None]:
    """Run a function on many tasks in processes of one numerical thread each.

    A process that crashes or takes too long is replaced; only its own task fails. A task is taken
    when there is a process for it, so that any number of them fits into memory. No process
    outlives this one.

    Args:
        function: What to do with a task; a function of a module, since the processes import it. A
            generator gives what it makes of a task in parts, of which few wait at a time.
        tasks: The tasks.
        processes: Number of processes.
        ahead: Tasks that wait at each process behind the one it is at. One saves short tasks the
            time to come and go; long ones are shared out best with none.
        timeout: Seconds one task may take, or a generator to its next part, which may be None to
            say that it goes on; None for any time.
        prepare: Called in each process before its first task.
        arguments: Its arguments.
        while_waiting: Called every now and then.

    Yields:
        Each task with its finished future, in the order they finish. The future's ``result`` gives
        what the function gave, or raises what it raised, :class:`TaskTimeoutError` or
        :class:`ProcessDiedError`. A generator's task comes with each part, and at last with what it
        returned; from its beginning again where the system has killed its process.

    Raises:
        Fcn4DistError: If a process dies before it is ready for a task.
    """
    remaining = iter(tasks)
    first = list(islice(remaining, processes))
    pool: list[_PoolProcess[_Task]] = []
    try:
        pool += (_PoolProcess(function, prepare, arguments) for _ in first)
        for process, task in zip(pool, first, strict=True):
            process.give(task)
        busy = pool
        while busy:
            # Before the finished are handed out, which may take any time.
            for process in busy:
                for task in islice(remaining, 1 + ahead - len(process.tasks)):
                    process.give(task)
            busy = [process for process in busy if process.tasks]
            wait([process.connection for process in busy], _SECONDS_BETWEEN_LOOKS)
            for process in busy:
                yield from process.look(timeout)
            while_waiting()
    finally:
        for process in pool:
            process.kill()


def shared_counter() -> Any:
    """Give a number (``value``), from 0 on, that processes of :func:`run_in_processes` share."""
    # It starts a process that cleans up behind all.
    with _nothing_to_import_here():
        return _SPAWN.Value("q", 0)


def die_with_parent() -> None:
    """Have the system kill this process when the one that started it dies, however it dies."""
    if _LIBC is not None:
        _LIBC.prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)


class _PoolProcess(Generic[_Task]):
    """A process, its tasks, and the next process when that one is dead.

    Each process has a pipe of its own, at whose end stands that it is dead, behind all it has said:
    what became of its tasks is never in doubt.

    Attributes:
        tasks: The task the process is at, and those that wait behind it.
    """

    def __init__(self, *work: Any) -> None:
        self._work = work
        self.tasks: deque[_Task] = deque()
        self._tried_again = False
        self._start()

    def give(self, task: _Task) -> None:
        """Have the process begin with a task when those before it are finished."""
        if not self.tasks:
            self._begun = time.monotonic()
        self.tasks.append(task)
        # The next look finds out that the process has just died.
        with suppress(ConnectionError):
            self.connection.send(task)

    def look(self, timeout: float | None) -> list[tuple[_Task, Future]]:
        """Take the tasks that are finished, or whose time is over."""
        finished = []
        try:
            # One at a time: parts may be large, and come as fast as they are taken.
            if self.connection.poll():
                finished += self._hear(self.connection.recv())
        except (EOFError, OSError):
            self._process.join(_SECONDS_TO_DIE)
            self.kill()
            if not self._ready:
                raise Fcn4DistError(
                    f"a process to share the work with cannot start ({self._cause_of_death()}): "
                    "is memory short?"
                ) from None
            # One that was not at a task has done no harm, nor is a task to blame for what somebody
            # kills, or the system for want of memory, unless that happens to it twice.
            if self._process.exitcode == -signal.SIGKILL and not self._tried_again:
                self._go_on_with(self.tasks)
                self._tried_again = True
            else:
                finished += self._fail(ProcessDiedError(self._cause_of_death()))
        too_long = time.monotonic() - self._begun > (timeout or math.inf)
        if self.tasks and self._ready and too_long:
            finished += self._fail(TaskTimeoutError())
        return finished

    def kill(self) -> None:
        self._process.kill()
        self._process.join()
        self.connection.close()

    def _fail(self, error: Exception) -> list[tuple[_Task, Future]]:
        """Blame the task the process was at, and have a new process go on with the others."""
        self.kill()
        failed = [self._answer(None, error)] if self.tasks else []
        self._go_on_with(self.tasks)
        return failed

    def _go_on_with(self, waiting: Iterable[_Task]) -> None:
        self.tasks = deque()
        self._start()
        for task in waiting:
            self.give(task)

    def _answer(
        self, result: Any, error: BaseException | None, is_part: bool = False
    ) -> tuple[_Task, Future]:
        future: Future = Future()
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
        if is_part:
            return self.tasks[0], future
        self._tried_again = False
        return self.tasks.popleft(), future

    def _start(self) -> None:
        self.connection, theirs = _SPAWN.Pipe()
        arguments = (_working_directory(), theirs, *self._work)
        self._process = _SPAWN.Process(target=_serve, args=arguments, daemon=True)
        with _as_a_process_inherits():
            self._process.start()
        theirs.close()
        self._ready = False

    def _hear(
        self, message: tuple[Any, BaseException | None, bool] | None
    ) -> list[tuple[_Task, Future]]:
        # The time to start is not the task's.
        self._ready, self._begun = True, time.monotonic()
        return [] if message is None else [self._answer(*message)]

    def _cause_of_death(self) -> str:
        code = self._process.exitcode or 0
        return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def _serve(
    folder: str | None,
    connection: Connection,
    function: Callable[[_Task], Any],
    prepare: Callable[..., None],
    arguments: tuple[Any, ...],
) -> None:
    """Be a process: say None when ready, then what becomes of each task."""
    die_with_parent()
    if folder is not None:
        os.chdir(folder)
    prepare(*arguments)
    connection.send(None)
    with suppress(EOFError, ConnectionError):
        while True:
            for answer in _answers(function, connection.recv()):
                connection.send(answer)


def _answers(
    function: Callable[[_Task], Any], task: _Task
) -> Iterator[tuple[Any, Any, bool] | None]:
    """Give (result, error, whether it is only a part); None where there is no part yet."""
    try:
        result = function(task)
        if isinstance(result, Generator):
            result = yield from _parts(result)
        yield result, None, False
    except Exception as error:
        yield None, ExceptionWithTraceback(error, error.__traceback__), False


def _parts(
    generator: Generator[Any, None, Any],
) -> Generator[tuple[Any, None, bool] | None, None, Any]:
    while True:
        try:
            part = next(generator)
        except StopIteration as end:
            return end.value
        yield None if part is None else (part, None, True)


@contextmanager
def _as_a_process_inherits() -> Iterator[None]:
    """Set what a process has from its first moment: its variables, and no Ctrl-C."""
    before = {name: os.environ.get(name) for name in _POOL_VARIABLES}
    os.environ.update(_POOL_VARIABLES)
    # Ctrl-C reaches the whole group of processes; the one that gives the work ends the others.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with _nothing_to_import_here():
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _nothing_to_import_here() -> Iterator[None]:
    """Be in the folder of Python's own modules: a new process imports from where it is.

    Nor does it run the program of somebody who calls this package, which would call it again.
    """
    here = os.open(".", os.O_PATH)
    os.chdir(os.path.dirname(os.__file__))
    program = sys.modules["__main__"]
    if getattr(program, "__file__", None) != _OUR_PROGRAM:
        sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = program
        os.fchdir(here)
        os.close(here)


def _working_directory() -> str | None:
    with suppress(OSError):
        return os.getcwd()
    # It has been removed; a new process stays where it is.
    return None
