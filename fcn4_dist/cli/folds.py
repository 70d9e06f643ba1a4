"""The commands ``folds`` and ``cross-validate``: their flags."""

import argparse
from pathlib import Path

CROSS_VALIDATE_SUMMARY = "preprocess, train and score every fold of a k-fold split"
_FOLDS_SUMMARY = "gather the evaluations of several folds into one table"


def add_folds(commands: argparse._SubParsersAction) -> None:
    """Add the command ``folds``."""
    parser = commands.add_parser(
        "folds",
        help=_FOLDS_SUMMARY,
        description="Gather the evaluations of several folds: the metrics of each, their mean and "
        "standard deviation, and those of all clips together, with intervals.",
        epilog="Example: fcn4-dist folds runs/cv/fold-*/eval --output runs/cv",
        allow_abbrev=False,
    )
    parser.add_argument(
        "folders", metavar="RUN_DIR", type=Path, nargs="+", help="folder of an eval job"
    )
    parser.add_argument(
        "--output",
        metavar="DIR",
        type=Path,
        help="folder to write predictions.csv and metrics.json of all clips to; default: none",
    )


def add_cross_validate_flags(parser: argparse.ArgumentParser) -> None:
    """Add what ``cross-validate`` takes besides settings."""
    parser.add_argument(
        "--device_num",
        type=int,
        metavar="N",
        help="workers of each training and evaluation; default: one, on device_id",
    )


def run_folds(parsed: argparse.Namespace) -> int:
    """Run ``folds``."""
    from fcn4_dist.jobs.folds import show_folds

    show_folds(parsed.folders, parsed.output)
    return 0
