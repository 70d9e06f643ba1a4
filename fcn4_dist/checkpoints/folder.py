"""Which checkpoints there are: names, and finding one. No MindSpore needed."""

import re
from pathlib import Path

from fcn4_dist.config import SETTINGS, Settings
from fcn4_dist.errors import InputError


class CheckpointFolder:
    """The checkpoints of one run: ``{prefix}-{epoch}_{step}.ckpt`` in one folder.

    Args:
        path: The folder.
        prefix: First part of the names.
    """

    def __init__(self, path: Path, prefix: str) -> None:
        self.path = path
        self.prefix = prefix
        self._pattern = re.compile(re.escape(prefix) + r"-(\d+)_(\d+)\.ckpt")

    @classmethod
    def from_settings(cls, settings: Settings) -> "CheckpointFolder":
        """Give the folder of checkpoints that the settings name."""
        return cls(Path(settings.checkpoint_path), settings.prefix)

    def file(self, epoch: int, step: int) -> Path:
        """Name the checkpoint of a step, counted within its epoch."""
        return self.path / f"{self.prefix}-{epoch}_{step}.ckpt"

    def files(self) -> list[Path]:
        """List the checkpoints by epoch and step, the earliest first."""
        found = []
        for path in self.path.glob("*.ckpt"):
            match = self._pattern.fullmatch(path.name)
            if match and path.is_file():
                found.append((int(match[1]), int(match[2]), path))
        return [path for _, _, path in sorted(found)]

    def find(self, model_name: str) -> Path:
        """Find the checkpoint to start from or to evaluate.

        Args:
            model_name: File name in the folder. Where the documented default is not there, the
                checkpoint written last is taken: of a longer run before, there may be some with
                higher numbers.

        Raises:
            InputError: If there is none.
        """
        named = self.path / model_name
        if named.is_file():
            return named
        there = self.files()
        if model_name == SETTINGS["model_name"].default and there:
            return max(there, key=lambda path: path.stat().st_mtime_ns)
        names = ", ".join(path.name for path in there) or f"no {self.prefix}-*.ckpt"
        raise InputError(
            f"there is no checkpoint {named}; the folder holds {names}: name one with "
            "--model_name, or another folder with --checkpoint_path"
        )
