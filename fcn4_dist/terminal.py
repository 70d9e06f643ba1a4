"""What a person sees while something runs: lines, progress, tables."""

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

_SECONDS_BETWEEN_LINES = 5.0


def say(text: str = "") -> None:
    """Print a line at once, also into a file or a pipe."""
    # A file name may hold bytes that are not UTF-8, which a strict stream refuses to print.
    print(text.encode("utf-8", "backslashreplace").decode(), flush=True)


def warn(text: str) -> None:
    """Print a line that asks for attention."""
    say(f"warning: {text}")


def table(rows: Sequence[Sequence[str]]) -> str:
    """Lay out rows of cells in columns; the first row is the heading."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


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
        self._begun = self._shown = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> "Progress":
        if self._visible and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=self._total, desc=self._title, unit=f" {self._unit}")
        return self

    def advance(self, units: int = 1, figures: str = "") -> None:
        """Count units as done.

        Args:
            units: How many.
            figures: What else to show, like "loss 0.21".
        """
        self.done += units
        if self._bar is not None:
            self._bar.set_postfix_str(figures, refresh=False)
            self._bar.update(units)
        elif self._visible:
            self._line_now_and_then(figures)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def _line_now_and_then(self, figures: str) -> None:
        now = time.monotonic()
        finished = self.done >= self._total
        if not finished and now - self._shown < _SECONDS_BETWEEN_LINES:
            return
        self._shown = now
        elapsed = now - self._begun
        left = elapsed / self.done * (self._total - self.done)
        parts = [f"{self._title}: {self.done}/{self._total} {self._unit}", figures]
        parts += [f"took {_clock(elapsed)}" if finished else f"left {_clock(left)}"]
        say("  ".join(part for part in parts if part))


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
