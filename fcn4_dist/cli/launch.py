"""The commands ``launch`` and ``doctor``: their flags."""

import argparse
from pathlib import Path
from typing import Any

from fcn4_dist.cluster.cards import parse_devices
from fcn4_dist.cluster.topology import LaunchRequest

LAUNCH_SUMMARY = "run train or eval on several workers, on this host or on several"
DOCTOR_SUMMARY = "look for all that would stop a job on this host, and start nothing"

_LAUNCH_FLAGS: dict[str, dict[str, Any]] = {
    "device_num": {
        "type": int,
        "metavar": "N",
        "help": "workers on this host, one for each card, or processes on the CPU; default: those "
        "of the rank table, else one for each card found",
    },
    "rank_table_file": {
        "metavar": "FILE",
        "help": "HCCL rank table; default: the one a site's scheduler names in the variable "
        "RANK_TABLE_FILE, else none, and msrun numbers the workers",
    },
    "devices": {
        "metavar": "CARDS",
        "help": "physical ids of the cards to use, like 4-7 or 0,2,5; default: the first ones",
    },
    "nnodes": {
        "type": int,
        "metavar": "N",
        "help": "number of hosts; default: those of the rank table, else 1",
    },
    "node_rank": {
        "type": int,
        "metavar": "R",
        "help": "number of this host: 0 on the one with --master_addr, 1, 2, … on the others; "
        "default: its place in the rank table",
    },
    "master_addr": {
        "metavar": "ADDRESS",
        "help": "address of host 0; default: that of the rank table's first server",
    },
    "master_port": {
        "type": int,
        "metavar": "PORT",
        "help": "port of the scheduler on host 0, the one behind it is for the launchers; default: "
        "8118, or a free one if there is only this host",
    },
}


LAUNCH_FLAG_NAMES = (*_LAUNCH_FLAGS, "dry_run")


def add_launch_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say which workers there are."""
    for name, details in _LAUNCH_FLAGS.items():
        parser.add_argument(f"--{name}", default=argparse.SUPPRESS, **details)


def add_launch(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``launch``."""
    add_launch_flags(parser)
    _add_starting_flags(parser)
    parser.add_argument("worker_command", choices=("train", "eval"), help="what each worker runs")
    parser.add_argument(
        "worker_arguments",
        nargs=argparse.REMAINDER,
        help="settings of that command, as in 'fcn4-dist train --help', and the flags above",
    )


def split_launch_flags(parsed: argparse.Namespace, parser: argparse.ArgumentParser) -> list[str]:
    """Take the flags of ``launch`` out of what stands behind the workers' command.

    Args:
        parsed: Arguments of ``launch``; the flags are added to it.
        parser: An empty parser of the same kind.

    Returns:
        What is left, for the workers.
    """
    add_launch_flags(parser)
    _add_starting_flags(parser)
    _, left = parser.parse_known_args(parsed.worker_arguments, parsed)
    return left


def launch_request(parsed: argparse.Namespace) -> LaunchRequest:
    """Say what the user asks of the launcher.

    Args:
        parsed: Arguments with those of :func:`add_launch_flags`.

    Raises:
        InputError: If a number is impossible or ``--devices`` not understood.
    """
    given = {name: value for name, value in vars(parsed).items() if name in _LAUNCH_FLAGS}
    if "devices" in given:
        given["devices"] = parse_devices(given["devices"])
    if "rank_table_file" in given:
        given["rank_table_file"] = Path(given["rank_table_file"])
    return LaunchRequest(**given)


def _add_starting_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dry_run",
        action="store_true",
        default=argparse.SUPPRESS,
        help="print the command and the environment of every process, and start nothing",
    )
    parser.add_argument(
        "--max_restarts",
        type=int,
        metavar="N",
        default=argparse.SUPPRESS,
        help="after a worker's death, start training again from the last whole checkpoint, up to N "
        "times; on several hosts, end with exit code 76 instead, which asks the site's scheduler "
        "to do so; default: 0",
    )
