"""Scoring a network on shards."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fcn4_dist import documents
from fcn4_dist.api.command import Call
from fcn4_dist.api.naming import Files, Network, Place, path_of
from fcn4_dist.evaluation import (
    METRICS_NAME,
    PREDICTIONS_NAME,
    SavedMetrics,
    main_figures_text,
    read_predictions,
    summary_figures,
)
from fcn4_dist.text import count


@dataclass(frozen=True, repr=False)
class Evaluation:
    """What an evaluation has given.

    Attributes:
        folder: The job's folder, with metrics.json, predictions.csv and its log.
        scores: The figures that are one number each, as ``roc_auc_macro`` and ``accuracy``; one
            that is not defined is missing.
        ids: Ids of the clips, in the order of the shards' manifest.
        paths: Their audio files.
        labels: int32 0/1 of shape (clips, classes).
        predictions: float64 scores from 0 to 1 of shape (clips, classes).
        class_names: Names of the classes.
    """

    folder: Path
    scores: dict[str, float]
    ids: tuple[str, ...]
    paths: tuple[str, ...]
    labels: np.ndarray
    predictions: np.ndarray
    class_names: tuple[str, ...]

    def __repr__(self) -> str:
        told = [count(len(self.ids), "clip"), main_figures_text(self.scores)]
        return f"<Evaluation {self.folder}: {', '.join(filter(None, told))}>"


def evaluate(
    model: Network,
    data: Place | None = None,
    *,
    config: Files = None,
    device_num: int | None = None,
    quiet: bool = False,
    **settings: Any,
) -> Evaluation:
    """Score every clip of the validation set, in a process of its own.

    Args:
        model: A :class:`~fcn4_dist.Run`, the folder of one, a checkpoint, or a folder of them (its
            best one, or else its last).
        data: Folder of the shards; None for those of the run, or what the settings name
            (``data_dir``, ``mr_path``).
        config: YAML files of settings.
        device_num: Workers to launch; None for one.
        quiet: Whether to show nothing but warnings.
        settings: The settings of ``fcn4-dist eval``, by name; ``val_filename="test.mindrecord0"``
            scores the test set.

    Returns:
        The scores.

    Raises:
        InputError: If a setting, the shards or the checkpoint cannot be used.
        Fcn4DistError: If it fails at work.
        KeyboardInterrupt: After Ctrl-C.

    Examples:
        >>> found = run.evaluate(quiet=True)
        >>> found.predictions.shape, found.labels.shape, found.class_names
        ((5, 3), (5, 3), ('dog_bark', 'rain', 'rooster'))
        >>> found.scores["accuracy"] == run.scores["accuracy"]
        True
    """
    call = Call("eval", config, {"model": path_of(model, "model"), "data_dir": data, **settings})
    return read_evaluation(call.run_in_folder(device_num=device_num, quiet=quiet))


def read_evaluation(folder: Path) -> Evaluation:
    """Read what an evaluation has left in its folder."""
    predictions = read_predictions(folder / PREDICTIONS_NAME)
    return Evaluation(
        folder=folder,
        scores=read_scores(folder),
        ids=predictions.ids,
        paths=predictions.paths,
        labels=predictions.labels.astype(np.int32),
        predictions=predictions.scores,
        class_names=predictions.class_names,
    )


def read_scores(folder: Path) -> dict[str, float]:
    """Read the figures that are one number each from metrics.json."""
    return summary_figures(documents.read(folder / METRICS_NAME, SavedMetrics))
