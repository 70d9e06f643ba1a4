"""What augmentation costs for each sample of the documented size, on one core.

Usage: python benchmarks/augmentation.py [--samples 256] [--repeats 5]

Takes batches of 32 samples of 96 x 1366 decibels through each part alone, then through all of
them, as training does. Prints the processor time for a sample: median, smallest and largest of the
repeats.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from fcn4_dist.audio import FeatureParameters
from fcn4_dist.config import Settings
from fcn4_dist.pipeline import Batch
from fcn4_dist.records import ClipRow, RecordSet
from fcn4_dist.terminal import table
from fcn4_dist.training.augmentation import Augmentation
from fcn4_dist.versions import package_versions

BATCH = 32
PARTS: dict[str, dict[str, Any]] = {
    "window of 29.12 s out of 30 s": {"clip_seconds": 30.0},
    "time shift": {"time_shift": 3.0},
    "SpecAugment": {"freq_mask": 16, "time_mask": 2.0},
    "mixup": {"mixup": 0.3},
    "label smoothing": {"label_smoothing": 0.1},
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    everything = {name: value for part in PARTS.values() for name, value in part.items()}
    rows = [["milliseconds a sample", "median", "smallest", "largest"]]
    for name, part in (PARTS | {"all of it": everything}).items():
        times = _times(Settings(**part), options.samples // BATCH, options.repeats)
        values = (statistics.median(times), min(times), max(times))
        rows.append([name, *(f"{1000 * value:.2f}" for value in values)])
    print(table(rows))
    versions = ", ".join(f"{k} {v}" for k, v in package_versions("numpy").items())
    print(f"{options.samples} samples, {options.repeats} repeats; {versions}")


def _times(settings: Settings, batches: int, repeats: int) -> list[float]:
    parameters = FeatureParameters.from_settings(settings)
    ids = [f"clip {number}" for number in range(BATCH)]
    rows = [ClipRow(each, each, "", (), "train", "", "cropped", "", 30.0) for each in ids]
    clips = RecordSet("train", Path(), (), tuple(rows), ("a",), parameters, "float32")
    augmentation = Augmentation(settings, clips)
    times = []
    for _ in range(repeats):
        seconds = 0.0
        for epoch in range(batches):
            batch, partners = _batch(ids, parameters), _batch(ids[::-1], parameters)
            begun = time.process_time()
            augmentation(batch, epoch, partners if augmentation.blends else None)
            seconds += time.process_time() - begun
        times.append(seconds / (batches * BATCH))
    return times


def _batch(ids: list[str], parameters: FeatureParameters) -> Batch:
    features = np.random.default_rng(1).normal(size=(BATCH, *parameters.shape)).astype(np.float32)
    rows = np.array([int(each.split()[1]) for each in ids])
    return Batch(tuple(ids), rows, features, np.ones((BATCH, 10), np.float32))


if __name__ == "__main__":
    main()
