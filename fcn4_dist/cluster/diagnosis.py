"""What is wrong with a job: which rank died or hangs, why, and what it printed last."""

import os
import re
import signal
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from fcn4_dist.cluster.heartbeat import Beat, stack_file
from fcn4_dist.cluster.launch import Launch
from fcn4_dist.cluster.launchers import Launchers
from fcn4_dist.cluster.local_workers import LocalWorkers
from fcn4_dist.errors import UNEXPECTED, StoppedError
from fcn4_dist.files import ends_of
from fcn4_dist.host.cann_errors import BEGINNING
from fcn4_dist.host.memory import MORE_MEMORY, no_memory, refused_memory
from fcn4_dist.host.plog import Report
from fcn4_dist.log import as_shown

ERROR_PREFIX = "fcn4-dist: error:"
_WORKER_ENDED = re.compile(r"Worker process (\d+) exit with exception\. Error code: (-?\d+)")
_SECONDS_FOR_STACKS = 2.0
_SECONDS_FOR_NEWS = 10.0
_LAST_LINES = 15
_BYTES_OF_LAST_LINES = 1 << 20
_STACK_LINES = 40


def worker_ended(log: str) -> bool:
    """Tell from the log of msrun whether it has seen a worker fail."""
    return bool(_WORKER_ENDED.search(log))


def stopped_on_request(log: str) -> bool:
    """Tell from the log of msrun whether workers ended only because they were asked to."""
    codes = {int(code) for _, code in _WORKER_ENDED.findall(log)}
    return codes == {StoppedError.exit_code}


def explain_deaths(
    workers: LocalWorkers, log: str, out_of_memory_kills: int, msrun: int | None = None
) -> list[str]:
    """Say of each worker that failed which it was, why, and what it printed last.

    Args:
        workers: This host's workers.
        log: What msrun has printed.
        out_of_memory_kills: How often the system killed for want of memory during the job.
        msrun: Its exit code, if it has ended.

    Returns:
        Lines.
    """
    codes = {
        rank: int(code)
        for process, code in _WORKER_ENDED.findall(log)
        if (rank := workers.rank_of(int(process))) is not None
    }
    failed = [rank for rank in workers.ended if rank in codes]
    failed += [rank for rank in codes if rank not in failed]
    # Others may have failed with a sentence of their own before msrun came to see them.
    launch = workers.launch
    told = [rank for rank in launch.topology.ranks_here if _error_of(launch.log_of(rank))]
    failed += [rank for rank in told if rank not in failed]
    if not failed:
        return _explain_msrun(launch, msrun, out_of_memory_kills)
    reports = {
        rank: report
        for rank, report in workers.reports().items()
        if not _foreseen(_error_of(launch.log_of(rank)))
    }
    causes = _causes(failed, reports)
    sentences = []
    for rank in causes or failed:
        reason = _reason(workers, rank, codes.get(rank), out_of_memory_kills, reports.get(rank))
        sentences += [f"rank {rank} {reason}", *_said_last(launch, rank, reports.get(rank))]
    if not causes:
        return sentences + _late_ranks(workers, failed, reports)
    waited = [(rank, reports[rank]) for rank in failed if rank not in causes]
    return sentences + [_waited(rank, report) for rank, report in waited]


def explain_scheduler(workers: LocalWorkers, code: int, out_of_memory_kills: int) -> list[str]:
    """Say how the scheduler has ended, without which the workers do not go on.

    Args:
        workers: This host's workers.
        code: Its exit code, or the signal that killed it as a negative number.
        out_of_memory_kills: How often the system killed for want of memory during the job.

    Returns:
        Lines.
    """
    log = workers.launch.scheduler().log
    how = f"ended with exit code {code}" if code > 0 else _killed(-code, out_of_memory_kills)
    sentence = f"the scheduler, by which the workers of all hosts find each other, {how}"
    lines = [f"scheduler | {line}" for line in _last_lines(log)]
    return [sentence, *lines, f"(in {log})"]


