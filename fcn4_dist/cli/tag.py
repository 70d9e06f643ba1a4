"""The command ``tag``: its flags, and the call of what they ask for."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from fcn4_dist.config import SETTINGS
from fcn4_dist.errors import InputError

if TYPE_CHECKING:
    from fcn4_dist.tagging import Network

_SUMMARY = "tag songs with a trained network, and show which tag is heard when"


def add_tag(commands: argparse._SubParsersAction) -> None:
    """Add the command ``tag``."""
    parser = commands.add_parser(
        "tag",
        help=_SUMMARY,
        description="Tag whole songs of any length: each is cut into windows of the network's "
        "input, and its score of a tag is the mean over them. Class names and feature parameters "
        "come from the checkpoint or the model.",
        epilog="Example: fcn4-dist tag song.mp3 --checkpoint weight/ --html song.html",
        allow_abbrev=False,
    )
    parser.add_argument(
        "songs", metavar="SONG", type=Path, nargs="+", help="an audio file, or a folder of them"
    )
    add_checkpoint_flags(parser)
    parser.add_argument(
        "--model",
        metavar="FILE",
        type=Path,
        help="ONNX file of export, instead of a checkpoint; MindSpore is not needed",
    )
    parser.add_argument(
        "--top_n", metavar="N", type=int, default=5, help="tags of a song to show; default: 5"
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument(
        "--json",
        action="store_true",
        help="print a JSON object a line for each song: the scores of all classes, and of each "
        "window; remarks go to standard error",
    )
    output.add_argument(
        "--csv",
        action="store_true",
        help="print a CSV table, a row for each song: path, seconds, the score of each class",
    )
    parser.add_argument(
        "--plot", metavar="FILE", type=Path, help="draw the tags of one song over time, as PNG"
    )
    parser.add_argument(
        "--html",
        metavar="FILE",
        type=Path,
        help="write a page that plays one song and shows the tags over time; it needs no network",
    )
    parser.add_argument(
        "--hop_seconds",
        metavar="S",
        type=float,
        help="from a window's beginning to the next one's; default: the length of a window",
    )
    parser.add_argument(
        "--batch_size",
        metavar="N",
        type=int,
        default=8,
        help="windows the network gets at once, of one song or several; default: 8",
    )
    parser.add_argument(
        "--processes",
        metavar="N",
        type=int,
        default=0,
        help="processes that decode several songs; default: one a core",
    )


def add_checkpoint_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that name a checkpoint, and the device its network runs on."""
    parser.add_argument(
        "--checkpoint",
        metavar="PATH",
        type=Path,
        help="a checkpoint of this package or of the ModelZoo's FCN-4; a folder of them, for its "
        "best one or else its last; or best or last, of checkpoint_path; default: checkpoint_path",
    )
    parser.add_argument(
        "--checkpoint_path",
        metavar="DIR",
        type=Path,
        default=Path(SETTINGS["checkpoint_path"].default),
        help="folder of the checkpoints; default: %(default)s",
    )
    parser.add_argument(
        "--prefix",
        metavar="NAME",
        default=SETTINGS["prefix"].default,
        help="first part of the checkpoints' names; default: %(default)s",
    )
    parser.add_argument(
        "--class_names",
        metavar="NAMES",
        default="",
        help="names of the classes of a checkpoint that does not say them: separated by commas, "
        "or a file with a name a line; default: GTZAN's genres for 10 classes, the ModelZoo's "
        "tags for 50",
    )
    parser.add_argument(
        "--device_target",
        metavar="NAME",
        choices=("Ascend", "CPU"),
        default="",
        help="Ascend or CPU; default: Ascend where there is a card",
    )
    parser.add_argument(
        "--device_id", metavar="N", type=int, default=0, help="the card; default: 0"
    )


def run_tag(parsed: argparse.Namespace) -> int:
    """Run ``tag``."""
    from fcn4_dist.jobs.tag import TagRequest, tag

    if parsed.model and parsed.checkpoint:
        raise InputError("--model and --checkpoint name two networks: name one")
    request = TagRequest(
        songs=parsed.songs,
        top_n=parsed.top_n,
        output="json" if parsed.json else "csv" if parsed.csv else "text",
        plot=parsed.plot,
        html=parsed.html,
        hop_seconds=parsed.hop_seconds,
        batch_size=parsed.batch_size,
        processes=parsed.processes,
    )

    def load() -> "Network":
        from fcn4_dist.tagging.loading import load_network, parse_class_names
        from fcn4_dist.tagging.onnx_network import OnnxNetwork

        if parsed.model:
            return OnnxNetwork(parsed.model)
        return load_network(
            named_checkpoint(parsed),
            class_names=parse_class_names(parsed.class_names),
            device_target=parsed.device_target,
            device_id=parsed.device_id,
        )

    return tag(request, load)


def named_checkpoint(parsed: argparse.Namespace) -> Path:
    """Find the checkpoint that the flags of :func:`add_checkpoint_flags` name."""
    from fcn4_dist.tagging.loading import find_checkpoint

    place = parsed.checkpoint or parsed.checkpoint_path
    return find_checkpoint(place, parsed.checkpoint_path, parsed.prefix)
