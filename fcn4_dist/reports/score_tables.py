"""The tables of scores and epochs, and of the mistakes a network was most sure of."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fcn4_dist.evaluation import (
    HOW_THE_BEST_IS_CHOSEN,
    TITLES,
    Metrics,
    Predictions,
    summary_figures,
)
from fcn4_dist.evaluation.differences import Difference, clip_differences, why_unpaired
from fcn4_dist.evaluation.intervals import LEVEL
from fcn4_dist.evaluation.metrics import THRESHOLD, is_single_label
from fcn4_dist.reports.run_view import RunView
from fcn4_dist.reports.table_formats import Record, difference_cells, ends_of
from fcn4_dist.reports.tables import NOTHING, Row, Table, difference_text, score_text
from fcn4_dist.runs.history import Epoch
from fcn4_dist.terminal import clock

MISTAKES_SHOWN = 15
_CONFUSIONS_SHOWN = 10
_EPOCHS_SHOWN = 200


def scores_table(runs: Sequence[RunView], while_training: bool = True) -> Table:
    """Lay out the scores by the predictions, and those while training.

    Args:
        runs: The runs.
        while_training: Whether to give the latter, too.
    """
    rows = [Row("scores of", [run.scored or NOTHING for run in runs])]
    rows.append(Row("clips", [str(run.metrics.clips) if run.metrics else NOTHING for run in runs]))
    rows += [Row(title, [_score(run, name) for run in runs]) for name, title in TITLES.items()]
    if while_training:
        rows.append(Row("best validation", [_validation(run.course.best) for run in runs]))
        rows.append(Row("last validation", [_validation(_last_validated(run)) for run in runs]))
        last_epochs = [run.course.epochs[-1:] for run in runs]
        losses = [score_text(epoch[0].loss) if epoch else NOTHING for epoch in last_epochs]
        rows.append(Row("loss of the last epoch", losses))
    known = [row for row in rows if set(row.cells) != {NOTHING}]
    return Table("Scores", ["score"], known, runs)


def run_differences(runs: Sequence[RunView]) -> dict[str, dict[str, Difference]]:
    """Compare runs with the first one, by name: those scored on its clips, with its labels."""
    first, *others = runs
    if first.metrics is None or first.record.predictions is None:
        return {}
    return {
        run.name: clip_differences(first.record.predictions, run.record.predictions)
        for run in others
        if run.metrics
        and run.record.predictions
        and not why_unpaired(first.record.predictions, run.record.predictions)
    }


def differences_table(first: str, differences: Mapping[str, Mapping[str, Difference]]) -> Table:
    """Lay out how far runs are above the first one.

    Args:
        first: Name of that one.
        differences: As :func:`run_differences` gives them.
    """
    names = [name for name in TITLES if any(name in found for found in differences.values())]
    rows = [
        Row(TITLES[name], [difference_text(found.get(name)) for found in differences.values()])
        for name in names
    ]
    columns = ["score", *(f"{name} - {first}" for name in differences)]
    title = f"Differences of the same clips [{LEVEL:.0%} interval]"
    return Table(title, columns, rows, numbers=True)


def score_records(
    runs: Sequence[RunView],
    differences: Mapping[str, Mapping[str, Difference]],
    settings: Mapping[str, Mapping[str, Any]],
) -> list[Record]:
    """Give the scores by the predictions for programs: a record for each run, and each difference.

    Args:
        runs: The runs.
        differences: As :func:`run_differences` gives them.
        settings: Of each run by its name, those that the runs do not have in common.
    """
    records: list[Record] = []
    for run in runs:
        figures = summary_figures(run.metrics) if run.metrics else {}
        intervals = {name: getattr(run.intervals, name, None) for name in figures}
        record: Record = {"run": run.name, "minus": "", "folder": str(run.record.folder)}
        record |= settings.get(run.name, {})
        record |= {"scores_of": run.scored, "clips": run.metrics and run.metrics.clips}
        records.append(record | figures | ends_of(intervals))
    records += [
        {"run": name, "minus": runs[0].name, **difference_cells(found)}
        for name, found in differences.items()
    ]
    return records


def epochs_table(run: RunView) -> Table:
    """Lay out what each epoch of a run gave."""
    epochs, best = run.course.epochs, run.course.best
    names = [name for name in TITLES if any(name in epoch.validation for epoch in epochs)]
    columns = ["epoch", "loss", *(TITLES[name] for name in names)]
    columns += ["learning rate", "samples/s", "waiting for data", "time"]
    apart = -(-len(epochs) // _EPOCHS_SHOWN) or 1
    # The last is always among them.
    kept = {epoch.epoch for epoch in epochs[::-apart]}
    shown = [epoch for epoch in epochs if epoch.epoch in kept or epoch is best]
    rows = [Row(str(epoch.epoch), _epoch(epoch, names), marked=epoch is best) for epoch in shown]
    marked = f"the best, {HOW_THE_BEST_IS_CHOSEN}, is marked"
    if apart > 1:
        marked += f"; one of each {apart} is shown, and the best"
    return Table(f"Epochs of {run.name} ({marked})", columns, rows, numbers=True)


def mistakes_tables(run: RunView) -> list[Table]:
    """Lay out the most confident mistakes of a run, and what it takes for what."""
    predictions, metrics = run.record.predictions, run.metrics
    if predictions is None or metrics is None:
        return []
    labels, scores = predictions.labels, predictions.scores
    if metrics.confusion_matrix is None:
        columns = ["clip", "labels", "tag", "score", "audio file"]
        wrongly = (labels == 0) & (scores >= THRESHOLD)
        missed = (labels == 1) & (scores < THRESHOLD)
        return [
            Table("Tags given wrongly", columns, _mistakes(predictions, wrongly, -scores)),
            Table("Tags not given", columns, _mistakes(predictions, missed, scores)),
        ]
    columns = ["clip", "label", "taken for", "score", "score of the label", "audio file"]
    given = np.eye(labels.shape[1], dtype=bool)[scores.argmax(axis=1)]
    wrong = given & (labels == 0)
    return [
        Table("Clips taken for another class", columns, _mistakes(predictions, wrong, -scores)),
        Table(
            "Classes taken for another most often",
            ["class", "taken for", "clips", "of the class"],
            _confusions(metrics),
        ),
    ]


def _score(run: RunView, name: str) -> str:
    if run.metrics is None:
        return NOTHING
    return score_text(getattr(run.metrics, name), getattr(run.intervals, name, None))


def _validation(epoch: Epoch | None) -> str:
    if epoch is None:
        return NOTHING
    known = [
        name for name in ("roc_auc_macro", "accuracy", "cross_entropy") if name in epoch.validation
    ]
    texts = [f"{TITLES[name]} {score_text(epoch.validation[name])}" for name in known]
    return ", ".join([*texts, f"epoch {epoch.epoch}"])


def _last_validated(run: RunView) -> Epoch | None:
    return next((epoch for epoch in reversed(run.course.epochs) if epoch.validation), None)


def _epoch(epoch: Epoch, names: Sequence[str]) -> list[str]:
    pace, waiting = epoch.samples_per_second, epoch.waiting_for_data
    return [
        score_text(epoch.loss),
        *(score_text(epoch.validation.get(name)) for name in names),
        NOTHING if epoch.lr is None else f"{epoch.lr:.3g}",
        NOTHING if pace is None else f"{pace:.1f}",
        NOTHING if waiting is None else f"{waiting:.0%}",
        NOTHING if epoch.seconds is None else clock(epoch.seconds),
    ]


def _mistakes(predictions: Predictions, wrong: np.ndarray, keys: np.ndarray) -> list[Row]:
    """Show the pairs of a clip and a class that are wrong, the lowest key first."""
    clips, classes = np.nonzero(wrong)
    order = np.argsort(keys[clips, classes], kind="stable")[:MISTAKES_SHOWN]
    names, single_label = predictions.class_names, is_single_label(predictions.labels)
    rows = []
    for clip, given in zip(clips[order], classes[order], strict=True):
        labels = np.flatnonzero(predictions.labels[clip])
        shown = [given, *labels] if single_label else [given]
        scores = [f"{predictions.scores[clip, each]:.3f}" for each in shown]
        cells = [", ".join(names[each] for each in labels) or NOTHING, names[given], *scores]
        rows.append(Row(predictions.ids[clip], [*cells, predictions.paths[clip]]))
    return rows


def _confusions(metrics: Metrics) -> list[Row]:
    """Find the classes that clips of one label were most often taken for."""
    matrix = np.array(metrics.confusion_matrix)
    others = np.where(np.eye(len(matrix), dtype=bool), 0, matrix)
    order = np.argsort(-others, axis=None, kind="stable")[:_CONFUSIONS_SHOWN]
    names = [each.name for each in metrics.classes]
    rows = []
    for true, given in (divmod(int(place), len(matrix)) for place in order):
        if clips := others[true, given]:
            share = f"{clips / matrix[true].sum():.0%}"
            rows.append(Row(names[true], [names[given], str(clips), share]))
    return rows
