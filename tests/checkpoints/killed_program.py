"""Saves checkpoints until it is killed, by itself, at a named point of the third save.

Arguments: the folder, and the point.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from fcn4_dist import files
from fcn4_dist.checkpoints import CheckpointFolder, container, content, writer
from tests.checkpoints.examples import VALUES, described

POINTS = (
    "before write",
    "mid-write",
    "before fsync",
    "before rename",
    "before fsync of the folder",
    "before verification",
    "before the best",
    "before deletion",
    "after deletion",
)
KEPT = 2


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _after(number: int, then: Callable[..., Any]) -> Callable[..., Any]:
    """Call something only from a certain call on."""
    calls = 0

    def count(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls >= number:
            die()
        return then(*arguments, **named)

    return count


def _half_written(file: BinaryIO, text: str, values: Any) -> None:
    import io

    whole = io.BytesIO()
    container.write_container(whole, text, values)
    file.write(whole.getvalue()[: len(whole.getvalue()) // 2])
    file.flush()
    die()


def arm(point: str) -> None:
    """Make the next save end at a point."""
    if point == "before write":
        content.write_atomically = die  # type: ignore[assignment]
    elif point == "mid-write":
        content.write_container = _half_written
    elif point == "before fsync":
        os.fsync = die
    elif point == "before rename":
        Path.replace = die  # type: ignore[assignment]
    elif point == "before fsync of the folder":
        files.sync_folder = die
    elif point == "before verification":
        content.verify_container = die
    elif point == "before the best":
        Path.replace = _after(2, Path.replace)  # type: ignore[method-assign]
    elif point == "before deletion":
        Path.unlink = _after(2, Path.unlink)  # type: ignore[method-assign]
    elif point == "after deletion":
        writer.CheckpointWriter._remove_oldest = _then_die(writer.CheckpointWriter._remove_oldest)  # type: ignore[method-assign]
    else:
        raise ValueError(point)


def _then_die(first: Callable[..., Any]) -> Callable[..., Any]:
    def both(*arguments: Any) -> None:
        first(*arguments)
        die()

    return both


def main() -> None:
    folder = CheckpointFolder(Path(sys.argv[1]), "MusicTagger")
    with folder.kept_to_this_job():
        saver = writer.CheckpointWriter(folder, KEPT, [])
        for step in (1, 2, 3):
            if step == 3:
                saver.finish()
                arm(sys.argv[2])
            values = {**VALUES, "dense.weight": np.full((500, 40), step, np.float32)}
            saver.save(values, described(1, step), is_best=True)
        saver.finish()


if __name__ == "__main__":
    main()
