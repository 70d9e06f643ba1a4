"""The commands ``verify`` and ``inspect``: their flags, and the call of what they ask for."""

import argparse
from pathlib import Path

_VERIFY_SUMMARY = "hold shards against their manifest"
_INSPECT_SUMMARY = "show what is in a folder of shards"


def add_shards(commands: argparse._SubParsersAction) -> None:
    """Add the commands ``verify`` and ``inspect``."""
    verify = commands.add_parser(
        "verify",
        help=_VERIFY_SUMMARY,
        description="Hold shards against their manifest: files, rows, labels; exit code 2 if "
        "anything is wrong.",
        epilog="Example: fcn4-dist verify data/",
        allow_abbrev=False,
    )
    inspect = commands.add_parser(
        "inspect",
        help=_INSPECT_SUMMARY,
        description="Show what is in a folder of shards: counts by class and set, durations, "
        "parameters, what was skipped and why; and draw mel-spectrograms of each class.",
        epilog="Example: fcn4-dist inspect data/ --per_class 2",
        allow_abbrev=False,
    )
    for parser in (verify, inspect):
        parser.add_argument("folder", metavar="DIR", type=Path, help="folder of manifest.json")
    inspect.add_argument(
        "--sheet", metavar="FILE", type=Path, help="PNG to draw to; default: DIR/sheet.png"
    )
    inspect.add_argument(
        "--per_class",
        type=int,
        choices=(1, 2),
        default=1,
        help="clips to draw of each class; default: 1",
    )


def run_verify(parsed: argparse.Namespace) -> int:
    """Run ``verify``."""
    from fcn4_dist.jobs.inspection import verify_shards

    verify_shards(parsed.folder)
    return 0


def run_inspect(parsed: argparse.Namespace) -> int:
    """Run ``inspect``."""
    from fcn4_dist.jobs.inspection import inspect_shards

    inspect_shards(parsed.folder, parsed.sheet, parsed.per_class)
    return 0
