"""How fast a manifest is written and read, against plain ``json`` on the same file.

Example:
    python benchmarks/manifest.py --clips 1000000
"""

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from fcn4_dist.audio import FeatureParameters
from fcn4_dist.config import Settings
from fcn4_dist.records import ClipRow, ClipRows, Manifest, Shard, read_manifest
from fcn4_dist.records.manifest import MANIFEST_NAME
from fcn4_dist.terminal import table

CLASSES = ("classical", "jazz", "metal", "rock")
SHARDS = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=1_000_000, help="rows; default 1000000")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [["", "seconds", "rows/s", "peak memory, MB"]]
        for what, work in (
            ("written", lambda: _timed_write(options.clips, folder)),
            ("read", lambda: _timed(read_manifest, folder)),
            ("json.loads", lambda: _timed(_plain, folder / MANIFEST_NAME)),
            ("fingerprint", lambda: _timed(read_manifest(folder).fingerprint)),
        ):
            seconds, megabytes = _in_a_process(work)
            speed = f"{options.clips / seconds:,.0f}"
            rows.append([what, f"{seconds:.2f}", speed, f"{megabytes:,.0f}"])
        size = (folder / MANIFEST_NAME).stat().st_size / 1e6
        print(f"a manifest of {options.clips:,} clips, {size:.0f} MB")
        print(table(rows))


def _in_a_process(work: Callable[[], float]) -> tuple[float, float]:
    """Run some work by itself; gives its seconds, and how far it raised the peak of memory."""
    receiver, sender = multiprocessing.Pipe(duplex=False)

    def run() -> None:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        seconds = work()
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        sender.send((seconds, (after - before) / 1e3))

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    answer: tuple[float, float] = receiver.recv()
    process.join()
    return answer


def _timed(work: Callable[..., Any], *arguments: Any) -> float:
    begun = time.perf_counter()
    result = work(*arguments)
    seconds = time.perf_counter() - begun
    del result
    return seconds


def _timed_write(clips: int, folder: Path) -> float:
    return _timed(_manifest(clips).write, folder)


def _plain(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def _manifest(clips: int) -> Manifest:
    files = [f"train.mindrecord{number}" for number in range(SHARDS)]
    bounds = [number * clips // SHARDS for number in range(SHARDS + 1)]
    rows = [
        _row(number, file)
        for file, (first, end) in zip(files, pairwise(bounds), strict=True)
        for number in range(first, end)
    ]
    sizes = [end - first for first, end in pairwise(bounds)]
    shards = [
        Shard(file, size, size * 524_544, f"{size:064x}", f"{size:064x}")
        for file, size in zip(files, sizes, strict=True)
    ]
    return Manifest(
        parameters=FeatureParameters.from_settings(Settings()),
        feature_dtype="float32",
        dataset="folder",
        class_names=CLASSES,
        split={"split": "random", "val_ratio": 0.2, "seed": 1},
        sets={"train": tuple(shards)},
        clips=ClipRows.of(rows),
        versions={"fcn4_dist": "0.1.0"},
    )


def _row(number: int, file: str) -> ClipRow:
    label = CLASSES[number % len(CLASSES)]
    clip_id = f"{label}/{label}.{number:08}.wav"
    source = f"/data/genres_original/{clip_id}"
    return ClipRow(
        clip_id, source, f"{number:064x}", (label,), "train", file, "kept", "", number % 9000 / 300
    )


if __name__ == "__main__":
    main()
