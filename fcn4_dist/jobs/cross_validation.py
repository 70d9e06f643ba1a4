"""The command cross-validate: every fold preprocessed, trained and scored, then one table."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType

from fcn4_dist.config import SETTINGS, LoadedSettings, Settings
from fcn4_dist.errors import Fcn4DistError, InputError
from fcn4_dist.evaluation import METRICS_NAME
from fcn4_dist.files import read_json, write_json
from fcn4_dist.jobs.folds import show_folds
from fcn4_dist.jobs.run_folder import choose_run_folder, save_settings
from fcn4_dist.terminal import say

RECORD_NAME = "cross_validation.json"
_FORMAT = 1


def cross_validate(loaded: LoadedSettings, device_num: int | None) -> None:
    """Run a k-fold cross-validation in ``run_dir``; begun before, it goes on where it was.

    Args:
        loaded: The settings; what is of a single fold (``fold``, the folders of shards and
            checkpoints) is seen to here.
        device_num: Workers of each training and evaluation; None for a single one, not launched.

    Raises:
        InputError: If the folder holds a cross-validation with other settings.
        Fcn4DistError: If a step fails.
    """
    settings = replace(loaded.settings, split="kfold")
    if settings.model_name == SETTINGS["model_name"].default:
        # Chosen by the fold that is scored, the best checkpoint would flatter.
        settings = replace(settings, model_name="last")
    loaded = choose_run_folder(LoadedSettings(settings, loaded.origins), "cross-validate")
    folder = Path(loaded.settings.run_dir)
    _check_same(folder / RECORD_NAME, loaded.settings, device_num)
    config = save_settings(loaded)
    folders = [folder / f"fold-{fold}" for fold in range(1, settings.folds + 1)]
    for fold, of_fold in enumerate(folders, start=1):
        if (of_fold / "eval" / METRICS_NAME).exists():
            say(f"fold {fold} of {settings.folds} is finished: {of_fold}")
            continue
        for arguments in _steps(config, fold, of_fold, device_num):
            say(f"\nfold {fold} of {settings.folds}: fcn4-dist {' '.join(arguments)}\n")
            _run(arguments, fold)
    say()
    show_folds([of_fold / "eval" for of_fold in folders], folder)


def _check_same(record: Path, settings: Settings, device_num: int | None) -> None:
    """Refuse to go on with what other settings have begun."""
    asked = settings.as_dict() | {"device_num": device_num}
    if record.exists():
        begun = read_json(record, _FORMAT)["settings"]
        differing = [
            f"{name} {begun.get(name)} instead of {value}"
            for name, value in asked.items()
            if begun.get(name) != value
        ]
        if differing:
            raise InputError(
                f"{record.parent} holds a cross-validation with other settings "
                f"({', '.join(differing)}): name another folder with --run_dir"
            )
    write_json(record, {"format": _FORMAT, "settings": asked})


def _steps(config: Path, fold: int, folder: Path, device_num: int | None) -> Iterator[list[str]]:
    """Give the commands of a fold."""
    shards = ["--config", str(config), "--mr_path", str(folder / "mindrecord")]
    job = [*shards, "--data_dir", "", "--checkpoint_path", str(folder / "weight")]
    launch = [] if device_num is None else ["launch", "--device_num", str(device_num)]
    yield ["preprocess", *shards, "--fold", str(fold)]
    yield [*launch, "train", *job, "--run_dir", str(folder / "train"), "--resume", "auto"]
    yield [*launch, "eval", *job, "--run_dir", str(folder / "eval")]


def _run(arguments: list[str], fold: int) -> None:
    """Run a command of ours to its end, and let it end in its own way if we are asked to stop."""
    process = subprocess.Popen([sys.executable, "-m", "fcn4_dist", *arguments])

    def pass_on(number: int, frame: FrameType | None) -> None:
        process.send_signal(number)

    before = signal.signal(signal.SIGTERM, pass_on)
    try:
        code = process.wait()
    except KeyboardInterrupt:
        # The terminal has told it, too.
        process.wait()
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
    if code:
        error = Fcn4DistError(
            f"fold {fold}: {arguments[0]} ended with exit code {code}; the same command goes on "
            "from there"
        )
        error.exit_code = code if code > 0 else 128 - code
        raise error
