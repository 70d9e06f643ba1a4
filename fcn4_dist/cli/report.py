"""The command ``report``: its flags, and the call of what it asks for."""

import argparse
from pathlib import Path

_SUMMARY = "write a page about one run, or about several side by side"


def add_report(commands: argparse._SubParsersAction) -> None:
    """Add the command ``report``."""
    parser = commands.add_parser(
        "report",
        help=_SUMMARY,
        description="Write one HTML file about one run, or about several side by side: curves, "
        "scores with intervals, classes, confusion matrix, mistakes, settings, data and versions. "
        "It needs no network, and a run may still be going.",
        epilog="Example: fcn4-dist report runs/train-20261123-020000 runs/train-20261123-080000",
        allow_abbrev=False,
    )
    parser.add_argument(
        "folders",
        metavar="RUN_DIR",
        type=Path,
        nargs="+",
        help="folder of a job of train or eval (its run_dir)",
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        type=Path,
        help="HTML file to write; default: report.html in the first RUN_DIR",
    )


def run_report(parsed: argparse.Namespace) -> int:
    """Run ``report``."""
    from fcn4_dist.jobs.report import report

    report(parsed.folders, parsed.output)
    return 0
