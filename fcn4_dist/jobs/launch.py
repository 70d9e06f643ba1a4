"""The launch job: check on every host, then start the workers, and watch them to the end."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from fcn4_dist.checkpoints.folder import AUTO
from fcn4_dist.cluster.cores import sharing_variables
from fcn4_dist.cluster.launch import Launch, file_prefix, plan_launch
from fcn4_dist.cluster.launchers import Launchers, meet
from fcn4_dist.cluster.preflight import (
    Level,
    Result,
    check_address,
    check_cards,
    check_software,
    check_workers,
    usable_port,
)
from fcn4_dist.cluster.supervision import run_launch
from fcn4_dist.cluster.topology import (
    Host,
    LaunchRequest,
    Nodes,
    Topology,
    free_port,
    plan_nodes,
    plan_topology,
)
from fcn4_dist.config import LoadedSettings, Settings, adopt_settings
from fcn4_dist.errors import InputError
from fcn4_dist.files import write_text
from fcn4_dist.jobs.card import choose_for_card, leave_open
from fcn4_dist.jobs.checks import check_job, refuse_errors
from fcn4_dist.jobs.hccl import hccl_variables
from fcn4_dist.rank_table import read_rank_table
from fcn4_dist.records import read_manifest
from fcn4_dist.runs.folder import (
    name_run_folder,
    planned_run_folder,
    save_settings,
    settings_file,
    settle_paths,
)
from fcn4_dist.terminal import say, warn
from fcn4_dist.versions import installed_mindspore

COMMAND_NAME = "command.txt"
RESTART_EXIT_CODE = 76
_SECONDS_FOR_TABLE = 1800.0
"""As long as HCCL itself waits for a table."""
_SECONDS_BETWEEN_LOOKS_AT_TABLE = 5.0
# HCCL refuses a job that comes some seconds after one that was killed (EJ0001).
_SECONDS_TO_RESTART = {"Ascend": 15.0, "CPU": 1.0}


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
    host = Host.find()
    request = _with_table_of_the_site(request)
    nodes = plan_nodes(request, host)
    refuse_errors([check_address(nodes, host)])
    with _linked(nodes) as link:
        problems: list[str] = []
        try:
            if nodes.rank == 0:
                loaded = choose_for_card(loaded, host.generation, binds=True)
            loaded = _settings_of_node_0(command, loaded, nodes, link)
            topology = plan_topology(nodes, request, loaded.settings.device_target, host)
            topology = _checked(command, loaded, topology, host)
        except InputError as error:
            problems = str(error).splitlines()
        _refuse_on_all(problems, nodes, link)
        loaded = _agree(command, loaded, topology, link)
        if nodes.rank == 0:
            say(loaded.to_yaml(command))
        exit_code = _start(command, loaded, topology, link)
        if exit_code == 1 and max_restarts and nodes.count > 1:
            say("start the job again on every node with --resume auto (exit code 76 asks for it)")
            return RESTART_EXIT_CODE
        restarts = 0
        while exit_code == 1 and restarts < max_restarts:
            restarts += 1
            exit_code = _restart(command, loaded, topology, restarts, max_restarts)
        if nodes.rank > 0 and exit_code == 0:
            say("the job has ended well; its results are on node 0")
        return exit_code


def _start(command: str, loaded: LoadedSettings, topology: Topology, link: Launchers | None) -> int:
    plan = _plan(command, loaded, topology)
    prefix = file_prefix(topology.nodes.rank)
    save_settings(loaded, prefix)
    write_text(plan.log_folder / f"{prefix}{COMMAND_NAME}", plan.describe() + "\n")
    say(f"starting {_workers(topology)}, which takes some seconds; job: {plan.log_folder}")
    return run_launch(plan, link)


def _restart(command: str, loaded: LoadedSettings, topology: Topology, number: int, of: int) -> int:
    first = _SECONDS_TO_RESTART[loaded.settings.device_target]
    seconds = first * 2 ** (number - 1)
    say(f"restart {number} of {of} in {seconds:g} s, from the last whole checkpoint")
    time.sleep(seconds)
    settings = replace(loaded.settings, resume=AUTO, pre_trained=False)
    nodes = replace(topology.nodes, master_port=free_port(topology.nodes.master_addr))
    again = LoadedSettings(settings, {**loaded.origins, "resume": "--max_restarts"})
    return _start(command, again, replace(topology, nodes=nodes), None)


def dry_run(command: str, loaded: LoadedSettings, request: LaunchRequest) -> int:
    """Print every process that :func:`launch` would start, and what would keep it from that.

    Args:
        command: "train" or "eval".
        loaded: Its settings.
        request: Which workers; without a node_rank, the processes of all nodes are printed.

    Returns:
        The exit code.

    Raises:
        InputError: If it is not clear which processes these would be.
    """
    host = Host.find()
    request = _with_table_of_the_site(request)
    loaded = choose_for_card(planned_run_folder(loaded, command), host.generation, binds=True)
    device_target = loaded.settings.device_target
    topologies = []
    for rank in _nodes_to_show(request):
        # As if on that node, which has other addresses.
        there = host if rank is None else replace(host, addresses=())
        one = request if rank is None else replace(request, node_rank=rank)
        topology = plan_topology(plan_nodes(one, there), one, device_target, there)
        topologies.append(topology)
        print(_plan(command, loaded, topology).describe(), end="\n\n")
    table = topologies[0].nodes.table
    here = table.server_of(host.addresses) if table and len(topologies) > 1 else None
    for result in _results(command, loaded, topologies[here or 0], host):
        # Which of several nodes this host is to be need not be known yet.
        if len(topologies) > 1 and result.check == "address":
            continue
        if result.level in (Level.ERROR, Level.WARNING):
            refused = "would be refused: " if result.level is Level.ERROR else ""
            warn(f"{refused}{result.sentence}")
    return 0


def _nodes_to_show(request: LaunchRequest) -> list[int | None]:
    """List the nodes whose processes a dry run prints; None is this host alone."""
    count = request.nnodes or 1
    if request.rank_table_file:
        count = len(read_rank_table(request.rank_table_file).servers)
    if request.node_rank is not None or count == 1:
        return [None]
    return list(range(count))


def _with_table_of_the_site(request: LaunchRequest) -> LaunchRequest:
    found = request.with_table_of_the_site(os.environ)
    if found is not request:
        path = found.rank_table_file
        assert path
        say(f"rank table of this site: {path} (unset RANK_TABLE_FILE to do without)")
        _wait_until_complete(path)
    return found


def _wait_until_complete(path: Path) -> None:
    """Wait for the site's controller, which may fill in the table after the job has begun."""
    ends = time.monotonic() + _SECONDS_FOR_TABLE
    while '"initializing"' in (path.read_text("utf-8", "replace") if path.is_file() else ""):
        if time.monotonic() > ends:
            return
        say(f"waiting for {path} to be completed …")
        time.sleep(_SECONDS_BETWEEN_LOOKS_AT_TABLE)


