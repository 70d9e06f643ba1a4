"""The real command, whose workers record each step they take, and can have an accident.

``RECORDS`` names the folder where each rank writes ``rank_<r>.txt``, a line of JSON a step: its
number in the run, the loss to the last bit, the ids of the clips. ``SECONDS_A_STEP`` are slept
before each step, so that something can be done to it in the meantime. ``ACCIDENT`` is what happens
to ``ACCIDENT_RANK`` (default 0), in JSON: a place, and how many times it is passed unharmed. With
``ACCIDENT_ONCE``, the name of a file, it happens once, however often the rank is started.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fcn4_dist.jobs.launch
import fcn4_dist.jobs.train
from fcn4_dist.checkpoints import content, writer
from fcn4_dist.cli import main
from fcn4_dist.pipeline import read_batches

RANK = int(os.environ.get("RANK_ID", 0))
PLACE, UNHARMED = json.loads(os.environ.get("ACCIDENT", '["nowhere", 0]'))
passed = 0


def plan_recorded(program: list[str], *arguments: Any, **options: Any) -> Any:
    """Plan a launch whose workers run this program, which takes the same arguments."""
    assert program[:2] == ["-m", "fcn4_dist"]
    return plan_launch([__file__, *program[2:]], *arguments, **options)


def train_recorded(loaded: Any) -> None:
    from fcn4_dist.training import loop
    from fcn4_dist.training.loop import Trainer

    run_step = Trainer._run_step

    def run_recorded(trainer: Trainer, batch: Any, epoch: int, step: int) -> tuple[float, bool]:
        time.sleep(float(os.environ.get("SECONDS_A_STEP", 0)))
        happens("before a step")
        told = run_step(trainer, batch, epoch, step)
        record = {"step": trainer._global_step, "loss": told[0].hex(), "ids": batch.ids}
        write_line(json.dumps(record))
        return told

    Trainer._run_step = run_recorded  # type: ignore[method-assign]
    loop.read_batches = read_sleepily
    train(loaded)


def write_line(text: str) -> None:
    with Path(os.environ["RECORDS"], f"rank_{RANK}.txt").open("a") as file:
        file.write(text + "\n")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fall_asleep() -> None:
    time.sleep(600)


def happens(place: str, harm: Callable[[], None] = die) -> None:
    """Let the accident happen if this is its place and its time."""
    global passed
    if place != PLACE or int(os.environ.get("ACCIDENT_RANK", 0)) != RANK:
        return
    passed += 1
    if passed <= UNHARMED:
        return
    if once := os.environ.get("ACCIDENT_ONCE"):
        if Path(once).exists():
            return
        Path(once).touch()
    harm()


class HalfWritten:
    """A file that is written to as far as its accident."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._count = 0

    def write(self, data: bytes | memoryview) -> None:
        self._count += 1
        if self._count == 20:
            # Some of the records are on their way to the disk, the last one but half.
            self._file.write(data[: len(data) // 2])
            self._file.flush()
            happens("in the middle of the write")
            data = data[len(data) // 2 :]
        self._file.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def write_dangerously(file: Any, *arguments: Any) -> None:
    happens("before the write")
    write_container(HalfWritten(file), *arguments)


def replace_dangerously(path: Path, target: Path) -> Path:
    if target.suffix == ".ckpt" and "best" not in target.name:
        happens("before the rename")
    return replace(path, target)


def keep_best_dangerously(source: Path, target: Path) -> None:
    happens("before the best is kept")
    copy_atomically(source, target)


def unlink_dangerously(path: Path, missing_ok: bool = False) -> None:
    if path.suffix == ".ckpt":
        happens("before the deletion of the oldest")
    unlink(path, missing_ok=missing_ok)


def fsync_dangerously(descriptor: int) -> None:
    if ".ckpt." in os.readlink(f"/proc/self/fd/{descriptor}"):
        happens("before fsync")
    fsync(descriptor)


def read_sleepily(*arguments: Any) -> Iterator[Any]:
    for batch in read_batches(*arguments):
        happens("asleep over its data", fall_asleep)
        yield batch


if __name__ == "__main__":
    plan_launch, fcn4_dist.jobs.launch.plan_launch = (
        fcn4_dist.jobs.launch.plan_launch,
        plan_recorded,
    )
    train, fcn4_dist.jobs.train.train = fcn4_dist.jobs.train.train, train_recorded
    write_container, content.write_container = content.write_container, write_dangerously
    copy_atomically, writer._copy_atomically = writer._copy_atomically, keep_best_dangerously
    replace, Path.replace = Path.replace, replace_dangerously
    unlink, Path.unlink = Path.unlink, unlink_dangerously
    fsync, os.fsync = os.fsync, fsync_dangerously
    sys.exit(main(sys.argv[1:]))
