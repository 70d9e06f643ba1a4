"""What a cross-validation leaves: a folder for each fold, and with which settings it was begun."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fcn4_dist import documents
from fcn4_dist.errors import InputError
from fcn4_dist.evaluation import PREDICTIONS_NAME
from fcn4_dist.runs.occupancy import CROSS_VALIDATION_NAME


@dataclass(frozen=True)
class CrossValidationRecord(documents.Document):
    """With which settings a cross-validation was begun."""

    format = 1
    mend = "name another folder with --run_dir"

    settings: Mapping[str, documents.Value]


@dataclass(frozen=True)
class CrossValidation:
    """A cross-validation whose folds are all scored.

    Attributes:
        folder: Its folder.
        settings: Those it was begun with, by name; None if it was made by hand.
        evaluations: Folders of its folds' eval jobs, in the order of the folds.
    """

    folder: Path
    settings: Mapping[str, documents.Value] | None
    evaluations: tuple[Path, ...]


def fold_folder(folder: Path, fold: int) -> Path:
    """Name the folder of a fold, from 1."""
    return folder / f"fold-{fold}"


def holds_cross_validation(folder: Path) -> bool:
    """Tell whether a folder is that of a cross-validation, not of a fold's evaluation."""
    return (folder / CROSS_VALIDATION_NAME).exists() or fold_folder(folder, 1).is_dir()


def read_cross_validation(folder: Path) -> CrossValidation:
    """Read the folder of a cross-validation.

    Args:
        folder: Its folder, or one with such a folder for each fold.

    Raises:
        InputError: If a fold has no scores.
    """
    path, settings = folder / CROSS_VALIDATION_NAME, None
    folds = sum(1 for _ in folder.glob("fold-*"))
    if path.exists():
        settings = documents.read(path, CrossValidationRecord).settings
        asked = settings.get("folds")
        folds = asked if isinstance(asked, int) else folds
    evaluations = tuple(fold_folder(folder, fold) / "eval" for fold in range(1, folds + 1))
    for fold, evaluation in enumerate(evaluations, start=1):
        if not (evaluation / PREDICTIONS_NAME).exists():
            raise InputError(
                f"fold {fold} of {folds} in {folder} is not scored: let its cross-validate go on "
                f"(the same command with --run_dir {folder}), or name the folders of folds that "
                "are (their eval)"
            )
    return CrossValidation(folder, settings, evaluations)
