"""Ranks that mpirun (or srun) has started: they agree over MPI, then join a cluster of their own.

MPI is used only to agree: on the scheduler's address, the settings, and on whether anything is
wrong. It is finished before MindSpore starts, whose own way into an MPI job fails on the CPU.
"""

import atexit
import os
import subprocess
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from fcn4_dist.cluster.device import LAUNCHED_VARIABLE
from fcn4_dist.cluster.launch import Launch
from fcn4_dist.cluster.peers import Peers
from fcn4_dist.cluster.topology import LOOP_BACK, Nodes, Topology
from fcn4_dist.errors import Fcn4DistError, InputError
from fcn4_dist.host.cards import find_main_address
from fcn4_dist.log import MPI_SIZE_VARIABLES, errors_only, keep_log
from fcn4_dist.terminal import fail
from fcn4_dist.text import Lines

_SECONDS_FOR_SCHEDULER = 30.0


def started_by_mpi(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether this process is one of several that mpirun has started."""
    if LAUNCHED_VARIABLE in environment:
        return False
    sizes = [environment[name] for name in MPI_SIZE_VARIABLES if name in environment]
    # A step of srun has its own number of tasks; a batch script that runs in none has not.
    if not sizes and "SLURM_PROCID" in environment:
        sizes = [environment.get("SLURM_STEP_NUM_TASKS", "1")]
    return any(size != "1" for size in sizes)


class MpiRanks(Peers):
    """This process's place among the ranks that mpirun has started.

    MPI is used in its context only: at its end, so that a rank that fails later does not wait for
    the others; an error that only this rank has ends all ranks at once.

    Attributes:
        local_rank: Its number on its host.
        local_size: Ranks on its host.

    Raises:
        InputError: If mpi4py is missing, or it knows nothing of the processes mpirun started.
    """

    shares_terminal = True

    def __init__(self) -> None:
        try:
            from mpi4py import MPI
        except ImportError as error:
            raise InputError(
                f"mpirun started this process, and mpi4py cannot be used ({error}): pip install "
                "mpi4py, built for the MPI of that mpirun"
            ) from error
        self._world = MPI.COMM_WORLD
        if self._world.size == 1:
            raise InputError(
                "mpirun or srun started several processes, and mpi4py sees one: it was built for "
                "another MPI; use the mpirun of the environment that has mpi4py, or srun "
                "--mpi=pmix with an mpi4py built for that"
            )
        super().__init__(self._world.rank, self._world.size)
        local = self._world.Split_type(MPI.COMM_TYPE_SHARED)
        self.local_rank, self.local_size = local.rank, local.size
        self._first_here = local.bcast(self.rank)

    def __enter__(self) -> "MpiRanks":
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        from mpi4py import MPI

        if MPI.Is_finalized():
            return
        if error is None:
            MPI.Finalize()
            return
        lines = str(error).splitlines() or [type(error).__name__]
        fail(Lines("\n".join(f"rank {self.rank}: {line}" for line in lines)))
        self._world.Abort(getattr(error, "exit_code", 1))

    def all_gather(self, value: Any) -> list[Any]:
        """Exchange a value of each rank; any that Python can pickle."""
        return self._world.allgather(value)

    def gather(self, value: Any) -> list[Any] | None:
        """Bring a value of each rank to rank 0; None on the others."""
        return self._world.gather(value)

    def broadcast(self, value: Any) -> Any:
        """Give every rank the value of rank 0."""
        return self._world.bcast(value)

    def scatter(self, values: Sequence[Any] | None) -> Any:
        """Give each rank its own of the values of rank 0, which alone go to it."""
        return self._world.scatter(values)

    def refuse(self, error: Fcn4DistError) -> NoReturn:
        """Raise the error on rank 0, which says it for all; the others leave without a word."""
        from mpi4py import MPI

        MPI.Finalize()
        if not self.is_main:
            raise SystemExit(error.exit_code)
        raise error

    def topology(self) -> Topology:
        """Agree on the hosts of the job and on the scheduler's; every rank has to call this.

        Returns:
            The workers; the scheduler's port is still open.

        Raises:
            InputError: If the host of rank 0 has no address by which the others could reach it.
        """
        hosts = sorted(set(self.all_gather(self._first_here)))
        address = self.broadcast(LOOP_BACK if len(hosts) == 1 else find_main_address())
        if not address:
            sentence = (
                "this host has no default route, so it is not known by which address the others "
                "reach it: start with 'fcn4-dist launch --nnodes' and --master_addr instead"
            )
            self.refuse(InputError(f"rank 0: {sentence}"))
        nodes = Nodes(len(hosts), hosts.index(self._first_here), address, master_port=0)
        return Topology(nodes, self.local_size, mpi_ranks=self.size)


def become_mpi_rank(
    ranks: MpiRanks, launch: Launch, environment: MutableMapping[str, str] = os.environ
) -> None:
    """Give this process what msrun gives its workers; rank 0 starts the scheduler besides.

    Args:
        ranks: This process's place.
        launch: The plan of the job, of which msrun starts nothing.
        environment: The variables to change.
    """
    environment.clear()
    environment.update(launch.environment)
    if ranks.is_main:
        scheduler = launch.scheduler()
        with scheduler.log.open("wb") as log:
            started = subprocess.Popen(
                [sys.executable, *scheduler.command[1:]],
                env={**environment, **scheduler.variables},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        # It inherits the one core that mpirun has bound rank 0 to, and would share it.
        with suppress(OSError):
            os.sched_setaffinity(started.pid, range(os.cpu_count() or 1))
        # It lives until the last rank has left, and dies with this process.
        atexit.register(_wait_for, started)
    _keep_output(launch.log_of(ranks.rank), ranks.rank)
    environment.update(launch.worker(ranks.rank, ranks.local_rank).variables)


def _wait_for(scheduler: subprocess.Popen[bytes]) -> None:
    with suppress(subprocess.TimeoutExpired):
        scheduler.wait(_SECONDS_FOR_SCHEDULER)


def _keep_output(path: Path, rank: int) -> None:
    """Send what this rank says to its log; to the terminal, all of rank 0 and others' errors."""
    file = keep_log(path, rank)
    if rank > 0:
        terminal = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="backslashreplace")
        errors_only(terminal, rank)
        # Libraries write past Python's streams.
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
