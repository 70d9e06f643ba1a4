"""Writing checkpoints behind the back of training, and keeping the newest ones."""

import os
import shutil
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

from fcn4_dist.checkpoints.content import CheckpointDescription, write_checkpoint
from fcn4_dist.checkpoints.folder import CheckpointFolder
from fcn4_dist.errors import Fcn4DistError
from fcn4_dist.files import sync_folder
from fcn4_dist.refusals import explain


class CheckpointWriter:
    """Writes one checkpoint at a time in a thread of its own.

    Args:
        folder: Where to.
        keep: How many checkpoints of this run stay; the oldest go first.
        written: Those of this run that are there already, the oldest first.
    """

    def __init__(self, folder: CheckpointFolder, keep: int, written: list[Path]) -> None:
        self._folder, self._keep = folder, keep
        self._written = list(written)
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    def save(
        self,
        values: Mapping[str, np.ndarray],
        description: CheckpointDescription,
        *,
        is_best: bool = False,
    ) -> None:
        """Begin to write a checkpoint, as soon as the one before is written.

        Args:
            values: Name of a parameter -> its value; not to be changed before :meth:`finish`.
            description: What to say of it.
            is_best: Whether it is to be kept as the best one besides.

        Raises:
            Fcn4DistError: If the one before could not be written.
        """
        self.finish()
        # No daemon: what has begun is written even if the program ends.
        self._thread = threading.Thread(target=self._write, args=(values, description, is_best))
        self._thread.start()

    def keep_as_best(self, path: Path) -> None:
        """Keep a checkpoint that is written as the best one besides.

        Raises:
            Fcn4DistError: If it cannot; the best one before is as it was.
        """
        best = self._folder.best_file
        try:
            _copy_atomically(path, best)
        except OSError as error:
            raise Fcn4DistError(
                f"cannot write the checkpoint {best}, though {path} is whole: "
                f"{explain(error, best, path.stat().st_size)} with --checkpoint_path"
            ) from error

    def check(self) -> None:
        """Let a failed write reach the run.

        Raises:
            Fcn4DistError: If a checkpoint could not be written.
        """
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def finish(self) -> None:
        """Wait until everything is written.

        Raises:
            Fcn4DistError: If a checkpoint could not be written.
        """
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.check()

    def _write(
        self, values: Mapping[str, np.ndarray], description: CheckpointDescription, is_best: bool
    ) -> None:
        try:
            path = self._folder.file(description.epoch, description.step)
            write_checkpoint(path, values, description)
            if is_best:
                self.keep_as_best(path)
            self._remove_oldest(path)
        except BaseException as error:
            self._failure = error

    def _remove_oldest(self, newest: Path) -> None:
        # Only of this run's own: what else lies in the folder is somebody's.
        self._written = [path for path in self._written if path != newest] + [newest]
        while len(self._written) > self._keep:
            self._written.pop(0).unlink(missing_ok=True)


def _copy_atomically(source: Path, target: Path) -> None:
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    with suppress(OSError):
        temporary.unlink()
    try:
        try:
            # A second name for the same bytes, where the file system knows such.
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)
