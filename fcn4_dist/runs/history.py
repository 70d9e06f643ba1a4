"""How training goes: metrics.jsonl, written and read, and event files for TensorBoard."""

import dataclasses
import math
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from fcn4_dist import documents
from fcn4_dist.errors import Fcn4DistError, InputError
from fcn4_dist.files import replace_file
from fcn4_dist.refusals import explain
from fcn4_dist.runs.events import TENSORBOARD_NAME, EventFile

METRICS_LINES_NAME = "metrics.jsonl"

_KIND_WRITTEN = re.compile(rb'\{"kind": "(step|epoch|stopped)"')


@dataclass(frozen=True)
class Pace:
    """How fast some steps were.

    Attributes:
        samples_per_second: Over all ranks; None if that is not known, as of a step that compiles.
        waiting_for_data: Share of the time, from 0 to 1, that rank 0 waited for its samples; None
            likewise.
    """

    samples_per_second: float | None
    waiting_for_data: float | None


@dataclass(frozen=True, slots=True)
class _Line(documents.Document):
    """A line of the file. Figures that are not known, or are not finite, are None."""

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if (finite := _finite(value)) is not value:
                object.__setattr__(self, each.name, finite)


@dataclass(frozen=True, kw_only=True, slots=True)
class Step(_Line):
    """A step.

    Attributes:
        kind: Tells the lines apart.
        epoch: The epoch, from 1.
        step: The step within the epoch, from 1.
        global_step: The step within the run, from 1.
        loss: Averaged over the global batch.
        lr: The learning rate.
        samples_per_second: As :class:`Pace` has it.
        waiting_for_data: Likewise.
        skipped: Whether it changed nothing, because it overflowed at its loss scale.
        loss_scale: The scale, where it is dynamic; else None.
        time: When it was written, in seconds since 1970; set by :class:`RunHistory`.
    """

    kind: Literal["step"] = "step"
    epoch: documents.Count
    step: documents.Count
    global_step: documents.Count
    loss: float | None
    lr: float | None
    samples_per_second: float | None
    waiting_for_data: float | None
    skipped: bool = False
    loss_scale: float | None = None
    time: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Epoch(_Line):
    """An epoch: what is of its last step, and of all its steps.

    Attributes:
        kind: Tells the lines apart.
        epoch: The epoch, from 1.
        global_step: Its last step within the run.
        loss: Mean loss of its steps.
        lr: The learning rate of its last step.
        samples_per_second: As :class:`Pace` has it.
        waiting_for_data: Likewise.
        seconds: How long it took, with validation.
        validation: Scores of the validation set, by name; empty for none.
        best: Whether they are the best so far.
        time: As of a step.
    """

    kind: Literal["epoch"] = "epoch"
    epoch: documents.Count
    global_step: documents.Count
    loss: float | None
    lr: float | None
    samples_per_second: float | None
    waiting_for_data: float | None
    seconds: float | None
    validation: Mapping[str, float | None]
    best: bool
    time: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Stop(_Line):
    """Why a run ended at a step, and the clips of that step."""

    kind: Literal["stopped"] = "stopped"
    epoch: documents.Count
    step: documents.Count
    global_step: documents.Count
    reason: str
    ids: tuple[str, ...]
    time: float | None = None


@dataclass(frozen=True)
class _Unknown(documents.Document):
    """A line whose kind is not known yet, or is one of a later version."""

    kind: str
    global_step: documents.Count = 0


_KINDS: dict[str, type[_Line]] = {"step": Step, "epoch": Epoch, "stopped": Stop}


@dataclass(frozen=True)
class Course:
    """How training went.

    Attributes:
        steps: The steps, in their order.
        epochs: The epochs that were finished.
        stop: Why it ended before its time; None if it did not say.
        unreadable: Number of lines that cannot be read, as the last one of a killed run.
    """

    steps: tuple[Step, ...]
    epochs: tuple[Epoch, ...]
    stop: Stop | None
    unreadable: int

    @property
    def best(self) -> Epoch | None:
        """The epoch with the best validation; None if there was no validation."""
        return next((epoch for epoch in reversed(self.epochs) if epoch.best), None)


def read_course(folder: Path) -> Course | None:
    """Read metrics.jsonl, also of a run that is still going, or was killed.

    Args:
        folder: The job's folder.

    Returns:
        What it says; None if there is none.

    Raises:
        InputError: If it cannot be read.
    """
    path = folder / METRICS_LINES_NAME
    try:
        lines = [line for _, line in _read_lines(path)]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    return Course(
        steps=tuple(line for line in lines if isinstance(line, Step)),
        epochs=tuple(line for line in lines if isinstance(line, Epoch)),
        stop=next((line for line in reversed(lines) if isinstance(line, Stop)), None),
        unreadable=lines.count(None),
    )


