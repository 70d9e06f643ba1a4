"""Where lines for people go, by :mod:`logging`: the terminal, and files with time, level and rank.

Everything said passes through here, and is cleaned (:mod:`fcn4_dist.text`): a line stays a line,
and nothing in it steers a terminal. The terminal shows what it is asked for (:class:`Verbosity`);
files hold all.
"""

import logging
import os
import re
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum
from pathlib import Path
from typing import TextIO

from fcn4_dist.text import Lines, cleaned

_LOGGER = logging.getLogger("fcn4_dist")
RESULT = 25
"""The level of what a command is called for: more than a line on the way, no warning."""
_LEVELS = {
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "RESULT": RESULT,
    "WARNING": logging.WARNING,
    "ERROR": logging.ERROR,
}
_BEGINNINGS = {logging.WARNING: "warning: ", logging.ERROR: "fcn4-dist: error: "}
_COLOURS = {logging.WARNING: "\x1b[1;33m", logging.ERROR: "\x1b[1;31m"}
_NO_COLOUR = "\x1b[0m"
_LINE = re.compile(
    rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d ({'|'.join(_LEVELS)}) rank \d+: ?(.*)", re.DOTALL
)
_SECONDS_BETWEEN_LOOKS = 0.1
MPI_SIZE_VARIABLES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
"""Of the environment of a rank that mpirun has started."""


class Verbosity(IntEnum):
    """What the terminal shows: the least level."""

    QUIET = RESULT
    NORMAL = logging.INFO
    VERBOSE = logging.DEBUG


def logger() -> logging.Logger:
    """Give the package's logger; on first use it begins to write to the terminal."""
    if not any(isinstance(each, _Terminal | _LogFile) for each in _LOGGER.handlers):
        logging.addLevelName(RESULT, "RESULT")
        _LOGGER.setLevel(logging.DEBUG)
        _LOGGER.propagate = False
        _LOGGER.addHandler(_Terminal())
    return _LOGGER


def terminal_shows(level: int) -> bool:
    """Tell whether the terminal shows lines of a level."""
    logger()
    return any(level >= each.level for each in _terminals())


def show(wanted: Verbosity) -> None:
    """Have the terminal show this from now on."""
    logger()
    for terminal in _terminals():
        terminal.setLevel(wanted)


def is_terminal(stream: TextIO) -> bool:
    """Tell whether people see what is written to a stream as it is written.

    Open MPI gives its ranks terminals of their own, whose text it writes wherever its own goes.
    """
    return stream.isatty() and not any(name in os.environ for name in MPI_SIZE_VARIABLES)


def write_line(text: str, stream: TextIO | None) -> None:
    """Print a line at once, also into a file or a pipe, and above a bar that is shown."""
    if stream is None:
        # A process may be started with its output closed.
        return
    if bars := getattr(sys.modules.get("tqdm"), "tqdm", None):
        # It takes the bars away and draws them again below the line.
        bars.write(text, file=stream)
        stream.flush()
    else:
        print(text, file=stream, flush=True)


def keep_log(path: Path, rank: int, *, append: bool = False) -> TextIO:
    """Write what is said to a file, too, with time, level and rank, until :func:`end_log`.

    Args:
        path: The file.
        rank: Of this process.
        append: Whether to go on behind what an earlier job has left, or to begin anew.

    Returns:
        The open file.
    """
    end_log()
    if not append:
        path.unlink(missing_ok=True)
    stream = path.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)
    logger().addHandler(_LogFile(stream, rank))
    return stream


def end_log() -> None:
    """Write no more to the file of an earlier :func:`keep_log`, and close it."""
    for handler in list(logger().handlers):
        if isinstance(handler, _LogFile) and handler.stream is not sys.stdout:
            logger().removeHandler(handler)
            # What a full disk had no room for is refused once more.
            with suppress(OSError):
                handler.stream.close()


@contextmanager
def kept_off_terminal(path: Path) -> Iterator[None]:
    """Write lines to a file instead of the terminal in this context; errors are shown, too.

    Args:
        path: The file; its folder is there.
    """
    keep_log(path, 0)
    levels = {terminal: terminal.level for terminal in _terminals()}
    for terminal in levels:
        terminal.setLevel(logging.ERROR)
    try:
        yield
    finally:
        end_log()
        for terminal, level in levels.items():
            terminal.setLevel(level)


def log_only(rank: int) -> None:
    """Give lines time, level and rank: for a process whose standard output is its log."""
    _replace_terminal(_LogFile(sys.stdout, rank))


def errors_only(terminal: TextIO, rank: int) -> None:
    """Leave the terminal to rank 0: of another rank, it is shown errors alone.

    Args:
        terminal: The stream they go to.
        rank: Of this process.
    """
    _replace_terminal(_Terminal(terminal, f"rank {rank}: "))


