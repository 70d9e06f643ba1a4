"""The command ``rank-table``: its flags, and the call of what they ask for."""

import argparse
from pathlib import Path

_SUMMARY = "make, join, check and show HCCL rank tables"
_CARDS = ("910", "A2", "A3")


def add_rank_table(commands: argparse._SubParsersAction) -> None:
    """Add the command ``rank-table`` with its subcommands."""
    parser = commands.add_parser(
        "rank-table",
        help=_SUMMARY,
        description="Make, join, check and show HCCL rank tables: which card of which server has "
        "which rank. One host needs none.",
        epilog="Example: fcn4-dist rank-table check hccl_2s_16p.json",
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(dest="rank_table_command", metavar="ACTION", required=True)
    _add_generate(actions)
    _add_merge(actions)
    _add_check(actions)
    _add_show(actions)


def run_rank_table(parsed: argparse.Namespace) -> int:
    """Run one subcommand of ``rank-table``.

    Args:
        parsed: Its arguments.

    Returns:
        The exit code.
    """
    from fcn4_dist.jobs import rank_table

    if parsed.rank_table_command == "check":
        return rank_table.check(parsed.tables, parsed.card)
    if parsed.rank_table_command == "generate":
        rank_table.generate(parsed.devices, parsed.server_ip, parsed.output_dir, parsed.force)
    elif parsed.rank_table_command == "merge":
        rank_table.merge(parsed.tables, parsed.output_dir, parsed.force)
    else:
        rank_table.show(parsed.table)
    return 0


def _add_generate(actions: argparse._SubParsersAction) -> None:
    parser = actions.add_parser(
        "generate",
        help="write the table of this Ascend host",
        description="Write the table of this Ascend host, named like "
        "hccl_8p_01234567_192.0.2.1.json. Card addresses come from hccn_tool, else from "
        "/etc/hccn.conf.",
        epilog="Example: fcn4-dist rank-table generate --devices 0-7 --server_ip 192.0.2.1",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--devices",
        metavar="CARDS",
        help="physical ids of the cards, like 0-7 or 0,2,5; default: all cards of the host",
    )
    parser.add_argument(
        "--server_ip",
        metavar="ADDRESS",
        help="address the other hosts reach this one by; default: that of the default route",
    )
    _add_output(parser)


def _add_merge(actions: argparse._SubParsersAction) -> None:
    parser = actions.add_parser(
        "merge",
        help="join the tables of several hosts",
        description="Join the tables of several hosts into one, named like hccl_2s_16p.json. "
        "Ranks are numbered anew in the dictionary order of the servers' names, as HCCL wants, "
        "whatever the order of the files.",
        epilog="Example: fcn4-dist rank-table merge hccl_8p_*.json",
        allow_abbrev=False,
    )
    parser.add_argument("tables", nargs="+", type=Path, metavar="FILE", help="table of a host")
    _add_output(parser)


def _add_check(actions: argparse._SubParsersAction) -> None:
    parser = actions.add_parser(
        "check",
        help="list every fault of tables",
        description="List every fault of tables, with its place and mend. The exit code is 0 if "
        "all are right, warnings or not, and 2 otherwise.",
        epilog="Example: fcn4-dist rank-table check --card A2 hccl_2s_16p.json",
        allow_abbrev=False,
    )
    parser.add_argument("tables", nargs="+", type=Path, metavar="FILE", help="table to check")
    parser.add_argument(
        "--card",
        choices=_CARDS,
        help="generation the table is for: 910 (910A, 910B, 910ProA, ...), A2 (910B1 to 910B4) "
        "or A3 (910C); default: that of this host's cards",
    )


def _add_show(actions: argparse._SubParsersAction) -> None:
    parser = actions.add_parser(
        "show",
        help="print a table by rank",
        description="Print rank, server, card and card address of each line of a table.",
        epilog="Example: fcn4-dist rank-table show hccl_2s_16p.json",
        allow_abbrev=False,
    )
    parser.add_argument("table", type=Path, metavar="FILE", help="table to print")


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output_dir",
        metavar="FOLDER",
        type=Path,
        default=Path(),
        help="folder to write to; default: the current one",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace a file that is there and different"
    )
