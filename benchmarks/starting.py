"""How long a job takes from the command to its first step, and where the time goes.

Usage: python benchmarks/starting.py [--repeats 5] [--folder /tmp]

Makes a small collection, and starts training on it with one worker and with two, by the real
command, each of them several times, in turns and in new folders. Prints medians of the seconds of
each stage of rank 0: until its process begins (for two workers, the launcher's checks and msrun),
importing, joining the others, building the network and opening the shards, reading the first batch,
compiling and taking the first step. Beside it, what importing MindSpore and asking for help take by
themselves.
"""

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import wraps
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from fcn4_dist.cluster.cores import keep_to_own_cores
from fcn4_dist.cluster.device import prepare_environment
from fcn4_dist.processes import usable_cores
from fcn4_dist.terminal import say, table
from fcn4_dist.versions import package_versions

STAGES = ("begin", "import", "cluster", "network, shards", "first batch", "compile, first step")
MARKS = "FCN4_BENCHMARK_MARKS"
"""Where a traced command writes when rank 0 was at the end of each stage."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    alone = {
        "import mindspore": ["-c", "import mindspore"],
        "fcn4-dist --help": ["-m", "fcn4_dist", "--help"],
    }
    times: dict[str, list[list[float]]] = {"1 worker": [], "2 workers": []}
    lengths: dict[str, list[float]] = {name: [] for name in alone}
    with tempfile.TemporaryDirectory(prefix="starting-", dir=options.folder) as folder:
        from benchmarks.made_shards import make_shards

        shards = make_shards(Path(folder), 5)
        for turn in range(options.repeats):
            for name, runs in times.items():
                # A job's folder keeps what was compiled for the next start in it.
                runs.append(_stages_of_job(name, shards, Path(folder, f"{name} {turn}")))
            for name, command in alone.items():
                lengths[name].append(_seconds([sys.executable, *command]))
    rows = [["seconds", *STAGES, "all"]]
    for name, runs in times.items():
        stages = [statistics.median(each) for each in zip(*runs, strict=True)]
        whole = statistics.median(sum(run) for run in runs)
        rows.append([name, *(f"{each:.2f}" for each in [*stages, whole])])
    say(table(rows))
    for name, runs_alone in lengths.items():
        say(f"{name}: {statistics.median(runs_alone):.2f} s")
    versions = ", ".join(f"{k} {v}" for k, v in package_versions("mindspore", "numpy").items())
    say(f"{usable_cores()} cores, {options.repeats} repeats; {versions}")


def _stages_of_job(name: str, shards: Path, folder: Path) -> list[float]:
    marks = folder.with_suffix(".marks")
    command = ["launch", "--device_num", "2", "train"] if name == "2 workers" else ["train"]
    command += ["--mr_path", str(shards), "--device_target", "CPU", "--width", "0.125"]
    command += ["--batch_size", "4", "--epoch_size", "1", "--val_interval", "0"]
    command += ["--checkpoint_path", str(folder / "weight"), "--run_dir", str(folder)]
    begun = time.time()
    _seconds([sys.executable, __file__, *command], {MARKS: str(marks)})
    ends = [begun, *json.loads(marks.read_text())]
    return [end - start for start, end in pairwise(ends)]


def _seconds(command: list[str], variables: dict[str, str] | None = None) -> float:
    begun = time.monotonic()
    environment = os.environ | (variables or {})
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.monotonic() - begun


def _run_traced(arguments: list[str]) -> int:
    """Be the command, or one of its workers, and write down when each stage ends."""
    from fcn4_dist.cli import main as command

    if arguments[0] == "launch":
        _change("fcn4_dist.jobs.prepare", "plan_launch", _plan_traced)
        return command(arguments)
    import psutil

    marks = [psutil.Process().create_time()]
    keep_to_own_cores()
    _change("fcn4_dist.jobs.rank", "keep_to_own_cores", lambda _: lambda: None)
    prepare_environment("CPU")
    import fcn4_dist.jobs.train
    import fcn4_dist.training.loop  # noqa: F401

    marks.append(time.time())

    def marking(before: bool, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def marked(*arguments: Any, **options: Any) -> Any:
            if before:
                marks.append(time.time())
            result = function(*arguments, **options)
            marks.append(time.time())
            return result

        return marked

    _change("fcn4_dist.cluster.ranks", "start_worker", lambda f: marking(False, f))
    _change("fcn4_dist.training.stepping", "Stepper.take", lambda f: marking(True, f))
    _change("fcn4_dist.training.stepping", "Stepper._run_step", lambda f: marking(True, f))
    code = command(arguments)
    if os.environ.get("RANK_ID", "0") == "0" and os.environ.get("MS_ROLE") != "MS_SCHED":
        # Of the later steps nothing is asked.
        Path(os.environ[MARKS]).write_text(json.dumps(marks[: len(STAGES)]))
    return code


def _plan_traced(plan: Callable[..., Any]) -> Callable[..., Any]:
    def planned(program: list[str], *arguments: Any, **options: Any) -> Any:
        return plan([str(Path(__file__).absolute()), *program[2:]], *arguments, **options)

    return planned


def _change(module: str, name: str, by: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    holder: Any = importlib.import_module(module)
    *outer, last = name.split(".")
    for each in outer:
        holder = getattr(holder, each)
    setattr(holder, last, by(getattr(holder, last)))


if __name__ == "__main__":
    if MARKS in os.environ:
        sys.exit(_run_traced(sys.argv[1:]))
    main()
