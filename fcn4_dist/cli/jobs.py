"""The commands whose flags are settings: ``synth``, ``preprocess``, ``train`` and ``eval``."""

import argparse

from fcn4_dist.cli.command import Command, flag
from fcn4_dist.cli.settings import load
from fcn4_dist.cli.values import found_path, part_of_parts
from fcn4_dist.cluster.device import launched
from fcn4_dist.cluster.mpi import started_by_mpi
from fcn4_dist.cluster.stopping import hold_sigterm
from fcn4_dist.errors import InputError


def _synth(parsed: argparse.Namespace) -> None:
    from fcn4_dist.jobs.synth import synth

    synth(load(parsed))


def _preprocess(parsed: argparse.Namespace) -> None:
    from fcn4_dist.jobs.parts import Part
    from fcn4_dist.jobs.preprocess import preprocess, show_preprocessing
    from fcn4_dist.jobs.preprocess_parts import join_parts, preprocess_part

    alone = "--dry_run" * parsed.dry_run or "--join" * parsed.join or "--part" * bool(parsed.part)
    if alone and started_by_mpi():
        raise InputError(f"{alone} is for one process: leave out mpirun")
    if parsed.dry_run:
        show_preprocessing(load(parsed))
    elif parsed.join:
        join_parts(load(parsed))
    elif parsed.part:
        preprocess_part(load(parsed), Part(*parsed.part))
    else:
        preprocess(load(parsed))


def _train(parsed: argparse.Namespace) -> None:
    if parsed.music:
        _take_road(parsed)
        return
    if parsed.dry_run:
        raise InputError(
            "--dry_run is for music, as in 'train music/ --dry_run'; of a training on shards, "
            "'launch --dry_run train' shows what would be started"
        )
    hold_sigterm()
    from fcn4_dist.jobs.train import train

    train(load(parsed))


def _take_road(parsed: argparse.Namespace) -> None:
    if parsed.music.suffix.lower() in (".yaml", ".yml"):
        raise InputError(
            f"{parsed.music} is a file of settings, not music: name it as --config {parsed.music}"
        )
    if launched() or started_by_mpi():
        raise InputError(
            f"train {parsed.music} starts the workers it needs itself: give it to 'fcn4-dist' "
            "alone, or name shards instead of music"
        )
    from fcn4_dist.jobs.road import show_road, take_road

    loaded = load(parsed, TRAIN.settings)
    if parsed.dry_run:
        show_road(parsed.music, loaded)
    else:
        take_road(parsed.music, loaded)


def _evaluate(parsed: argparse.Namespace) -> None:
    from fcn4_dist.jobs.evaluate import evaluate

    evaluate(load(parsed))


SYNTH = Command(
    "synth",
    "make a small synthetic music collection in GTZAN's folder layout",
    _synth,
    example="synth --clips_per_class 20 --synth_seconds 5",
    settings=("synth",),
    flags=(
        flag("--clips_per_class", metavar="VALUE", default=argparse.SUPPRESS).means(
            "clips made for each of the ten classes; default: 100"
        ),
        flag("--synth_seconds", metavar="VALUE", default=argparse.SUPPRESS).means(
            "length of a made clip; default: 30.0 s"
        ),
    ),
    task="Prepare",
)
PREPROCESS = Command(
    "preprocess",
    "turn a folder of audio for each class into MindRecord shards",
    _preprocess,
    example="preprocess --audio_path music/\n"
    "preprocess --dataset csv --audio_path music/ --info_path music/ --info_name labels.csv",
    settings=("preprocess",),
    flags=(
        flag("--dry_run", action="store_true").means(
            "say what would be read and written, and how much of the disk that takes, and write "
            "nothing"
        ),
        flag("--part", metavar="I/N", type=part_of_parts).means(
            "do part I, from 1 to N, of N: on as many hosts, at any time, in folders (npy_path, "
            "mr_path) that all of them see; the last part to be done joins all"
        ),
        flag("--join", action="store_true", instead_of="--part").means(
            "join the parts that are done, and say which are missing; reads only what they wrote"
        ),
    ),
    common=(
        "dataset",
        "audio_path",
        "num_classes",
        "info_path",
        "info_name",
        "window_seconds",
        "split",
        "fold",
        "val_ratio",
        "seed",
        "mr_path",
        "processes",
    ),
    task="Prepare",
)
TRAIN = Command(
    "train",
    "train FCN-4 on music, or on training shards",
    _train,
    description="Train FCN-4. With MUSIC, the whole road: look at it, decide what is not given, "
    "make features and shards, train, score, and write a page. Without, train on the shards that "
    "preprocess has made.",
    example="train music/\n"
    "train --data_dir data/ --epoch_size 20 --lr 0.001\n"
    "train --config configs/gtzan.yaml --resume auto",
    settings=("preprocess", "train", "eval"),
    flags=(
        flag("music", metavar="MUSIC", type=found_path, nargs="?").means(
            "a folder that holds a folder of songs for each class, a CSV file of paths and labels, "
            "or a known collection (GTZAN, MagnaTagATune)"
        ),
        flag("--dry_run", action="store_true").means(
            "with MUSIC: say what is decided, and write nothing"
        ),
    ),
    common=(
        "epoch_size",
        "batch_size",
        "lr",
        "device_target",
        "mixed_precision",
        "seed",
        "run_dir",
        "data_dir",
        "checkpoint_path",
        "resume",
    ),
    task="Train",
)
EVAL = Command(
    "eval",
    "score the validation shards with a checkpoint",
    _evaluate,
    example="eval --model runs/train-20261126-101500\n"
    "eval --model weight/ --data_dir data/ --val_filename test.mindrecord0",
    settings=("eval",),
    common=(
        "model",
        "data_dir",
        "val_filename",
        "batch_size",
        "device_target",
        "run_dir",
    ),
    task="Train",
)
