"""What a person sees while something runs: lines, progress, tables."""

import logging
import re
import shutil
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any

from fcn4_dist import log
from fcn4_dist.text import Lines, cleaned, json_text

_LONGEST_RULE = 40
_WIDEST_LETTER = 2
_SECONDS_BETWEEN_LINES = 5.0
_SECONDS_BETWEEN_REMINDERS = 15.0
# Short, so that the figures behind it have room on a usual terminal.
_BAR = "{desc}: {percentage:3.0f}%|{bar:10}| {n_fmt}/{total_fmt}{unit}, left {remaining}{postfix}"
_PROGRESS_LINE = re.compile(
    r"(?P<title>[^:]+): (?P<done>\d+)/(?P<total>\d+) (?P<unit>\S+)"
    r"(?:  (?P<figures>.+?))??(?:  (?:left|took) [\d:]+)?"
)


def say(text: str = "") -> None:
    """Print a line at once, also into a file or a pipe, and above a bar that is shown.

    Args:
        text: A line, which what is in it cannot break; or :class:`Lines`, as of a table.
    """
    log.logger().info(text)


def detail(text: str) -> None:
    """Print a line for those who asked for more (``--verbose``)."""
    log.logger().debug(text)


def say_result(text: str) -> None:
    """Print what the command was called for, also where little is to be shown (``--quiet``).

    Args:
        text: As of :func:`say`.
    """
    log.logger().log(log.RESULT, text)


def warn(text: str) -> None:
    """Print a line that asks for attention."""
    log.logger().warning(text)


def fail(text: str, *, trace: bool = False) -> None:
    """Print why a command ends, a line for each thing found, to standard error.

    Args:
        text: The line, or :class:`Lines`.
        trace: Whether to print the error that is being handled, too.
    """
    log.logger().error(text, exc_info=trace)


def put(text: str) -> None:
    """Print a line of data, for another program; a terminal gets it cleaned."""
    log.write_line(cleaned(Lines(text)) if sys.stdout.isatty() else text, sys.stdout)


def put_json(value: Any) -> None:
    """Print a value as a line of JSON, in what the stream can hold."""
    put(json_text(value, getattr(sys.stdout, "encoding", None) or "utf-8"))


def table(rows: Sequence[Sequence[str]]) -> Lines:
    """Lay out rows of cells in columns; the first row is the heading.

    On a terminal, cells are broken so that no line is longer than it is wide; elsewhere, as in a
    pipe, each row is one line.
    """
    from wcwidth import ljust, width

    rows = [[cleaned(cell) for cell in row] for row in rows]
    room = _widths(list(zip(*rows, strict=True)))
    broken = [[_broken(cell, most) for cell, most in zip(row, room, strict=True)] for row in rows]
    columns = zip(*broken, strict=True)
    widths = [max(width(part) for cell in column for part in cell) for column in columns]
    # Sentences in the last column do not need a rule of their length.
    rule = [["-" * wide] for wide in (*widths[:-1], min(widths[-1], _LONGEST_RULE))]
    lines = []
    for row in (broken[0], rule, *broken[1:]):
        for cells in zip_longest(*row, fillvalue=""):
            line = "  ".join(ljust(cell, wide) for cell, wide in zip(cells, widths, strict=True))
            lines.append(line.rstrip())
    return Lines("\n".join(lines))


def clock(seconds: float) -> str:
    """Write a time as hours:minutes:seconds."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


@contextmanager
def still_running(what: str, visible: bool = True) -> Iterator[None]:
    """Say that something long begins, and every now and then that it still goes on.

    Args:
        what: What is being done.
        visible: Whether to show anything; ranks other than 0 do not.
    """
    ended, begun = threading.Event(), time.monotonic()

    def remind() -> None:
        while not ended.wait(_SECONDS_BETWEEN_REMINDERS):
            say(f"still {what.split(':')[0]}, for {clock(time.monotonic() - begun)} so far …")

    if visible:
        say(f"{what} …")
        threading.Thread(target=remind, daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def shows_bars() -> bool:
    """Tell whether progress is a bar here: on a terminal, and in a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if not hasattr(shell, "kernel"):
        return sys.stderr.isatty()
    with warnings.catch_warnings():
        # Of what a notebook's own bars need; without it, they are lines of text.
        warnings.simplefilter("ignore")
        import tqdm.auto  # noqa: F401
    return True


