"""What CANN has said of a process that failed: in the process's own log, and in CANN's.

CANN writes a log for each process (its plog), into the first of these that is set:
``$ASCEND_PROCESS_LOG_PATH``, ``$ASCEND_WORK_PATH/log`` or ``~/ascend/log``; there in
``debug/plog/plog-PID_TIME.log`` and ``run/plog`` (CANN's environment variable reference and log
reference). With ``ASCEND_SLOG_PRINT_TO_STDOUT=1`` the same lines go to standard output. What
MindSpore got from CANN is in the text of its error, below "Ascend Error Message:".
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fcn4_dist.files import ends_of
from fcn4_dist.host.cann_errors import CannError, cann_error
from fcn4_dist.log import as_shown
from fcn4_dist.text import cleaned

_BYTES_OF_AN_END = 1 << 20
_LONGEST_LINE = 300
_LINES_OF_A_MESSAGE = 4
_CLOCKS_DIFFER = 60.0
_MOST_PLOGS = 4
"""Seconds by which a file server's clock may be behind this host's."""

_CODE = r"(E[1-9A-Z][0-9]{4})"
_SPOKEN = re.compile(
    # "EI0006: 2024-08-05-18:15:21.270.506 Getting ..." and "EJ0001: [PID: 35532] ..." up to CANN
    # 8.3, "[PID: 210907] ... Memory_Allocation_Failure(EL0004): Failed ..." since 8.5.
    rf"(?:(?<![\w./-]){_CODE}|\w\({_CODE}\)): ?\S"
    # In a plog: "... ProcessStarsCoreErrorInfo:report error module_type=5, module_name=EZ9999".
    rf"|module_name={_CODE}\b"
)
_PLOG_WORDS = (
    # HCCL's plog has words instead of codes (hcomm's troubleshooting documents).
    ("wait socket establish timeout", "EI0006"),
    ("[InitChannelStage][Timeout]", "EI0006"),
    ("topo exchange server get socket timeout", "EI0015"),
    ("topo exchange agent get socket timeout", "EI0015"),
    ("[TaskExecStage][Timeout]", "EI0002"),
    ("Notify wait execute failed", "EI0002"),
    ("Please check the port status and whether the port is being used", "EI0019"),
    ("[ParameterConflict]", "EI0005"),
    # The runtime has but inner errors for these.
    ("driver error:out of memory", "EL0004"),
    ("device retain error", "E39999"),
)
_MESSAGE_ENDS = ("Possible Cause", "Solution", "TraceBack", "(Please search", "-----")


@dataclass(frozen=True)
class Report:
    """An error that CANN has reported.

    Attributes:
        error: Which.
        lines: What CANN said, at most four lines, cleaned and cut to 300 characters each.
        path: Where that was read; None for the text of an exception.
    """

    error: CannError
    lines: tuple[str, ...]
    path: Path | None = None


def find_report(
    log: Path | None, process: int | None, since: float, environment: Mapping[str, str] = os.environ
) -> Report | None:
    """Look for what CANN has reported of a process: in its log, and else in its plog.

    Args:
        log: What the process has printed; None for nothing.
        process: Its id; None if that is not known.
        since: When it was started, in seconds since 1970: older files are of another process.
        environment: Variables of the process.

    Returns:
        The error that tells most: one that names a cause, before one that tells of waiting for
        another rank, before CANN's own inner errors; of equals the first. None for nothing.
    """
    files = [log] if log else []
    files += _plogs(process, since, environment) if process else []
    found = [report for path in files for report in _reports_in(_lines_of(path), path)]
    return _telling_most(found)


def report_in(text: str) -> Report | None:
    """Look for what CANN has reported in the text of an exception.

    Args:
        text: Of any length; MindSpore says in it that it speaks of Ascend.
    """
    if "Ascend" not in text:
        return None
    return _telling_most(list(_reports_in(text.splitlines(), None)))


def plog_folders(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Name the folders that hold the plogs of processes with these variables."""
    if path := environment.get("ASCEND_PROCESS_LOG_PATH"):
        root = Path(path)
    elif path := environment.get("ASCEND_WORK_PATH"):
        root = Path(path) / "log"
    else:
        root = Path(environment.get("HOME") or Path.home()) / "ascend" / "log"
    return [root / kind / "plog" for kind in ("debug", "run")]


def _plogs(process: int, since: float, environment: Mapping[str, str]) -> list[Path]:
    found: list[Path] = []
    for folder in plog_folders(environment):
        with suppress(OSError):
            # The number of a process may be that of an earlier one, or of one in a container.
            times = {
                path: path.stat().st_mtime
                for path in folder.glob(f"plog-{process}_*.log")
                if path.is_file()
            }
            recent = [path for path, when in times.items() if when >= since - _CLOCKS_DIFFER]
            # CANN begins a new one when one is full: the last ones are those of the end.
            found += sorted(recent, key=lambda path: (times[path], path))[-_MOST_PLOGS:]
    return found


def _lines_of(path: Path) -> list[str]:
    # By line feeds alone: a line of a log may hold other characters that end lines.
    return [as_shown(line) for line in ends_of(path, _BYTES_OF_AN_END).split("\n")]


def _reports_in(lines: list[str], path: Path | None) -> Iterator[Report]:
    for number, line in enumerate(lines):
        if code := _code_in(line):
            message = _message(lines[number : number + _LINES_OF_A_MESSAGE])
            yield Report(cann_error(code), tuple(message), path)


def _code_in(line: str) -> str:
    if match := _SPOKEN.search(line):
        return next(filter(None, match.groups()))
    return next((code for words, code in _PLOG_WORDS if words in line), "")


def _message(lines: list[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        ended = not line.strip() or line.strip().startswith(_MESSAGE_ENDS)
        # In a plog every line is a message of its own; only "report error" goes on in the next.
        if number and (ended or (line.startswith("[") and not lines[number - 1].endswith("9999"))):
            return
        shown = cleaned(line.strip())
        yield shown if len(shown) <= _LONGEST_LINE else f"{shown[: _LONGEST_LINE - 1]}…"


def _telling_most(reports: Iterable[Report]) -> Report | None:
    return min(reports, key=_telling_less, default=None)


def _telling_less(report: Report) -> int:
    code = report.error.code
    if code in ("E39999", "EZ9999"):
        # Operators of the card: such an inner error is a cause.
        return 1
    if code.endswith(("9999", "8888")):
        # The runtime has them for each wait that took too long.
        return 3
    return 2 if report.error.follows else 0
