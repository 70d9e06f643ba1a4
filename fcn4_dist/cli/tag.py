"""The command ``tag``; and the flags that name a trained network, here and elsewhere."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from fcn4_dist.cli.command import Command, flag
from fcn4_dist.cli.values import beginning_of_names, file_path, found_path, whole_number
from fcn4_dist.config import SETTINGS
from fcn4_dist.config.data import MOST_CLASSES, MOST_PROCESSES
from fcn4_dist.errors import InputError

if TYPE_CHECKING:
    from fcn4_dist.tagging import Network


def named_checkpoint(parsed: argparse.Namespace) -> Path:
    """Find the checkpoint that the flags in ``MODEL_FLAGS`` name."""
    from fcn4_dist.tagging.loading import find_checkpoint

    return find_checkpoint(_named(parsed), parsed.checkpoint_path, parsed.prefix)


def _named(parsed: argparse.Namespace) -> Path | None:
    if parsed.model and parsed.checkpoint:
        raise InputError("--model and --checkpoint name two networks: name one")
    return parsed.model or parsed.checkpoint


def _tag(parsed: argparse.Namespace) -> int:
    from fcn4_dist.jobs.tag import TagRequest, tag

    model = _named(parsed)
    request = TagRequest(
        songs=parsed.songs,
        top_n=parsed.top_n,
        output="json" if parsed.json else "csv" if parsed.csv else "text",
        plot=parsed.plot,
        html=parsed.html,
        hop_seconds=parsed.hop_seconds,
        batch_size=parsed.batch_size,
        processes=parsed.processes,
        clip_timeout=parsed.clip_timeout,
    )
    return tag(request, lambda: _network(model, parsed))


def _network(model: Path | None, parsed: argparse.Namespace) -> "Network":
    from fcn4_dist.clips.class_names import parse_class_names
    from fcn4_dist.tagging.loading import load_network, named_model

    found = named_model(model, parsed.checkpoint_path, parsed.prefix)
    return load_network(
        found.file,
        class_names=parse_class_names(parsed.class_names),
        device_target=parsed.device_target,
        device_id=parsed.device_id,
    )


MODEL_FLAGS = (
    flag("--model", metavar="PLACE", type=file_path).means(
        f"{SETTINGS['model'].meaning}; default: checkpoint_path, or the newest run's best where "
        "there is no such folder"
    ),
    flag("--checkpoint", group="Network", metavar="PLACE", type=file_path).means(
        "what --model was called earlier"
    ),
    flag("--checkpoint_path", group="Network", metavar="DIR", type=file_path).means(
        f"folder of the checkpoints; default: {SETTINGS['checkpoint_path'].default}"
    ),
    flag(
        "--prefix",
        group="Network",
        metavar="NAME",
        type=beginning_of_names,
        default=SETTINGS["prefix"].default,
    ).means("first part of the checkpoints' names; default: %(default)s"),
    flag("--class_names", group="Network", metavar="NAMES", default="").means(
        f"{SETTINGS['class_names'].meaning}; default: none"
    ),
    flag(
        "--device_target", metavar="NAME", choices=SETTINGS["device_target"].choices, default=""
    ).means(
        "Ascend, CPU, or auto: Ascend where anything says that there is a card; default: auto, but "
        "the CPU for MindIR and ONNX files"
    ),
    flag("--device_id", group="Network", metavar="N", type=whole_number(1023, 0), default=0).means(
        "the card; default: 0"
    ),
)
TAG = Command(
    "tag",
    "tag songs with a trained network, and show which tag is heard when",
    _tag,
    description="Tag whole songs of any length: each is cut into windows of the network's input, "
    "and its score of a tag is the mean over them. Class names and feature parameters come from "
    "the checkpoint or the model.",
    example="tag song.mp3 --model runs/train-20261126-101500 --html song.html\n"
    "tag music/ --model weight/ --csv",
    flags=(
        flag("songs", metavar="SONG", type=found_path, nargs="+").means(
            "an audio file, or a folder of them"
        ),
        *MODEL_FLAGS,
        flag("--top_n", metavar="N", type=whole_number(MOST_CLASSES), default=5).means(
            "tags of a song to show; default: 5"
        ),
        flag("--json", action="store_true").means(
            "print a JSON object a line for each song: the scores of all classes, and of each "
            "window; remarks go to standard error"
        ),
        flag("--csv", instead_of="--json", action="store_true").means(
            "print a CSV table, a row for each song: path, seconds, the score of each class"
        ),
        flag("--plot", metavar="FILE", type=file_path).means(
            "draw the tags of one song over time, as PNG"
        ),
        flag("--html", metavar="FILE", type=file_path).means(
            "write a page that plays one song and shows the tags over time; it needs no network"
        ),
        flag("--hop_seconds", group="Windows and decoding", metavar="S", type=float).means(
            "from a window's beginning to the next one's; default: the length of a window"
        ),
        flag(
            "--batch_size",
            group="Windows and decoding",
            metavar="N",
            type=whole_number(2**12),
        ).means(
            "windows the network gets at once, of one song or several; default: 8 on a card; 2 on "
            "the CPU and 1 of an ONNX file, where more of them take memory and gain nothing"
        ),
        flag(
            "--processes",
            group="Windows and decoding",
            metavar="N",
            type=whole_number(MOST_PROCESSES),
            default=0,
        ).means("processes that decode several songs; default: one a core"),
        flag(
            "--clip_timeout",
            group="Windows and decoding",
            metavar="S",
            type=float,
            default=SETTINGS["clip_timeout"].default,
        ).means(
            "seconds that decoding a song may take until there is something new of it; then it "
            "gets no tags; default: %(default)g"
        ),
    ),
    task="Use",
)
