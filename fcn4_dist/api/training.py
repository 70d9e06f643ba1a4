"""From music to shards, and from music or shards to a trained network."""

import math
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np

from fcn4_dist.api.command import Call
from fcn4_dist.api.evaluating import Evaluation, evaluate, read_scores
from fcn4_dist.api.exporting import export
from fcn4_dist.api.naming import Files, Place, path_of
from fcn4_dist.api.tagging import Model, SongTags, Taggram, load
from fcn4_dist.errors import InputError
from fcn4_dist.evaluation import METRICS_NAME, main_figures_text
from fcn4_dist.records.manifest import MANIFEST_NAME
from fcn4_dist.runs.folder import REPORT_NAME
from fcn4_dist.runs.history import Course, read_course
from fcn4_dist.runs.trained import find_model
from fcn4_dist.text import count


class Run:
    """What a training has left in its folder; where a model is asked for, it is one.

    Args:
        folder: The ``run_dir`` of a training, perhaps of an earlier day.

    Attributes:
        folder: The same, absolute.

    Raises:
        InputError: If it holds no training.
    """

    def __init__(self, folder: Place) -> None:
        self.folder = path_of(folder, "folder").absolute()
        course = read_course(self.folder)
        if course is None:
            raise InputError(f"{self.folder} holds no training: name the run_dir of one")
        self._course: Course = course

    @property
    def checkpoint(self) -> Path:
        """The best checkpoint, or the last one where no validation has said which is best."""
        return find_model(self.folder).file

    @property
    def scores(self) -> dict[str, float]:
        """The scores of its best checkpoint, by name; empty without any validation.

        What a run from music has scored, which is the test set if there is one; else the
        validation of the best epoch.
        """
        if (self.folder / "eval" / METRICS_NAME).exists():
            return read_scores(self.folder / "eval")
        best = self._course.best
        validation = best.validation if best else {}
        return {name: value for name, value in validation.items() if value is not None}

    @property
    def history(self) -> dict[str, np.ndarray]:
        """How training went: of each figure an array with a number for each epoch.

        There are ``epoch``, ``loss`` (the mean over its steps), ``lr``, ``samples_per_second``,
        ``seconds``, and the validation's scores; NaN where there is none.
        """
        figures = ("epoch", "loss", "lr", "samples_per_second", "seconds")
        rows: list[dict[str, Any]] = [
            {name: getattr(epoch, name) for name in figures} | dict(epoch.validation)
            for epoch in self._course.epochs
        ]
        names = dict.fromkeys([*figures, *(name for row in rows for name in row)])
        return {name: np.array([_number(row.get(name)) for row in rows]) for name in names}

    @cached_property
    def report(self) -> Path:
        """The page about the run, which is written when it is first asked for."""
        page = self.folder / REPORT_NAME
        if not page.exists():
            from fcn4_dist.jobs.report import report

            report([self.folder], None)
        return page

    @cached_property
    def model(self) -> Model:
        """The network of its checkpoint, loaded when it is first asked for."""
        return load(self)

    @overload
    def tag(self, songs: Place) -> SongTags: ...  # type: ignore[overload-overlap]
    @overload
    def tag(self, songs: Iterable[Place]) -> list[SongTags]: ...
    def tag(self, songs: Place | Iterable[Place]) -> SongTags | list[SongTags]:
        """Tag songs with it, as :func:`fcn4_dist.tag` does."""
        return self.model.tag(songs)

    def taggram(self, song: Place, hop_seconds: float | None = None) -> Taggram:
        """Tell which tag is heard when, as :func:`fcn4_dist.taggram` does."""
        return self.model.taggram(song, hop_seconds)

    def evaluate(self, data: Place | None = None, **settings: Any) -> Evaluation:
        """Score its checkpoint, on the shards it was trained on unless others are named.

        Args:
            data: Folder of shards.
            settings: As of :func:`fcn4_dist.evaluate`.
        """
        return evaluate(self, data, **settings)

    def export(self, output: Place, **options: Any) -> Path:
        """Write its network for other programs, as :func:`fcn4_dist.export` does."""
        return export(self, output, **options)

    def __fspath__(self) -> str:
        return str(self.folder)

    def __repr__(self) -> str:
        told = [count(len(self._course.epochs), "epoch"), main_figures_text(self.scores)]
        return f"<Run {self.folder}: {', '.join(filter(None, told))}>"


