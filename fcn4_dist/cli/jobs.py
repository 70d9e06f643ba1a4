"""The commands whose flags are settings: ``synth``, ``preprocess``, ``train`` and ``eval``."""

import argparse

from fcn4_dist.cli.command import Command, flag
from fcn4_dist.cli.settings import load
from fcn4_dist.cluster.stopping import hold_sigterm


def _synth(parsed: argparse.Namespace) -> int:
    from fcn4_dist.jobs.synth import synth

    synth(load(parsed))
    return 0


def _preprocess(parsed: argparse.Namespace) -> int:
    from fcn4_dist.jobs.preprocess import preprocess

    preprocess(load(parsed))
    return 0


def _train(parsed: argparse.Namespace) -> int:
    hold_sigterm()
    from fcn4_dist.jobs.train import train

    train(load(parsed))
    return 0


def _evaluate(parsed: argparse.Namespace) -> int:
    from fcn4_dist.jobs.evaluate import evaluate

    evaluate(load(parsed))
    return 0


SYNTH = Command(
    "synth",
    "make a small synthetic music collection in GTZAN's folder layout",
    _synth,
    settings=("synth",),
    flags=(
        flag(
            "--clips_per_class",
            "clips made for each of the ten classes; default: 100",
            metavar="VALUE",
            default=argparse.SUPPRESS,
        ),
        flag(
            "--synth_seconds",
            "length of a made clip; default: 30.0 s",
            metavar="VALUE",
            default=argparse.SUPPRESS,
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
