"""How much memory preprocessing takes, which must not grow with the collection.

    python benchmarks/preprocessing_memory.py [--clips 5000] [--seconds 5] [--workers 2]

Makes a collection of noise, preprocesses it, and prints the largest resident memory of every kind
of process while it runs, and of the same with a tenth of the clips.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import soundfile

from fcn4_dist.terminal import say, table

RATE = 22050


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a clip")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="memory-", dir=options.folder))
    try:
        rows = [["clips", "seconds", "command", "a feature worker", "a shard writer"]]
        for clips in (options.clips // 10, options.clips):
            audio = folder / f"audio{clips}"
            make_clips(clips, options.seconds, audio)
            begun = time.monotonic()
            peaks = watch(start(audio, options, folder / f"work{clips}"))
            seconds = time.monotonic() - begun
            megabytes = [f"{peaks.get(kind, 0) / 1e6:.0f} MB" for kind in KINDS]
            rows.append([str(clips), f"{seconds:.0f}", *megabytes])
        say(table(rows))
    finally:
        shutil.rmtree(folder)


KINDS = ("command", "features", "shards")


def make_clips(clips: int, seconds: float, folder: Path) -> None:
    rng = np.random.default_rng(1)
    noise = (rng.standard_normal(RATE * 600) * 3000).astype(np.int16)
    length = round(seconds * RATE)
    for number in range(clips):
        start = rng.integers(0, len(noise) - length)
        path = folder / f"class{number % 10}" / f"{number:05}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, noise[start : start + length], RATE)


def start(audio: Path, options: argparse.Namespace, work: Path) -> psutil.Popen:
    work.mkdir()
    flags = {"audio_path": audio, "window_seconds": options.seconds}
    flags |= {"npy_path": work / "npy", "mr_path": work / "shards", "info_path": work}
    command = [sys.executable, "-m", "fcn4_dist", "preprocess"]
    for name, value in (flags | {"processes": options.workers}).items():
        command += [f"--{name}", str(value)]
    return psutil.Popen(command, stdout=subprocess.DEVNULL)


def watch(running: psutil.Popen) -> dict[str, int]:
    """Sample the memory of the command and its workers until it ends."""
    peaks: dict[str, int] = {}
    while running.poll() is None:
        time.sleep(0.02)
        try:
            found = {running.pid: "command"}
            for child in running.children(recursive=True):
                # Only what writes shards has MindSpore in it.
                maps = {region.path for region in child.memory_maps()}
                writes = any("mindspore" in path for path in maps)
                found[child.pid] = "shards" if writes else "features"
            for process, kind in found.items():
                peaks[kind] = max(peaks.get(kind, 0), psutil.Process(process).memory_info().rss)
        except psutil.Error:
            continue
    if running.returncode:
        raise SystemExit("preprocessing failed")
    return peaks


if __name__ == "__main__":
    main()
