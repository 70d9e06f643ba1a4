"""What another process of ours prints, shown here: lines, and bars where there are bars."""

import re
from typing import Any

from fcn4_dist.terminal import Progress, progress_in, say, shows_bars, warn
from fcn4_dist.text import Lines

_WARNING = "warning: "


class Retelling:
    """Shows the lines of a process; what they say of progress is a bar on a terminal or notebook.

    Args:
        quiet: Whether to show nothing but warnings.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Progress | None = None
        self._title = ""

    def __enter__(self) -> "Retelling":
        return self

    def __exit__(self, *error: Any) -> None:
        self._end_bar()

    def say(self, line: str) -> None:
        """Show a line."""
        if line.startswith(_WARNING):
            warn(line.removeprefix(_WARNING))
        elif self._quiet:
            return
        elif (progress := progress_in(line)) and shows_bars():
            self._move_bar(progress)
        else:
            say(Lines(line))

    def _move_bar(self, progress: re.Match[str]) -> None:
        if self._bar is None or progress["title"] != self._title:
            self._end_bar()
            self._title = progress["title"]
            self._bar = Progress(self._title, int(progress["total"]), progress["unit"])
            self._bar.__enter__()
        self._bar.count(int(progress["done"]) - self._bar.done)
        self._bar.show(progress["figures"] or "")

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
        self._bar = None
