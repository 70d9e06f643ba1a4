"""The command ``export``: its flags, and the call of what they ask for."""

import argparse
from pathlib import Path

from fcn4_dist.cli.tag import add_checkpoint_flags, named_checkpoint

_SUMMARY = "write a trained network as MindIR, ONNX or AIR"


def add_export(commands: argparse._SubParsersAction) -> None:
    """Add the command ``export``."""
    parser = commands.add_parser(
        "export",
        help=_SUMMARY,
        description="Write a trained network as a file that other programs run: log-mel windows in "
        "any number to scores (the sigmoid is inside) and logits. The file is run and its logits "
        "compared with the network's before it is kept; class names and feature parameters stand "
        "in FILE.json beside it, and inside an ONNX file.",
        epilog="Example: fcn4-dist export --file_format ONNX --checkpoint weight/ --output "
        "fcn4.onnx",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--file_format", required=True, choices=("MINDIR", "ONNX", "AIR"), help="what to write"
    )
    add_checkpoint_flags(parser)
    parser.add_argument(
        "--output",
        metavar="FILE",
        type=Path,
        help="file to write; default: the checkpoint's name with the format's ending, here",
    )
    parser.add_argument("--force", action="store_true", help="overwrite files that are there")
    parser.add_argument(
        "--songs",
        metavar="SONG",
        type=Path,
        nargs="+",
        default=(),
        help="audio files on which the file is compared with the network; default: three short "
        "recordings that come with the package",
    )


def run_export(parsed: argparse.Namespace) -> int:
    """Run ``export``."""
    from fcn4_dist.jobs.export import ExportRequest, export
    from fcn4_dist.tagging.loading import parse_class_names

    export(
        ExportRequest(
            checkpoint=named_checkpoint(parsed),
            file_format=parsed.file_format,
            output=parsed.output,
            force=parsed.force,
            songs=parsed.songs,
            class_names=parse_class_names(parsed.class_names),
            device_target=parsed.device_target,
            device_id=parsed.device_id,
        )
    )
    return 0
