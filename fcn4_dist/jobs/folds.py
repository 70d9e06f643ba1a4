"""The command folds: the evaluations of a cross-validation in one table."""

from collections.abc import Sequence
from os.path import commonpath
from pathlib import Path

from fcn4_dist import documents
from fcn4_dist.errors import InputError
from fcn4_dist.evaluation import (
    METRICS_NAME,
    PREDICTIONS_NAME,
    TITLES,
    bootstrap_intervals,
    compute_metrics,
    metrics_content,
    metrics_text,
    write_predictions,
)
from fcn4_dist.evaluation.folds import Folds, gather_folds
from fcn4_dist.files import check_writable
from fcn4_dist.runs.occupancy import check_unoccupied
from fcn4_dist.terminal import say, table


def show_folds(folders: Sequence[Path], output: Path | None) -> None:
    """Print the metrics of folds, their mean and spread, and those of all clips together.

    Args:
        folders: Folders of eval jobs, one for each fold.
        output: Folder to write predictions.csv and metrics.json of all clips to; None for none.

    Raises:
        InputError: If they are not the folds of one split, or the output would replace one, or
            another job.
    """
    if output:
        check_writable(output, "output")
        if output.resolve() in [folder.resolve() for folder in folders]:
            raise InputError(
                f"--output {output} is a fold, whose predictions would be lost: name another folder"
            )
        check_unoccupied(output, setting="output")
    write_folds(folders, output)


def write_folds(folders: Sequence[Path], output: Path | None) -> None:
    """Do the same, and replace what an output holds."""
    folds = gather_folds(folders)
    pooled = folds.pooled
    if output:
        write_predictions(pooled, output / PREDICTIONS_NAME)
    metrics = compute_metrics(pooled.labels, pooled.scores, pooled.class_names)
    intervals = bootstrap_intervals(pooled.labels, pooled.scores)
    say(_folds_table(folders, folds))
    say()
    say(f"all {metrics.clips} clips together:")
    say()
    say(metrics_text(metrics, intervals))
    if output:
        content = metrics_content(metrics, intervals) | _folds_content(folders, folds)
        documents.write(output / METRICS_NAME, content)
        say(f"predictions and metrics of all: {output}")


def _folds_table(folders: Sequence[Path], folds: Folds) -> str:
    names = list(folds.mean)
    above = commonpath([folder.absolute() for folder in folders])
    rows = [["fold", "clips", *(TITLES[name] for name in names)]]
    for folder, clips, figures in zip(folders, folds.clips, folds.figures, strict=True):
        short = folder.absolute().relative_to(above)
        rows.append([str(short), str(clips), *(f"{figures[name]:.4f}" for name in names)])
    for title, values in (("mean", folds.mean), ("sample standard deviation", folds.spread)):
        rows.append([title, "", *(f"{values[name]:.4f}" for name in names)])
    return table(rows)


def _folds_content(folders: Sequence[Path], folds: Folds) -> dict[str, object]:
    return {
        "folds": [
            {"folder": str(folder), "clips": clips, **figures}
            for folder, clips, figures in zip(folders, folds.clips, folds.figures, strict=True)
        ],
        "mean": folds.mean,
        "standard_deviation": folds.spread,
    }
