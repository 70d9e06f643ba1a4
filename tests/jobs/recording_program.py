"""The real command, whose workers record each step they take, and can have an accident.

``RECORDS`` names the folder where each rank writes ``rank_<r>.txt``, a line of JSON a step: its
number in the run, the loss to the last bit, the ids of the clips. ``SECONDS_A_STEP`` are slept
before each step, so that something can be done to it in the meantime. A dynamic loss scale grows
after GROWTH_INTERVAL steps, and steps OVERFLOWING overflow: what the last rank sees is too large.
``ACCIDENT`` is what happens
to ``ACCIDENT_RANK`` (default 0), in JSON: a place, and how many times it is passed unharmed. With
``ACCIDENT_ONCE``, the name of a file, it happens once, however often the rank is started.
"""

import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

# What imports NumPy comes later, when the command does so itself: NumPy starts threads.
from fcn4_dist.cli import main
from fcn4_dist.cluster.launch import PROGRAM

RANK = int(os.environ.get("RANK_ID", 0))
PLACE, UNHARMED = json.loads(os.environ.get("ACCIDENT", '["nowhere", 0]'))
GROWTH_INTERVAL = 4
OVERFLOWING = (5, 11, 19)
passed = 0
original: dict[str, Callable[..., Any]] = {}


def load_and_change(*arguments: Any, **options: Any) -> Any:
    """Load the settings, and change the command, which has imported now what it needs so far."""
    if sys.argv[1] == "launch":
        change("fcn4_dist.jobs.prepare", "plan_launch", plan_recorded)
    else:
        change("fcn4_dist.jobs.train", "become_rank", become_recorded_rank)
        change("fcn4_dist.checkpoints.content", "write_container", write_dangerously)
        change("fcn4_dist.checkpoints.writer", "_copy_atomically", keep_best_dangerously)
        change("pathlib", "Path.replace", replace_dangerously)
        change("pathlib", "Path.unlink", unlink_dangerously)
        change("os", "fsync", fsync_dangerously)
    return original["load_settings"](*arguments, **options)


def change(module: str, name: str, by: Any) -> None:
    holder: Any = importlib.import_module(module)
    *outer, last = name.split(".")
    for each in outer:
        holder = getattr(holder, each)
    original[last] = getattr(holder, last)
    setattr(holder, last, by)


def plan_recorded(program: list[str], *arguments: Any, **options: Any) -> Any:
    """Plan a launch whose workers run this program, which takes the same arguments."""
    assert program[0] == PROGRAM
    return original["plan_launch"]([__file__, *program[1:]], *arguments, **options)


def become_recorded_rank(*arguments: Any) -> Any:
    rank = original["become_rank"](*arguments)
    change("fcn4_dist.training.stepping", "Stepper._run_step", run_recorded_step)
    change("fcn4_dist.training.data", "read_batches", read_sleepily)
    change("fcn4_dist.training.validation", "compute_metrics", compute_dangerously)
    change("fcn4_dist.training.monitor", "Monitor.end_epoch", end_epoch_dangerously)
    change("fcn4_dist.training.loss_scaling", "GROWTH_INTERVAL", GROWTH_INTERVAL)
    return rank


def run_recorded_step(stepper: Any, batch: Any, position: Any) -> Any:
    time.sleep(float(os.environ.get("SECONDS_A_STEP", 0)))
    happens("before a step")
    overflows = stepper.settings.loss_scaling == "dynamic" and position.global_step in OVERFLOWING
    if overflows and stepper.ranks.rank == stepper.ranks.size - 1:
        batch = replace(batch, features=batch.features * 1e30)
    told = original["_run_step"](stepper, batch, position)
    record = {"step": position.global_step, "loss": told[0].loss.hex(), "ids": batch.ids}
    write_line(json.dumps(record))
    return told


def write_line(text: str) -> None:
    with Path(os.environ["RECORDS"], f"rank_{RANK}.txt").open("a") as file:
        file.write(text + "\n")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail_to_import() -> None:
    raise ImportError("libgomp.so.1.0.0: cannot allocate memory in static TLS block")


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
    original["write_container"](HalfWritten(file), *arguments)


def replace_dangerously(path: Path, target: Path) -> Any:
    if target.suffix == ".ckpt" and "best" not in target.name:
        happens("before the rename")
    return original["replace"](path, target)


def keep_best_dangerously(source: Path, target: Path) -> None:
    happens("before the best is kept")
    original["_copy_atomically"](source, target)


def unlink_dangerously(path: Path, missing_ok: bool = False) -> None:
    if path.suffix == ".ckpt":
        happens("before the deletion of the oldest")
    original["unlink"](path, missing_ok=missing_ok)


def fsync_dangerously(descriptor: int) -> None:
    if ".ckpt." in os.readlink(f"/proc/self/fd/{descriptor}"):
        happens("before fsync")
    original["fsync"](descriptor)


def compute_dangerously(*arguments: Any) -> Any:
    happens("in the validation")
    happens("at the first import", fail_to_import)
    return original["compute_metrics"](*arguments)


def end_epoch_dangerously(*arguments: Any) -> None:
    original["end_epoch"](*arguments)
    happens("after the epoch's line")


def read_sleepily(*arguments: Any) -> Iterator[Any]:
    for batch in original["read_batches"](*arguments):
        happens("asleep over its data", fall_asleep)
        yield batch


if __name__ == "__main__":
    change("fcn4_dist.cli.settings", "load_settings", load_and_change)
    sys.exit(main(sys.argv[1:]))
