"""How long a job takes from the command to its first step, and where the time goes.

Usage: python benchmarks/starting.py [--repeats 3] [--folder /tmp]

Makes a small collection, and starts training on it with one worker and with two, each of them
several times, in turns. Prints medians of the seconds until the command has checked and printed
the settings, until rank 0 is about to train (MindSpore imported, the cluster met, the network
built, the shards opened), and until the first step is done (its batch read, the step compiled);
and what importing MindSpore and asking for help take by themselves.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.made_shards import ROOT, make_shards
from fcn4_dist.processes import usable_cores
from fcn4_dist.terminal import say, table
from fcn4_dist.versions import package_versions

PLACES = {
    "settings printed": "num_classes: ",
    "about to train": "clips, CPU workers: ",
    "first step done": "compiled; ",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    program = [sys.executable, "-m", "fcn4_dist"]
    alone = {
        "import mindspore": [sys.executable, "-c", "import mindspore"],
        "fcn4-dist --help": [*program, "--help"],
    }
    with tempfile.TemporaryDirectory(prefix="starting-", dir=options.folder) as folder:
        shards = make_shards(Path(folder), 5)
        settings = ["--mr_path", str(shards), "--device_target", "CPU", "--width", "0.125"]
        settings += ["--batch_size", "4", "--epoch_size", "1", "--val_interval", "0"]
        jobs = {
            "1 worker": [*program, "train", *settings],
            "2 workers": [*program, "launch", "--device_num", "2", "train", *settings],
        }
        times: dict[str, list[list[float]]] = {name: [] for name in jobs}
        lengths: dict[str, list[float]] = {name: [] for name in alone}
        for turn in range(options.repeats):
            for name, command in jobs.items():
                # A job's folder keeps what was compiled for the next start in it.
                own = Path(folder, f"{name} {turn}")
                places = ["--checkpoint_path", str(own / "weight"), "--run_dir", str(own)]
                times[name].append(_seconds_to_places([*command, *places]))
            for name, command in alone.items():
                lengths[name].append(_seconds(command))
    rows = [["seconds from the command", *PLACES]]
    for name, runs in times.items():
        rows.append([name, *(f"{statistics.median(each):.1f}" for each in zip(*runs, strict=True))])
    say(table(rows))
    for name, runs_alone in lengths.items():
        say(f"{name}: {statistics.median(runs_alone):.2f} s")
    versions = ", ".join(f"{k} {v}" for k, v in package_versions("mindspore", "numpy").items())
    say(f"{usable_cores()} cores, {options.repeats} repeats; {versions}")


def _seconds_to_places(command: list[str]) -> list[float]:
    begun = time.monotonic()
    found: dict[str, float] = {}
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as job:
        assert job.stdout is not None
        for line in job.stdout:
            for place, start in PLACES.items():
                if start in line:
                    found.setdefault(place, time.monotonic() - begun)
    if job.returncode or set(found) != set(PLACES):
        sys.exit(f"{' '.join(command)} did not train as expected: {found}")
    return [found[place] for place in PLACES]


def _seconds(command: list[str]) -> float:
    begun = time.monotonic()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begun


if __name__ == "__main__":
    main()
