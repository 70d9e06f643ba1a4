"""Where each worker is: written by the worker, read by the launcher.

Every rank takes the same steps in the same order, so the rank that has taken fewer than the
others is the one they wait for in the next collective.
"""

import faulthandler
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from fcn4_dist import documents
from fcn4_dist.cluster.device import job_folder
from fcn4_dist.errors import InputError
from fcn4_dist.processes import die_with_parent

_RECORD_BYTES = 512
_LONGEST_DOING = 200


@dataclass(frozen=True)
class Beat(documents.Document):
    """What a worker last said of itself.

    Attributes:
        process: Its process id.
        count: Steps taken so far; more on a rank that is ahead.
        doing: What it does now, as the end of "rank 1 is …".
        may_take_long: Whether this may take long, as starting and compiling do.
    """

    process: documents.Positive
    count: documents.Count
    doing: str
    may_take_long: bool


class Heartbeat:
    """Says where this worker is.

    Args:
        path: File to write to; None to write nothing (in a single-card run).
    """

    def __init__(self, path: Path | None = None) -> None:
        self._file = None if path is None else os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
        self._count = 0

    def at(self, doing: str, *, may_take_long: bool = False) -> None:
        """Say what this worker does now; every rank has to say the same number of things.

        Args:
            doing: The end of "rank 1 is …".
            may_take_long: Whether it may take long.
        """
        if self._file is None:
            return
        self._count += 1
        beat = Beat(os.getpid(), self._count, doing[:_LONGEST_DOING], may_take_long)
        # One write of one size: the launcher never reads half of an old record.
        os.pwrite(self._file, documents.to_line(beat).encode().ljust(_RECORD_BYTES), 0)


def watched_heartbeat() -> Heartbeat:
    """Let the launcher see where this process is, show its stack, and take it along at the end.

    Returns:
        The heartbeat of this rank; one that writes nothing where no launcher watches.
    """
    folder = job_folder()
    if folder is None:
        return Heartbeat()
    die_with_parent()
    if os.environ.get("MS_ROLE") != "MS_WORKER":
        return Heartbeat()
    rank = int(os.environ["RANK_ID"])
    # Left open: it is written to when SIGUSR1 comes.
    stack = os.open(stack_file(folder, rank), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    faulthandler.register(signal.SIGUSR1, file=stack)
    return Heartbeat(heartbeat_file(folder, rank))


def heartbeat_file(folder: Path, rank: int) -> Path:
    """Name the file in which a rank says where it is."""
    return folder / f"rank_{rank}.heartbeat"


def read_beat(path: Path) -> Beat | None:
    """Read what a worker last said; None if it has said nothing yet."""
    try:
        return documents.read(path, Beat)
    except InputError:
        return None


def log_file(folder: Path, rank: int) -> Path:
    """Name the file with what a rank says, and what else is printed in its process."""
    return folder / f"rank_{rank}.log"


def stack_file(folder: Path, rank: int) -> Path:
    """Name the file to which a rank writes its Python stacks when it gets SIGUSR1."""
    return folder / f"rank_{rank}_stack.txt"
