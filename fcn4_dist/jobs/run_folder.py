"""The folder of a job: its settings, logs, scores, and what compilers leave behind."""

import time
from dataclasses import replace
from pathlib import Path

from fcn4_dist.config import LoadedSettings
from fcn4_dist.files import check_writable, write_text

SETTINGS_NAME = "settings.yaml"


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
    settings = loaded.settings
    if settings.run_dir:
        folder = Path(settings.run_dir)
        check_writable(folder, "run_dir")
        folder.mkdir(parents=True, exist_ok=True)
    else:
        folder = _new_folder(Path("runs"), f"{command}-{time.strftime('%Y%m%d-%H%M%S')}")
    settings = replace(settings, run_dir=str(folder)).with_absolute_paths()
    return LoadedSettings(settings, loaded.origins)


def save_settings(loaded: LoadedSettings) -> Path:
    """Keep the settings beside the job's results, in a file that can be given to --config."""
    path = Path(loaded.settings.run_dir) / SETTINGS_NAME
    write_text(path, loaded.to_yaml())
    return path


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
