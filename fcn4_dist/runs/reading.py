"""What a run left in its folder, read back: run.json, metrics.jsonl and predictions.csv."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fcn4_dist.errors import InputError
from fcn4_dist.evaluation import PREDICTIONS_NAME, Predictions, read_predictions
from fcn4_dist.runs.names import METRICS_LINES_NAME, RUN_RECORD_FORMAT, RUN_RECORD_NAME


@dataclass(frozen=True)
class ClipSet:
    """How much a set holds.

    Attributes:
        clips: Number of its clips.
        hours: Their length.
        by_class: Number of clips of each class, by its name.
    """

    clips: int
    hours: float
    by_class: Mapping[str, int]


@dataclass(frozen=True)
class SkippedClip:
    """A clip that is in no set, and why."""

    id: str
    path: str
    reason: str


@dataclass(frozen=True)
class Description:
    """What ran, on what data, where.

    Attributes:
        command: "train" or "eval".
        run_id: Id that the run's checkpoints carry; "" if there is none.
        started: When, in ISO 8601.
        settings: Values by name.
        dataset: Name of the collection.
        split: How the sets were told apart.
        class_names: Names of the classes.
        sets: The sets, by name.
        skipped: Clips that are in none.
        world_size: Number of ranks.
        global_batch: Clips in a step of all ranks; None for an evaluation.
        steps_per_epoch: Steps of an epoch; None for an evaluation.
        checkpoint: File that was evaluated; "" for training.
        versions: Versions of packages, by name.
        machine: What it ran on.
    """

    command: str
    run_id: str
    started: str
    settings: Mapping[str, Any]
    dataset: str
    split: Mapping[str, Any]
    class_names: tuple[str, ...]
    sets: Mapping[str, ClipSet]
    skipped: tuple[SkippedClip, ...]
    world_size: int
    global_batch: int | None
    steps_per_epoch: int | None
    checkpoint: str
    versions: Mapping[str, str]
    machine: Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """A step. Figures that are not known, or were not finite, are None."""

    global_step: int
    loss: float | None
    lr: float | None
    samples_per_second: float | None
    waiting_for_data: float | None


@dataclass(frozen=True)
class Epoch(Step):
    """An epoch: its last step, with figures of the epoch.

    Attributes:
        epoch: The epoch, from 1.
        seconds: How long it took, with validation.
        validation: Scores of the validation set, by name; empty for none.
        best: Whether they were the best so far.
    """

    epoch: int
    seconds: float | None
    validation: Mapping[str, float | None]
    best: bool


@dataclass(frozen=True)
class Stop:
    """Why a run ended at a step, and the clips of that step."""

    epoch: int
    step: int
    reason: str
    ids: tuple[str, ...]


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


@dataclass(frozen=True)
class RunRecord:
    """Everything a run left. What is missing is None.

    Attributes:
        folder: Its folder.
        description: What ran.
        course: How training went.
        predictions: Scores of the clips it was evaluated on.
    """

    folder: Path
    description: Description | None
    course: Course | None
    predictions: Predictions | None


def read_run(folder: Path) -> RunRecord:
    """Read the folder of a job of train or eval, also of one that is still going.

    Args:
        folder: The folder.

    Raises:
        InputError: If it holds nothing of a run, or a file that is none of ours.
    """
    predictions = folder / PREDICTIONS_NAME
    record = RunRecord(
        folder,
        _description(folder / RUN_RECORD_NAME),
        _course(folder / METRICS_LINES_NAME),
        read_predictions(predictions) if predictions.exists() else None,
    )
    if not (record.description or record.course or record.predictions):
        raise InputError(
            f"{folder} holds no run: none of {RUN_RECORD_NAME}, {METRICS_LINES_NAME} and "
            f"{PREDICTIONS_NAME} is there; name the folder of a train or eval job (its run_dir)"
        )
    return record


def _description(path: Path) -> Description | None:
    text = _text(path)
    if text is None:
        return None
    try:
        content = json.loads(text)
        if content["format"] != RUN_RECORD_FORMAT:
            raise InputError(
                f"{path} has format {content['format']!r}, this version reads {RUN_RECORD_FORMAT}: "
                "make the report with the version of fcn4_dist that the run was made with"
            )
        return _described(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is no description of a run as train and eval write it: move it away to get a "
            "report without it"
        ) from error


def _described(content: Mapping[str, Any]) -> Description:
    data = content["data"]
    return Description(
        command=content["command"],
        run_id=content.get("run_id", ""),
        started=content["started"],
        settings=dict(content["settings"]),
        dataset=data["dataset"],
        split=dict(data["split"]),
        class_names=tuple(data["class_names"]),
        sets={
            name: ClipSet(int(each["clips"]), float(each["hours"]), dict(each["by_class"]))
            for name, each in data["sets"].items()
        },
        skipped=tuple(
            SkippedClip(each["id"], each["path"], each["reason"]) for each in data["skipped"]
        ),
        world_size=int(content["world_size"]),
        global_batch=content.get("global_batch"),
        steps_per_epoch=content.get("steps_per_epoch"),
        checkpoint=content.get("checkpoint", ""),
        versions=dict(content["versions"]),
        machine=dict(content["machine"]),
    )


def _course(path: Path) -> Course | None:
    text = _text(path)
    if text is None:
        return None
    steps, epochs, unreadable = [], [], 0
    stop = None
    for line in text.split("\n"):
        if not line:
            continue
        try:
            content = json.loads(line)
            kind = content["kind"]
            if kind == "step":
                steps.append(Step(**_figures(content)))
            elif kind == "epoch":
                epochs.append(_epoch(content))
            elif kind == "stopped":
                stop = _stop(content)
        except (ValueError, KeyError, TypeError, AttributeError):
            unreadable += 1
    return Course(tuple(steps), tuple(epochs), stop, unreadable)


def _figures(content: Mapping[str, Any]) -> dict[str, Any]:
    names = ("loss", "lr", "samples_per_second", "waiting_for_data")
    figures = {name: _finite(content[name]) for name in names}
    return {"global_step": int(content["global_step"]), **figures}


def _epoch(content: Mapping[str, Any]) -> Epoch:
    return Epoch(
        **_figures(content),
        epoch=int(content["epoch"]),
        seconds=_finite(content["seconds"]),
        validation={name: _finite(value) for name, value in content["validation"].items()},
        best=bool(content["best"]),
    )


def _stop(content: Mapping[str, Any]) -> Stop:
    ids = tuple(map(str, content["ids"]))
    return Stop(int(content["epoch"]), int(content["step"]), str(content["reason"]), ids)


def _finite(value: float | None) -> float | None:
    # JSON has no NaN and no infinity, but Python reads and writes them all the same.
    return None if value is None or not math.isfinite(value) else float(value)


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", "surrogateescape")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
