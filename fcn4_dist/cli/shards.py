"""The commands ``verify`` and ``inspect``."""

import argparse

from fcn4_dist.cli.command import Command, flag
from fcn4_dist.cli.values import file_path


def _verify(parsed: argparse.Namespace) -> None:
    from fcn4_dist.jobs.inspection import verify_shards
    from fcn4_dist.jobs.run_verification import holds_run, verify_run
    from fcn4_dist.records.manifest import MANIFEST_NAME

    if run := holds_run(parsed.folder):
        verify_run(parsed.folder)
    if not run or (parsed.folder / MANIFEST_NAME).exists():
        verify_shards(parsed.folder)


def _inspect(parsed: argparse.Namespace) -> None:
    from fcn4_dist.jobs.inspection import inspect_shards

    inspect_shards(parsed.folder, parsed.sheet, parsed.per_class)


_FOLDER = flag("folder", metavar="DIR", type=file_path).means("folder of manifest.json")
_ANY_FOLDER = flag("folder", metavar="DIR", type=file_path).means(
    "folder of manifest.json, or of a job of train or eval (its run_dir)"
)

VERIFY = Command(
    "verify",
    "hold shards against their manifest, or the files of a run against each other",
    _verify,
    description="Hold shards against their manifest (files, rows, labels), or what a run left "
    "against itself (run.json, metrics, predictions, page); exit code 2 if anything is wrong.",
    example="verify data/",
    flags=(_ANY_FOLDER,),
    task="Prepare",
)
INSPECT = Command(
    "inspect",
    "show what is in a folder of shards",
    _inspect,
    description="Show what is in a folder of shards: counts by class and set, durations, "
    "parameters, what was skipped and why; and draw mel-spectrograms of each class.",
    example="inspect data/ --per_class 2",
    flags=(
        _FOLDER,
        flag("--sheet", metavar="FILE", type=file_path).means(
            "PNG to draw to; default: DIR/sheet.png"
        ),
        flag("--per_class", type=int, choices=(1, 2), default=1).means(
            "clips to draw of each class; default: 1"
        ),
    ),
    task="Prepare",
)
