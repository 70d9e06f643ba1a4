"""Starting as a rank of an MPI job: check on every host, agree on the settings, join."""

import os
from dataclasses import replace
from pathlib import Path

from fcn4_dist.cluster.cards import find_generation
from fcn4_dist.cluster.mpi import MpiRanks, become_mpi_rank, plan_mpi_launch
from fcn4_dist.cluster.preflight import check_cards
from fcn4_dist.cluster.topology import Host
from fcn4_dist.config import LoadedSettings, Settings, adopt_settings
from fcn4_dist.errors import InputError
from fcn4_dist.jobs.card import choose_for_card, leave_open
from fcn4_dist.jobs.checks import check_job, refuse_errors
from fcn4_dist.jobs.hccl import hccl_variables
from fcn4_dist.runs.folder import name_run_folder, save_settings, settings_file, settle_paths
from fcn4_dist.terminal import say, warn
from fcn4_dist.versions import installed_mindspore


def start_in_mpi_job(command: str, loaded: LoadedSettings) -> LoadedSettings:
    """Do for a process that mpirun has started what the launcher does for its workers.

    Args:
        command: "train" or "eval".
        loaded: The settings; on other ranks than 0, what is not given comes from rank 0.

    Returns:
        The settings with absolute paths. The environment is a rank's then.

    Raises:
        InputError: On every rank, if one finds something wrong.
    """
    job = MpiRanks()
    loaded, problems = _checked(command, loaded, job)
    found = [line for lines in job.all_gather(problems) for line in lines]
    if found:
        job.finish()
        if job.rank > 0:
            # Rank 0 says it for all.
            raise SystemExit(InputError.exit_code)
        raise InputError("\n".join(found))
    try:
        loaded = _in_one_folder(command, loaded, job)
        file = settings_file(loaded.settings)
        program = ["-m", "fcn4_dist", command, "--config", str(file)]
        variables = hccl_variables(loaded, os.environ)
        launch = plan_mpi_launch(job, program, Path(loaded.settings.run_dir), variables)
        if job.rank == 0:
            say(loaded.to_yaml(command))
            save_settings(loaded)
        # No rank starts before rank 0 has written what the scheduler reads.
        job.all_gather(None)
    except BaseException as error:
        job.abort(error)
        raise
    job.finish()
    if job.rank == 0 and launch.removed:
        warn(f"left by an earlier job, and taken out for this one: {', '.join(launch.removed)}")
    become_mpi_rank(job, launch)
    return loaded


def _checked(
    command: str, loaded: LoadedSettings, job: MpiRanks
) -> tuple[LoadedSettings, list[str]]:
    if job.rank == 0 and loaded.settings.device_target == "Ascend":
        loaded = choose_for_card(loaded, find_generation())
    values = job.all_gather(loaded.settings.as_dict())[0]
    if loaded.settings.bind_cores == "on" and job.rank == 0:
        warn("bind_cores is left aside: under mpirun, its own --bind-to tells")
    if "RANK_TABLE_FILE" in os.environ and job.rank == 0:
        warn("RANK_TABLE_FILE is left aside: under mpirun the order of the ranks is MPI's")
    try:
        if job.rank > 0:
            loaded = adopt_settings(leave_open(loaded), values, command)
        if job.local_rank == 0:
            _check_host(command, loaded.settings, job)
    except InputError as error:
        return loaded, [f"rank {job.rank}: {line}" for line in str(error).splitlines()]
    return loaded, []


def _check_host(command: str, settings: Settings, job: MpiRanks) -> None:
    host = Host.find()
    version = installed_mindspore()
    results = check_cards(settings.device_target, host, os.environ, version, settings.precision)
    refuse_errors([*results, *check_job(command, settings, job.size, on_main=job.rank == 0)])
    if settings.device_target == "Ascend" and job.local_size > len(host.usable):
        raise InputError(
            f"mpirun started {job.local_size} processes on this host, which has {len(host.usable)} "
            "cards to use: lower the number of processes a host"
        )


def _in_one_folder(command: str, loaded: LoadedSettings, job: MpiRanks) -> LoadedSettings:
    if job.rank == 0:
        loaded = name_run_folder(loaded, command)
    run_dir = loaded.settings.run_dir
    of_rank_0 = job.all_gather(run_dir)[0]
    settings = replace(loaded.settings, run_dir=run_dir or of_rank_0)
    return settle_paths(LoadedSettings(settings, loaded.origins))
