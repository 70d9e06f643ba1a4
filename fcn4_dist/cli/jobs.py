"""The commands whose flags are settings: ``synth``, ``preprocess``, ``train`` and ``eval``."""

import argparse

from fcn4_dist.cli.command import Command, flag
from fcn4_dist.cli.settings import load
from fcn4_dist.cluster.stopping import hold_sigterm


def _synth(parsed: argparse.Namespace) -> None:
    from fcn4_dist.jobs.synth import synth

    synth(load(parsed))


def _preprocess(parsed: argparse.Namespace) -> None:
    from fcn4_dist.jobs.preprocess import preprocess

    preprocess(load(parsed))


def _train(parsed: argparse.Namespace) -> None:
    hold_sigterm()
    from fcn4_dist.jobs.train import train

    train(load(parsed))


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
    example="preprocess --audio_path music/ --num_classes 4\n"
    "preprocess --dataset csv --audio_path music/ --info_path music/ --info_name labels.csv",
    settings=("preprocess",),
    common=(
        "dataset",
        "audio_path",
        "num_classes",
        "info_path",
        "info_name",
        "window_seconds",
        "split",
        "val_ratio",
        "seed",
        "mr_path",
        "processes",
    ),
    task="Prepare",
)
TRAIN = Command(
    "train",
    "train FCN-4 on the training shards",
    _train,
    example="train --data_dir data/ --device_target CPU --epoch_size 20 --lr 0.001\n"
    "train --config configs/gtzan.yaml --resume auto",
    settings=("train",),
    common=(
        "data_dir",
        "epoch_size",
        "batch_size",
        "lr",
        "device_target",
        "mixed_precision",
        "seed",
        "checkpoint_path",
        "resume",
        "run_dir",
    ),
    task="Train",
)
EVAL = Command(
    "eval",
    "score the validation shards with a checkpoint",
    _evaluate,
    example="eval --data_dir data/ --checkpoint_path weight/ --model_name best",
    settings=("eval",),
    common=(
        "data_dir",
        "val_filename",
        "checkpoint_path",
        "model_name",
        "batch_size",
        "device_target",
        "run_dir",
    ),
    task="Train",
)
