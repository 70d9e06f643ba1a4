"""Whether a long training stays as it began: memory, files, threads, time of a step, what is left.

Usage: python benchmarks/long_run.py [--folder FOLDER] [--epochs 200] [--clips_per_class 25]
           [--workers 2] [--figure FILE.svg] [--resume]

Makes a small collection and trains a narrow network on it with real workers, as a user would:
validation, a checkpoint and a moving average of the weights after each epoch, augmentation,
TensorBoard. While that runs, what each process holds is noted every two seconds in FOLDER. Prints a
table of the run's tenths, draws the figure, and ends with 1 where a process has grown, or a step
become slower, between the second tenth and the last by more than --most_growth (MB) and
--most_slowing. A folder whose run has ended is shown again without another run; one that was ended
goes on with --resume.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.made_shards import ROOT, make_shards
from fcn4_dist.processes import usable_cores
from fcn4_dist.runs.history import METRICS_LINES_NAME, read_course
from fcn4_dist.terminal import say, table
from fcn4_dist.versions import package_versions

SECONDS_BETWEEN_LOOKS = 2.0
YARDSTICK = np.random.default_rng(1).standard_normal(200_000)
TENTHS = 10
POINTS_DRAWN, SPAN = 120, 4
"""Points of a line of the figure, and over how many of them a processor's time is taken."""
MOST_MORE_FILES = 5
SAMPLES_NAME = "samples.jsonl"
WINDOW = ("--window_seconds", "3.45")
"""The shortest that the pools of FCN-4 leave something of: steps of 10 to 20 ms."""
RECIPE = {
    "--device_target": "CPU",
    "--width": "0.02",
    "--batch_size": "1",
    "--ema_decay": "0.999",
    "--mixup": "0.2",
    "--time_shift": "0.5",
    "--freq_mask": "8",
    "--lr_schedule": "cosine",
}


@dataclass(frozen=True)
class Look:
    """What a process was found to hold.

    Attributes:
        time: When, in seconds since 1970.
        process: "launcher", "msrun", "scheduler" or "rank 0".
        resident: Bytes of memory.
        seconds: Of a processor that it has taken since it began.
        files: Open files and connections.
        threads: Threads.
        left: Bytes of what the run has left so far, by kind.
        yardstick: Seconds of a processor that a piece of work took which is always the same:
            a core that others use, too, is slower.
    """

    time: float
    process: str
    resident: int
    seconds: float
    files: int
    threads: int
    left: dict[str, int]
    yardstick: float


def main() -> None:
    options = _options()
    folder: Path = options.folder or Path(tempfile.mkdtemp(prefix="long-run-"))
    run = folder / "run"
    if options.resume or not (run / METRICS_LINES_NAME).exists():
        shards = make_shards(folder, options.clips_per_class, *WINDOW)
        _train(shards, run, options)
    course = _course(run)
    looks = [Look(**json.loads(line)) for line in (folder / SAMPLES_NAME).read_text().splitlines()]
    processes = dict.fromkeys(look.process for look in looks if look.process != "msrun")
    tenths = [_tenth(course, looks, number) for number in range(TENTHS)]
    _print_table(tenths, list(processes))
    versions = ", ".join(f"{k} {v}" for k, v in package_versions("mindspore", "numpy").items())
    say(f"{len(course)} steps, {options.workers} workers, {usable_cores()} cores; {versions}")
    if options.figure:
        _draw(course, looks, list(processes), options.figure)
    if faults := list(_faults(tenths[1], tenths[-1], options)):
        sys.exit("; ".join(faults))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--clips_per_class", type=int, default=25)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--most_growth", type=float, default=16.0)
    parser.add_argument("--most_slowing", type=float, default=1.15)
    return parser.parse_args()


def _train(shards: Path, run: Path, options: argparse.Namespace) -> None:
    command = ["launch", "train", "--device_num", str(options.workers), "--mr_path", str(shards)]
    command += ["--run_dir", str(run), "--checkpoint_path", str(run / "weight")]
    command += ["--epoch_size", str(options.epochs)]
    command += [word for pair in RECIPE.items() for word in pair]
    command += ["--resume", "auto"] if options.resume else []
    with (
        (run.parent / SAMPLES_NAME).open("a") as samples,
        (run.parent / "printed.txt").open("a") as printed,
        subprocess.Popen(
            [sys.executable, "-m", "fcn4_dist", *command], cwd=ROOT, stdout=printed, stderr=printed
        ) as launcher,
    ):
        while launcher.poll() is None:
            for look in _look(launcher.pid, run):
                samples.write(json.dumps(asdict(look)) + "\n")
            samples.flush()
            time.sleep(SECONDS_BETWEEN_LOOKS)
    if launcher.returncode:
        sys.exit(f"the training ended with {launcher.returncode}: see {run.parent / 'printed.txt'}")


@dataclass(frozen=True)
class Tenth:
    """A tenth of the steps of a run.

    Attributes:
        last_step: Its last step.
        milliseconds: Median from step to step.
        processor: Of a processor, that rank 0 takes a step, in milliseconds.
        yardsticks: The same in yardsticks, of which a slower machine changes nothing.
        megabytes: Median of each process's memory.
        files: Median of rank 0's open files.
        threads: Median of rank 0's threads.
        left: Megabytes of what the run has left, by kind.
    """

    last_step: int
    milliseconds: float
    processor: float
    yardsticks: float
    megabytes: dict[str, float]
    files: float
    threads: float
    left: dict[str, float]


def _course(run: Path) -> list[tuple[float, int]]:
    """Give when each step ended, and its number."""
    course = read_course(run)
    assert course
    return [(step.time, step.global_step) for step in course.steps if step.time]


