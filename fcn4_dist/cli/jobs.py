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
    settings=("synth",),
    flags=(
        flag("--clips_per_class", metavar="VALUE", default=argparse.SUPPRESS).means(
            "clips made for each of the ten classes; default: 100"
        ),
        flag("--synth_seconds", metavar="VALUE", default=argparse.SUPPRESS).means(
            "length of a made clip; default: 30.0 s"
        ),
    ),
)
PREPROCESS = Command(
    "preprocess",
    "turn a folder of audio for each class into MindRecord shards",
    _preprocess,
    settings=("preprocess",),
)
TRAIN = Command("train", "train FCN-4 on the training shards", _train, settings=("train",))
EVAL = Command(
    "eval", "score the validation shards with a checkpoint", _evaluate, settings=("eval",)
)
