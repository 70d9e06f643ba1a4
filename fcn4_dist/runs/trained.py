"""The trained network that somebody names: by a file, a folder of checkpoints, or that of a run."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.checkpoints.folder import BEST, LAST, folders_of
from fcn4_dist.config import SETTINGS, Settings
from fcn4_dist.errors import InputError
from fcn4_dist.runs.folder import DEFAULT_RUNS
from fcn4_dist.runs.reading import read_description
from fcn4_dist.runs.record import RUN_RECORD_NAME, Description

EXPORTED_SUFFIX = ".onnx"
_PREFIX: str = SETTINGS["prefix"].default


@dataclass(frozen=True)
class TrainedModel:
    """A trained network, found.

    Attributes:
        file: Its checkpoint, or the ONNX file that was named.
        run: Folder of the run whose best it is, if that was named; else None.
    """

    file: Path
    run: Path | None = None

    @property
    def is_exported(self) -> bool:
        """Whether it is an ONNX file."""
        return self.file.suffix.lower() == EXPORTED_SUFFIX


def find_model(
    place: Path,
    folder: Path | None = None,
    prefix: str = _PREFIX,
    warn: Callable[[str], None] = lambda text: None,
) -> TrainedModel:
    """Find the trained network that somebody names.

    Args:
        place: A checkpoint or an ONNX file; the folder of a run, for its best checkpoint, or else
            its last; a folder of checkpoints, for the same; or "best" or "last".
        folder: Where "best" and "last" are.
        prefix: First part of the checkpoints' names.
        warn: Told of damaged files that are passed over, and of checkpoints of several runs.

    Raises:
        InputError: If there is none.
    """
    if place.is_file() or TrainedModel(place).is_exported:
        # Of one that is not there, what reads such files says what writes them.
        return TrainedModel(place)
    if place.is_dir() and (description := read_description(place / RUN_RECORD_NAME)):
        return TrainedModel(_of_run(place, description, warn), place)
    name = str(place)
    if place.is_dir():
        folder, name = place, SETTINGS["model_name"].default
        prefix = _only_prefix(place, prefix)
    if folder is None or not (place.is_dir() or name in (BEST, LAST)):
        raise InputError(
            f"there is no checkpoint {place}: name a file, a folder of checkpoints, or that of a "
            "run, with --model"
        )
    return TrainedModel(_of_folder(CheckpointFolder(folder, prefix), name, warn))


def folder_of_checkpoints(place: Path) -> Path:
    """Give the folder of a run's checkpoints, if it is a run's folder that is named."""
    description = read_description(place / RUN_RECORD_NAME) if place.is_dir() else None
    if description is None or any(place.glob("*.ckpt")):
        return place
    if description.command == "eval":
        return Path(description.checkpoint or place).parent
    return folder_of_run(place, description, "checkpoint_path")


def has_checkpoints(run: Path, settings: Settings) -> bool:
    """Tell whether a training has any of its own: until then, it begins as it was to begin.

    Args:
        run: Folder of the training; it need not have begun.
        settings: Its settings.
    """
    description = read_description(run / RUN_RECORD_NAME)
    run_id = description and description.run_id
    return bool(run_id and CheckpointFolder.from_settings(settings).files_of_run(run_id))


def newest_run(command: str = "", parent: Path = Path(DEFAULT_RUNS)) -> Path | None:
    """Find the run that was begun last.

    Args:
        command: "train" or "eval"; "" for any.
        parent: The folder of the runs' folders.

    Returns:
        Its folder; None if there is none.
    """
    records = [path for path in parent.glob(f"*/{RUN_RECORD_NAME}") if path.is_file()]
    for path in sorted(records, key=lambda path: path.stat().st_mtime_ns, reverse=True):
        description = read_description(path) if command else None
        if description is None or description.command == command:
            return path.parent
    return None


def folder_of_run(run: Path, description: Description, *settings: str) -> Path:
    """Find a folder that a run has used, also where the run's own has been moved with it inside.

    Args:
        run: Folder of the run.
        description: What it says of itself.
        settings: Names of settings, the first of which that is not empty names the folder.
    """
    recorded = description.settings
    texts = [text for name in settings if isinstance(text := recorded.get(name), str) and text]
    if not texts:
        raise InputError(f"{run / RUN_RECORD_NAME} does not say its {settings[-1]}")
    folder, own = Path(texts[0]), recorded.get("run_dir")
    if isinstance(own, str) and own and folder.is_relative_to(own):
        return run / folder.relative_to(own)
    return folder


def _of_run(run: Path, description: Description, warn: Callable[[str], None]) -> Path:
    """Find the best checkpoint of a run, or else its last; of an evaluation, the one it scored."""
    if description.command == "eval":
        path = Path(description.checkpoint or "")
        if not path.is_file():
            raise InputError(f"{path}, which {run} has scored, is not there any more: name another")
        return path
    recorded = description.settings.get("prefix")
    prefix = recorded if isinstance(recorded, str) and recorded else _PREFIX
    folder = CheckpointFolder(folder_of_run(run, description, "checkpoint_path"), prefix)
    if found := folder.best_of_run(description.run_id or "", warn):
        return found
    raise InputError(
        f"the run in {run} has no whole checkpoint {prefix}-*.ckpt in {folder.path}"
        ": name a checkpoint with --model, or train again"
    )


def _only_prefix(folder: Path, prefix: str) -> str:
    """Give the prefix of the checkpoints in a folder, if none has the one that is asked for."""
    found = [each.prefix for each in folders_of(folder)]
    return found[0] if prefix == _PREFIX and len(found) == 1 else prefix


def _of_folder(checkpoints: CheckpointFolder, name: str, warn: Callable[[str], None]) -> Path:
    try:
        path = checkpoints.find(name, warn)
    except InputError as error:
        which = f"{name} " if name in (BEST, LAST) else ""
        raise InputError(
            f"there is no whole {which}checkpoint {checkpoints.prefix}-*.ckpt in "
            f"{checkpoints.path}: name a file or another folder with --model, or their --prefix"
        ) from error
    if told := checkpoints.told_of_several_runs():
        warn(f"{told}; {path.name} is taken")
    return path
