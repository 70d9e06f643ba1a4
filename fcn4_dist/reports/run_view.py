"""A run as a report sees it: its scores, and what has to be said of it before anything else."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fcn4_dist.errors import Fcn4DistError
from fcn4_dist.evaluation import Intervals, Metrics, metric_intervals
from fcn4_dist.runs.history import Course
from fcn4_dist.runs.reading import RunRecord
from fcn4_dist.terminal import clock
from fcn4_dist.text import count

_COMMANDS = {"train": "training", "eval": "evaluation"}


@dataclass(frozen=True)
class RunView:
    """A run of a report.

    Attributes:
        number: Its place in the report, from 0.
        name: What it is called there.
        record: What it left.
        metrics: Of its predictions; None if there are none, or if they are not numbers.
        intervals: Of the metrics; None likewise.
        fault: Why predictions have no metrics; "" if they have, or if there are none.
    """

    number: int
    name: str
    record: RunRecord
    metrics: Metrics | None
    intervals: Intervals | None
    fault: str

    @property
    def course(self) -> Course:
        """How training went; an empty one if that is not known."""
        return self.record.course or Course((), (), None, 0)

    @property
    def facts(self) -> list[str]:
        """What it was, in a few short texts."""
        facts = []
        if description := self.record.description:
            facts.append(_COMMANDS.get(description.command, description.command))
            facts.append(f"{count(description.world_size, 'rank')} on {description.machine.device}")
            facts.append(description.started.replace("T", " ").replace("+00:00", " UTC"))
        if course := self.record.course:
            facts.append(_progress(self.record, course))
            if seconds := sum(epoch.seconds or 0 for epoch in course.epochs):
                facts.append(f"trained for {clock(seconds)}")
            if skipped := sum(step.skipped for step in course.steps):
                facts.append(f"{count(skipped, 'step')} skipped for an overflow")
        if self.metrics:
            facts.append(f"{count(self.metrics.clips, 'clip')} scored")
        return [fact for fact in facts if fact]

    @property
    def warnings(self) -> list[str]:
        """What went wrong."""
        warnings = [self.fault] if self.fault else []
        if stop := self.course.stop:
            warnings.append(f"stopped at epoch {stop.epoch}, step {stop.step}: {stop.reason}")
        steps = self.course.steps
        taken = [step for step in steps if not step.skipped]
        if lost := [step.global_step for step in taken if step.loss is None]:
            warnings.append(
                f"the loss was no finite number at {len(lost)} of {count(len(steps), 'step')}, "
                f"first at step {lost[0]}"
            )
        return warnings

    @property
    def missing(self) -> list[str]:
        """What is not there, and what the report has to do without for that."""
        return list(_missing(self.record))

    @property
    def scored(self) -> str:
        """Which clips and which weights the scores are of."""
        description, best = self.record.description, self.course.best
        if description and description.checkpoint:
            return f"checkpoint {Path(description.checkpoint).name}"
        if best and self.record.predictions:
            return f"validation set, epoch {best.epoch} (best)"
        return ""


def view_runs(records: Sequence[RunRecord]) -> list[RunView]:
    """Compute what a report shows of runs, and name them: by their folders.

    Args:
        records: What they left.
    """
    names = [record.folder.absolute().name for record in records]
    counts = Counter(names)
    # Folders of one name are told apart by their paths.
    shown = [
        name if counts[name] == 1 and name else str(record.folder)
        for name, record in zip(names, records, strict=True)
    ]
    return [_view(number, *each) for number, each in enumerate(zip(shown, records, strict=True))]


def _view(number: int, name: str, record: RunRecord) -> RunView:
    metrics, intervals, fault = None, None, ""
    if found := record.predictions:
        try:
            metrics = found.metrics
            intervals = metric_intervals(found.labels, found.scores)
        except Fcn4DistError as error:
            fault = str(error)
    return RunView(number, name, record, metrics, intervals, fault)


def _progress(record: RunRecord, course: Course) -> str:
    done = len(course.epochs) and course.epochs[-1].epoch
    asked = _epochs_asked(record)
    return f"{done} of {count(asked, 'epoch')}" if asked else count(done, "epoch")


def _epochs_asked(record: RunRecord) -> int:
    asked = record.description and record.description.settings.get("epoch_size")
    return asked if isinstance(asked, int) else 0


def _missing(record: RunRecord) -> Iterator[str]:
    evaluated = record.description is not None and record.description.command == "eval"
    if record.description is None:
        yield "no run.json: settings, data, versions and machine are not known"
    if record.course is None:
        if not evaluated:
            yield "no metrics.jsonl: there are no curves"
    elif not record.course.epochs:
        yield "no epoch is finished yet: the curves are of steps"
    if record.predictions is None:
        yield (
            "no predictions.csv: no scores with intervals, no classes, no confusion matrix and no "
            "mistakes"
        )
    if record.course:
        if len(record.course.epochs) < _epochs_asked(record) and not record.course.stop:
            yield f"{_progress(record, record.course)}: it is still going, or ended early"
        if record.course.unreadable:
            yield (
                f"{count(record.course.unreadable, 'unreadable line')} of metrics.jsonl left "
                "out, as the torn last one of a killed run"
            )
