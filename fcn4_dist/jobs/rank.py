"""Becoming a rank: what train and eval do before their work begins."""

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from fcn4_dist.cluster.cores import keep_to_own_cores
from fcn4_dist.cluster.device import launched, prepare_environment
from fcn4_dist.cluster.heartbeat import log_file, watched_heartbeat
from fcn4_dist.cluster.imports import import_scikit_learn
from fcn4_dist.cluster.mpi import MpiRanks, become_mpi_rank, started_by_mpi
from fcn4_dist.cluster.peers import Alone
from fcn4_dist.cluster.topology import Starter, free_port, local_topology
from fcn4_dist.config import LoadedSettings, Settings
from fcn4_dist.host.host import Host
from fcn4_dist.jobs.auto_settings import choose_device, say_device
from fcn4_dist.jobs.prepare import Start, prepare
from fcn4_dist.log import end_log, keep_log, log_only
from fcn4_dist.runs.folder import save_settings, settle_paths
from fcn4_dist.terminal import warn

if TYPE_CHECKING:
    from fcn4_dist.cluster.ranks import Ranks


def become_rank(command: str, loaded: LoadedSettings) -> tuple[Settings, "Ranks"]:
    """Prepare the job if that was not done by a launcher, and start the device.

    Args:
        command: "train" or "eval".
        loaded: The settings of the job.

    Returns:
        The settings with absolute paths, and this process's place in the job. The working
        directory is the job's folder then: compilers leave kernel_meta and rank_* there.

    Raises:
        InputError: If something is found wrong.
    """
    end_log()
    if started_by_mpi():
        loaded = _start_in_mpi_job(command, choose_device(loaded))
    elif launched():
        loaded = settle_paths(loaded)
        if os.environ.get("MS_ROLE") == "MS_WORKER":
            log_only(int(os.environ["RANK_ID"]))
    else:
        loaded = _start_alone(command, loaded)
        keep_log(log_file(Path(loaded.settings.run_dir), 0), 0, append=True)
    settings = loaded.settings
    keep_to_own_cores()
    heartbeat = watched_heartbeat()
    heartbeat.at("starting", may_take_long=True)
    prepare_environment(settings.device_target)

    # Before MindSpore is imported, which starts Pythons of its own on Ascend.
    os.chdir(settings.run_dir)
    from fcn4_dist.cluster.ranks import join_ranks, use_threads

    ranks = join_ranks(
        settings.device_target,
        settings.device_id,
        heartbeat,
        exact_float32=settings.exact_float32,
        deterministic=settings.deterministic,
    )
    use_threads(settings.device_target, settings.host_threads, settings.reader_threads)
    if command == "eval" or settings.val_interval:
        ranks.on_main(import_scikit_learn)
    if ranks.is_main:
        _say_unused_settings(settings, ranks.size)
    return settings, ranks


def _start_alone(command: str, loaded: LoadedSettings) -> LoadedSettings:
    if command != "train":
        # While a graph runs, MindSpore turns Ctrl-C into a SIGTERM to its own process.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    loaded = choose_device(loaded)
    say_device(loaded)
    # Nothing is asked of the cards, and their driver, where they are not used.
    host = Host.find() if loaded.settings.device_target == "Ascend" else Host((), "", ())
    start = Start(Starter.NOTHING, host, lambda settings: local_topology(1))
    job = prepare(command, loaded, start, Alone())
    save_settings(job.loaded)
    return job.loaded


def _start_in_mpi_job(command: str, loaded: LoadedSettings) -> LoadedSettings:
    """Do for a process that mpirun has started what the launcher does for its workers."""
    with MpiRanks() as ranks:
        if ranks.is_main:
            say_device(loaded)
            _say_what_mpirun_decides(loaded.settings)
        topology = ranks.topology()
        host = Host.find() if ranks.local_rank == 0 else None
        start = Start(Starter.MPIRUN, host, lambda settings: topology)
        job = prepare(command, loaded, start, ranks)
        if ranks.is_main:
            save_settings(job.loaded)
        # No rank starts before rank 0 has written what the scheduler reads.
        address = topology.nodes.master_addr
        port = ranks.broadcast(free_port(address) if ranks.is_main else 0)
    become_mpi_rank(ranks, job.on_port(port).plan())
    return job.loaded


def _say_what_mpirun_decides(settings: Settings) -> None:
    if settings.bind_cores == "on":
        warn("bind_cores is left aside: under mpirun, its own --bind-to tells")
    if "RANK_TABLE_FILE" in os.environ:
        warn("RANK_TABLE_FILE is left aside: under mpirun the order of the ranks is MPI's")


def _say_unused_settings(settings: Settings, world_size: int) -> None:
    if settings.mixed_precision and not settings.amp_in_use:
        warn("mixed_precision is left off: the CPU has no convolutions in half precision")
    if settings.bind_cores == "on" and world_size == 1:
        warn("bind_cores is left aside: it is for the ranks that share a host")
    if settings.all_reduce_buckets and settings.device_target == "CPU":
        warn("all_reduce_buckets is left aside: the CPU averages each gradient by itself")
    if settings.host_threads and settings.device_target == "CPU":
        warn("host_threads is left aside: on the CPU a rank uses the cores it keeps to")
    if settings.sink_size and not settings.sink_in_use:
        warn("sink_size is left off: only Ascend cards have a queue of their own")
    if settings.device_id and world_size > 1:
        warn("device_id is ignored: the launcher gives each rank of a distributed run its card")
    elif settings.device_id and settings.device_target == "CPU":
        warn("device_id is ignored: the CPU has no cards")