def preprocess(
    music: Place | None = None, *, config: Files = None, quiet: bool = False, **settings: Any
) -> Path:
    """Turn music into MindRecord shards, which is the first part of what :func:`train` does.

    Args:
        music: The collection (``audio_path``); None for what the settings name.
        config: YAML files of settings.
        quiet: Whether to show nothing but warnings.
        settings: The settings of ``fcn4-dist preprocess``, by name.

    Returns:
        The folder of the shards.

    Raises:
        InputError: If the collection is not as the settings say.
        Fcn4DistError: If it fails at work.
        KeyboardInterrupt: After Ctrl-C.

    Examples:
        >>> fcn4_dist.preprocess("music/", mr_path="shards", npy_path="npy", info_path="npy",
        ...                      clip_seconds=1.5, window_seconds=1.3, hop_length=96, n_mels=32,
        ...                      quiet=True)
        PosixPath('.../shards')
    """
    call = Call("preprocess", config, {"audio_path": music, **settings})
    call.run(quiet=quiet)
    return Path(call.loaded.settings.mr_path).absolute()


def train(
    data: Place | None = None,
    *,
    config: Files = None,
    device_num: int | None = None,
    quiet: bool = False,
    **settings: Any,
) -> Run:
    """Train a tagger, in a process of its own.

    Ctrl-C, or a notebook's stop, ends it with a checkpoint: the same call with that ``run_dir``
    goes on from there; of a training on shards, with ``resume="auto"`` besides.

    Args:
        data: Music, from which everything is made; or a folder of shards, as :func:`preprocess`
            gives it. None for the shards that the settings name (``data_dir``, ``mr_path``).
        config: YAML files of settings.
        device_num: Workers to launch, each on a card of its own; None for one.
        quiet: Whether to show nothing but warnings.
        settings: The settings of ``fcn4-dist train``, by name. Without a ``run_dir``, the run has
            a new folder below ``runs``, and its checkpoints are in there.

    Returns:
        The run.

    Raises:
        InputError: If the music, the shards or a setting cannot be used.
        StoppedError: If somebody else has asked the job to stop; a checkpoint is written then.
        Fcn4DistError: If it fails at work.
        KeyboardInterrupt: After Ctrl-C.

    Examples:
        >>> run = fcn4_dist.train("shards", run_dir="run", epoch_size=5, batch_size=4, lr=0.003,
        ...                       width=0.05, quiet=True)
        >>> run
        <Run .../run: 5 epochs, macro ROC-AUC 1.0000, accuracy 0.8000, cross-entropy ...>
        >>> run.history["loss"]
        array([0.62..., 0.39..., 0.33..., 0.32..., 0.22...])
        >>> run.scores["accuracy"]
        0.8
        >>> run.checkpoint
        PosixPath('.../run/weight/MusicTagger-best.ckpt')
    """
    place = None if data is None else path_of(data, "data")
    music = None if place is None or (place / MANIFEST_NAME).is_file() else place
    if music and device_num is not None:
        raise InputError(
            "device_num is for shards, as of music the cards are chosen by what there is of it: "
            "leave it out, or train on what fcn4_dist.preprocess gives"
        )
    call = Call("train", config, {"data_dir": None if music else place, **settings})
    arguments = [str(music.absolute())] if music else []
    return Run(call.run_in_folder(*arguments, device_num=device_num, quiet=quiet))


def _number(value: float | None) -> float:
    return math.nan if value is None else value
