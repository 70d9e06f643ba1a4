"""Which checkpoints there are: names, finding one to use or to go on from, one job a folder."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fcn4_dist.checkpoints.container import DamagedError, read_text
from fcn4_dist.checkpoints.content import (
    CheckpointDescription,
    read_description,
    verify_checkpoint,
)
from fcn4_dist.config import SETTINGS, Settings
from fcn4_dist.errors import InputError
from fcn4_dist.files import HeldError, hold
from fcn4_dist.findings import counted

LAST, BEST = "last", "best"
AUTO = "auto"
_NAME = re.compile(rf"(.+)-(?:\d+_\d+|{BEST})\.ckpt", re.DOTALL)


class CheckpointFolder:
    """The checkpoints ``{prefix}-{epoch}_{step}.ckpt`` and ``{prefix}-best.ckpt`` of one folder.

    Args:
        path: The folder.
        prefix: First part of the names.
    """

    def __init__(self, path: Path, prefix: str) -> None:
        self.path = path
        self.prefix = prefix
        self._pattern = re.compile(re.escape(prefix) + r"-(\d+)_(\d+)\.ckpt")
        self._temporary_pattern = re.compile(
            r"\." + re.escape(prefix) + rf"-(\d+_\d+|{BEST})\.ckpt\.\d+(-[0-9a-f]{{8}})?\.tmp"
        )

    @classmethod
    def from_settings(cls, settings: Settings) -> "CheckpointFolder":
        """Give the folder of checkpoints that the settings name."""
        return cls(Path(settings.checkpoint_path), settings.prefix)

    def file(self, epoch: int, step: int) -> Path:
        """Name the checkpoint of a step, counted within its epoch."""
        return self.path / f"{self.prefix}-{epoch}_{step}.ckpt"

    @property
    def best_file(self) -> Path:
        """Name the checkpoint of the best validation."""
        return self.path / f"{self.prefix}-{BEST}.ckpt"

    def files(self) -> list[Path]:
        """List the checkpoints by epoch and step, the earliest first, without the best."""
        found = []
        for path in self.path.glob("*.ckpt"):
            match = self._pattern.fullmatch(path.name)
            if match and path.is_file():
                found.append((int(match[1]), int(match[2]), path))
        return [path for _, _, path in sorted(found)]

    def find(self, model_name: str, warn: Callable[[str], None] = lambda text: None) -> Path:
        """Find the checkpoint to start from or to evaluate.

        Args:
            model_name: File name in the folder, or "best", or "last". Where the documented
                default is not there, the best is taken, or else the last.
            warn: Told of damaged files that are passed over.

        Raises:
            InputError: If there is none.
        """
        named = self.path / model_name
        if named.is_file():
            return named
        default = model_name == SETTINGS["model_name"].default
        if (model_name == BEST or default) and self.best_file.is_file():
            return self.best_file
        if model_name == LAST or default:
            last = self.newest_whole(warn)
            if last is not None:
                return last[0]
            if foreign := self._foreign_files():
                return foreign[-1]
        names = ", ".join(path.name for path in self.files()) or f"no {self.prefix}-*.ckpt"
        if self.files() and (model_name == LAST or default):
            names += ", none of them whole"
        raise InputError(
            f"there is no checkpoint {named}; the folder holds {names}: name one with "
            "--model_name, or another folder with --checkpoint_path"
        )

    def newest_whole(
        self, warn: Callable[[str], None]
    ) -> tuple[Path, CheckpointDescription] | None:
        """Find the last whole checkpoint of the run that wrote to this folder last.

        Args:
            warn: Told of damaged files that are passed over.

        Returns:
            The file and what it says of itself; None if there is no whole one.
        """
        whole: list[tuple[Path, CheckpointDescription]] = []
        run_id = ""
        # Of a longer run before, there may be some with higher numbers.
        for path in sorted(self.files(), key=_time_of_writing, reverse=True):
            try:
                # The description alone is read of what another run has left.
                if run_id and run_id not in (read_text(path) or ""):
                    continue
                description = verify_checkpoint(path)
            except (DamagedError, OSError) as error:
                warn(f"{path} is passed over: {getattr(error, 'strerror', None) or error}")
                continue
            if description is not None:
                run_id = run_id or description.run_id
                if description.run_id == run_id:
                    whole.append((path, description))
        return max(whole, key=lambda entry: entry[1].global_step, default=None)

    def best_of_run(self, run_id: str, warn: Callable[[str], None]) -> Path | None:
        """Find the best checkpoint of a run, or else its last whole one; None if it has none here.

        Args:
            run_id: The run's.
            warn: Told of damaged files that are passed over.
        """
        best = [self.best_file] if self.best_file.is_file() else []
        for path in [*best, *reversed(self.files())]:
            try:
                # The description alone is read of what another run has left.
                found = verify_checkpoint(path) if run_id in (read_text(path) or "") else None
                if found and found.run_id == run_id:
                    return path
            except (DamagedError, OSError) as error:
                warn(f"{path} is passed over: {getattr(error, 'strerror', None) or error}")
        return None

    def _foreign_files(self) -> list[Path]:
        """List checkpoints of other programs, such as the ModelZoo's, by epoch and step."""
        found = []
        for path in self.files():
            with suppress(DamagedError, OSError):
                if read_text(path) is None:
                    found.append(path)
        return found

    def files_of_run(self, run_id: str) -> list[Path]:
        """List the checkpoints of a run by epoch and step; damaged ones are not among them."""
        return _by_run(self.files()).get(run_id, [])

    def told_of_several_runs(self) -> str:
        """Say that the checkpoints, the best among them, are of several runs, and what to do.

        What cannot be read, or is of another program, does not say of which run it is.

        Returns:
            The sentence; "" if they are of one.
        """
        best = [self.best_file] if self.best_file.is_file() else []
        runs = _by_run([*self.files(), *best])
        if len(runs) < 2:
            return ""
        each = [f"{run[:8]}: {counted([it.name for it in files])}" for run, files in runs.items()]
        return (
            f"{self.path} holds {self.prefix}-*.ckpt of {len(runs)} runs ({'; '.join(each)}): keep "
            "those of each run in a folder of their own"
        )

    def check_free(self) -> None:
        """Refuse a folder that another training run writes to.

        Raises:
            InputError: If there is one.
        """
        if self._lock_file.exists():
            os.close(self._locked())

    @contextmanager
    def kept_to_this_job(self) -> Iterator[None]:
        """Keep every other training run out of this folder, and clear what a killed one left.

        Raises:
            InputError: If another run is writing here.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        lock = self._locked()
        try:
            for left in self.path.glob(".*.tmp"):
                # Not those of a job whose prefix begins with this one's.
                if self._temporary_pattern.fullmatch(left.name):
                    with suppress(OSError):
                        left.unlink()
            yield
        finally:
            os.close(lock)

    @property
    def _lock_file(self) -> Path:
        return self.path / f".{self.prefix}.lock"

    def _locked(self) -> int:
        try:
            return hold(self._lock_file)
        except HeldError as holder:
            raise InputError(
                f"another training run ({holder}) writes its checkpoints to {self.path}: wait for "
                "it, or give this one another --checkpoint_path or --prefix"
            ) from holder
        except OSError as error:
            raise InputError(
                f"{self.path} cannot be kept to one training run ({error.strerror}): name a folder "
                "on another file system with --checkpoint_path"
            ) from error


def folders_of(path: Path) -> list[CheckpointFolder]:
    """Tell which prefixes the checkpoints in a folder have; those of each are one run's."""
    names = [_NAME.fullmatch(file.name) for file in path.glob("*.ckpt")]
    return [
        CheckpointFolder(path, prefix) for prefix in sorted({name[1] for name in names if name})
    ]