def progress_in(line: str) -> re.Match[str] | None:
    """Read a line of :class:`Progress`: its title, done, total, unit and figures, by name."""
    return _PROGRESS_LINE.fullmatch(line)


class Progress:
    """Progress of long work: a bar on a terminal, a line every few seconds elsewhere.

    Args:
        title: What is being done.
        total: Number of units of work.
        unit: Name of the units.
        visible: Whether to show anything; ranks other than 0 do not.
    """

    def __init__(self, title: str, total: int, unit: str, visible: bool = True) -> None:
        self._title, self._total, self._unit, self._visible = title, total, unit, visible
        self.done = 0
        self._begun = self._timed_from = self._shown = time.monotonic()
        self._done_before = 0
        self._bar: Any = None

    def __enter__(self) -> "Progress":
        # A log is to have its lines, where the terminal is to have no bar.
        if self._visible and shows_bars() and log.terminal_shows(logging.INFO):
            from tqdm.auto import tqdm

            self._bar = tqdm(
                total=self._total,
                desc=self._title,
                unit=f" {self._unit}",
                bar_format=_BAR,
                dynamic_ncols=True,
            )
        return self

    @property
    def units_per_second(self) -> float:
        """Speed since the clock was started; 0.0 as long as nothing was timed."""
        return (self.done - self._done_before) / max(time.monotonic() - self._timed_from, 1e-9)

    def restart_clock(self) -> None:
        """Leave out of the speed what was done so far."""
        self._timed_from = time.monotonic()
        self._done_before = self.done

    def leave_out(self, seconds: float) -> None:
        """Leave out of the speed some time that was spent on other work."""
        self._timed_from += seconds

    def advance(self, units: int = 1) -> None:
        """Count units as done, and show it now and then."""
        self.count(units)
        self.show()

    def count(self, units: int = 1) -> None:
        """Count units as done."""
        self.done += units
        if self._bar is not None:
            self._bar.update(units)

    def show(self, figures: str = "", now: bool = False) -> None:
        """Show how far the work is, if the last time is a while ago.

        Args:
            figures: What else to show, like "loss 0.21".
            now: Show it whenever the last time was.
        """
        if self._bar is not None:
            self._bar.set_postfix_str(figures, refresh=now)
        elif self._visible:
            time_now = time.monotonic()
            waited = time_now - self._shown >= _SECONDS_BETWEEN_LINES
            if now or waited or self.done >= self._total:
                self._shown = time_now
                self._print_line(figures, time_now)

    def move(self, figures: str) -> None:
        """Show on a bar alone how far a part of the work is."""
        if self._bar is not None:
            self._bar.set_postfix_str(figures)

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if self._bar is not None:
            self._bar.close()

    def _print_line(self, figures: str, time_now: float) -> None:
        speed = self.units_per_second
        if self.done >= self._total:
            time_text = f"took {clock(time_now - self._begun)}"
        elif speed > 0:
            time_text = f"left {clock((self._total - self.done) / speed)}"
        else:
            time_text = ""
        counted = f"{self._title}: {self.done}/{self._total} {self._unit}"
        say("  ".join(part for part in (counted, figures, time_text) if part))


def _widths(columns: Sequence[Sequence[str]]) -> list[int]:
    """Choose how wide each column is, in cells of a terminal."""
    from wcwidth import width

    most = [max(map(width, column)) for column in columns]
    room = shutil.get_terminal_size().columns - 2 * (len(columns) - 1)
    if not log.is_terminal(sys.stdout) or sum(most) <= room:
        return most
    # A narrow column stays as it is, and words stay whole, as long as there is room for that.
    words = [max(map(_longest_word, column)) for column in columns]
    least = words
    if sum(words) > room:
        least, most = [min(_WIDEST_LETTER, word) for word in words], words
    for widest in range(max(most), 0, -1):
        widths = [min(max(widest, a), b) for a, b in zip(least, most, strict=True)]
        if sum(widths) <= room:
            return widths
    return least


def _longest_word(cell: str) -> int:
    from wcwidth import width, wrap

    parts = wrap(cell, 1, break_long_words=False, break_on_hyphens=False)
    return max(map(width, parts), default=0)


def _broken(cell: str, room: int) -> list[str]:
    """Break a cell into lines; what is to be copied, such as a flag, stays whole if it can."""
    from wcwidth import width, wrap

    if width(cell) <= room:
        return [cell]
    return wrap(cell, max(room, 1), break_on_hyphens=_longest_word(cell) > room) or [""]
