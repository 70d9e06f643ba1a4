"""How a distributed job is started: the msrun command of one host and all that it will start.

Every worker runs the same command line as a single-card run would; msrun tells each its rank.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fcn4_dist.cluster.device import LAUNCHED_VARIABLE
from fcn4_dist.cluster.heartbeat import log_file
from fcn4_dist.cluster.secret import SECRET_VARIABLES
from fcn4_dist.cluster.topology import Topology
from fcn4_dist.host.host import VISIBLE_VARIABLE
from fcn4_dist.text import cleaned, shell_command, shell_word

PROGRAM = str(Path(__file__).parents[1] / "__main__.py")
"""This package as a program: by its path, nothing is imported from the working directory."""

STALE_VARIABLES = (
    "MS_ROLE",
    "MS_WORKER_NUM",
    "MS_NODE_ID",
    "MS_NODE_RANK",
    "MS_LOCAL_WORKER",
    "MS_SERVER_NUM",
    "MS_TOPO_TIMEOUT",
    "MS_SIMULATION_LEVEL",
    "RANK_ID",
    "RANK_SIZE",
    "DEVICE_ID",
    LAUNCHED_VARIABLE,
)
STALE_PREFIX = "MS_SCHED_"
MPI_PREFIXES = ("OMPI_", "PMIX_", "PRTE_", "PMI_")
"""Of variables that make MindSpore think MPI has started its workers."""

_MSRUN_TELLS_OF_DEATHS = 3
"""The highest GLOG_v, MindSpore's log level, at which msrun says that a worker has ended."""

_CLUSTER_TIME_OUT = 600
"""Seconds msrun's workers wait for each other; the default of msrun."""


@dataclass(frozen=True)
class Process:
    """A process of a job.

    Attributes:
        title: What it is, "scheduler" or "rank 3".
        log: Where its output goes.
        variables: What it has in its environment besides what msrun has.
        command: Its command line.
    """

    title: str
    log: Path
    variables: Mapping[str, str]
    command: tuple[str, ...]


@dataclass(frozen=True)
class Launch:
    """The share of one host in a distributed job, ready to start.

    Attributes:
        program: What every worker runs: arguments of ``python``.
        topology: The workers.
        log_folder: Where ``rank_<r>.log``, ``scheduler.log`` and ``msrun.log`` go.
        environment: All variables msrun runs with.
        removed: Variables taken out of the environment, which an earlier job left there.
        added: Variables of the environment that are not the user's.
        step_timeout: Seconds without any step after which the job is taken for hanging.
        start_timeout: Seconds more that starting and compiling may take.
        grace_period: Seconds the workers have to stop by themselves after SIGTERM.
    """

    program: tuple[str, ...]
    topology: Topology
    log_folder: Path
    environment: Mapping[str, str]
    removed: tuple[str, ...]
    added: Mapping[str, str]
    step_timeout: float = 600.0
    start_timeout: float = 1800.0
    grace_period: float = 0.0

    @property
    def command(self) -> tuple[str, ...]:
        """The msrun command line."""
        nodes = self.topology.nodes
        flags = {
            "worker_num": self.topology.ranks,
            "local_worker_num": self.topology.local_ranks,
            "master_addr": nodes.master_addr,
            "master_port": nodes.master_port,
            "node_rank": nodes.rank,
            "log_dir": self.log_folder,
            "worker_log_name": "rank",
            "cluster_time_out": _CLUSTER_TIME_OUT,
            "join": True,
            # The launcher shows rank 0's log; a rank that does not exist keeps msrun from it.
            "tail_worker_log": self.topology.ranks,
        }
        if nodes.table_file:
            flags["rank_table_file"] = self.table_file
        words = [f"--{name}={value}" for name, value in flags.items()]
        return ("msrun", *words, python_of_workers(), *self.program)

    @property
    def msrun_log(self) -> Path:
        """Name the file with what msrun printed on this host."""
        return self.log_folder / f"{file_prefix(self.topology.nodes.rank)}msrun.log"

    @property
    def table_file(self) -> Path:
        """Name the job's own copy of the rank table, as MindSpore and HCCL read it."""
        return self.log_folder / f"{file_prefix(self.topology.nodes.rank)}rank_table.json"

    def log_of(self, rank: int) -> Path:
        """Name the file with what a rank printed."""
        return log_file(self.log_folder, rank)

    def processes(self) -> list[Process]:
        """List what msrun starts on this host."""
        workers = [self.worker(rank, index) for index, rank in enumerate(self.topology.ranks_here)]
        return workers if self.topology.nodes.rank else [self.scheduler(), *workers]

    def scheduler(self) -> Process:
        """Give the process that the workers of all hosts find each other by."""
        log = self.log_folder / "scheduler.log"
        return self._process("scheduler", log, MS_ROLE="MS_SCHED", RANK_ID="0")

    def worker(self, rank: int, index: int) -> Process:
        """Give a worker.

        Args:
            rank: Its number in the job.
            index: Its number on this host.
        """
        return self._process(
            f"rank {rank}",
            self.log_of(rank),
            MS_ROLE="MS_WORKER",
            MS_NODE_ID=str(rank),
            RANK_ID=str(rank),
            DEVICE_ID=str(index),
        )

    def _process(self, title: str, log: Path, **variables: str) -> Process:
        nodes = self.topology.nodes
        common = {
            "RANK_SIZE": str(self.topology.ranks),
            "MS_WORKER_NUM": str(self.topology.ranks),
            "MS_SCHED_HOST": nodes.master_addr,
            "MS_SCHED_PORT": str(nodes.master_port),
            "MS_TOPO_TIMEOUT": str(_CLUSTER_TIME_OUT),
        }
        if nodes.table_file:
            common["RANK_TABLE_FILE"] = str(self.table_file)
        return Process(title, log, common | variables, (python_of_workers(), *self.program))

    def describe(self) -> str:
        """Write out every process of this host as commands that a shell understands."""
        nodes, here = self.topology.nodes, self.topology.ranks_here
        ranks = f"rank {here[0]}" if len(here) == 1 else f"ranks {here[0]} to {here[-1]}"
        lines = [
            f"# node {nodes.rank} of {nodes.count}: {ranks} of {self.topology.ranks}",
            cleaned(f"# msrun, started by this command; log: {self.msrun_log}"),
            _shell(self.added, self.command, self.removed),
        ]
        for process in self.processes():
            lines.append(cleaned(f"# {process.title}, started by msrun; log: {process.log}"))
            lines.append(_shell({**self.added, **process.variables}, process.command, self.removed))
        return "\n".join(lines)


