"""The folder of a job: its settings, logs, scores, and what compilers leave behind."""

import time
from dataclasses import replace
from pathlib import Path

from fcn4_dist.config import LoadedSettings, Settings
from fcn4_dist.files import check_writable, write_text

SETTINGS_NAME = "settings.yaml"
REPORT_NAME = "report.html"
DEFAULT_RUNS = "runs"


def choose_run_folder(loaded: LoadedSettings, command: str) -> LoadedSettings:
    """Settle the job's folder, and all other paths while relative ones still mean something.

    Args:
        loaded: The settings; an empty run_dir becomes ``runs/COMMAND-TIME``.
        command: Name of the command.

    Returns:
        The settings with absolute paths.

    Raises:
        InputError: If the folder cannot be written to.
    """
    return settle_paths(name_run_folder(loaded, command))


def name_run_folder(loaded: LoadedSettings, command: str) -> LoadedSettings:
    """Give the job a folder of its own, ``runs/COMMAND-TIME``, if the settings name none.

    Args:
        loaded: The settings.
        command: Name of the command.

    Returns:
        The settings with a run_dir; a new folder is made.

    Raises:
        InputError: If it cannot be made.
    """
    if loaded.settings.run_dir:
        return loaded
    folder = _new_folder(Path(DEFAULT_RUNS), _folder_name(command))
    return replace(loaded, settings=replace(loaded.settings, run_dir=str(folder)))


def planned_run_folder(loaded: LoadedSettings, command: str) -> LoadedSettings:
    """Say what :func:`choose_run_folder` would, and make no folder."""
    folder = loaded.settings.run_dir or str(Path(DEFAULT_RUNS) / _folder_name(command))
    settings = replace(loaded.settings, run_dir=folder).with_absolute_paths()
    return replace(loaded, settings=settings)


def settle_paths(loaded: LoadedSettings) -> LoadedSettings:
    """Make the job's folder, and all paths absolute.

    Args:
        loaded: The settings, with a run_dir.

    Raises:
        InputError: If the folder cannot be written to.
    """
    folder = Path(loaded.settings.run_dir)
    check_writable(folder, "run_dir")
    folder.mkdir(parents=True, exist_ok=True)
    return replace(loaded, settings=loaded.settings.with_absolute_paths())


def save_settings(loaded: LoadedSettings, prefix: str = "") -> Path:
    """Keep the settings beside the job's results, in a file that can be given to --config.

    Args:
        loaded: The settings.
        prefix: Beginning of the file's name, where several nodes may share the folder.
    """
    path = settings_file(loaded.settings, prefix)
    write_text(path, loaded.to_yaml())
    return path


def settings_file(settings: Settings, prefix: str = "") -> Path:
    """Name the file the settings are kept in."""
    return Path(settings.run_dir) / f"{prefix}{SETTINGS_NAME}"


def _folder_name(command: str) -> str:
    return f"{command}-{time.strftime('%Y%m%d-%H%M%S')}"


def _new_folder(parent: Path, name: str) -> Path:
    check_writable(parent, "run_dir")
    parent.mkdir(parents=True, exist_ok=True)
    folder, number = parent / name, 1
    while True:
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            # Another job of this second has it.
            number += 1
            folder = parent / f"{name}-{number}"
