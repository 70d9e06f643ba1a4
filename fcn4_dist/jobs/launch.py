"""The launch job: prepare on every host, then start the workers, and watch them to the end."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from fcn4_dist.checkpoints.folder import AUTO
from fcn4_dist.cluster.cores import CORES_VARIABLE
from fcn4_dist.cluster.launch import file_prefix
from fcn4_dist.cluster.launchers import Launchers, meet
from fcn4_dist.cluster.preflight import check_address, usable_port
from fcn4_dist.cluster.secret import find_secret
from fcn4_dist.cluster.sites import MINDCLUSTER_TABLE, at_site
from fcn4_dist.cluster.supervision import run_launch
from fcn4_dist.cluster.topology import (
    LaunchRequest,
    Nodes,
    Starter,
    Topology,
    free_port,
    plan_nodes,
    plan_topology,
)
from fcn4_dist.config import LoadedSettings, Settings
from fcn4_dist.files import write_text
from fcn4_dist.findings import Level, in_short, refuse_errors
from fcn4_dist.host.host import Host
from fcn4_dist.jobs.auto_settings import choose_device, choose_for_card, say_device
from fcn4_dist.jobs.found_settings import find_settings
from fcn4_dist.jobs.prepare import Job, Start, find_obstacles, prepare
from fcn4_dist.rank_table import TableState, state_of_table
from fcn4_dist.runs.folder import planned_run_folder, save_settings
from fcn4_dist.terminal import put, say, say_result, warn
from fcn4_dist.text import count, named, span

COMMAND_NAME = "command.txt"
RESTART_EXIT_CODE = 76
SECONDS_BETWEEN_JOBS = {"Ascend": 15.0, "CPU": 1.0}
"""HCCL refuses a job that comes some seconds after another one (EJ0001)."""
# HCCL itself waits as long for a table. A text that is no JSON may be half written, or just wrong.
_SECONDS_FOR_TABLE = {
    TableState.MISSING: 0.0,
    TableState.INITIALIZING: 1800.0,
    TableState.NO_JSON: 60.0,
    TableState.COMPLETED: 0.0,
}
_SECONDS_BETWEEN_LOOKS_AT_TABLE = 5.0
_MOST_NODES_WHOLE = 4


def launch(
    command: str, loaded: LoadedSettings, request: LaunchRequest, max_restarts: int = 0
) -> int:
    """Run this host's share of a job, on its own or with the launchers of other hosts.

    The workers read the settings from the job's folder, where they are saved first.

    Args:
        command: "train" or "eval".
        loaded: Its settings; on other nodes than 0, what is not given comes from node 0.
        request: Which workers.
        max_restarts: How often training starts again after a worker's death; on several hosts,
            whether the exit code asks the site's scheduler for it.

    Returns:
        The exit code.

    Raises:
        InputError: If something is found wrong before a worker is started, here or on another
            node.
    """
    loaded = choose_device(loaded, request)
    say_device(loaded)
    with met_launchers(request) as (start, launchers):
        job = prepare(command, loaded, start, launchers)
        exit_code = run_job(job.on_port(usable_port(job.topology)), launchers)
        if exit_code == 1 and max_restarts and launchers.size > 1:
            say_result(
                "start the job again on every node with --resume auto (exit code 76 asks for it)"
            )
            return RESTART_EXIT_CODE
        restarts = 0
        while exit_code == 1 and restarts < max_restarts:
            restarts += 1
            exit_code = run_job(_to_restart(job, restarts, max_restarts), launchers)
        if not launchers.is_main and exit_code == 0:
            say("the job has ended well; its results are on node 0")
        return exit_code


@contextmanager
def met_launchers(request: LaunchRequest) -> Iterator[tuple[Start, Launchers]]:
    """Meet the launchers of the other hosts of a job, if it has any, for as long as it goes on.

    Args:
        request: Which workers.

    Yields:
        How a job is started on this host, and the launchers.

    Raises:
        InputError: If the request, the site and this host do not go together.
    """
    host = Host.find()
    request = _at_site(request, host)
    nodes = plan_nodes(request, host)
    refuse_errors([check_address(nodes, host)])

    def plan(settings: Settings) -> Topology:
        return plan_topology(nodes, request, settings.device_target, host)

    secret = find_secret(os.environ) if nodes.count > 1 else None
    with meet(nodes, say, secret=secret) as launchers:
        yield Start(Starter.MSRUN, host, plan), launchers


def run_job(job: Job, launchers: Launchers) -> int:
    """Run this host's share of a job that is prepared; give the exit code."""
    plan = job.plan()
    prefix = file_prefix(job.topology.nodes.rank)
    save_settings(job.loaded, prefix)
    write_text(plan.log_folder / f"{prefix}{COMMAND_NAME}", plan.describe() + "\n")
    if job.loaded.settings.device_target == "Ascend" and CORES_VARIABLE in plan.added:
        say(f"cores that the ranks here keep to, in their order: {plan.added[CORES_VARIABLE]}")
    if table := job.topology.nodes.table:
        write_text(plan.table_file, json.dumps(table.content, indent=4) + "\n")
    say(f"starting {_workers(job.topology)}, which takes some seconds; job: {plan.log_folder}")
    return run_launch(plan, launchers)


