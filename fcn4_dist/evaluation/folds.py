"""Cross-validation: the scores of several folds, and those of all their clips together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fcn4_dist.errors import InputError
from fcn4_dist.evaluation.predictions import PREDICTIONS_NAME, Predictions, read_predictions
from fcn4_dist.evaluation.summary import summary_figures
from fcn4_dist.text import unlike


@dataclass(frozen=True)
class Folds:
    """Evaluations of the folds of one split.

    Attributes:
        clips: Number of clips of each fold.
        figures: Metrics of each fold that are one number each and defined, by name.
        pooled: The predictions of all folds, one after the other; where folds may share clips,
            their ids begin with the fold, as each is scored by several networks.
    """

    clips: tuple[int, ...]
    figures: tuple[Mapping[str, float], ...]
    pooled: Predictions

    @property
    def mean(self) -> dict[str, float]:
        """Mean over the folds of each metric that all of them have."""
        return {name: float(np.mean(values)) for name, values in self._values.items()}

    @property
    def spread(self) -> dict[str, float]:
        """Sample standard deviation of the same."""
        return {name: float(np.std(values, ddof=1)) for name, values in self._values.items()}

    @property
    def _values(self) -> dict[str, list[float]]:
        known = [name for name in self.figures[0] if all(name in each for each in self.figures)]
        return {name: [figures[name] for figures in self.figures] for name in known}


def gather_folds(folders: Sequence[Path], *, may_share_clips: bool = False) -> Folds:
    """Read the evaluations of several folds.

    Args:
        folders: Folders of eval jobs, one for each fold; at least two.
        may_share_clips: Whether they are of several splits, as published, not of one.

    Raises:
        InputError: If predictions are missing, or are not of folds of one split.
    """
    if len(folders) < 2:
        raise InputError("a single fold has neither mean nor spread: name two folders or more")
    folds = [read_predictions(folder / PREDICTIONS_NAME) for folder in folders]
    if may_share_clips:
        folds = [
            replace(fold, ids=tuple(f"{folder.parent.name}/{clip_id}" for clip_id in fold.ids))
            for folder, fold in zip(folders, folds, strict=True)
        ]
    _check_folds(folders, folds)
    return Folds(
        clips=tuple(len(fold.ids) for fold in folds),
        figures=tuple(summary_figures(fold.metrics) for fold in folds),
        pooled=Predictions(
            ids=tuple(clip_id for fold in folds for clip_id in fold.ids),
            paths=tuple(path for fold in folds for path in fold.paths),
            labels=np.concatenate([fold.labels for fold in folds]),
            scores=np.concatenate([fold.scores for fold in folds]),
            class_names=folds[0].class_names,
        ),
    )


def _check_folds(folders: Sequence[Path], folds: Sequence[Predictions]) -> None:
    seen: dict[str, Path] = {}
    for folder, fold in zip(folders, folds, strict=True):
        if fold.class_names != folds[0].class_names:
            differing = "; ".join(unlike(folds[0].class_names, fold.class_names))
            raise InputError(
                f"{folders[0]} and {folder} have other classes ({differing}): name folds of one "
                "collection"
            )
        for clip_id in fold.ids:
            if clip_id in seen:
                raise InputError(
                    f"{clip_id} was scored in {seen[clip_id]} and in {folder}: name each fold of "
                    "one split once, or the folder of the whole cross-validation"
                )
        seen |= dict.fromkeys(fold.ids, folder)
