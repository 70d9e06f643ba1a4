"""The command ``checkpoints``: its flags, and the call of what they ask for."""

import argparse
from pathlib import Path

_SUMMARY = "list, show and verify checkpoints"
_ACTIONS = {
    "list": "a line for each: epoch, step, score, run",
    "show": "all that a checkpoint says of itself, and its arrays",
    "verify": "read every checkpoint to the last bit; exit code 2 if one is damaged",
}


def add_checkpoints(commands: argparse._SubParsersAction) -> None:
    """Add the command ``checkpoints`` with its subcommands."""
    parser = commands.add_parser(
        "checkpoints",
        help=_SUMMARY,
        description=f"{_SUMMARY.capitalize()}. MindSpore is not needed.",
        epilog="Example: fcn4-dist checkpoints verify weight/",
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(dest="checkpoints_command", metavar="ACTION", required=True)
    for name, help_text in _ACTIONS.items():
        action = actions.add_parser(name, help=help_text, description=f"{help_text}.")
        action.add_argument("place", metavar="DIR", type=Path, help="a folder, or one file")


def run_checkpoints(parsed: argparse.Namespace) -> int:
    """Run one subcommand of ``checkpoints``.

    Args:
        parsed: Its arguments.

    Returns:
        The exit code.
    """
    from fcn4_dist.jobs import checkpoints

    actions = {
        "list": checkpoints.list_checkpoints,
        "show": checkpoints.show_checkpoints,
        "verify": checkpoints.verify_checkpoints,
    }
    return actions[parsed.checkpoints_command](parsed.place)