def _tenth(course: list[tuple[float, int]], looks: list[Look], number: int) -> Tenth:
    size = len(course) // TENTHS
    steps = course[number * size : (number + 1) * size]
    begin, end = steps[0][0], steps[-1][0]
    within: dict[str, list[Look]] = {}
    for look in looks:
        if begin <= look.time <= end:
            within.setdefault(look.process, []).append(look)
    of_main = within["rank 0"]
    first, last = of_main[0], of_main[-1]
    taken = sum(first.time < time <= last.time for time, _ in steps)
    seconds = (last.seconds - first.seconds) / taken
    return Tenth(
        last_step=steps[-1][1],
        milliseconds=1e3 * statistics.median(b[0] - a[0] for a, b in pairwise(steps)),
        processor=1e3 * seconds,
        yardsticks=seconds / statistics.median(look.yardstick for look in of_main),
        megabytes={
            process: statistics.median(look.resident for look in found) / 2**20
            for process, found in within.items()
        },
        files=statistics.median(look.files for look in of_main),
        threads=statistics.median(look.threads for look in of_main),
        left={kind: size / 1e6 for kind, size in last.left.items()},
    )


def _print_table(tenths: list[Tenth], processes: list[str]) -> None:
    kinds = list(tenths[0].left)
    heads = [
        "up to step",
        "ms a step",
        "of a processor",
        "yardsticks",
        *(f"{each}, MB" for each in processes),
    ]
    rows = [[*heads, "files", "threads", *(f"{kind}, MB" for kind in kinds)]]
    for each in tenths:
        cells = [f"{each.last_step:,}", f"{each.milliseconds:.1f}", f"{each.processor:.1f}"]
        cells.append(f"{each.yardsticks:.2f}")
        cells += [f"{each.megabytes[process]:.0f}" for process in processes]
        cells += [f"{each.files:g}", f"{each.threads:g}"]
        rows.append(cells + [f"{each.left[kind]:.1f}" for kind in kinds])
    say(table(rows))


def _faults(early: Tenth, late: Tenth, options: argparse.Namespace) -> Iterator[str]:
    for process, before in early.megabytes.items():
        if (grown := late.megabytes[process] - before) > options.most_growth:
            yield f"{process} has grown by {grown:.0f} MB"
    if (slowing := late.yardsticks / early.yardsticks) > options.most_slowing:
        yield f"a step takes {slowing:.2f} times the time of a processor that it took"
    if late.files > early.files + MOST_MORE_FILES:
        yield f"rank 0 has {late.files:g} files open, and had {early.files:g}"


def _draw(
    course: list[tuple[float, int]], looks: list[Look], processes: list[str], path: Path
) -> None:
    import matplotlib
    from matplotlib.figure import Figure

    matplotlib.rcParams["svg.fonttype"] = "none"
    times, steps = zip(*course, strict=True)
    figure = Figure((7.2, 4.4), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    size = max(1, len(course) // POINTS_DRAWN)
    for process in processes:
        own = [look for look in looks if look.process == process and look.time >= times[0]]
        own = own[:: max(1, len(own) // POINTS_DRAWN)]
        places = [steps[bisect_right(times, look.time) - 1] for look in own]
        upper.plot(places, [look.resident / 2**20 for look in own], label=process, lw=1.2)
        if process.startswith("rank"):
            spans = list(zip(own[SPAN:], own, strict=False))
            taken = [bisect_right(times, b.time) - bisect_right(times, a.time) for b, a in spans]
            spent = [
                1e3 * (b.seconds - a.seconds) / count if count else math.nan
                for (b, a), count in zip(spans, taken, strict=True)
            ]
            lower.plot(places[SPAN:], spent, label=f"processor, {process}", lw=1.2)
    walls = [
        1e3 * statistics.median(b - a for a, b in pairwise(times[first : first + size + 1]))
        for first in range(0, len(times) - size, size)
    ]
    lower.plot(steps[size::size][: len(walls)], walls, label="from step to step", lw=1.2)
    upper.set(ylabel="memory, MB", ylim=(0, None))
    lower.set(ylabel="ms a step", xlabel="step", ylim=(0, None))
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
        axes.legend(loc="lower right", fontsize=8, ncols=2)
    figure.savefig(path, metadata={"Date": None})


def _look(launcher: int, run: Path) -> Iterator[Look]:
    left = {
        "lines": _bytes_of(run.glob(METRICS_LINES_NAME)),
        "events": _bytes_of(run.glob("tensorboard/*")),
        "logs": _bytes_of(run.rglob("*.log")),
        "checkpoints": _bytes_of(run.glob("weight/*")),
        "all": _bytes_of(run.rglob("*")),
    }
    begun = time.process_time()
    np.sort(YARDSTICK)
    yardstick = time.process_time() - begun
    try:
        top = psutil.Process(launcher)
        processes = [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in processes:
        try:
            with process.oneshot():
                times = process.cpu_times()
                yield Look(
                    time.time(),
                    "launcher" if process == top else _role(process),
                    process.memory_info().rss,
                    times.user + times.system,
                    process.num_fds(),
                    process.num_threads(),
                    left,
                    yardstick,
                )
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            # It has ended meanwhile.
            continue


def _role(process: psutil.Process) -> str:
    variables = process.environ()
    if variables.get("MS_ROLE") == "MS_SCHED":
        return "scheduler"
    if variables.get("MS_ROLE") == "MS_WORKER":
        return f"rank {variables['RANK_ID']}"
    return "msrun"


def _bytes_of(paths: Iterator[Path]) -> int:
    size = 0
    for path in paths:
        try:
            size += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            # A checkpoint that has gone since.
            continue
    return size


if __name__ == "__main__":
    main()
