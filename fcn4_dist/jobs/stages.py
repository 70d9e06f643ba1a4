"""Commands of ours that a job runs one after the other, each in a process of its own."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from types import FrameType
from typing import BinaryIO

from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.checkpoints.folder import find_resume_file
from fcn4_dist.cluster.launch import PROGRAM
from fcn4_dist.cluster.topology import (
    LaunchRequest,
    Starter,
    Topology,
    local_topology,
    plan_nodes,
    plan_topology,
)
from fcn4_dist.config import Settings
from fcn4_dist.findings import refuse_errors
from fcn4_dist.host.host import Host
from fcn4_dist.jobs.prepare import Start, find_obstacles_of_host
from fcn4_dist.jobs.preprocess_checks import check_preprocessing
from fcn4_dist.jobs.shown_settings import TOLD_VARIABLE
from fcn4_dist.log import terminal_shows
from fcn4_dist.processes import die_with_parent
from fcn4_dist.runs.folder import DEFAULT_RUNS


def check_stages(settings: Settings, device_num: int | None) -> None:
    """Refuse, before music is preprocessed, what no training would be started with.

    Args:
        settings: The settings, with a decided device.
        device_num: Workers of the training; None for a single one, not launched.

    Raises:
        InputError: With a line for each thing that is wrong.
    """
    request = LaunchRequest(device_num=device_num, nnodes=1)
    host = Host.find() if settings.device_target == "Ascend" else Host((), "", ())

    def plan(settings: Settings) -> Topology:
        if device_num is None:
            return local_topology(1)
        return plan_topology(plan_nodes(request, host), request, settings.device_target, host)

    start = Start(Starter.MSRUN if device_num else Starter.NOTHING, host, plan)
    findings, _ = find_obstacles_of_host(settings, start, host)
    refuse_errors(findings)
    # The shards are in the job's folder.
    check_preprocessing(replace(settings, mr_path=settings.run_dir or DEFAULT_RUNS))
    if settings.pre_trained:
        CheckpointFolder.from_settings(settings).find(settings.model_name)
    elif settings.resume:
        find_resume_file(settings, warn=lambda told: None)


_PLAIN = {"PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"}


def run_command(arguments: Sequence[str], log: BinaryIO | None = None) -> int:
    """Run a command of ours to its end, in its own way if we are asked to stop.

    Args:
        arguments: What stands behind the program's name.
        log: Open file for what it prints; None for where this process prints, as much as it does.

    Returns:
        Its exit code, as a shell has it; not 0 if we were asked to stop.
    """
    # In a session of its own: a Ctrl-C reaches this process alone, from wherever it comes.
    process = subprocess.Popen(
        [sys.executable, PROGRAM, *_verbosity(in_log=log is not None), *arguments],
        stdout=log,
        stderr=log and subprocess.STDOUT,
        env=os.environ | {TOLD_VARIABLE: "1"} | (_PLAIN if log else {}),
        start_new_session=True,
        preexec_fn=die_with_parent,
    )
    asked: list[int] = []

    def pass_on(number: int, _: FrameType | None) -> None:
        asked.append(number)
        process.send_signal(number)

    # Other threads get no signals.
    heard = (signal.SIGINT, signal.SIGTERM) if _is_main_thread() else ()
    before = {number: signal.signal(number, pass_on) for number in heard}
    try:
        code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if asked and code == 0:
        return 128 + asked[0]
    return code if code >= 0 else 128 - code


def _verbosity(*, in_log: bool) -> list[str]:
    if terminal_shows(logging.DEBUG):
        return ["--verbose"]
    return [] if in_log or terminal_shows(logging.INFO) else ["--quiet"]


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
