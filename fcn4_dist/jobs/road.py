"""The whole road: from a folder of music to a tagger, its scores and a page about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fcn4_dist.config import LoadedSettings

RunStage = Callable[[str, LoadedSettings, int], None]
"""Runs a command ("preprocess", "train", "eval") with these settings, on so many workers."""


@dataclass(frozen=True)
class Destination:
    """Where the road has led.

    Attributes:
        run_dir: Folder of the run.
        shards: Folder of its MindRecord shards.
        checkpoint: Its best checkpoint, or its last one where nothing tells which is best.
        scores: What metrics.json says of the test set, or of the validation set if there is none.
        report: The page about it.
    """

    run_dir: Path
    shards: Path
    checkpoint: Path
    scores: Mapping[str, float]
    report: Path


def take_road(
    music: Path, loaded: LoadedSettings, run_stage: RunStage | None = None
) -> Destination:
    """Look at music, decide what nobody has decided, prepare, train, score and report.

    Args:
        music: A folder of class folders, a CSV file of annotations, or a known collection.
        loaded: The settings that were given; they win over what is decided here. With a
            ``run_dir`` that this has begun with the same settings, it goes on there.
        run_stage: Runs a stage; None for a process of its own for each.

    Returns:
        Where everything is.

    Raises:
        InputError: If the music cannot be learnt from, or a setting is impossible.
        Fcn4DistError: If a stage fails.
    """
    raise NotImplementedError
