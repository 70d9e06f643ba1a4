"""The steps of a cross-validation: commands of ours in processes of their own, and their log."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

from fcn4_dist.jobs.stages import run_command
from fcn4_dist.log import follow, terminal_shows
from fcn4_dist.terminal import Progress, detail, fail, progress_in, say_result, warn
from fcn4_dist.text import Lines, shell_command

_WARNING, _ERROR, _STOP = "warning: ", "fcn4-dist: error: ", "fcn4-dist: "


class StepRunner:
    """Runs steps; of what they print, the terminal gets errors, and each warning once.

    Args:
        progress: Counts the steps.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._warned: set[str] = set()

    def run(self, title: str, arguments: list[str], log: Path) -> int:
        """Run a command of ours to its end, in its own way if we are asked to stop.

        Args:
            title: Of the step, like "fold 1 of 5: train".
            arguments: Of ``fcn4-dist``.
            log: File for all that it prints, behind what earlier steps have left.

        Returns:
            Its exit code, as a shell has it; not 0 if we were asked to stop.
        """
        self._progress.show(title, now=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            file.write(f"$ fcn4-dist {shell_command(arguments)}\n".encode())
            file.flush()
            ended = threading.Event()
            lines = follow(log, ended, file.tell())
            teller = threading.Thread(target=self._tell, args=(title, lines))
            teller.start()
            try:
                code = run_command(arguments, file)
            finally:
                ended.set()
                teller.join()
        if code == 0:
            self._progress.count()
        return code

    def _tell(self, title: str, lines: Iterator[str]) -> None:
        for line in lines:
            if line.startswith(_ERROR):
                fail(f"{title}: {line.removeprefix(_ERROR)}")
            elif line.startswith(_STOP):
                say_result(line)
            elif terminal_shows(logging.DEBUG):
                detail(Lines(line))
            elif line.startswith(_WARNING) and line not in self._warned:
                self._warned.add(line)
                warn(f"{title}: {line.removeprefix(_WARNING)}")
            elif progress_in(line):
                self._progress.move(f"{title}: {line}")
