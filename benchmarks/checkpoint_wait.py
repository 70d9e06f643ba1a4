"""How long training waits for a checkpoint of the documented network, against MindSpore's saving.

Usage: python benchmarks/checkpoint_wait.py [--repeats 5] [--folder FOLDER]

Builds FCN-4 for 50 tags at full width with Adam (about 198 MB), and saves it to FOLDER in turns:
by the package's writer, of which training waits for the copy alone, and by
``mindspore.save_checkpoint``, which training waits for as a whole and which flushes nothing to
disk. Prints medians, smallest and largest, and the versions.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from fcn4_dist.cluster.device import prepare_environment

prepare_environment("CPU")

import mindspore as ms

from fcn4_dist.audio import FeatureParameters
from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.checkpoints.content import CheckpointDescription, read_checkpoint, verify_checkpoint
from fcn4_dist.checkpoints.loading import HostCopy, load_state
from fcn4_dist.checkpoints.writer import CheckpointWriter
from fcn4_dist.cluster.ranks import Ranks, join_ranks
from fcn4_dist.config import Settings
from fcn4_dist.model.build import build_fcn4
from fcn4_dist.terminal import table
from fcn4_dist.training.step import TrainingStep, names_in_checkpoint
from fcn4_dist.versions import package_versions


def main() -> None:
    arguments = _arguments()
    join_ranks("CPU", 0)
    network = build_fcn4(50, 1.0)
    state = TrainingStep(network, Ranks(0, 1), loss_scale=1024.0).state()
    copy = HostCopy(state)
    figures: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for repeat in range(1, arguments.repeats + 1):
            for name, seconds in _measure(state, copy, Path(folder), repeat).items():
                figures.setdefault(name, []).append(seconds)
        size = CheckpointFolder(Path(folder), "Bench").files()[0].stat().st_size
    rows = [["seconds", "median", "smallest", "largest"]]
    for name, seconds in figures.items():
        values = (statistics.median(seconds), min(seconds), max(seconds))
        rows.append([name, *(f"{value:.3f}" for value in values)])
    print(table(rows))
    versions = ", ".join(f"{k} {v}" for k, v in package_versions("mindspore", "numpy").items())
    print(f"{size / 1e6:.0f} MB, {arguments.repeats} repeats, {os.cpu_count()} cores; {versions}")


def _measure(
    state: list[ms.Parameter], copy: HostCopy, folder: Path, repeat: int
) -> dict[str, float]:
    place = CheckpointFolder(folder, "Bench")
    writer = CheckpointWriter(place, keep=2, written=[])
    description = _description(repeat)
    times = [time.monotonic()]
    writer.save(copy.take(), description)
    times.append(time.monotonic())
    writer.finish()
    times.append(time.monotonic())
    verify_checkpoint(place.file(repeat, 1))
    times.append(time.monotonic())
    load_state(state, read_checkpoint(place.file(repeat, 1)), names_in_checkpoint(state))
    times.append(time.monotonic())
    plain = folder / "plain.ckpt"
    ms.save_checkpoint([{"name": p.name, "data": p} for p in state], str(plain))
    times.append(time.monotonic())
    names = [
        "training waits",
        "written, flushed and read back behind it",
        "verify",
        "verify, read and load",
        "mindspore.save_checkpoint (training waits for it)",
    ]
    return {name: times[i + 1] - times[i] for i, name in enumerate(names)}


def _description(epoch: int) -> CheckpointDescription:
    settings = Settings(num_classes=50)
    return CheckpointDescription(
        run_id="benchmark",
        epoch=epoch,
        step=1,
        steps_per_epoch=1,
        global_step=epoch,
        global_batch=32,
        world_size=1,
        shards="",
        class_names=tuple(f"tag {number}" for number in range(50)),
        parameters=FeatureParameters.from_settings(settings),
        width=1.0,
        settings=settings.as_dict(),
        versions=package_versions("mindspore", "numpy"),
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", default=None, help="where to write; default: a temporary one")
    return parser.parse_args()


if __name__ == "__main__":
    main()