def as_shown(line: str) -> str:
    """Give a line of a log as the terminal would have shown it.

    Args:
        line: Of a file of :func:`keep_log` or :func:`log_only`, or anything else that was printed.
    """
    level, text = _level_and_text(line)
    # Tabs of other programs stay.
    return Lines(f"{_BEGINNINGS.get(level, '')}{text}")


def say_as_logged(line: str) -> None:
    """Say a line of another process's log here, as loudly as it was said there.

    Args:
        line: Of a file of :func:`log_only`; what other programs have printed is an ordinary line.
    """
    level, text = _level_and_text(line)
    logger().log(level, Lines(text))


def follow(path: Path, ended: threading.Event, begin: int = 0) -> Iterator[str]:
    """Read the lines of a file that another process writes, as they come.

    Args:
        path: The file; it need not be there yet.
        ended: Set when no more will come.
        begin: Bytes at the beginning that are left out.
    """
    while not path.exists():
        if ended.wait(_SECONDS_BETWEEN_LOOKS):
            return
    with path.open(encoding="utf-8", errors="replace") as file:
        file.seek(begin)
        last_look, rest = False, ""
        while not last_look:
            last_look = ended.wait(_SECONDS_BETWEEN_LOOKS)
            *lines, rest = (rest + file.read()).split("\n")
            if last_look and rest:
                lines.append(rest)
            yield from lines


@contextmanager
def stdout_is_data() -> Iterator[None]:
    """Send lines for people to standard error in this context."""
    logger()
    terminals = _terminals()
    for terminal in terminals:
        terminal.beside = True
    try:
        yield
    finally:
        for terminal in terminals:
            terminal.beside = False


def _terminals() -> list["_Terminal"]:
    return [each for each in _LOGGER.handlers if isinstance(each, _Terminal)]


def _replace_terminal(handler: logging.Handler) -> None:
    logger()
    for earlier in _terminals():
        _LOGGER.removeHandler(earlier)
    _LOGGER.addHandler(handler)


class _Terminal(logging.Handler):
    """Shows lines as they are, warnings and errors with a word in front.

    Args:
        errors: Show errors alone, on this stream; None for all, on the standard streams.
        beginning: What each error begins with.
    """

    def __init__(self, errors: TextIO | None = None, beginning: str = "") -> None:
        super().__init__(logging.INFO if errors is None else logging.ERROR)
        self._errors, self._beginning = errors, beginning
        self.beside = False

    def emit(self, record: logging.LogRecord) -> None:
        text = _text_of(record)
        if record.levelno < logging.ERROR:
            stream = sys.stderr if self.beside else sys.stdout
            write_line(_beginning_of(record, stream) + text, stream)
            return
        if sys.stdout:
            sys.stdout.flush()
        stream = self._errors or sys.stderr
        for line in _trace_of(record):
            write_line(f"{self._beginning}{line}", stream)
        # Checks find several things at once: a line each.
        for line in text.split("\n"):
            write_line(f"{_beginning_of(record, stream)}{self._beginning}{line}", stream)


class _LogFile(logging.Handler):
    """Writes all lines, with time, level and rank."""

    def __init__(self, stream: TextIO, rank: int) -> None:
        super().__init__()
        self.stream, self._rank = stream, rank

    def emit(self, record: logging.LogRecord) -> None:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        lines = _trace_of(record)
        for number, line in enumerate(_text_of(record).split("\n")):
            # A warning of several lines is one warning, of which nothing is to be lost.
            level = "RESULT" if number and record.levelname == "WARNING" else record.levelname
            lines.append(f"{when} {level} rank {self._rank}: {line}".rstrip())
        # A disk that is full must not end the job that is to be logged.
        with suppress(OSError):
            self.stream.write("\n".join(lines) + "\n")
            self.stream.flush()


def _beginning_of(record: logging.LogRecord, stream: TextIO | None) -> str:
    beginning = _BEGINNINGS.get(record.levelno, "")
    if not beginning or stream is None or not _has_colours(stream):
        return beginning
    return f"{_COLOURS[record.levelno]}{beginning.strip()}{_NO_COLOUR} "


def _has_colours(stream: TextIO) -> bool:
    """Tell whether to colour a stream: no-color.org and force-color.org, then what it is."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return is_terminal(stream) and os.environ.get("TERM") != "dumb"


def _level_and_text(line: str) -> tuple[int, str]:
    match = _LINE.fullmatch(line)
    return (_LEVELS[match[1]], match[2]) if match else (logging.INFO, line)


def _text_of(record: logging.LogRecord) -> str:
    return cleaned(record.getMessage())


def _trace_of(record: logging.LogRecord) -> list[str]:
    trace = traceback.format_exception(*record.exc_info) if record.exc_info else []
    return [cleaned(Lines(line)) for line in "".join(trace).splitlines()]
