"""What the settings of a job do not say, found in its shards and in the model it scores."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.checkpoints.content import read_description
from fcn4_dist.checkpoints.folder import BEST, LAST
from fcn4_dist.config import SETTINGS, LoadedSettings, Settings
from fcn4_dist.errors import InputError
from fcn4_dist.jobs.auto_settings import find_in_shards
from fcn4_dist.records.manifest import MANIFEST_NAME
from fcn4_dist.runs.reading import read_description as read_run_description
from fcn4_dist.runs.record import RUN_RECORD_NAME
from fcn4_dist.runs.trained import TrainedModel, find_model, folder_of_run, newest_run
from fcn4_dist.terminal import say, warn

_NAMING = ("checkpoint_path", "model_name")
_DATA = ("data_dir", "mr_path")


def find_settings(
    command: str, loaded: LoadedSettings, tell: Callable[[str], None] = say
) -> LoadedSettings:
    """Find out what need not be given; on the node of rank 0.

    Args:
        command: "train" or "eval".
        loaded: The settings of the job.
        tell: Told of a model, or shards, that nobody has named.

    Returns:
        The settings with what was found; what could not be is told by the checks of the job.

    Raises:
        InputError: If what is given contradicts what is found, or names no model.
    """
    if command != "eval":
        return find_in_shards(loaded)
    return _find_in_checkpoint(find_in_shards(_find_model(loaded, tell)))


def _find_model(loaded: LoadedSettings, tell: Callable[[str], None]) -> LoadedSettings:
    """Settle which checkpoint is scored, and on whose shards if none are given."""
    settings = loaded.settings
    if settings.model:
        folder = Path(settings.checkpoint_path)
        found = find_model(Path(settings.model), folder, settings.prefix, warn)
        if found.is_exported:
            raise InputError(
                f"{loaded.origins['model']}: {found.file} is an exported model, and eval scores "
                "checkpoints: name the one that it was exported from, or its run"
            )
        loaded = _named(loaded, found, loaded.origins["model"])
    else:
        newest = None
        if not any(map(loaded.is_given, _NAMING)) and not Path(settings.checkpoint_path).exists():
            newest = newest_run("train")
        if newest is None:
            return loaded
        found = find_model(newest, warn=warn)
        tell(f"model: {found.file}, of the newest run, {newest}")
        loaded = _named(loaded, found, f"of the newest run, {newest}")
    if found.run and not any(map(loaded.is_given, _DATA)):
        loaded = _with_shards_of(found.run, loaded)
        if loaded.settings.shard_folder != settings.shard_folder:
            tell(f"shards: {loaded.settings.shard_folder}, of the same run")
    return loaded


def _named(loaded: LoadedSettings, found: TrainedModel, why: str) -> LoadedSettings:
    """Name the checkpoint by the settings that every part of a job goes by."""
    settings = loaded.settings
    for name, same in (
        ("checkpoint_path", _same_place(Path(settings.checkpoint_path), found.file.parent)),
        ("model_name", _is_name_of(found.file, settings)),
    ):
        origin = loaded.origins.get(name, "")
        # A flag wins over a file.
        overridden = why == "--model" and not origin.startswith("--")
        if loaded.is_given(name) and not (same or overridden):
            raise InputError(
                f"{why}: the model is {found.file}, and {origin} names another "
                f"({getattr(settings, name)}): leave one of them out"
            )
    names = {"checkpoint_path": str(found.file.parent), "model_name": found.file.name}
    return loaded.decided(names, why)


def _is_name_of(file: Path, settings: Settings) -> bool:
    """Tell whether ``model_name`` is the checkpoint's, or leads to it, as "best" and "last" do."""
    if settings.model_name not in (BEST, LAST):
        return settings.model_name in (file.name, SETTINGS["model_name"].default)
    if settings.model_name == settings.model:
        return True
    try:
        return CheckpointFolder(file.parent, settings.prefix).find(settings.model_name) == file
    except InputError:
        return False


def _same_place(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _with_shards_of(run: Path, loaded: LoadedSettings) -> LoadedSettings:
    """Take the shards of a run, and their names where nobody has given others."""
    description = read_run_description(run / RUN_RECORD_NAME)
    if description is None:
        return loaded
    folder = folder_of_run(run, description, *_DATA)
    usual = Path(loaded.settings.shard_folder)
    if (usual / MANIFEST_NAME).is_file() and not (folder / MANIFEST_NAME).is_file():
        return loaded
    values: dict[str, Any] = {"data_dir": str(folder)}
    filename = description.settings.get("val_filename")
    if isinstance(filename, str):
        values["val_filename"] = filename
    return loaded.found(values, str(run / RUN_RECORD_NAME))


def _find_in_checkpoint(loaded: LoadedSettings) -> LoadedSettings:
    """Take from the checkpoint what shapes its network, and how it sees a clip."""
    settings = loaded.settings
    try:
        path = CheckpointFolder.from_settings(settings).find(settings.model_name)
        description = read_description(path)
        if description is None:
            return loaded
        window, kept = float(description.window_seconds), float(description.parameters.clip_seconds)
    except InputError:
        return loaded
    values = {"width": description.width}
    before = settings.clip_seconds or settings.window_seconds
    # Of other shards than the checkpoint's, the checks tell what is different.
    if loaded.is_given("window_seconds") or kept == before:
        clip = 0.0 if window == kept else kept
        values |= {"window_seconds": window, "clip_seconds": clip}
    return loaded.found(values, str(path))