def _explain_msrun(launch: Launch, code: int | None, out_of_memory_kills: int) -> list[str]:
    lines = [*_last_lines(launch.msrun_log), f"(in {launch.msrun_log})"]
    if code is None or code >= 0:
        return ["the job's msrun failed; its last lines:", *lines]
    how = _killed(-code, out_of_memory_kills)
    return [f"msrun, which starts the workers of this host and watches them, {how}", *lines]


def explain_reports(workers: LocalWorkers) -> list[str]:
    """Say what CANN has reported of this host's workers, those that waited for others last.

    Args:
        workers: This host's workers.

    Returns:
        Lines; none where CANN has reported nothing, as on the CPU.
    """
    reports = workers.reports()
    sentences = []
    for rank, report in sorted(reports.items(), key=lambda entry: entry[1].error.follows):
        if report.error.follows:
            sentences.append(_waited(rank, report))
        else:
            sentences += [f"rank {rank} has {report.error}", *_said_by_cann(rank, report)]
    return sentences


def _causes(failed: list[int], reports: Mapping[int, Report]) -> list[int]:
    """Leave out those that only waited for another; it may have reported more than it has died."""
    own = [rank for rank in failed if rank not in reports or not reports[rank].error.follows]
    return own or [rank for rank, report in reports.items() if not report.error.follows]


def _waited(rank: int, report: Report) -> str:
    return f"rank {rank} waited for another rank ({report.error.code}), so it is not the cause"


def _late_ranks(
    workers: LocalWorkers, failed: list[int], reports: Mapping[int, Report]
) -> list[str]:
    """Name the ranks of this host that those which failed may have waited for."""
    beats = workers.beats()
    # A rank with a report has waited, too, and is about to fail.
    others = {rank: beats[rank] for rank in beats if rank not in failed and rank not in reports}
    behind = min((beat.count for beat in others.values()), default=0)
    doing: dict[str, list[int]] = {}
    for rank, beat in others.items():
        if beat.count == behind:
            doing.setdefault(beat.doing, []).append(rank)
    lines = [f"rank {_listed(ranks)} did not fail, and was {what}" for what, ranks in doing.items()]
    late = behind < max((beats[rank].count for rank in failed if rank in beats), default=0)
    if workers.launch.topology.nodes.count > 1 and not (lines and late):
        lines.append("the rank that was waited for may be on another host: see what is said there")
    return lines


def _reason(
    workers: LocalWorkers,
    rank: int,
    code: int | None,
    out_of_memory_kills: int,
    report: Report | None,
) -> str:
    error = _error_of(workers.launch.log_of(rank)).removeprefix(ERROR_PREFIX).strip()
    said = error if BEGINNING in error or not report else error.partition(f"; {UNEXPECTED}")[0]
    if said:
        ended = f"failed: {said}"
    elif report and not (code is not None and code < 0):
        return f"failed with {report.error}"
    else:
        ended = _ended(workers, rank, code, out_of_memory_kills)
    return f"{ended}; before that, {report.error}" if report and BEGINNING not in error else ended


def _ended(workers: LocalWorkers, rank: int, code: int | None, out_of_memory_kills: int) -> str:
    """Say how a worker has ended that has not said so itself."""
    if code == -signal.SIGKILL:
        used = f"; it used up to {workers.memory.get(rank, 0) / 1e9:.1f} GB of memory"
        return _killed(signal.SIGKILL, out_of_memory_kills, used)
    by_signal = code is not None and code < 0
    text = (
        f"was killed by {_signal_name(-code)}"
        if by_signal and code
        else f"ended with exit code {code}"
    )
    line = refused_memory("\n".join(_last_lines(workers.launch.log_of(rank))))
    return f"{text}: {no_memory(line)}" if line else text


def _killed(number: int, out_of_memory_kills: int, used: str = "") -> str:
    text = f"was killed by {_signal_name(number)}{used}"
    if number != signal.SIGKILL:
        return text
    if out_of_memory_kills:
        return f"{text}, and the system's out-of-memory killer was at work: {MORE_MEMORY}"
    return f"{text}, and the system killed nothing for want of memory: somebody sent the signal"


def _foreseen(error: str) -> bool:
    """Tell whether a sentence says better than CANN what is wrong."""
    return bool(error) and UNEXPECTED not in error and BEGINNING not in error


