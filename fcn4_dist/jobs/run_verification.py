"""The command verify, on what a run left: whether its files are of one run."""

import html
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fcn4_dist import documents
from fcn4_dist.errors import InputError
from fcn4_dist.evaluation import (
    METRICS_NAME,
    PREDICTIONS_NAME,
    TITLES,
    Predictions,
    SavedMetrics,
    summary_figures,
)
from fcn4_dist.files import read_whole
from fcn4_dist.findings import Finding, Level, refuse_errors
from fcn4_dist.records import set_of_file
from fcn4_dist.runs.folder import REPORT_NAME
from fcn4_dist.runs.history import METRICS_LINES_NAME, Course
from fcn4_dist.runs.reading import RunRecord, read_run
from fcn4_dist.runs.record import RUN_RECORD_NAME, Description
from fcn4_dist.terminal import say_result
from fcn4_dist.text import count

_NAMES = (RUN_RECORD_NAME, METRICS_LINES_NAME, PREDICTIONS_NAME, METRICS_NAME)
_TOLERANCE = 1e-6
"""Of metrics computed again, perhaps by another version of scikit-learn."""
_LARGEST_PAGE = 1 << 28


def holds_run(folder: Path) -> bool:
    """Say whether a folder holds anything that a run leaves."""
    return any((folder / name).exists() for name in _NAMES)


def verify_run(folder: Path) -> None:
    """Hold the files of a run against each other: run.json, metrics, predictions, the page.

    The metrics are computed again from the predictions.

    Args:
        folder: The folder of a job of train or eval, or of several folds.

    Raises:
        InputError: Naming everything that does not fit, a line each; or a file that cannot be read.
    """
    record = read_run(folder)
    refuse_errors([*faults_of_scores(record), *_page_faults(record)])
    there = [name for name in (*_NAMES, REPORT_NAME) if (folder / name).exists()]
    say_result(f"{folder}: {', '.join(there)}: of one run, as far as they tell")


def faults_of_scores(record: RunRecord) -> list[Finding]:
    """Find where a run's metrics, predictions and description are not of each other.

    Args:
        record: What is read of the run.

    Returns:
        An error for each.

    Raises:
        InputError: If its metrics cannot be read.
    """
    path = record.folder / METRICS_NAME
    metrics = documents.read(path, SavedMetrics) if path.exists() else None
    return [*_scores_faults(record, metrics), *_description_faults(record, metrics)]


def _fault(problem: str, mend: str) -> Finding:
    return Finding(Level.ERROR, problem, mend)


def _scores_faults(record: RunRecord, metrics: SavedMetrics | None) -> Iterator[Finding]:
    """Compute again what the predictions come to."""
    if record.predictions is None:
        return
    path = record.folder / PREDICTIONS_NAME
    found = summary_figures(record.predictions.metrics)
    if metrics is not None:
        said = {name: getattr(metrics, name) for name in TITLES}
        if differing := _differing(said, found):
            yield _fault(
                f"{path} gives other scores than {record.folder / METRICS_NAME} says "
                f"({differing}), so one of them is another evaluation's or was changed",
                "run eval again into a new folder",
            )
        elif metrics.clips != len(record.predictions.ids):
            yield _fault(
                f"{path} has {count(len(record.predictions.ids), 'clip')}, and "
                f"{record.folder / METRICS_NAME} is of {metrics.clips}",
                "run eval again into a new folder",
            )
    best = record.course.best if record.course else None
    if best is not None and (differing := _differing(best.validation, found)):
        yield _fault(
            f"{path} gives other scores than {record.folder / METRICS_LINES_NAME} says of the best "
            f"epoch, {best.epoch} ({differing}), so one of them is another run's or was changed",
            "find the files of this run, or evaluate its best checkpoint",
        )


def _description_faults(record: RunRecord, metrics: SavedMetrics | None) -> Iterator[Finding]:
    description = record.description
    if description is None:
        return
    path = record.folder / RUN_RECORD_NAME
    mend = "move what is of another run into a folder of its own"
    if metrics is not None and metrics.checkpoint is not None:
        for what, found, said in (
            ("checkpoint", metrics.checkpoint, description.checkpoint),
            ("shards", metrics.shards, _scored_file(description)),
        ):
            if found != said:
                name = record.folder / METRICS_NAME
                yield _fault(f"{name} is of the {what} {found}, and {path} of {said}", mend)
    if record.predictions is not None and (told := _other_clips(description, record.predictions)):
        yield _fault(f"{record.folder / PREDICTIONS_NAME} {told} {path} says", mend)
    if record.course is not None and (told := _other_steps(description, record.course)):
        yield _fault(f"{record.folder / METRICS_LINES_NAME} {told} {path} says", mend)


def _page_faults(record: RunRecord) -> Iterator[Finding]:
    """See whether the page names its run, as every page does of those it shows."""
    page, description = record.folder / REPORT_NAME, record.description
    if description is None or not page.exists():
        return
    # An evaluation has no id: it is named by when it began.
    began = description.started.replace("T", " ").removesuffix("+00:00")
    named = description.run_id or began
    try:
        text = read_whole(page, _LARGEST_PAGE).decode("utf-8", "surrogateescape")
    except OSError as error:
        raise InputError(f"cannot read {page}: {error.strerror}") from error
    if html.escape(named) not in text:
        what = f"the run {named[:8]}" if description.run_id else f"the evaluation of {named}"
        yield _fault(
            f"{page} does not show {what}, which {record.folder / RUN_RECORD_NAME} is of",
            f"'fcn4-dist report {record.folder}' makes the page again, once it is moved away",
        )


def _differing(said: Mapping[str, float | None], found: Mapping[str, float]) -> str:
    """Name the first metric that was said to be another than it is; "" if there is none."""
    for name, value in said.items():
        # A metric that an earlier version did not know is none.
        if name in TITLES and value is not None:
            right = found.get(name)
            if right is None or not math.isclose(value, right, rel_tol=0, abs_tol=_TOLERANCE):
                shown = "none" if right is None else f"{right:.4f}"
                return f"{TITLES[name]} {shown} instead of {value:.4f}"
    return ""


def _scored_file(description: Description) -> str:
    settings = description.settings
    return str(Path(_text(settings, "data_dir") or _text(settings, "mr_path"), _scored(settings)))


def _scored(settings: Mapping[str, Any]) -> str:
    return _text(settings, "val_filename")


def _text(settings: Mapping[str, Any], name: str) -> str:
    value = settings.get(name, "")
    return value if isinstance(value, str) else ""


def _other_clips(description: Description, predictions: Predictions) -> str:
    if predictions.class_names != description.data.class_names:
        return "is of other classes than"
    of_set = description.data.sets.get(set_of_file(_scored(description.settings)))
    by_class = dict(
        zip(predictions.class_names, map(int, predictions.labels.sum(axis=0)), strict=True)
    )
    if of_set is None or (of_set.clips, of_set.by_class) != (len(predictions.ids), by_class):
        return "is of other clips than"
    return ""


def _other_steps(description: Description, course: Course) -> str:
    steps = description.steps_per_epoch
    if steps is None:
        return "is of a training, and of none"
    wrong = [
        line
        for line in course.steps
        if line.step > steps or line.global_step != (line.epoch - 1) * steps + line.step
    ]
    return "is of epochs of other lengths than" if wrong else ""