def plan_launch(
    program: Sequence[str],
    topology: Topology,
    log_folder: Path,
    environment: Mapping[str, str] = os.environ,
    variables: Mapping[str, str] | None = None,
    **options: Any,
) -> Launch:
    """Decide how the share of this host in a job is started, without starting it.

    Args:
        program: What every worker runs: arguments of ``python``.
        topology: The workers.
        log_folder: Folder for the logs.
        environment: Variables to start from; what an earlier job left is taken out.
        variables: More variables for the workers.
        options: Attributes of the launch that have a default.
    """
    removed = stale_variables(environment)
    # RANK_TABLE_FILE alone would make MindSpore start from the table, which 2.7.2 gave up.
    # The launchers alone need the secret; every program of a worker could read it there.
    unwanted = (*removed, "RANK_TABLE_FILE", *SECRET_VARIABLES)
    kept = {
        name: value
        for name, value in environment.items()
        if name not in unwanted and not name.startswith(MPI_PREFIXES)
    }
    added = {
        "PATH": path_of_workers(kept),
        **({"PYTHONPATH": python_path_of_workers(kept)} if "PYTHONPATH" in kept else {}),
        LAUNCHED_VARIABLE: str(log_folder),
        **(variables or {}),
    }
    if kept.get("GLOG_v", "").isdecimal() and int(kept["GLOG_v"]) > _MSRUN_TELLS_OF_DEATHS:
        added["GLOG_v"] = str(_MSRUN_TELLS_OF_DEATHS)
    if topology.visible_cards:
        added[VISIBLE_VARIABLE] = ",".join(map(str, topology.visible_cards))
    return Launch(
        program=tuple(program),
        topology=topology,
        log_folder=log_folder,
        environment=kept | added,
        removed=removed,
        added=added,
        **options,
    )


def python_of_workers() -> str:
    """Give the name by which msrun finds this interpreter in its folder: it knows two."""
    return "python" if Path(sys.executable).with_name("python").exists() else "python3"


def path_of_workers(environment: Mapping[str, str]) -> str:
    """Give the PATH on which msrun is found, and msrun finds this Python: its folder first.

    Args:
        environment: Variables to start from.
    """
    folder_of_python = str(Path(sys.executable).parent)
    return os.pathsep.join([folder_of_python, environment.get("PATH", os.defpath)])


def python_path_of_workers(environment: Mapping[str, str]) -> str:
    """Give the PYTHONPATH of workers: without empty entries, which mean the working directory.

    Args:
        environment: Variables to start from.
    """
    folders = environment.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join(dict.fromkeys(filter(None, folders)))


def stale_variables(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Name the variables of an earlier job, which make a new one hang or find its port taken."""
    return tuple(
        sorted(
            name for name in environment if name in STALE_VARIABLES or name.startswith(STALE_PREFIX)
        )
    )


def file_prefix(node_rank: int) -> str:
    """Tell files of several nodes apart that may share a folder; those of node 0 have no prefix."""
    return f"node_{node_rank}_" if node_rank else ""


def _shell(
    variables: Mapping[str, str], command: Sequence[str], removed: Sequence[str] = ()
) -> str:
    words = [f"-u {shell_word(name)}" for name in removed]
    words += [f"{name}={shell_word(value)}" for name, value in variables.items()]
    return " ".join(["env", *words, shell_command(command)])
