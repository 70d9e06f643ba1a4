"""How many samples a host gets from its shards, by reader threads, and the cores 8 cards need.

Usage: python benchmarks/feeding.py [--clips_per_class 40] [--repeats 5] [--folder /tmp]

Makes a collection of clips of 30 s, preprocesses it with float32 and with float16 features, and
reads the training set in batches of 32 as training does: in order, shuffled, and with random
windows and all augmentation on. Against it, a plain sequential read of the same files. Everything
is in the system's page cache. Prints samples/s, the processor time of all threads for a sample, and
the cores that 8 cards of 1 000 samples/s keep busy by it, medians of the repeats, which take turns.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.made_shards import make_shards
from fcn4_dist.cluster.device import prepare_environment

prepare_environment("CPU")

import mindspore.dataset as ds

from fcn4_dist.config import Settings
from fcn4_dist.pipeline import partner_batches, read_batches, training_batches
from fcn4_dist.processes import usable_cores
from fcn4_dist.records import RecordSet, read_manifest
from fcn4_dist.terminal import say, table
from fcn4_dist.training.augmentation import Augmentation
from fcn4_dist.versions import package_versions

BATCH, WINDOW_SECONDS, CARDS_NEED = 32, 29.12, 8000
HEADINGS = ("features", "readers", "samples/s", "MB/s", "ms of a core", "cores for 8 cards")
AUGMENTATION = {
    "time_shift": 3.0,
    "freq_mask": 16,
    "time_mask": 2.0,
    "mixup": 0.3,
    "label_smoothing": 0.1,
}


@dataclass(frozen=True)
class Case:
    """A way of reading the set.

    Attributes:
        name: As the table says it.
        readers: Reader threads.
        read: Reads all of it.
    """

    name: str
    readers: int
    read: Callable[[], None]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips_per_class", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="feeding-", dir=options.folder) as folder:
        for feature_dtype in ("float32", "float16"):
            flags = ("--feature_dtype", feature_dtype, "--clip_seconds", "30")
            shards = make_shards(Path(folder), options.clips_per_class, *flags)
            _compare(read_manifest(shards).record_set("train", shards), options.repeats)
    versions = ", ".join(f"{k} {v}" for k, v in package_versions("mindspore", "numpy").items())
    say(f"{usable_cores()} cores, {options.repeats} repeats; {versions}")


def _compare(record_set: RecordSet, repeats: int) -> None:
    cases = [Case("plain sequential read", 1, partial(_read_files, record_set))]
    for readers in (1, 2):
        cases += [
            Case("batches, in order", readers, partial(_read, record_set, shuffled=False)),
            Case("batches, shuffled", readers, partial(_read, record_set, shuffled=True)),
        ]
    settings = Settings(window_seconds=WINDOW_SECONDS, clip_seconds=30.0)
    windows = Augmentation(settings, record_set)
    everything = Augmentation(replace(settings, **AUGMENTATION), record_set)
    cases.append(Case("shuffled, random windows", 1, partial(_augment, record_set, windows)))
    cases.append(Case("and all augmentation", 1, partial(_augment, record_set, everything)))
    times: dict[Case, list[tuple[float, float]]] = {case: [] for case in cases}
    for turn in range(-1, repeats):
        for case in cases:
            ds.config.set_num_parallel_workers(case.readers)
            wall, processor = time.perf_counter(), time.process_time()
            case.read()
            if turn >= 0:
                times[case].append((time.perf_counter() - wall, time.process_time() - processor))
    megabytes = sum(file.stat().st_size for file in record_set.files) / 1e6
    rows = [list(HEADINGS)]
    for case, taken in times.items():
        wall, processor = (statistics.median(each) for each in zip(*taken, strict=True))
        a_sample = processor / len(record_set)
        rows.append(
            [
                *(case.name, str(case.readers), f"{len(record_set) / wall:.0f}"),
                *(f"{megabytes / wall:.0f}", f"{1000 * a_sample:.2f}"),
                f"{CARDS_NEED * a_sample:.1f}",
            ]
        )
    say(f"\n{len(record_set)} clips in {len(record_set.files)} shards, {record_set.feature_dtype}")
    say(table(rows))


def _read_files(record_set: RecordSet) -> None:
    buffer = bytearray(1 << 20)
    for path in record_set.files:
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def _read(record_set: RecordSet, *, shuffled: bool) -> None:
    clips = len(record_set)
    if shuffled:
        batches = training_batches(clips, BATCH, 0, 1, seed=1, epoch=1)
    else:
        batches = [range(first, first + BATCH) for first in range(0, clips - BATCH + 1, BATCH)]
    for _ in read_batches(record_set, batches):
        pass


def _augment(record_set: RecordSet, augmentation: Augmentation) -> None:
    share = len(record_set), BATCH, 0, 1
    batches = training_batches(*share, seed=1, epoch=1)
    others = partner_batches(*share, seed=1, epoch=1) if augmentation.blends else []
    partners = read_batches(record_set, others)
    for batch in read_batches(record_set, batches):
        augmentation(batch, 1, next(partners, None))


if __name__ == "__main__":
    main()
