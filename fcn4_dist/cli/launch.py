"""The commands ``launch`` and ``doctor``."""

import argparse
from dataclasses import fields
from math import inf

from fcn4_dist.cli.command import FLAGS_OF_ALL, Command, Parser, add_flags, flag, parse
from fcn4_dist.cli.jobs import EVAL, TRAIN
from fcn4_dist.cli.settings import load
from fcn4_dist.cli.values import MOST_NODES, MOST_WORKERS, file_path, whole_number
from fcn4_dist.cluster.device import launched
from fcn4_dist.cluster.topology import LaunchRequest
from fcn4_dist.config import COMMANDS
from fcn4_dist.errors import InputError
from fcn4_dist.host.cards import parse_devices


def _launch(parsed: argparse.Namespace) -> int:
    from fcn4_dist.jobs.launch import dry_run, launch

    # The flags of launch may stand behind the workers' command, too.
    own = Parser(prog="fcn4-dist launch")
    add_flags(own, (*_OWN_FLAGS, *FLAGS_OF_ALL))
    _, of_workers = own.parse_known_args(parsed.worker_arguments, parsed)
    worker = parse(_BEGUN, [parsed.worker_command, *of_workers], further=_OWN_FLAGS)
    if getattr(worker, "music", None):
        raise InputError(
            f"launch starts workers on shards; 'fcn4-dist train {worker.music}' makes them of "
            "music, and starts the workers it needs itself"
        )
    request = _launch_request(parsed)
    if parsed.dry_run:
        return dry_run(worker.command, load(worker), request)
    restarts = parsed.max_restarts
    if restarts < 0:
        raise InputError(f"--max_restarts must be at least 0, got {restarts}")
    if restarts and worker.command != "train":
        raise InputError("--max_restarts is for train: an evaluation is simply started again")
    return launch(worker.command, load(worker), request, restarts)


def _doctor(parsed: argparse.Namespace) -> int:
    if launched():
        from fcn4_dist.jobs.trial_rank import try_device

        # This process is a worker of the trial below.
        try_device(load(parsed))
        return 0
    if parsed.run:
        if not 0 <= parsed.seconds < inf:
            raise InputError(f"--seconds must be at least 0 and finite, got {parsed.seconds}")
        from fcn4_dist.jobs.trial import try_job

        return try_job(load(parsed), _launch_request(parsed), parsed.seconds)
    from fcn4_dist.jobs.doctor import doctor

    return doctor(load(parsed), _launch_request(parsed))


def _launch_request(parsed: argparse.Namespace) -> LaunchRequest:
    """Say what the user asks of the launcher.

    Raises:
        InputError: If a number is impossible or ``--devices`` not understood.
    """
    names = [field.name for field in fields(LaunchRequest)]
    given = {name: value for name in names if (value := getattr(parsed, name)) is not None}
    if "devices" in given:
        given["devices"] = parse_devices(given["devices"])
    return LaunchRequest(**given)


_HOSTS = "Several hosts"
_WORKER_FLAGS = (
    flag("--device_num", type=whole_number(MOST_WORKERS), metavar="N").means(
        "workers on this host, one for each card, or processes on the CPU; default: those "
        "of the rank table or the pod, else one for each card found"
    ),
    flag("--rank_table_file", group=_HOSTS, type=file_path, metavar="FILE").means(
        "HCCL rank table; default: the one a site names in the variable RANK_TABLE_FILE or "
        "MindCluster mounts, else none, and msrun numbers the workers"
    ),
    flag("--devices", metavar="CARDS").means(
        "cards to use, by their numbers in npu-smi and /dev (in a container, too), like 4-7 or "
        "0,2,5; default: the first ones"
    ),
    flag("--nnodes", group=_HOSTS, type=whole_number(MOST_NODES), metavar="N").means(
        "number of hosts; default: those of the rank table, else of the step of Slurm or the "
        "AscendJob that this is part of, else 1"
    ),
    flag("--node_rank", group=_HOSTS, type=whole_number(MOST_NODES), metavar="R").means(
        "number of this host: 0 on the one with --master_addr, 1, 2, … on the others; "
        "default: its place in the rank table, or by Slurm or Kubernetes"
    ),
    flag("--master_addr", group=_HOSTS, metavar="ADDRESS").means(
        "address of host 0; default: that of the rank table's first server, or by Slurm or "
        "Kubernetes"
    ),
    flag("--master_port", group=_HOSTS, type=whole_number(2**16), metavar="PORT").means(
        "port of the scheduler on host 0, the one behind it is for the launchers; default: "
        "8118, or one by Slurm's job or Kubernetes, or a free one if there is only this host"
    ),
)
_OWN_FLAGS = (
    *_WORKER_FLAGS,
    flag("--dry_run", action="store_true").means(
        "print the command and the environment of every process, and start nothing"
    ),
    flag("--max_restarts", type=whole_number(1000), metavar="N", default=0).means(
        "after a worker's death, start training again from the last whole checkpoint, up "
        "to N times; on several hosts, end with exit code 76 instead, which asks the "
        "site's scheduler to do so; default: 0"
    ),
)
_BEGUN = (TRAIN, EVAL)
LAUNCH = Command(
    "launch",
    "run train or eval on several workers, on this host or on several",
    _launch,
    example="launch --device_num 8 train --data_dir data/\n"
    "launch --device_num 2 train --device_target CPU",
    flags=(
        *_OWN_FLAGS,
        flag("worker_command", choices=[command.name for command in _BEGUN]).means(
            "what each worker runs"
        ),
        flag("worker_arguments", metavar="...", nargs=argparse.REMAINDER).means(
            "settings of that command, as in 'fcn4-dist train --help', and the flags below"
        ),
    ),
    begins=_BEGUN,
    task="Train",
)
DOCTOR = Command(
    "doctor",
    "look for all that would stop a job on this host, and start nothing",
    _doctor,
    description=(
        "Look for all that would stop a job on this host, and start nothing; with --run, start "
        "workers and try for real what a job stands on: every operator against NumPy, a training "
        "step against what the CPU gave, the collectives, a restart from a checkpoint, and some "
        "training."
    ),
    example="doctor\ndoctor --run --device_num 8",
    flags=(
        flag("--run", action="store_true").means(
            "start workers on made music, print a table of what is right, and write one file to "
            "send in; less than ten minutes on eight cards (expected)"
        ),
        flag("--seconds", type=float, metavar="S", default=60.0).means(
            "how long --run trains; default: 60"
        ),
        *_WORKER_FLAGS,
    ),
    settings=COMMANDS,
    common=("data_dir", "device_target", "batch_size", "checkpoint_path", "run_dir"),
    task="This host",
)
