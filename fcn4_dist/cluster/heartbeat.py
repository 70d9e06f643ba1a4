"""Where each worker is: written by the worker, read by the launcher.

Every rank takes the same steps in the same order, so the rank that has taken fewer than the
others is the one they wait for in the next collective.
"""

import faulthandler
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fcn4_dist import documents
from fcn4_dist.cluster.device import job_folder
from fcn4_dist.errors import InputError
from fcn4_dist.processes import die_with_parent

_RECORD_BYTES = 4096
"""Has room for the longest words, each letter of which may be an escape of twelve."""
_LONGEST_DOING = 200


@dataclass(frozen=True)
class Beat(documents.Document):
    """What a worker last said of itself.

    Attributes:
        process: Its process id.
        count: Steps taken so far; more on a rank that is ahead.
        doing: What it does now, as the end of "rank 1 is …".
        may_take_long: Whether this may take long, as starting and compiling do.
        signs: How often it has said that what it does goes on.
        has_done_all: Whether nothing is left but to end.
    """

    most_bytes: ClassVar[int] = _RECORD_BYTES

    process: documents.Positive
    count: documents.Count
    doing: str
    may_take_long: bool
    signs: documents.Count = 0
    has_done_all: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """How far some ranks are.

    Attributes:
        count: Steps that the slowest has taken.
        signs: How often they have said that what they do goes on.
        may_take_long: Whether what the slowest do may take long.
    """

    count: documents.Count
    signs: documents.Count
    may_take_long: bool

    @classmethod
    def joined(cls, standings: "Sequence[Standing | Beat]") -> "Standing":
        """Give the standing of all of several, of which there is one at least."""
        slowest = min(each.count for each in standings)
        return cls(
            slowest,
            sum(each.signs for each in standings),
            any(each.may_take_long for each in standings if each.count == slowest),
        )


class Heartbeat:
    """Says where this worker is.

    Args:
        path: File to write to; None to write nothing (in a single-card run).
    """

    def __init__(self, path: Path | None = None) -> None:
        self._file = None if path is None else os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
        self._count = self._signs = 0

    def at(self, doing: str, *, may_take_long: bool = False) -> None:
        """Say what this worker does now; every rank has to say the same number of things.

        Args:
            doing: The end of "rank 1 is …".
            may_take_long: Whether it may take long.
        """
        self._count += 1
        self._say(doing, may_take_long)

    def goes_on(self, doing: str, *, may_take_long: bool = False) -> None:
        """Say that this worker is at something of its own, and still is; others do not say it.

        Work that the other ranks wait for, or have left to rank 0 at the end, is not taken for a
        hang while this is called more often than every step_timeout seconds.

        Args:
            doing: The end of "rank 0 is …".
            may_take_long: Whether it may take long until it is said the next time.
        """
        self._signs += 1
        self._say(doing, may_take_long)

    def end(self) -> None:
        """Say that all that this worker was started for is done, and written."""
        self._count += 1
        self._say("leaving", may_take_long=True, has_done_all=True)

    def _say(self, doing: str, may_take_long: bool, *, has_done_all: bool = False) -> None:
        if self._file is None:
            return
        said = doing[:_LONGEST_DOING]
        beat = Beat(os.getpid(), self._count, said, may_take_long, self._signs, has_done_all)
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
    stack = os.open(stack_file(folder, rank), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
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
