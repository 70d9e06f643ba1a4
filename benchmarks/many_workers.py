"""Many CPU workers on few cores, by the scripts people use: no crash, and the same results.

Usage: python benchmarks/many_workers.py [--workers 8,16] [--repeats 10] [--folder FOLDER]

Makes a small collection, trains a narrow network on it with one worker and then with so many, each
of them several times, and scores the validation set with the weights of one worker likewise. The
global batch is the same for any number of workers, and so are batch-norm's statistics (--sync_bn).
Each training compares the weights of its ranks at its end. Prints a line for each kind of job, and
ends with 1 where one has failed, repeated trainings differ in any bit of a weight, a loss differs
from one worker's by more than a thousandth, or a score in any bit from one worker's.
"""

import argparse
import hashlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.made_shards import ROOT, make_shards
from fcn4_dist.checkpoints.container import read_values
from fcn4_dist.evaluation import PREDICTIONS_NAME, read_predictions
from fcn4_dist.processes import usable_cores
from fcn4_dist.runs.history import read_course
from fcn4_dist.terminal import say, table
from fcn4_dist.versions import package_versions

GLOBAL_BATCH, EPOCHS = 16, 2
MOST_DIFFERENCE = 1e-3
LONGEST_SECONDS = 1200.0
WINDOW = ("--window_seconds", "3.45")
"""The shortest that the pools of FCN-4 leave something of."""
LAYERS = ("conv", "bn", "dense")
HEADINGS = ("job", "workers", "runs", "failed", "results", "from 1 worker's", "seconds", "longest")


@dataclass(frozen=True)
class Result:
    """What a job came to.

    Attributes:
        failed: Whether it ended with another exit code than 0, or not in time.
        seconds: How long it took.
        digest: SHA-256 of what it gave; "" if it has failed.
        values: The losses of its steps, or the scores; empty likewise.
    """

    failed: bool
    seconds: float
    digest: str
    values: np.ndarray


def main() -> None:
    options = _options()
    folder: Path = options.folder or Path(tempfile.mkdtemp(prefix="many-workers-"))
    shards = make_shards(folder, 10, *WINDOW)
    jobs = {"training": _train, "evaluation": _evaluate}
    trained = folder / "training-1-1"
    alone = {job: run(shards, trained, folder / f"{job}-1-1", 1) for job, run in jobs.items()}
    numbers = [int(number) for number in options.workers.split(",")]
    results: dict[tuple[str, int], list[Result]] = {
        (job, workers): [] for job in jobs for workers in numbers
    }
    for repeat in range(1, options.repeats + 1):
        for (job, workers), found in results.items():
            place = folder / f"{job}-{workers}-{repeat}"
            found.append(jobs[job](shards, trained, place, workers))
            print(f"{place.name}: {found[-1].seconds:.1f} s", file=sys.stderr, flush=True)
    rows, faults = [list(HEADINGS)], []
    for (job, workers), found in results.items():
        row, sound = _row(found, alone[job], same_bits=job == "evaluation")
        rows.append([job, str(workers), *row])
        faults += [] if sound else [f"{job} by {workers} workers"]
    say(table(rows))
    versions = ", ".join(f"{k} {v}" for k, v in package_versions("mindspore", "numpy").items())
    say(f"{usable_cores()} cores, global batch {GLOBAL_BATCH}, {EPOCHS} epochs; {versions}")
    if faults:
        sys.exit(f"failed or different: {', '.join(faults)}; see {folder}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", default="8,16")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--folder", type=Path, help="a new one, or one whose shards are there")
    return parser.parse_args()


def _train(shards: Path, _: Path, run: Path, workers: int) -> Result:
    flags = ["--width", "0.02", "--sync_bn", "True", "--epoch_size", str(EPOCHS)]
    flags += ["--batch_size", str(GLOBAL_BATCH // workers), "--checkpoint_path", str(run)]

    def read() -> tuple[bytes, np.ndarray]:
        values = read_values(next(run.glob(f"*-{EPOCHS}_*.ckpt")))
        course = read_course(run)
        assert course
        weights = [values[name].tobytes() for name in sorted(values) if name.startswith(LAYERS)]
        return b"".join(weights), np.array([step.loss for step in course.steps])

    return _run("train", workers, shards, run, flags, read)


def _evaluate(shards: Path, trained: Path, run: Path, workers: int) -> Result:
    def read() -> tuple[bytes, np.ndarray]:
        path = run / PREDICTIONS_NAME
        return path.read_bytes(), read_predictions(path).scores

    flags = ["--batch_size", "1", "--model", str(trained)]
    return _run("eval", workers, shards, run, flags, read)


def _run(
    command: str,
    workers: int,
    shards: Path,
    run: Path,
    flags: Sequence[str],
    read: Callable[[], tuple[bytes, np.ndarray]],
) -> Result:
    script = ROOT / "scripts" / f"run_distribute_{command}.sh"
    words = ["bash", str(script), str(workers), "--device_target", "CPU"]
    words += ["--mr_path", str(shards), "--run_dir", str(run), *flags]
    begun = time.monotonic()
    with Path(f"{run}.txt").open("wb") as printed:
        try:
            code = subprocess.run(
                words, cwd=run.parent, stdout=printed, stderr=printed, timeout=LONGEST_SECONDS
            ).returncode
        except subprocess.TimeoutExpired:
            code = -1
    seconds = time.monotonic() - begun
    if code:
        return Result(True, seconds, "", np.array([]))
    content, values = read()
    return Result(False, seconds, hashlib.sha256(content).hexdigest(), values)


def _row(results: list[Result], alone: Result, *, same_bits: bool) -> tuple[list[str], bool]:
    """Give the cells of a kind of job, and whether all is as it should be."""
    ended = [result for result in results if not result.failed]
    digests = {result.digest for result in ended}
    apart = max((float(np.abs(each.values - alone.values).max()) for each in ended), default=0.0)
    seconds = [result.seconds for result in results]
    cells = [
        str(len(results)),
        str(len(results) - len(ended)),
        f"{len(digests)} different" if len(digests) > 1 else "the same bits",
        "the same bits" if digests == {alone.digest} else f"{apart:.1e}",
        f"{statistics.median(seconds):.1f}",
        f"{max(seconds):.1f}",
    ]
    close = digests == {alone.digest} if same_bits else apart <= MOST_DIFFERENCE
    return cells, len(ended) == len(results) and len(digests) == 1 and close


if __name__ == "__main__":
    main()
