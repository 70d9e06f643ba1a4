"""Where lines for people go, by :mod:`logging`: the terminal, and files with time, level and rank.

Everything said passes through here, and is cleaned of what could steer a terminal: file names,
texts of other hosts and messages of libraries are not to be trusted with that.
"""

import logging
import re
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

_LOGGER = logging.getLogger("fcn4_dist")
# Control characters but tab and line feed, and those that turn the direction of writing.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_BEGINNINGS = {"INFO": "", "WARNING": "warning: ", "ERROR": "fcn4-dist: error: "}
_LINE = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (INFO|WARNING|ERROR) rank \d+: ?(.*)", re.DOTALL
)


def logger() -> logging.Logger:
    """Give the package's logger; on first use it begins to write to the terminal."""
    if not _LOGGER.handlers:
        _LOGGER.setLevel(logging.INFO)
        _LOGGER.propagate = False
        _LOGGER.addHandler(_Terminal())
    return _LOGGER


def cleaned(text: str) -> str:
    """Write control characters out, as their escapes; only tabs and line feeds stay."""
    return _STEERING.sub(lambda found: ascii(found[0])[1:-1], text)


def write_line(text: str, stream: TextIO) -> None:
    """Print a line at once, also into a file or a pipe, and above a bar that is shown."""
    if bars := sys.modules.get("tqdm"):
        # It takes the bars away and draws them again below the line.
        bars.tqdm.write(text, file=stream)
        stream.flush()
    else:
        print(text, file=stream, flush=True)


def keep_log(path: Path, rank: int) -> TextIO:
    """Write what is said to a file, too, with time, level and rank; to one at a time.

    Args:
        path: The file; an earlier one is replaced.
        rank: Of this process.

    Returns:
        The open file.
    """
    stream = path.open("w", encoding="utf-8", errors="backslashreplace", buffering=1)
    earlier = [each for each in logger().handlers if isinstance(each, _LogFile)]
    logger().handlers[:] = [each for each in logger().handlers if each not in earlier]
    logger().addHandler(_LogFile(stream, rank))
    return stream


def log_only(rank: int) -> None:
    """Give lines time, level and rank: for a process whose standard output is its log."""
    logger().handlers[:] = [_LogFile(sys.stdout, rank)]


def errors_only(terminal: TextIO, rank: int) -> None:
    """Leave the terminal to rank 0: of another rank, it is shown errors alone.

    Args:
        terminal: The stream they go to.
        rank: Of this process.
    """
    for handler in list(logger().handlers):
        if isinstance(handler, _Terminal):
            logger().removeHandler(handler)
    logger().addHandler(_Terminal(terminal, f"rank {rank}: "))


def as_shown(line: str) -> str:
    """Give a line of a log as the terminal would have shown it.

    Args:
        line: Of a file of :func:`keep_log` or :func:`log_only`, or anything else that was printed.
    """
    match = _LINE.fullmatch(line)
    return f"{_BEGINNINGS[match[1]]}{match[2]}" if match else line


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
        sys.stdout.flush()
        stream = self._errors or sys.stderr
        if record.exc_info:
            write_line(_trace_of(record), stream)
        # Checks find several things at once: a line each.
        for line in text.splitlines():
            write_line(f"{beginning}{self._beginning}{line}", stream)


class _LogFile(logging.Handler):
    """Writes lines with time, level and rank."""

    def __init__(self, stream: TextIO, rank: int) -> None:
        super().__init__()
        self._stream, self._rank = stream, rank

    def emit(self, record: logging.LogRecord) -> None:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        text = _text_of(record)
        if record.exc_info:
            self._stream.write(f"{_trace_of(record)}\n")
        for number, line in enumerate(text.split("\n")):
            # A warning of several lines is one warning.
            level = record.levelname if number == 0 or record.levelname == "ERROR" else "INFO"
            self._stream.write(f"{when} {level} rank {self._rank}: {line}".rstrip() + "\n")
        self._stream.flush()


def _text_of(record: logging.LogRecord) -> str:
    return cleaned(record.getMessage())


def _trace_of(record: logging.LogRecord) -> str:
    assert record.exc_info
    return cleaned("".join(traceback.format_exception(*record.exc_info))).rstrip("\n")
