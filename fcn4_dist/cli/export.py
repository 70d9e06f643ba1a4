"""The command ``export``."""

import argparse

from fcn4_dist.cli.command import Command, flag
from fcn4_dist.cli.tag import MODEL_FLAGS, named_checkpoint
from fcn4_dist.cli.values import file_path, found_path


def _export(parsed: argparse.Namespace) -> None:
    from fcn4_dist.clips.class_names import parse_class_names
    from fcn4_dist.jobs.export import ExportRequest, export

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


EXPORT = Command(
    "export",
    "write a trained network as MindIR, ONNX or AIR",
    _export,
    description="Write a trained network as a file that other programs run: log-mel windows in "
    "any number to scores (the sigmoid is inside) and logits. The file is run and its logits "
    "compared with the network's before it is kept; class names and feature parameters stand in "
    "FILE.json beside it, and inside an ONNX file.",
    example="export --model weight/ --output fcn4.onnx",
    flags=(
        flag("--file_format", choices=("MINDIR", "ONNX", "AIR"), default="").means(
            "what to write; default: what the ending of --output says, or ONNX"
        ),
        *MODEL_FLAGS,
        flag("--output", metavar="FILE", type=file_path).means(
            "file to write; default: the checkpoint's name with the format's ending, here"
        ),
        flag("--force", action="store_true").means("overwrite files that are there"),
        flag("--songs", metavar="SONG", type=found_path, nargs="+", default=()).means(
            "audio files on which the file is compared with the network; default: three short "
            "recordings that come with the package"
        ),
    ),
    task="Use",
)
