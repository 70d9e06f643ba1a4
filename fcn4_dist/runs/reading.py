"""What a run left in its folder, read back: run.json, metrics.jsonl and predictions.csv."""

from dataclasses import dataclass
from pathlib import Path

from fcn4_dist import documents
from fcn4_dist.errors import InputError
from fcn4_dist.evaluation import PREDICTIONS_NAME, Predictions, read_predictions
from fcn4_dist.runs.history import METRICS_LINES_NAME, Course, read_course
from fcn4_dist.runs.record import RUN_RECORD_NAME, Description


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
    description, predictions = folder / RUN_RECORD_NAME, folder / PREDICTIONS_NAME
    record = RunRecord(
        folder,
        read_description(description),
        read_course(folder),
        read_predictions(predictions) if predictions.exists() else None,
    )
    if not (record.description or record.course or record.predictions):
        raise InputError(
            f"{folder} holds no run: none of {RUN_RECORD_NAME}, {METRICS_LINES_NAME} and "
            f"{PREDICTIONS_NAME} is there; name the folder of a train or eval job (its run_dir)"
        )
    return record


def read_description(path: Path) -> Description | None:
    """Read run.json.

    Args:
        path: The file.

    Returns:
        What it says; None if there is none.

    Raises:
        InputError: If it cannot be read, or is no such document.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    return documents.read(path, Description)
