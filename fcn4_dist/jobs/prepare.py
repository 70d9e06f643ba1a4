"""Preparing a job, however it is started: settings, checks, agreement, folder.

A single card, ``launch`` on one host or several, and mpirun go the same way, so that each check is
made for all of them; ``doctor`` and a dry run make the checks and start nothing.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fcn4_dist.cluster.card_checks import check_cards, check_precision
from fcn4_dist.cluster.cores import core_variables, cores_near, plan_cores
from fcn4_dist.cluster.launch import PROGRAM, Launch, file_prefix, plan_launch
from fcn4_dist.cluster.peers import Peers
from fcn4_dist.cluster.preflight import check_software, check_workers
from fcn4_dist.cluster.secret import SECRET_VARIABLE
from fcn4_dist.cluster.topology import Starter, Topology
from fcn4_dist.config import LoadedSettings, Settings, adopt_settings
from fcn4_dist.config.forms import unexpanded
from fcn4_dist.errors import InputError
from fcn4_dist.findings import Finding, Level, refuse_errors
from fcn4_dist.host.host import Host
from fcn4_dist.jobs.auto_settings import choose_for_card, leave_open
from fcn4_dist.jobs.checks import check_job
from fcn4_dist.jobs.found_settings import find_settings
from fcn4_dist.jobs.shown_settings import say_settings
from fcn4_dist.records import read_manifest
from fcn4_dist.runs.folder import name_run_folder, settings_file, settle_paths
from fcn4_dist.terminal import detail, warn
from fcn4_dist.versions import installed_mindspore


@dataclass(frozen=True)
class Start:
    """A way of starting a job, on this host.

    Attributes:
        starter: What starts the workers.
        host: This host; None where another process looks at it.
        plan: Decides which workers there are, from the settings.
    """

    starter: Starter
    host: Host | None
    plan: Callable[[Settings], Topology]


@dataclass(frozen=True)
class Job:
    """A job whose workers can be started.

    Attributes:
        command: "train" or "eval".
        loaded: Its settings, with absolute paths.
        topology: Its workers.
        starter: What starts them.
        host: This host; None where another process looks at it.
    """

    command: str
    loaded: LoadedSettings
    topology: Topology
    starter: Starter
    host: Host | None

    def on_port(self, port: int) -> "Job":
        """Give the same job with a scheduler that listens on this port of node 0."""
        nodes = replace(self.topology.nodes, master_port=port)
        return replace(self, topology=replace(self.topology, nodes=nodes))

    def plan(self) -> Launch:
        """Decide how the workers of this host are started; they read the settings saved there."""
        settings = self.loaded.settings
        file = settings_file(settings, file_prefix(self.topology.nodes.rank))
        return plan_launch(
            [PROGRAM, self.command, "--config", unexpanded(file)],
            self.topology,
            Path(settings.run_dir),
            variables=_hccl_variables(self.loaded) | core_variables(self._cores()),
            step_timeout=settings.step_timeout,
            start_timeout=settings.hccl_connect_timeout,
            grace_period=settings.grace_period if self.command == "train" else 0.0,
        )

    def _cores(self) -> list[list[int]]:
        """Give the cores of each rank of this host; none where they do not keep to their own."""
        settings, ranks = self.loaded.settings, self.topology.local_ranks
        on_cpu = settings.device_target == "CPU"
        by_default = on_cpu and self.command == "train" and settings.bind_cores == "auto"
        # mpirun has bound its ranks to cores, or not, as it was told.
        if self.starter is not Starter.MSRUN or not (by_default or settings.bind_cores == "on"):
            return []
        cores = sorted(os.sched_getaffinity(0))
        host = self.host or Host((), "", ())
        cards, buses = host.cards, host.npu_smi.buses
        used = (self.topology.cards or host.usable)[:ranks]
        if on_cpu or len(used) < ranks or not set(used) <= set(cards):
            return plan_cores(cores, [()] * ranks)
        # Shared out among all cards, so that two jobs on a host have cores of their own.
        shares = plan_cores(cores, [cores_near(buses.get(card, "")) for card in cards])
        return [shares[cards.index(card)] for card in used]


def prepare(command: str, loaded: LoadedSettings, start: Start, peers: Peers) -> Job:
    """Settle and check a job with all that start it, before anything is started.

    Args:
        command: "train" or "eval".
        loaded: The settings, with a device; what others than number 0 leave open comes from number
            0.
        start: How it is to be started.
        peers: This process's place among those that start it; each of them has to call this.

    Returns:
        The job. Its folder is there, and number 0 has printed its settings.

    Raises:
        InputError: On every peer, with all that any of them has found wrong.
    """
    loaded = peers.on_main(lambda: find_settings(command, loaded)) or loaded
    if peers.is_main and start.host:
        binds = start.starter is Starter.MSRUN
        loaded = choose_for_card(loaded, start.host.generation, binds=binds)
    left_to_host = not loaded.is_given("device_target")
    own_device = loaded.settings.device_target
    problems: list[str] = []
    try:
        loaded = adopt_from_main(command, loaded, peers)
        topology = start.plan(loaded.settings)
        _heed(find_obstacles(command, loaded.settings, start), peers)
    except InputError as error:
        problems = str(error).splitlines()
    peers.refuse_together(problems)
    if peers.size > 1:
        facts = _to_agree_on(loaded.settings, topology)
        if peers.broadcast_of(bool, left_to_host) and left_to_host:
            facts["device"] = own_device
        peers.check_agreement(facts, InputError)
    loaded = in_one_folder(command, loaded, peers)
    if peers.is_main:
        say_settings(loaded, command, settings_file(loaded.settings))
    return Job(command, loaded, topology, start.starter, start.host)


def adopt_from_main(command: str, loaded: LoadedSettings, peers: Peers) -> LoadedSettings:
    """Take the settings of number 0 for all; every peer has to call this.

    Args:
        command: Name of the command; what has no effect on it need not agree.
        loaded: This peer's settings; its own paths stay.
        peers: This process's place.

    Raises:
        InputError: If another setting than a path was given here and is different there, or node 0
            names a folder to write to that leads where nobody has told this peer to write.
    """
    of_main = peers.broadcast_of(dict[str, Any], loaded.settings.as_dict())
    if peers.is_main:
        return loaded
    adopted = adopt_settings(leave_open(loaded), of_main, command)
    if "run_dir" not in loaded.origins:
        _check_folder_of_main(adopted.settings.run_dir, peers)
    return adopted


def in_one_folder(command: str, loaded: LoadedSettings, peers: Peers) -> LoadedSettings:
    """Make the job's folder, of one name on all peers; every one of them has to call this.

    Args:
        command: Its name is in that of the folder, where the settings name none.
        loaded: The settings.
        peers: This process's place.

    Returns:
        The settings with absolute paths, those of this peer.

    Raises:
        InputError: If it cannot be made, or leads where nobody has told this peer to write.
    """
    named = peers.on_main(lambda: name_run_folder(loaded, command)) or loaded
    of_main = peers.broadcast_of(str, named.settings.run_dir)
    if not named.settings.run_dir:
        _check_folder_of_main(of_main, peers)
    run_dir = named.settings.run_dir or of_main
    return settle_paths(replace(named, settings=replace(named.settings, run_dir=run_dir)))


def find_obstacles(command: str, settings: Settings, start: Start) -> list[Finding]:
    """Make every check of a job on this host; nothing is left behind.

    Args:
        command: "train" or "eval".
        settings: Its settings.
        start: How it is to be started; without a host, nothing is looked at.
    """
    host = start.host
    if host is None:
        return []
    findings, topology = find_obstacles_of_host(settings, start, host)
    generation = host.generation if settings.device_target == "Ascend" else ""
    ranks = topology.ranks if topology else 1
    on_main = topology is None or topology.nodes.rank == 0
    return findings + check_job(command, settings, ranks, on_main=on_main, generation=generation)


def find_obstacles_of_host(
    settings: Settings, start: Start, host: Host
) -> tuple[list[Finding], Topology | None]:
    """Make the checks of a job that need neither shards nor checkpoints.

    Args:
        settings: Its settings.
        start: How it is to be started.
        host: This host.

    Returns:
        What was found, and the workers, where it is clear which they are.
    """
    device, version = settings.device_target, installed_mindspore()
    findings = check_software(os.environ, start.starter)
    findings += check_cards(device, host, os.environ, version)
    topology = None
    try:
        topology = start.plan(settings)
        findings += check_workers(topology, settings, host, start.starter)
    except InputError as error:
        # Of a rank table's faults each has a line, below the one that names the file.
        first, *faults = str(error).splitlines()
        sentences = [f"{first} {fault.strip()}" for fault in faults] or [first]
        findings += [Finding(Level.ERROR, sentence, check="workers") for sentence in sentences]
    findings += check_precision(settings, host, topology.ranks if topology else 1)
    return findings, topology


def _heed(findings: list[Finding], peers: Peers) -> None:
    refuse_errors(findings)
    who = f"{peers.noun} {peers.rank}: " if peers.shares_terminal and not peers.is_main else ""
    for finding in findings:
        if finding.level is Level.WARNING:
            warn(f"{who}{finding}")
        else:
            detail(f"{who}{finding.check}: {finding}")


def _to_agree_on(settings: Settings, topology: Topology) -> dict[str, Any]:
    return {
        "number of workers": topology.ranks,
        "shards": read_manifest(Path(settings.shard_folder)).fingerprint()[:12],
        "version of MindSpore": installed_mindspore(),
        "device": settings.device_target,
    }


def _check_folder_of_main(run_dir: str, peers: Peers) -> None:
    """Refuse a folder of a node 0 that nobody knows, unless it is below the working directory."""
    here = Path.cwd().resolve()
    try:
        inside = (here / run_dir).resolve().is_relative_to(here)
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"node 0 names a run_dir that cannot be one, {run_dir!r}") from error
    if not (inside or peers.known):
        raise InputError(
            f"node 0 has this node write to {run_dir}, which is not below {here}, and without "
            f"{SECRET_VARIABLE} nobody knows who node 0 is: give --run_dir here, too, or every "
            "node the secret"
        )


def _hccl_variables(loaded: LoadedSettings) -> dict[str, str]:
    """Give what HCCL reads; what the site has set goes before our defaults."""
    if loaded.settings.device_target != "Ascend":
        return {}
    variables = {}
    for name in ("hccl_connect_timeout", "hccl_buffsize"):
        value = str(getattr(loaded.settings, name))
        if value and (name in loaded.origins or name.upper() not in os.environ):
            variables[name.upper()] = value
    return variables