def find_resume_file(settings: Settings, warn: Callable[[str], None]) -> Path | None:
    """Find the checkpoint that ``resume`` names.

    Args:
        settings: The settings of the run.
        warn: Told of damaged files that are passed over.

    Returns:
        A whole checkpoint of this package; None if ``resume`` is "auto" and there is none yet.

    Raises:
        InputError: If a file is named that cannot be gone on from.
    """
    if settings.resume == AUTO:
        newest = CheckpointFolder.from_settings(settings).newest_whole(warn)
        return newest[0] if newest else None
    path = Path(settings.resume)
    if path.is_dir():
        newest = CheckpointFolder(path, settings.prefix).newest_whole(warn)
        if newest is None:
            raise InputError(f"resume: {path} holds no whole checkpoint {settings.prefix}-*.ckpt")
        return newest[0]
    if read_description(path) is None:
        raise InputError(
            f"resume: {path} is not a checkpoint of this package, so it does not say where to go "
            "on: start a new run from its weights with --pre_trained True"
        )
    return path


def _by_run(files: list[Path]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in files:
        with suppress(DamagedError, OSError):
            if text := read_text(path):
                run_id = CheckpointDescription.from_json(text).run_id
                found.setdefault(run_id, []).append(path)
    return found


def _time_of_writing(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        # A run that goes on may have deleted it meanwhile.
        return 0
