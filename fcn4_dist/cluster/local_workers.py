"""What a launcher knows of its host's workers while they run."""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from fcn4_dist.cluster.heartbeat import Beat, Standing, heartbeat_file, read_beat
from fcn4_dist.cluster.launch import Launch
from fcn4_dist.host.plog import Report, find_report

_SECONDS_FOR_CAUSE = 3.0


class LocalWorkers:
    """What is known of this host's workers while they run.

    Args:
        launch: How they were started.
    """

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.processes: dict[int, Any] = {}
        self.memory: dict[int, int] = {}
        self.ended: list[int] = []
        self._scheduler: Any = None
        self._scheduler_ended: float | None = None
        self._begun = time.time()
        self._progress: tuple[dict[int, tuple[int, int]], Standing | None] = ({}, None)
        self._last_progress = time.monotonic()

    def look(self, msrun: int) -> None:
        """Find workers that have started, and notice which have ended first.

        Args:
            msrun: Process id of the msrun that starts them.
        """
        import psutil

        wanted = self.launch.topology.local_ranks
        if len(self.processes) < wanted or not (self._scheduler or self.launch.topology.nodes.rank):
            self._find(msrun)
        for rank, process in self.processes.items():
            if rank in self.ended:
                continue
            try:
                if process.status() == psutil.STATUS_ZOMBIE:
                    self.ended.append(rank)
                else:
                    used = process.memory_info().rss
                    self.memory[rank] = max(used, self.memory.get(rank, 0))
            except psutil.NoSuchProcess:
                self.ended.append(rank)

    def scheduler_failure(self) -> int:
        """Tell how the scheduler has failed, which msrun waits for last of all.

        Returns:
            Its exit code, or the signal that killed it as a negative number; 0 as long as it has
            not failed, and for some seconds more, in which its cause may be told.
        """
        code = _end_of(self._scheduler) if self._scheduler else 0
        if not code:
            return 0
        now = time.monotonic()
        self._scheduler_ended = self._scheduler_ended or now
        return code if now - self._scheduler_ended > _SECONDS_FOR_CAUSE else 0

    def all_left(self) -> bool:
        """Tell whether all of this host's workers have run, and msrun has seen their ends."""
        beats = self.beats()
        return all(
            self._has_left(rank, beats.get(rank)) for rank in self.launch.topology.ranks_here
        )

    def all_done(self) -> bool:
        """Tell whether this host's workers have done all that they were started for."""
        beats = self.beats()
        return len(beats) == self.launch.topology.local_ranks and all(
            beat.has_done_all for beat in beats.values()
        )

    def rank_of(self, process: int) -> int | None:
        """Tell which rank a process id belongs to."""
        for rank, known in self.processes.items():
            if known.pid == process:
                return rank
        beats = self.beats()
        return next((rank for rank, beat in beats.items() if beat.process == process), None)

    def beats(self) -> dict[int, Beat]:
        """Read what this host's workers last said."""
        folder = self.launch.log_folder
        beats = {
            rank: read_beat(heartbeat_file(folder, rank))
            for rank in self.launch.topology.ranks_here
        }
        return {rank: beat for rank, beat in beats.items() if beat}

    def running(self) -> dict[int, Beat]:
        """Read what those of this host's workers last said that have not ended."""
        return {rank: beat for rank, beat in self.beats().items() if rank not in self.ended}

    def reports(self) -> dict[int, Report]:
        """Look for what CANN has reported of this host's workers."""
        launch = self.launch
        processes = {rank: beat.process for rank, beat in self.beats().items()}
        processes |= {rank: process.pid for rank, process in self.processes.items()}
        reports = {
            rank: find_report(
                launch.log_of(rank), processes.get(rank), self._begun, launch.environment
            )
            for rank in launch.topology.ranks_here
        }
        return {rank: report for rank, report in reports.items() if report}

    def hang(self, elsewhere: Standing | None) -> bool:
        """Tell whether no worker has taken a step, or said that it goes on, for too long.

        Args:
            elsewhere: How far the ranks of other nodes are, if that is known.
        """
        now = time.monotonic()
        beats = self.beats()
        progress = ({rank: (beat.count, beat.signs) for rank, beat in beats.items()}, elsewhere)
        if progress != self._progress:
            self._progress, self._last_progress = progress, now
        return now - self._last_progress > self.patience(elsewhere)

    def patience(self, elsewhere: Standing | None) -> float:
        """Tell how many seconds without progress are too long, by what the workers do now.

        Args:
            elsewhere: How far the ranks of other nodes are, if that is known.
        """
        # Ranks ahead wait for the one behind: what it does decides how long that may take.
        known = [each for each in (self.standing(), elsewhere) if each is not None]
        may_take_long = Standing.joined(known).may_take_long
        return self.launch.step_timeout + self.launch.start_timeout * may_take_long

    def standing(self) -> Standing:
        """Tell how far this host's workers are."""
        beats = self.beats()
        if len(beats) < self.launch.topology.local_ranks:
            return Standing(0, 0, True)
        return Standing.joined(list((self.running() or beats).values()))

    def _has_left(self, rank: int, beat: Beat | None) -> bool:
        import psutil

        if rank in self.processes:
            return not self.processes[rank].is_running()
        # It may have ended before it was looked for.
        return beat is not None and not psutil.pid_exists(beat.process)

    def _find(self, msrun: int) -> None:
        import psutil

        gone = []
        with suppress(psutil.Error):
            for child in psutil.Process(msrun).children():
                with suppress(psutil.Error):
                    if child.status() == psutil.STATUS_ZOMBIE:
                        gone.append(child)
                        continue
                    variables = child.environ()
                    if variables.get("MS_ROLE") == "MS_WORKER":
                        self.processes[int(variables["RANK_ID"])] = child
                    elif variables.get("MS_ROLE") == "MS_SCHED":
                        self._scheduler = child
        # What has died before it was looked at has no variables any more; if all workers are known,
        # it is the scheduler.
        topology = self.launch.topology
        if len(self.processes) == topology.local_ranks and not (
            self._scheduler or topology.nodes.rank
        ):
            others = (child for child in gone if child not in self.processes.values())
            self._scheduler = next(others, None)


def _end_of(process: Any) -> int:
    """Give the exit code of a process that has ended and that nobody has waited for yet.

    Its state, and at the end of the line how it ended: proc(5).
    """
    with suppress(OSError, ValueError, IndexError):
        text = Path(f"/proc/{process.pid}/stat").read_text("utf-8", "replace")
        state, *fields = text.rpartition(")")[2].split()
        if state == "Z":
            return os.waitstatus_to_exitcode(int(fields[-1]))
    return 0
