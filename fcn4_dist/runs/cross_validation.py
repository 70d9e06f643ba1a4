"""What a cross-validation leaves: a folder for each fold, and with which settings it was begun."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fcn4_dist import documents
from fcn4_dist.clips import fold_title
from fcn4_dist.config.data import MOST_FOLDS
from fcn4_dist.errors import InputError
from fcn4_dist.evaluation import PREDICTIONS_NAME
from fcn4_dist.runs.occupancy import CROSS_VALIDATION_NAME

_FOLD_FOLDER = re.compile("fold-([0-9]+)")


@dataclass(frozen=True)
class CrossValidationRecord(documents.Document):
    """With which settings a cross-validation was begun.

    Attributes:
        settings: All settings, by name.
        published: Numbers of its published folds or splits; none where folds are drawn.
        scored: For what the clips are that each is scored on: "test" where they are of published
            splits, each with sets of its own, else "val".
    """

    format = 1
    mend = "name another folder with --run_dir"

    settings: Mapping[str, documents.Value]
    published: tuple[int, ...] = ()
    scored: str = "val"

    @property
    def folds(self) -> tuple[int, ...]:
        """Numbers of its folds."""
        asked = self.settings.get("folds")
        drawn = min(asked, MOST_FOLDS) if isinstance(asked, int) else 0
        return self.published or tuple(range(1, drawn + 1))

    @property
    def split(self) -> str:
        """The setting of this name, of each fold."""
        return "published" if self.published else "kfold"

    @property
    def has_splits(self) -> bool:
        """Whether its folds are published splits, whose test sets may share clips."""
        return self.scored == "test"

    def title(self, fold: int) -> str:
        """Name a fold for people."""
        if self.published:
            return fold_title(fold, self.published, are_splits=self.has_splits)
        return f"fold {fold} of {len(self.folds)}"


@dataclass(frozen=True)
class CrossValidation:
    """A cross-validation whose folds are all scored.

    Attributes:
        folder: Its folder.
        record: What it was begun with; None if it was made by hand.
        evaluations: Folders of its folds' eval jobs, in the order of the folds.
    """

    folder: Path
    record: CrossValidationRecord | None
    evaluations: tuple[Path, ...]

    @property
    def settings(self) -> Mapping[str, documents.Value] | None:
        """Those it was begun with, by name; None if it was made by hand."""
        return self.record.settings if self.record else None

    @property
    def has_splits(self) -> bool:
        """Whether its folds are published splits, whose test sets may share clips."""
        return bool(self.record and self.record.has_splits)

    @property
    def kind(self) -> str:
        """What its folds are."""
        if not (self.record and self.record.published):
            return "folds"
        return "published splits" if self.has_splits else "published folds"


def fold_folder(folder: Path, fold: int) -> Path:
    """Name the folder of a fold, by its number."""
    return folder / f"fold-{fold}"


def holds_cross_validation(folder: Path) -> bool:
    """Tell whether a folder is that of a cross-validation, not of a fold's evaluation."""
    return (folder / CROSS_VALIDATION_NAME).exists() or bool(_folds_in(folder))


def read_cross_validation(folder: Path) -> CrossValidation:
    """Read the folder of a cross-validation.

    Args:
        folder: Its folder, or one with such a folder for each fold.

    Raises:
        InputError: If a fold has no scores.
    """
    path, record = folder / CROSS_VALIDATION_NAME, None
    if path.exists():
        record = documents.read(path, CrossValidationRecord)
    folds = (record and record.folds) or _folds_in(folder)
    for fold in folds:
        if not (fold_folder(folder, fold) / "eval" / PREDICTIONS_NAME).exists():
            title = record.title(fold) if record else f"fold {fold}"
            raise InputError(
                f"{title} in {folder} is not scored: let its cross-validate go on "
                f"(the same command with --run_dir {folder}), or name the folders of folds that "
                "are (their eval)"
            )
    evaluations = tuple(fold_folder(folder, fold) / "eval" for fold in folds)
    return CrossValidation(folder, record, evaluations)


def _folds_in(folder: Path) -> tuple[int, ...]:
    found = (_FOLD_FOLDER.fullmatch(path.name) for path in folder.glob("fold-*") if path.is_dir())
    return tuple(sorted(int(match[1]) for match in found if match))