def _to_restart(job: Job, number: int, of: int) -> Job:
    """Wait a while, and give the job that goes on where this one was."""
    settings = job.loaded.settings
    seconds = SECONDS_BETWEEN_JOBS[settings.device_target] * 2 ** (number - 1)
    say(f"restart {number} of {of} in {seconds:g} s, from the last whole checkpoint")
    time.sleep(seconds)
    origins = {**job.loaded.origins, "resume": "--max_restarts"}
    again = replace(settings, resume=AUTO, pre_trained=False)
    loaded = replace(job.loaded, settings=again, origins=origins)
    return replace(job, loaded=loaded).on_port(free_port(job.topology.nodes.master_addr))


def dry_run(command: str, loaded: LoadedSettings, request: LaunchRequest) -> int:
    """Print every process that :func:`launch` would start, and what would keep it from that.

    Args:
        command: "train" or "eval".
        loaded: Its settings.
        request: Which workers; without a node_rank, the processes of all nodes are printed, of
            many those of the first two.

    Returns:
        The exit code.

    Raises:
        InputError: If it is not clear which processes these would be.
    """
    host = Host.find()
    loaded = find_settings(command, choose_device(loaded, request))
    request = _at_site(request, host)
    loaded = planned_run_folder(loaded, command)
    loaded = choose_for_card(loaded, host.generation, binds=True)
    device_target = loaded.settings.device_target
    topologies = [
        plan_topology(nodes, request, device_target, host) for nodes in _planned(request, host)
    ]
    whole = len(topologies) if len(topologies) <= _MOST_NODES_WHOLE else 2
    for topology in topologies[:whole]:
        put(Job(command, loaded, topology, Starter.MSRUN, host).plan().describe() + "\n")
    for line in _in_short(topologies[whole:]):
        put(line)
    table = topologies[0].nodes.table
    here = table.server_of(host.addresses) if table and len(topologies) > 1 else None
    start = Start(Starter.MSRUN, host, lambda settings: topologies[here or 0])
    lines = []
    for finding in find_obstacles(command, loaded.settings, start):
        # Which of several nodes this host is to be need not be known yet.
        if len(topologies) > 1 and finding.check == "address":
            continue
        if finding.level in (Level.ERROR, Level.WARNING):
            refused = "would be refused: " if finding.level is Level.ERROR else ""
            lines.append(f"{refused}{finding}")
    for line in in_short(lines):
        warn(line)
    return 0


def _planned(request: LaunchRequest, host: Host) -> list[Nodes]:
    """Give the nodes whose processes a dry run prints: all as each sees them, or this one."""
    if request.node_rank is None:
        # As if on each of them, which have other addresses.
        first = plan_nodes(replace(request, node_rank=0), replace(host, addresses=()))
        if first.count > 1:
            return [replace(first, rank=rank) for rank in range(first.count)]
    return [plan_nodes(request, host)]


def _in_short(topologies: list[Topology]) -> Iterator[str]:
    """Tell of many nodes only what each has of its own."""
    for cards, alike in groupby(topologies, lambda topology: topology.cards):
        group = list(alike)
        nodes = named("node", [topology.nodes.rank for topology in group])
        ranks = span([rank for topology in group for rank in topology.ranks_here])
        with_cards = f", {named('card', cards)} each" if cards else ""
        yield f"# {nodes}: ranks {ranks}{with_cards}, as node 1; --node_rank R prints one of them"


def _at_site(request: LaunchRequest, host: Host) -> LaunchRequest:
    """Take from the site what is left open, and say so."""
    found, taken = at_site(request, os.environ, host.addresses)
    if taken:
        say(taken)
    if found.rank_table_file and not request.rank_table_file:
        by_variable = "RANK_TABLE_FILE" in os.environ
        without = " (unset RANK_TABLE_FILE to do without)" if by_variable else ""
        say(f"rank table of this site: {found.rank_table_file}{without}")
        _wait_until_complete(found.rank_table_file)
    return found


def _wait_until_complete(path: Path) -> None:
    """Wait for the site's controller, which may fill in the table after the job has begun."""
    begun = time.monotonic()
    seconds = dict(_SECONDS_FOR_TABLE)
    if path == MINDCLUSTER_TABLE:
        # On shared storage the file is made when every pod has got its cards.
        seconds[TableState.MISSING] = seconds[TableState.INITIALIZING]
    while seconds[state_of_table(path)] > time.monotonic() - begun:
        say(f"waiting for {path} to be completed …")
        time.sleep(_SECONDS_BETWEEN_LOOKS_AT_TABLE)


def _workers(topology: Topology) -> str:
    if topology.nodes.count == 1:
        return f"{count(topology.ranks, 'worker')}"
    here = topology.ranks_here
    ranks = f"rank {here[0]}" if len(here) == 1 else f"ranks {here[0]} to {here[-1]}"
    return (
        f"{count(topology.ranks, 'worker')} on {count(topology.nodes.count, 'node')}, {ranks} here"
    )
