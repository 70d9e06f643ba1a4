"""One folder, one job: what a folder holds already is neither replaced nor mixed with another's."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fcn4_dist.errors import InputError
from fcn4_dist.evaluation import METRICS_NAME, PREDICTIONS_NAME
from fcn4_dist.files import HeldError, hold, release
from fcn4_dist.runs.history import METRICS_LINES_NAME, Course, read_course
from fcn4_dist.runs.reading import read_description
from fcn4_dist.runs.record import RUN_RECORD_NAME
from fcn4_dist.terminal import say

CROSS_VALIDATION_NAME = "cross_validation.json"


_LOCK_NAME, _TURN_NAME = ".run.lock", ".turn.lock"
_SECONDS_BETWEEN_LOOKS = 0.5
_TRAINING, _EVALUATION = "a training", "an evaluation"
_CROSS_VALIDATION, _TABLE = "a cross-validation", "the table of several folds"


@contextmanager
def kept_to_this_job(
    folder: Path, setting: str = "run_dir", *, shared: bool = False
) -> Iterator[None]:
    """Keep every other job out of a folder while this one writes to it; for rank 0.

    Args:
        folder: The folder, which is there.
        setting: Name of the setting it comes from.
        shared: Whether the other parts of this job write there, too, which share it as well.

    Raises:
        InputError: If another job is writing there.
    """
    lock = _hold(folder, setting, shared)
    try:
        yield
    finally:
        if lock is not None:
            release(folder / _LOCK_NAME, lock)


@contextmanager
def in_turn(folder: Path, name: str = _TURN_NAME, *, shared: bool = False) -> Iterator[None]:
    """Work in a folder that several jobs share when no other one does; for rank 0.

    Args:
        folder: The folder, which is there.
        name: Of the file that is held there; jobs of one kind take turns.
        shared: Whether those may work there meanwhile that share it as well.
    """
    lock, told = None, False
    while lock is None:
        try:
            lock = hold(folder / name, shared=shared)
        except HeldError as holder:
            if not told:
                say(f"waiting for another job ({holder}), which works in {folder} …")
            told = True
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        except OSError:
            # A disk that knows no such holds, or is not to be written to.
            break
    try:
        yield
    finally:
        if lock is not None:
            release(folder / name, lock)


def check_unoccupied(folder: Path, command: str = "", setting: str = "run_dir") -> None:
    """Refuse a folder with results that a job would replace, or mix with its own.

    A job that has left no results, as one that died while it compiled, keeps nobody out.

    Args:
        folder: The folder; it need not be there.
        command: Name of the job's command.
        setting: Name of the flag it comes from.

    Raises:
        InputError: If it holds another job.
    """
    _check_free(folder)
    if not (found := _occupant(folder)):
        return
    told = f"{setting} {folder} holds {found}"
    other = f"name another folder with --{setting}"
    if found == _TRAINING and command == "train":
        other += ", or go on with that training with --resume auto"
    if found == _EVALUATION and not (folder / METRICS_NAME).exists():
        raise InputError(
            f"{told} that ended before its {METRICS_NAME} was written; its predictions are there, "
            f"and 'fcn4-dist report {folder}' shows what they come to: to score again, {other}"
        )
    raise InputError(f"{told}, whose results would be replaced or mixed: {other}")


def check_goes_on(folder: Path, run_id: str | None, save_step: int) -> None:
    """Refuse a folder whose results are not those of the training that goes on in it.

    Args:
        folder: The folder; it need not be there.
        run_id: Id of the run that goes on; None if there is no checkpoint of it, so that it begins
            anew.
        save_step: Steps between two checkpoints.

    Raises:
        InputError: If it holds another job, or a run whose checkpoints are somewhere else.
    """
    _check_free(folder)
    if _occupant(folder) != _TRAINING:
        check_unoccupied(folder)
    course = read_course(folder)
    if course is None or not course.steps:
        return
    if run_id is None and _has_saved(course, save_step):
        raise InputError(
            f"run_dir {folder} holds a training of {course.steps[-1].global_step} steps, of which "
            "no checkpoint is found: name their folder with --checkpoint_path (and their "
            "--prefix), or another folder with --run_dir for a new run"
        )
    if run_id is not None and _run_id_of(folder) not in (run_id, None):
        raise InputError(
            f"run_dir {folder} holds another training than the one that is to go on: name that "
            "one's folder, or a new one, with --run_dir"
        )


def find_course(run_id: str, folders: Iterable[Path]) -> Path | None:
    """Find the first folder that says how a training has gone.

    Args:
        run_id: Id of the training.
        folders: Where to look; what is of another training is passed over.
    """
    for folder in folders:
        with suppress(InputError, OSError):
            if (folder / METRICS_LINES_NAME).exists() and _run_id_of(folder) in (run_id, None):
                return folder
    return None


def _run_id_of(folder: Path) -> str | None:
    """Tell which training a folder's results are of; None if it does not say."""
    description = read_description(folder / RUN_RECORD_NAME)
    return description.run_id if description else None


def _occupant(folder: Path) -> str:
    """Say what a folder holds; "" for nothing that would be lost."""
    if (folder / CROSS_VALIDATION_NAME).exists():
        return _CROSS_VALIDATION
    if _size_of(folder / METRICS_LINES_NAME):
        return _TRAINING
    if not any((folder / name).exists() for name in (PREDICTIONS_NAME, METRICS_NAME)):
        return ""
    return _EVALUATION if (folder / RUN_RECORD_NAME).exists() else _TABLE


def _check_free(folder: Path) -> None:
    if (folder / _LOCK_NAME).exists() and (lock := _hold(folder)) is not None:
        os.close(lock)


def _hold(folder: Path, setting: str = "run_dir", shared: bool = False) -> int | None:
    try:
        return hold(folder / _LOCK_NAME, shared=shared)
    except HeldError as holder:
        raise InputError(
            f"another job ({holder}) writes to {folder}: wait for it, or name another folder with "
            f"--{setting}"
        ) from holder
    except OSError:
        # A disk that knows no such holds, or is full, says so when something is written.
        return None


def _size_of(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _has_saved(course: Course, save_step: int) -> bool:
    """Tell whether a run must have had a checkpoint: it may have died in its first save."""
    validated = any(epoch.validation for epoch in course.epochs)
    return validated or len(course.epochs) > 1 or len(course.steps) >= 2 * save_step
