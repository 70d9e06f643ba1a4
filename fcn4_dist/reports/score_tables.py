"""The tables of scores and epochs."""

from collections.abc import Callable, Sequence

from fcn4_dist.evaluation import TITLES
from fcn4_dist.reports.run_view import RunView, score_text
from fcn4_dist.reports.tables import NOTHING, Row, Table
from fcn4_dist.runs.history import Epoch
from fcn4_dist.terminal import clock


def scores_table(runs: Sequence[RunView]) -> Table:
    """Lay out the scores, those by the predictions and those while training."""
    rows = [Row("scores of", [run.scored or NOTHING for run in runs])]
    rows += [Row(title, [_score(run, name) for run in runs]) for name, title in TITLES.items()]
    rows.append(Row("best validation", [_validation(run, _best) for run in runs]))
    rows.append(Row("last validation", [_validation(run, _last_validated) for run in runs]))
    rows.append(Row("loss of the last epoch", [_last_loss(run) for run in runs]))
    known = [row for row in rows if set(row.cells) != {NOTHING}]
    return Table("Scores", ["score"], known, runs)


def epochs_table(run: RunView) -> Table:
    """Lay out what each epoch of a run gave."""
    course = run.record.course
    epochs = course.epochs if course else ()
    best = course.best if course else None
    names = [name for name in TITLES if any(name in epoch.validation for epoch in epochs)]
    columns = ["epoch", "loss", *(TITLES[name] for name in names)]
    columns += ["learning rate", "samples/s", "waiting for data", "time"]
    rows = [Row(str(epoch.epoch), _epoch(epoch, names), marked=epoch is best) for epoch in epochs]
    return Table(f"Epochs of {run.name} (the best is marked)", columns, rows, numbers=True)


def _score(run: RunView, name: str) -> str:
    if run.metrics is None:
        return NOTHING
    return score_text(getattr(run.metrics, name), getattr(run.intervals, name, None))


def _validation(run: RunView, choose: Callable[[RunView], Epoch | None]) -> str:
    epoch = choose(run)
    if epoch is None:
        return NOTHING
    known = [name for name in ("roc_auc_macro", "accuracy") if name in epoch.validation]
    texts = [f"{TITLES[name]} {score_text(epoch.validation[name])}" for name in known]
    return ", ".join([*texts, f"epoch {epoch.epoch}"])


def _best(run: RunView) -> Epoch | None:
    return run.record.course.best if run.record.course else None


def _last_validated(run: RunView) -> Epoch | None:
    epochs = run.record.course.epochs if run.record.course else ()
    return next((epoch for epoch in reversed(epochs) if epoch.validation), None)


def _last_loss(run: RunView) -> str:
    epochs = run.record.course.epochs if run.record.course else ()
    return score_text(epochs[-1].loss) if epochs else NOTHING


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