@contextmanager
def _linked(nodes: Nodes) -> Iterator[Launchers | None]:
    if nodes.count == 1:
        yield None
        return
    link = meet(nodes, say)
    try:
        yield link
    except BaseException as error:
        # Others may be waiting for a message of this node.
        link.tell(str(error).partition("\n")[0] or f"stopped by {type(error).__name__}")
        raise
    finally:
        link.close()


def _settings_of_node_0(
    command: str, loaded: LoadedSettings, nodes: Nodes, link: Launchers | None
) -> LoadedSettings:
    if link is None:
        return loaded
    everyone = link.all_gather(loaded.settings.as_dict() if nodes.rank == 0 else None)
    return loaded if nodes.rank == 0 else adopt_settings(leave_open(loaded), everyone[0], command)


def _checked(command: str, loaded: LoadedSettings, topology: Topology, host: Host) -> Topology:
    results = _results(command, loaded, topology, host)
    refuse_errors(results)
    for result in results:
        if result.level is Level.WARNING:
            warn(result.sentence)
    nodes = replace(topology.nodes, master_port=usable_port(topology))
    return replace(topology, nodes=nodes)


def _results(command: str, loaded: LoadedSettings, topology: Topology, host: Host) -> list[Result]:
    settings, environment = loaded.settings, os.environ
    results = check_software(environment)
    version = installed_mindspore()
    device = settings.device_target
    results += check_cards(device, host, environment, version, settings.precision)
    results += check_workers(topology, settings.device_target, host)
    on_main = topology.nodes.rank == 0
    return results + check_job(command, settings, topology.ranks, on_main=on_main)


def _refuse_on_all(problems: list[str], nodes: Nodes, link: Launchers | None) -> None:
    everyone = link.all_gather(problems) if link else [problems]
    lines = list(problems)
    for rank, others in enumerate(everyone):
        if rank != nodes.rank:
            lines += [f"node {rank}: {line}" for line in others]
    if lines:
        raise InputError("\n".join(lines))


def _agree(
    command: str, loaded: LoadedSettings, topology: Topology, link: Launchers | None
) -> LoadedSettings:
    """Settle the number of workers and the job's folder with the other nodes."""
    settings = loaded.settings
    own: dict[str, Any] = {
        "number of workers": topology.local_ranks,
        "shards": read_manifest(Path(settings.shard_folder)).fingerprint()[:12],
        "version of MindSpore": installed_mindspore(),
    }
    everyone = link.all_gather(own) if link else [own]
    for name in own:
        differing = [rank for rank, node in enumerate(everyone) if node[name] != everyone[0][name]]
        if differing:
            raise InputError(
                f"node {differing[0]} and node 0 do not have the same {name} "
                f"({everyone[differing[0]][name]} and {everyone[0][name]}): make them the same on "
                "every node"
            )
    if topology.nodes.rank == 0:
        loaded = name_run_folder(loaded, command)
    of_node_0 = link.all_gather(loaded.settings.run_dir)[0] if link else loaded.settings.run_dir
    run_dir = loaded.settings.run_dir or of_node_0
    settings = replace(loaded.settings, run_dir=run_dir)
    return settle_paths(LoadedSettings(settings, loaded.origins))


def _plan(command: str, loaded: LoadedSettings, topology: Topology) -> Launch:
    settings = loaded.settings
    file = settings_file(settings, file_prefix(topology.nodes.rank))
    return plan_launch(
        ["-m", "fcn4_dist", command, "--config", str(file)],
        topology,
        Path(settings.run_dir),
        variables=hccl_variables(loaded, os.environ)
        | sharing_variables(topology.local_ranks, shared=_shares_cores(command, settings)),
        bind_cores=settings.device_target == "Ascend" and settings.bind_cores == "on",
        step_timeout=settings.step_timeout,
        start_timeout=settings.hccl_connect_timeout,
        grace_period=settings.grace_period if command == "train" else 0.0,
    )


def _shares_cores(command: str, settings: Settings) -> bool:
    if settings.device_target != "CPU":
        return False
    return settings.bind_cores == "on" or (settings.bind_cores == "auto" and command == "train")


def _workers(topology: Topology) -> str:
    if topology.nodes.count == 1:
        return f"{topology.ranks} workers"
    here = topology.ranks_here
    ranks = f"rank {here[0]}" if len(here) == 1 else f"ranks {here[0]} to {here[-1]}"
    return f"{topology.ranks} workers on {topology.nodes.count} nodes, {ranks} here"
