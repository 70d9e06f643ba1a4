"""The command ``checkpoints``: list, show and verify."""

import argparse

from fcn4_dist.cli.command import Command, flag
from fcn4_dist.cli.values import file_path


def _list(parsed: argparse.Namespace) -> None:
    from fcn4_dist.jobs.checkpoints import list_checkpoints

    list_checkpoints(parsed.place)


def _show(parsed: argparse.Namespace) -> None:
    from fcn4_dist.jobs.checkpoints import show_checkpoints

    show_checkpoints(parsed.place)


def _verify(parsed: argparse.Namespace) -> int:
    from fcn4_dist.jobs.checkpoints import verify_checkpoints

    return verify_checkpoints(parsed.place)


_PLACE = (
    flag("place", metavar="DIR", type=file_path).means(
        "a folder of checkpoints, that of a run, or one file"
    ),
)

CHECKPOINTS = Command(
    "checkpoints",
    "list, show and verify checkpoints",
    description="List, show and verify checkpoints. MindSpore is not needed.",
    example="checkpoints list weight/",
    actions=(
        Command(
            "list",
            "a line for each: epoch, step, score, run",
            _list,
            example="checkpoints list weight/",
            flags=_PLACE,
        ),
        Command(
            "show",
            "all that a checkpoint says of itself, and its arrays",
            _show,
            example="checkpoints show weight/MusicTagger-best.ckpt",
            flags=_PLACE,
        ),
        Command(
            "verify",
            "read every checkpoint to the last bit; exit code 2 if one is damaged",
            _verify,
            example="checkpoints verify weight/",
            flags=_PLACE,
        ),
    ),
    task="Look at what came out",
)