def _said_last(launch: Launch, rank: int, report: Report | None) -> list[str]:
    # Rank 0's own lines are on the terminal already.
    last = _last_lines(launch.log_of(rank)) if rank else []
    shown = [f"rank {rank} | {line}" for line in last]
    if report and report.path != launch.log_of(0):
        shown = [line for line in _said_by_cann(rank, report) if line not in shown] + shown
    return shown


def _said_by_cann(rank: int, report: Report) -> list[str]:
    return [f"rank {rank} | {line}" for line in (*report.lines, f"(in {report.path})")]


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        # Real-time signals have no names.
        return f"signal {number}"


def explain_hang(workers: LocalWorkers, launchers: Launchers) -> list[str]:
    """Name the ranks that the others wait for, with their Python stacks.

    Args:
        workers: This host's workers.
        launchers: This host's launcher among those of other nodes.

    Returns:
        Lines.
    """
    elsewhere = launchers.elsewhere()
    begun = workers.beats()
    # Those that have left wait for nobody.
    beats = workers.running() or begun
    silent = [rank for rank in workers.launch.topology.ranks_here if rank not in begun]
    waited = f"no step has ended for {workers.patience(elsewhere):.0f} s (step_timeout)"
    reported = explain_reports(workers)
    if silent:
        return [f"{waited}: rank {_listed(silent)} did not begin; see its log", *reported]
    behind = min(beat.count for beat in beats.values())
    named = {rank: beat for rank, beat in beats.items() if beat.count == behind}
    count = behind + 1 if elsewhere is None else elsewhere.count
    if count <= behind and not any(map(_is_stopped, named.values())):
        if news := _news_of(launchers):
            return [news, *reported]
        if count < behind:
            return [f"{waited}: the ranks of this host wait for one of another host", *reported]
    _ask_for_stacks(workers, named)
    told = [line for rank, beat in named.items() for line in _told_of(workers, rank, beat, waited)]
    return told + reported


def _news_of(launchers: Launchers) -> str:
    """Wait for what the node says whose rank all wait for."""
    ends = time.monotonic() + _SECONDS_FOR_NEWS
    while not launchers.failure() and time.monotonic() < ends:
        time.sleep(0.1)
    return launchers.failure()


def _ask_for_stacks(workers: LocalWorkers, ranks: Iterable[int]) -> None:
    # Not the process that a file names: of another program, the signal might be the end.
    for process in (workers.processes[rank] for rank in ranks if rank in workers.processes):
        with suppress(OSError):
            os.kill(process.pid, signal.SIGUSR1)
    time.sleep(_SECONDS_FOR_STACKS)


def _is_stopped(beat: Beat) -> bool:
    import psutil

    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(beat.process).status() == psutil.STATUS_STOPPED)
    return False


def _told_of(workers: LocalWorkers, rank: int, beat: Beat, waited: str) -> list[str]:
    sentence = f"{waited}: rank {rank} is {beat.doing}"
    if _is_stopped(beat):
        return [
            f"{sentence}, and its process {beat.process} is stopped: 'kill -CONT "
            f"{beat.process}' would have it go on"
        ]
    stack = stack_file(workers.launch.log_folder, rank)
    lines = stack.read_text("utf-8", "replace").splitlines() if stack.exists() else []
    if not lines:
        return [f"{sentence}; it shows no Python stack"]
    shown = [f"rank {rank} | {line}" for line in lines[-_STACK_LINES:]]
    return [f"{sentence}; its Python stack:", *shown]


def _error_of(log: Path) -> str:
    """Find the last error sentence in a rank's log; "" for none."""
    return next((line for line in reversed(_lines_of(log)) if line.startswith(ERROR_PREFIX)), "")


def _last_lines(log: Path) -> list[str]:
    return [line for line in _lines_of(log) if not line.startswith("[INFO]")][-_LAST_LINES:]


def _lines_of(log: Path) -> list[str]:
    return [as_shown(line) for line in ends_of(log, _BYTES_OF_LAST_LINES).splitlines()]


def _listed(ranks: list[int]) -> str:
    return ", ".join(map(str, ranks))
