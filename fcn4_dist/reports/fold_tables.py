"""The folds of a cross-validation, and several cross-validations side by side."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fcn4_dist.evaluation import TITLES, Intervals, Metrics, summary_figures
from fcn4_dist.evaluation.differences import Comparison
from fcn4_dist.evaluation.folds import Folds
from fcn4_dist.evaluation.intervals import LEVEL
from fcn4_dist.reports.table_formats import Record, difference_cells, ends_of, plain_value
from fcn4_dist.reports.tables import (
    NOTHING,
    Row,
    Table,
    difference_text,
    score_text,
    settings_that_differ,
)

_INTERVAL = f"[{LEVEL:.0%} interval]"
# Of each fold; the others are in the table of means.
_SHOWN_OF_EACH_FOLD = ("roc_auc_macro", "accuracy")


@dataclass(frozen=True)
class ScoredFolds:
    """A cross-validation as tables show it.

    Attributes:
        name: What it is called.
        fold_names: What its folds are called.
        folds: Their scores.
        metrics: Of all clips together.
        intervals: Of these metrics.
        kind: What they are: "folds", "published folds".
    """

    name: str
    fold_names: Sequence[str]
    folds: Folds
    metrics: Metrics
    intervals: Intervals
    kind: str = "folds"


def folds_table(scored: ScoredFolds, pooled: bool) -> Table:
    """Lay out the scores of each fold and their mean.

    Args:
        scored: The folds.
        pooled: Whether to add those of all clips together.
    """
    folds, names = scored.folds, list(scored.folds.mean)
    rows = [
        Row(fold, [str(clips), *(f"{figures[name]:.4f}" for name in names)])
        for fold, clips, figures in zip(scored.fold_names, folds.clips, folds.figures, strict=True)
    ]
    rows.append(Row("mean ± standard deviation", ["", *(_mean(scored, name) for name in names)]))
    if pooled:
        cells = [_of_all_clips(scored, name) for name in names]
        rows.append(Row(f"all together {_INTERVAL}", [str(scored.metrics.clips), *cells]))
    columns = ["fold", "clips", *(TITLES[name] for name in names)]
    return Table(f"Scores of {len(folds.clips)} {scored.kind}", columns, rows, numbers=True)


def folds_records(scored: ScoredFolds) -> list[Record]:
    """Give the same for programs: a record of each fold, of their mean and of all clips."""
    folds, figures = scored.folds, summary_figures(scored.metrics)
    records = [
        {"row": "fold", "fold": fold, "clips": clips, **of_fold}
        for fold, clips, of_fold in zip(scored.fold_names, folds.clips, folds.figures, strict=True)
    ]
    deviations = {f"{name}_sd": value for name, value in folds.spread.items()}
    records.append({"row": "mean", **folds.mean, **deviations})
    intervals = {name: getattr(scored.intervals, name, None) for name in figures}
    pooled = {"row": "all_clips", "clips": scored.metrics.clips, **figures}
    return [*records, pooled | ends_of(intervals)]


def comparison_tables(
    scored: Sequence[ScoredFolds],
    comparisons: Sequence[Comparison],
    settings: Mapping[str, Sequence[Any]],
) -> list[Table]:
    """Lay out what cross-validations differ in, their scores, and those of each fold.

    Args:
        scored: The cross-validations.
        comparisons: All but the first one, each against it.
        settings: Values of the settings that they do not have in common.
    """
    names = [each.name for each in scored]
    columns = [*names, *(f"{name} - {names[0]}" for name in names[1:])]
    shown = [name for name in TITLES if any(name in each.folds.mean for each in scored)]

    def summary(title: str, cell: Callable[[ScoredFolds, str], str], part: str) -> Table:
        found = [getattr(comparison, part) for comparison in comparisons]
        rows = []
        for name in shown:
            differences = [difference_text(each.get(name)) for each in found]
            rows.append(Row(TITLES[name], [*(cell(each, name) for each in scored), *differences]))
        return Table(title, ["score", *columns], rows, numbers=True)

    folds = _numbers(len(each.fold_names) for each in scored)
    clips = _numbers(each.metrics.clips for each in scored)
    kinds = " or ".join(dict.fromkeys(each.kind for each in scored))
    means = f"Mean ± standard deviation of {folds} {kinds}, mean difference {_INTERVAL}"
    return [
        *([settings_that_differ(names, settings)] if settings else []),
        summary(means, _mean, "of_folds"),
        summary(f"All {clips} clips together {_INTERVAL}", _of_all_clips, "of_clips"),
        *(
            Table(
                f"{TITLES[name]} of each fold",
                ["fold", *columns],
                list(_fold_rows(scored, comparisons, name)),
                numbers=True,
            )
            for name in _SHOWN_OF_EACH_FOLD
            if name in shown
        ),
    ]


def comparison_records(
    scored: Sequence[ScoredFolds],
    comparisons: Sequence[Comparison],
    settings: Mapping[str, Sequence[Any]],
) -> list[Record]:
    """Give the same for programs: what :func:`folds_records` gives of each, and the differences."""
    records: list[Record] = []
    for number, each in enumerate(scored):
        own: Record = {"cross_validation": each.name, "minus": ""}
        own |= {name: plain_value(values[number]) for name, values in settings.items()}
        records += [own | record for record in folds_records(each)]
    for each, comparison in zip(scored[1:], comparisons, strict=True):
        own = {"cross_validation": each.name, "minus": scored[0].name}
        for row, found in (("mean", comparison.of_folds), ("all_clips", comparison.of_clips)):
            if found:
                records.append(own | {"row": row} | difference_cells(found))
    return records


def _fold_rows(
    scored: Sequence[ScoredFolds], comparisons: Sequence[Comparison], name: str
) -> Iterator[Row]:
    """Lay out one score of each fold."""
    longest = max(scored, key=lambda each: len(each.fold_names))
    for fold, fold_name in enumerate(longest.fold_names):
        figures = [each.folds.figures[fold : fold + 1] for each in scored]
        values = [found[0].get(name) if found else None for found in figures]
        cells = [NOTHING if value is None else f"{value:.4f}" for value in values]
        for value, comparison in zip(values[1:], comparisons, strict=True):
            if value is None or values[0] is None or name not in comparison.of_folds:
                cells.append(NOTHING)
            else:
                cells.append(f"{value - values[0]:+.4f}")
        yield Row(fold_name, cells)


def _numbers(counts: Iterable[int]) -> str:
    return " or ".join(map(str, dict.fromkeys(counts)))


def _mean(scored: ScoredFolds, name: str) -> str:
    folds = scored.folds
    if name not in folds.mean:
        return NOTHING
    return f"{folds.mean[name]:.4f} ± {folds.spread[name]:.4f}"


def _of_all_clips(scored: ScoredFolds, name: str) -> str:
    return score_text(getattr(scored.metrics, name), getattr(scored.intervals, name, None))
