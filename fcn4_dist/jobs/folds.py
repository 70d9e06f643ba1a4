"""The command folds: a cross-validation in one table, or several side by side."""

from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from fcn4_dist import documents
from fcn4_dist.config import Affects, differing_settings
from fcn4_dist.errors import InputError
from fcn4_dist.evaluation import (
    METRICS_NAME,
    PREDICTIONS_NAME,
    metric_intervals,
    metrics_content,
    metrics_text,
    write_predictions,
)
from fcn4_dist.evaluation.differences import Comparison, compare
from fcn4_dist.evaluation.folds import gather_folds
from fcn4_dist.files import check_writable
from fcn4_dist.reports.fold_tables import (
    ScoredFolds,
    comparison_records,
    comparison_tables,
    folds_records,
    folds_table,
)
from fcn4_dist.reports.table_formats import data_apart, show_tables
from fcn4_dist.runs.cross_validation import (
    CrossValidation,
    holds_cross_validation,
    read_cross_validation,
)
from fcn4_dist.runs.occupancy import check_unoccupied
from fcn4_dist.terminal import say, say_result, warn

# Of fewer folds, t is so large that an interval tells little apart.
_FEW_FOLDS = 5


def show_folds(folders: Sequence[Path], output: Path | None, form: str = "text") -> None:
    """Print the metrics of folds, or what cross-validations differ in.

    Args:
        folders: Folders of eval jobs, one for each fold; or of cross-validations.
        output: Folder to write predictions.csv and metrics.json of all clips to; None for none.
        form: One of :data:`~fcn4_dist.reports.TABLE_FORMATS`.

    Raises:
        InputError: If they are not the folds of one split, or the output would replace one, or
            another job.
    """
    whole = [folder for folder in folders if holds_cross_validation(folder)]
    if whole and len(whole) < len(folders):
        single = next(folder for folder in folders if folder not in whole)
        raise InputError(
            f"{whole[0]} is a cross-validation and {single} is none: name the folders of "
            "cross-validations, or those of the folds (their eval) of one"
        )
    if len(whole) > 1:
        if output:
            raise InputError("--output is for the folds of one cross-validation: leave it out")
        with data_apart(form):
            _show_comparison([read_cross_validation(folder) for folder in whole], form)
        return
    found = (
        read_cross_validation(whole[0]) if whole else CrossValidation(Path(), None, tuple(folders))
    )
    if output:
        check_writable(output, "output")
        if output.resolve() in [folder.resolve() for folder in found.evaluations]:
            raise InputError(
                f"--output {output} is a fold, whose predictions would be lost: name another folder"
            )
        check_unoccupied(output, setting="output")
    with data_apart(form):
        write_folds(found, output, form)


def write_folds(found: CrossValidation, output: Path | None, form: str = "text") -> None:
    """Print the metrics of folds, and replace what an output holds."""
    scored = _score("", found)
    pooled, metrics, intervals = scored.folds.pooled, scored.metrics, scored.intervals
    if output:
        write_predictions(pooled, output / PREDICTIONS_NAME)
    # Text for people goes on with all clips together, each class by itself.
    show_tables([folds_table(scored, pooled=form != "text")], folds_records(scored), form)
    if form == "text":
        say_result(f"all {metrics.clips} clips together:")
        say_result("")
        of_all = f"{METRICS_NAME} has all" if output else f"--output writes {METRICS_NAME} of all"
        say_result(metrics_text(metrics, intervals, of_all))
    if output:
        content = metrics_content(metrics, intervals) | _folds_content(found.evaluations, scored)
        documents.write(output / METRICS_NAME, content)
        say(f"predictions and metrics of all: {output}")


def _show_comparison(found: Sequence[CrossValidation], form: str) -> None:
    names = _short([each.folder for each in found])
    scored = [_score(name, each) for name, each in zip(names, found, strict=True)]
    comparisons = [_compare(scored[0], each) for each in scored[1:]]
    settings = _differing_settings(names, found)
    tables = comparison_tables(scored, comparisons, settings)
    show_tables(tables, comparison_records(scored, comparisons, settings), form)
    if any(each.of_folds for each in comparisons):
        folds = len(scored[0].folds.clips)
        say_result(
            "the intervals of mean differences are of Student's t, corrected for training sets "
            "that overlap (Nadeau and Bengio 2003)"
            + (f", and wide, as {folds} folds are few" if folds < _FEW_FOLDS else "")
            + "; those of all clips together are of other clips for the same networks"
        )


def _compare(first: ScoredFolds, second: ScoredFolds) -> Comparison:
    comparison = compare(first.folds, second.folds)
    if comparison.unpaired:
        kind = "differences of folds" if comparison.of_clips else "differences"
        warn(f"no {kind} between {second.name} and {first.name}: {comparison.unpaired}")
    return comparison


def _differing_settings(
    names: Sequence[str], found: Sequence[CrossValidation]
) -> dict[str, list[object]]:
    recorded = [each.settings for each in found if each.settings is not None]
    if len(recorded) < len(found):
        unknown = next(
            name for name, each in zip(names, found, strict=True) if each.settings is None
        )
        warn(f"the settings of {unknown} are not known: they are in no table")
        return {}
    return differing_settings(recorded, set(Affects) - {Affects.FOLD, Affects.WORK})


def _score(name: str, found: CrossValidation) -> ScoredFolds:
    folds = gather_folds(found.evaluations, may_share_clips=found.has_splits)
    pooled = folds.pooled
    return ScoredFolds(
        name,
        _short(found.evaluations),
        folds,
        pooled.metrics,
        metric_intervals(pooled.labels, pooled.scores),
        found.kind,
    )


def _short(folders: Sequence[Path]) -> list[str]:
    """Name folders by what tells them apart."""
    paths = [folder.absolute().parts for folder in folders]
    if len(set(paths)) == 1:
        return [folder.name for folder in folders]
    while len({parts[-1] for parts in paths}) == 1:
        paths = [parts[:-1] for parts in paths]
    same = sum(1 for _ in takewhile(lambda parts: len(set(parts)) == 1, zip(*paths, strict=False)))
    return ["/".join(parts[min(same, len(parts) - 1) :]) for parts in paths]


def _folds_content(folders: Sequence[Path], scored: ScoredFolds) -> dict[str, object]:
    folds = scored.folds
    return {
        "folds": [
            {"folder": str(folder), "clips": clips, **figures}
            for folder, clips, figures in zip(folders, folds.clips, folds.figures, strict=True)
        ],
        "mean": folds.mean,
        "standard_deviation": folds.spread,
    }