class RunHistory:
    """Writes what happens, a line for each step and epoch; for rank 0.

    Args:
        folder: The job's folder.
        steps_done: Steps of this run that were taken before; what a file says of later ones is
            of a past that was given up, and goes. 0 begins anew.
        earlier: Folder of the job that is gone on with, whose lines are taken over; None for none.
        again: Whether an epoch that ended with those steps is going to be written again.

    Attributes:
        skipped_steps: Steps among those before that were skipped.
    """

    def __init__(
        self, folder: Path, steps_done: int, earlier: Path | None = None, *, again: bool = False
    ) -> None:
        self._path = folder / METRICS_LINES_NAME
        self._last_epoch, self._losses = 0, list[float]()
        self.skipped_steps = 0
        before = _lines_before(earlier / METRICS_LINES_NAME, steps_done) if earlier else ()
        with replace_file(self._path) as file:
            for text, line in before:
                if again and isinstance(line, Epoch) and line.global_step == steps_done:
                    continue
                file.write(text)
                if isinstance(line, Step):
                    self._note(line)
        self._file = self._path.open("ab", buffering=0)
        if not steps_done:
            for old in (folder / TENSORBOARD_NAME).glob("events.out.tfevents.*"):
                old.unlink()
        self._events: EventFile | None = None
        with self._refusals_told(folder / TENSORBOARD_NAME):
            self._events = EventFile(folder, steps_done)

    def losses_of(self, epoch: int) -> list[float]:
        """Give the losses of the steps that were taken before, and not skipped.

        Args:
            epoch: The epoch; those before the one that is gone on with are not known any more.
        """
        return self._losses if epoch == self._last_epoch else []

    def add(self, line: Step | Epoch | Stop) -> None:
        """Write what a step or an epoch gave, or why the run ended, and the time."""
        content = dataclasses.replace(line, time=round(time.time(), 3))
        with self._refusals_told(self._path):
            self._append(f"{documents.to_line(content)}\n".encode())
        if isinstance(line, Step):
            figures = ("loss", "lr", "samples_per_second", "waiting_for_data", "loss_scale")
            self._plot("train", line.global_step, {name: getattr(line, name) for name in figures})
        elif isinstance(line, Epoch):
            self._plot("epoch", line.global_step, {"loss": line.loss})
            self._plot("validation", line.global_step, line.validation, flush=True)

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        if self._events:
            with self._refusals_told(self._events.path):
                self._events.close()

    def _note(self, earlier: Step) -> None:
        if earlier.epoch != self._last_epoch:
            # Of hundreds of thousands of steps, nobody asks for more than the last epoch's.
            self._last_epoch, self._losses = earlier.epoch, []
        self.skipped_steps += earlier.skipped
        if earlier.loss is not None and not earlier.skipped:
            self._losses.append(earlier.loss)

    def _append(self, line: bytes) -> None:
        # What is written is there, whatever becomes of this process.
        end = os.fstat(self._file.fileno()).st_size
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError:
            # Lines are whole, also where there was room for a half.
            self._file.truncate(end)
            raise

    def _plot(
        self,
        group: str,
        global_step: int,
        figures: Mapping[str, float | None],
        *,
        flush: bool = False,
    ) -> None:
        if self._events is None:
            return
        with self._refusals_told(self._events.path):
            for name, value in figures.items():
                if value is not None:
                    self._events.add(f"{group}/{name}", value, global_step)
            if flush:
                self._events.flush()

    @contextmanager
    def _refusals_told(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # What it still holds would be refused again.
            events, self._events = self._events, None
            with suppress(OSError):
                if events:
                    events.close()
            raise Fcn4DistError(
                f"{path} cannot be written, so training ends; --resume auto goes on from its last "
                f"checkpoint: {explain(error, path)} with --run_dir"
            ) from error


def _lines_before(
    path: Path, steps_done: int
) -> Iterator[tuple[bytes, Step | Epoch | Stop | _Unknown]]:
    """Read the lines of a file up to a step; one that was cut off does not count."""
    for text, line in _read_lines(path) if path.exists() else ():
        if not isinstance(line, Step | Epoch | Stop | _Unknown) or not text.endswith(b"\n"):
            continue
        if line.global_step <= steps_done:
            yield text, line


def _read_lines(path: Path) -> Iterator[tuple[bytes, documents.Document | None]]:
    """Give each line and what it says, None if it cannot be read."""
    with path.open("rb") as file:
        for text in file:
            if text != b"\n":
                yield text, _line(text)


def _line(text: bytes) -> documents.Document | None:
    try:
        if written := _KIND_WRITTEN.match(text):
            return documents.parse(text, _KINDS[written[1].decode()], METRICS_LINES_NAME)
        unknown = documents.parse(text, _Unknown, METRICS_LINES_NAME)
        kind = _KINDS.get(unknown.kind)
        return documents.parse(text, kind, METRICS_LINES_NAME) if kind else unknown
    except InputError:
        return None


def _finite(value: Any) -> Any:
    # JSON knows no NaN, but Python reads and writes it all the same.
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    return value
