"""The command ``report``."""

import argparse

from fcn4_dist.cli.command import Command, flag
from fcn4_dist.cli.values import file_path, found_path
from fcn4_dist.reports import TABLE_FORMATS


def _report(parsed: argparse.Namespace) -> None:
    from fcn4_dist.jobs.report import report

    report(parsed.folders, parsed.output, parsed.format)


REPORT = Command(
    "report",
    "write a page about one run, or about several side by side",
    _report,
    description="Write one HTML file about one run, or about several side by side: curves, "
    "scores with intervals, classes, confusion matrix, mistakes, settings, data and versions. "
    "It needs no network, and a run may still be going. Or print the scores alone as a table.",
    example="report runs/train-20261123-020000 runs/train-20261123-080000",
    flags=(
        flag("folders", metavar="RUN_DIR", type=found_path, nargs="*").means(
            "folder of a job of train or eval (its run_dir); default: the newest one in runs/"
        ),
        flag("--output", metavar="FILE", type=file_path).means(
            "HTML file to write; default: report.html in RUN_DIR, or of several comparison.html "
            "in the first"
        ),
        flag("--format", choices=TABLE_FORMATS, instead_of="--output").means(
            "print the scores, and the settings that differ, instead of writing a page: latex "
            "needs booktabs, csv has all digits"
        ),
    ),
    task="Look at what came out",
)
