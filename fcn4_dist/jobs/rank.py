"""Becoming a rank: what train and eval do before their work begins."""

import os
import signal
from typing import TYPE_CHECKING

from fcn4_dist.cluster.cards import find_generation
from fcn4_dist.cluster.cores import keep_to_own_cores
from fcn4_dist.cluster.device import check_device, launched, prepare_environment
from fcn4_dist.cluster.heartbeat import watched_heartbeat
from fcn4_dist.cluster.mpi import started_by_mpi
from fcn4_dist.config import LoadedSettings, Settings
from fcn4_dist.jobs.card import choose_for_card
from fcn4_dist.jobs.checks import check_job, refuse_errors
from fcn4_dist.jobs.mpi import start_in_mpi_job
from fcn4_dist.runs.folder import choose_run_folder, save_settings, settle_paths
from fcn4_dist.terminal import say, warn

if TYPE_CHECKING:
    from fcn4_dist.cluster.ranks import Ranks


def become_rank(command: str, loaded: LoadedSettings) -> tuple[Settings, "Ranks"]:
    """Check, print and save the settings if that was not done by a launcher, and start the device.

    Args:
        command: "train" or "eval".
        loaded: The settings of the job.

    Returns:
        The settings with absolute paths, and this process's place in the job. The working
        directory is the job's folder then: compilers leave kernel_meta and rank_* there.

    Raises:
        InputError: If something is found wrong.
    """
    if started_by_mpi():
        loaded = start_in_mpi_job(command, loaded)
    elif launched():
        loaded = settle_paths(loaded)
    else:
        loaded = _start_alone(command, loaded)
    settings = loaded.settings
    keep_to_own_cores()
    heartbeat = watched_heartbeat()
    heartbeat.at("starting", unhurried=True)
    prepare_environment(settings.device_target)

    from fcn4_dist.cluster.ranks import join_ranks
    from fcn4_dist.cluster.threads import use_threads

    os.chdir(settings.run_dir)
    ranks = join_ranks(settings.device_target, settings.device_id, heartbeat)
    use_threads(settings.device_target, settings.host_threads, settings.reader_threads)
    if ranks.is_main:
        _say_unused_settings(settings, ranks.size)
    return settings, ranks


def _start_alone(command: str, loaded: LoadedSettings) -> LoadedSettings:
    if command != "train":
        # While a graph runs, MindSpore turns Ctrl-C into a SIGTERM to its own process.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    check_device(loaded.settings.device_target)
    if loaded.settings.device_target == "Ascend":
        loaded = choose_for_card(loaded, find_generation())
    refuse_errors(check_job(command, loaded.settings, world_size=1))
    loaded = choose_run_folder(loaded, command)
    say(loaded.to_yaml(command))
    save_settings(loaded)
    return loaded


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
