"""Where lines for people go, by :mod:`logging`: the terminal, and files with time, level and rank.

Everything said passes through here, and is cleaned (:mod:`fcn4_dist.text`): a line stays a line,
and nothing in it steers a terminal.
"""

import logging
import re
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from fcn4_dist.text import Lines, cleaned

_LOGGER = logging.getLogger("fcn4_dist")
_BEGINNINGS = {"INFO": "", "WARNING": "warning: ", "ERROR": "fcn4-dist: error: "}
_LINE = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (INFO|WARNING|ERROR) rank \d+: ?(.*)", re.DOTALL
)


def logger() -> logging.Logger:
    """Give the package's logger; on first use it begins to write to the terminal."""
    if not any(isinstance(each, _Terminal | _LogFile) for each in _LOGGER.handlers):
        _LOGGER.setLevel(logging.INFO)
        _LOGGER.propagate = False
        _LOGGER.addHandler(_Terminal())
    return _LOGGER


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
    terminals = [each for each in logger().handlers if isinstance(each, _Terminal)]
    keep_log(path, 0)
    for terminal in terminals:
        terminal.setLevel(logging.ERROR)
    try:
        yield
    finally:
        end_log()
        for terminal in terminals:
            terminal.setLevel(logging.NOTSET)


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
    match = _LINE.fullmatch(line)
    # Tabs of other programs stay.
    return Lines(f"{_BEGINNINGS[match[1]]}{match[2]}" if match else line)


@contextmanager
def stdout_is_data() -> Iterator[None]:
    """Send lines for people to standard error in this context."""
    terminals = [each for each in logger().handlers if isinstance(each, _Terminal)]
    for terminal in terminals:
        terminal.beside = True
    try:
        yield
    finally:
        for terminal in terminals:
            terminal.beside = False


def _replace_terminal(handler: logging.Handler) -> None:
    for earlier in list(logger().handlers):
        if isinstance(earlier, _Terminal):
            _LOGGER.removeHandler(earlier)
    _LOGGER.addHandler(handler)


class _Terminal(logging.Handler):
    """Shows lines as they are, warnings and errors with a word in front.

    Args:
        errors: Show errors alone, on this stream; None for all, on the standard streams.
        beginning: What each error begins with.
    """

    def __init__(self, errors: TextIO | None = None, beginning: str = "") -> None:
        super().__init__(logging.NOTSET if errors is None else logging.ERROR)
        self._errors, self._beginning = errors, beginning
        self.beside = False

    def emit(self, record: logging.LogRecord) -> None:
        text, beginning = _text_of(record), _BEGINNINGS[record.levelname]
        if record.levelno < logging.ERROR:
            write_line(beginning + text, sys.stderr if self.beside else sys.stdout)
            return
        if sys.stdout:
            sys.stdout.flush()
        stream = self._errors or sys.stderr
        for line in _trace_of(record):
            write_line(f"{self._beginning}{line}", stream)
        # Checks find several things at once: a line each.
        for line in text.split("\n"):
            write_line(f"{beginning}{self._beginning}{line}", stream)


class _LogFile(logging.Handler):
    """Writes lines with time, level and rank."""

    def __init__(self, stream: TextIO, rank: int) -> None:
        super().__init__()
        self.stream, self._rank = stream, rank

    def emit(self, record: logging.LogRecord) -> None:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        lines = _trace_of(record)
        for number, line in enumerate(_text_of(record).split("\n")):
            # A warning of several lines is one warning.
            level = record.levelname if number == 0 or record.levelname == "ERROR" else "INFO"
            lines.append(f"{when} {level} rank {self._rank}: {line}".rstrip())
        # A disk that is full must not end the job that is to be logged.
        with suppress(OSError):
            self.stream.write("\n".join(lines) + "\n")
            self.stream.flush()


def _text_of(record: logging.LogRecord) -> str:
    return cleaned(record.getMessage())


def _trace_of(record: logging.LogRecord) -> list[str]:
    trace = traceback.format_exception(*record.exc_info) if record.exc_info else []
    return [cleaned(Lines(line)) for line in "".join(trace).splitlines()]
