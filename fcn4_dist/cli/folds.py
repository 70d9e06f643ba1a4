"""The commands ``folds`` and ``cross-validate``."""

import argparse

from fcn4_dist.cli.command import Command, flag
from fcn4_dist.cli.settings import load
from fcn4_dist.cli.values import MOST_WORKERS, file_path, found_path, whole_number
from fcn4_dist.config import COMMANDS
from fcn4_dist.reports import TABLE_FORMATS


def _cross_validate(parsed: argparse.Namespace) -> None:
    from fcn4_dist.jobs.cross_validation import cross_validate

    cross_validate(load(parsed), parsed.device_num)


def _folds(parsed: argparse.Namespace) -> None:
    from fcn4_dist.jobs.folds import show_folds

    show_folds(parsed.folders, parsed.output, parsed.format)


CROSS_VALIDATE = Command(
    "cross-validate",
    "preprocess, train and score every fold, as published or drawn",
    _cross_validate,
    description="Preprocess, train and score every fold, then print one table. The folds are those "
    "that were published with the collection, by their numbers, or its published splits, each "
    "scored on its test set; where there are none, or with --split kfold, as many as --folds says "
    "are drawn.",
    example="cross-validate --config configs/gtzan_recipe.yaml --folds 5\n"
    "cross-validate --config configs/urbansound8k.yaml --audio_path UrbanSound8K",
    flags=(
        flag("--device_num", type=whole_number(MOST_WORKERS), metavar="N").means(
            "workers of each training and evaluation; default: one, on device_id"
        ),
    ),
    settings=COMMANDS,
    common=(
        "dataset",
        "audio_path",
        "num_classes",
        "split",
        "folds",
        "epoch_size",
        "batch_size",
        "lr",
        "device_target",
        "run_dir",
    ),
    task="Train",
)
FOLDS = Command(
    "folds",
    "show the folds of a cross-validation as a table, or compare several",
    _folds,
    description="Show the folds of a cross-validation: the metrics of each, their mean and "
    "standard deviation, and those of all clips together, with intervals. Of several "
    "cross-validations, show in which settings they differ, their scores side by side, and how "
    "far each is from the first, with paired intervals.",
    example="folds runs/cv-a runs/cv-b --format latex",
    flags=(
        flag("folders", metavar="RUN_DIR", type=found_path, nargs="+").means(
            "folder of a cross-validation (its run_dir), or of the eval job of each fold"
        ),
        flag("--format", choices=TABLE_FORMATS, default="text").means(
            "what to print the tables as: latex needs booktabs, csv has all digits; default: text"
        ),
        flag("--output", metavar="DIR", type=file_path).means(
            "folder to write predictions.csv and metrics.json of all clips to; default: none"
        ),
    ),
    task="Look at what came out",
)
