"""The command ``rank-table``: generate, merge, check and show."""

import argparse
from pathlib import Path

from fcn4_dist.cli.command import Command, flag
from fcn4_dist.cli.values import file_path, found_path


def _generate(parsed: argparse.Namespace) -> None:
    from fcn4_dist.jobs import rank_table

    rank_table.generate(parsed.devices, parsed.server_ip, parsed.output_dir, parsed.force)


def _merge(parsed: argparse.Namespace) -> None:
    from fcn4_dist.jobs import rank_table

    rank_table.merge(parsed.tables, parsed.output_dir, parsed.force)


def _check(parsed: argparse.Namespace) -> int:
    from fcn4_dist.jobs import rank_table

    return rank_table.check(parsed.tables, parsed.card)


def _show(parsed: argparse.Namespace) -> None:
    from fcn4_dist.jobs import rank_table

    rank_table.show(parsed.table)


_OUTPUT = (
    flag("--output_dir", metavar="FOLDER", type=file_path, default=Path()).means(
        "folder to write to; default: the current one"
    ),
    flag("--force", action="store_true").means("replace a file that is there and different"),
)

_GENERATE = Command(
    "generate",
    "write the table of this Ascend host",
    _generate,
    description="Write the table of this Ascend host, named like "
    "hccl_8p_01234567_192.0.2.1.json. Card addresses come from hccn_tool, else from "
    "/etc/hccn.conf.",
    example="rank-table generate --devices 0-7 --server_ip 192.0.2.1",
    flags=(
        flag("--devices", metavar="CARDS").means(
            "cards, by their numbers in npu-smi and /dev, like 0-7 or 0,2,5; default: all that are "
            "here and not hidden by ASCEND_RT_VISIBLE_DEVICES"
        ),
        flag("--server_ip", metavar="ADDRESS").means(
            "address the other hosts reach this one by; default: that of the default route"
        ),
        *_OUTPUT,
    ),
)
_MERGE = Command(
    "merge",
    "join the tables of several hosts",
    _merge,
    description="Join the tables of several hosts into one, named like hccl_2s_16p.json. "
    "Ranks are numbered anew in the dictionary order of the servers' names, as HCCL wants, "
    "whatever the order of the files.",
    example="rank-table merge hccl_8p_*.json",
    flags=(
        flag("tables", nargs="+", type=found_path, metavar="FILE").means("table of a host"),
        *_OUTPUT,
    ),
)
_CHECK = Command(
    "check",
    "list every fault of tables",
    _check,
    description="List every fault of tables, with its place and mend. The exit code is 0 if "
    "all are right, warnings or not, and 2 otherwise.",
    example="rank-table check --card A2 hccl_2s_16p.json",
    flags=(
        flag("tables", nargs="+", type=found_path, metavar="FILE").means("table to check"),
        flag("--card", choices=("910", "A2", "A3")).means(
            "generation the table is for: 910 (910A, 910B, 910ProA, ...), A2 (910B1 to 910B4) "
            "or A3 (910C); default: that of this host's cards"
        ),
    ),
)
_SHOW = Command(
    "show",
    "print a table by rank",
    _show,
    description="Print rank, server, card and card address of each line of a table.",
    example="rank-table show hccl_2s_16p.json",
    flags=(flag("table", type=file_path, metavar="FILE").means("table to print"),),
)
RANK_TABLE = Command(
    "rank-table",
    "make, join, check and show HCCL rank tables",
    description="Make, join, check and show HCCL rank tables: which card of which server has "
    "which rank. One host needs none.",
    example="rank-table check hccl_2s_16p.json",
    actions=(_GENERATE, _MERGE, _CHECK, _SHOW),
    task="This host",
)
