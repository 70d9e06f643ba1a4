"""How fast songs are tagged, by MindSpore and by onnxruntime, and what the time goes into.

Usage: python benchmarks/tagging.py --audio SONG [--songs 10] [--seconds 180] [--width 1.0]
           [--repeats 3]

SONG, repeated to the length given, is written as WAV, MP3 and OGG. A network with random weights
tags copies of it, all at once (songs a minute, loading left out), and one alone as a command of
its own (time to the first tag). The shares are of one song in one process: decoding and resampling,
log-mel windows, network. Prints medians of the repeats.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import soundfile

from fcn4_dist.audio import load_waveform
from fcn4_dist.cluster.device import prepare_environment
from fcn4_dist.processes import usable_cores
from fcn4_dist.tagging import SongTags, SongWindows, Tagger, load_network
from fcn4_dist.terminal import table
from fcn4_dist.versions import package_versions

FORMATS = ("wav", "mp3", "ogg")


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkpoint, onnx = _write_models(folder, options.width)
        songs = {kind: _write_songs(folder, kind, options) for kind in FORMATS}
        rows = [["songs", "run by", "songs/min", "first tag s", "decode", "log-mel", "network"]]
        for model, runner in ((checkpoint, "MindSpore"), (onnx, "onnxruntime")):
            tagger = Tagger(load_network(model))
            for kind, paths in songs.items():
                rows.append([kind, runner, *_figures(tagger, paths, model, options.repeats)])
    print(table(rows))
    versions = package_versions("mindspore", "onnxruntime", "numpy", "soundfile")
    print(
        f"{options.songs} songs of {options.seconds:g} s, width {options.width:g}, "
        f"{usable_cores()} cores, {options.repeats} repeats; "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--audio", required=True, type=Path)
    parser.add_argument("--songs", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args()


def _write_models(folder: Path, width: float) -> tuple[Path, Path]:
    prepare_environment("CPU")
    import mindspore as ms

    from fcn4_dist.model.build import build_fcn4

    checkpoint, onnx = folder / "random.ckpt", folder / "random.onnx"
    ms.save_checkpoint(build_fcn4(10, width), str(checkpoint))
    command = ["export", "--file_format", "ONNX", "--checkpoint", checkpoint, "--output", onnx]
    subprocess.run([sys.executable, "-m", "fcn4_dist", *command], check=True, env=_environment())
    return checkpoint, onnx


def _write_songs(folder: Path, kind: str, options: argparse.Namespace) -> list[Path]:
    samples, rate = soundfile.read(options.audio, dtype="float32", always_2d=True)
    frames = round(options.seconds * rate)
    samples = np.resize(samples, (frames, samples.shape[1]))
    first = folder / f"0.{kind}"
    with soundfile.SoundFile(first, "w", rate, samples.shape[1]) as file:
        # In parts: libsndfile's Vorbis encoder overflows its stack on long ones.
        for part in np.array_split(samples, 1 + frames // rate):
            file.write(part)
    paths = [folder / f"{number}.{kind}" for number in range(options.songs)]
    for path in paths[1:]:
        os.link(first, path)
    return paths


def _figures(tagger: Tagger, paths: list[Path], model: Path, repeats: int) -> list[str]:
    decode, log_mel, network = _parts(tagger, paths[0], repeats)
    whole = decode + log_mel + network
    together = _median(lambda: _tag_all(tagger, paths), repeats)
    flag = "--model" if model.suffix == ".onnx" else "--checkpoint"
    alone = [sys.executable, "-m", "fcn4_dist", "tag", paths[0], flag, model]
    first = _median(
        lambda: subprocess.run(alone, check=True, stdout=subprocess.DEVNULL, env=_environment()),
        repeats,
    )
    shares = (f"{part / whole:.0%}" for part in (decode, log_mel, network))
    return [f"{60 * len(paths) / together:.0f}", f"{first:.1f}", *shares]


def _parts(tagger: Tagger, path: Path, repeats: int) -> tuple[float, float, float]:
    rate = tagger.network.description.parameters.sample_rate
    windows = np.concatenate(_windows(tagger, path))
    # Compiled for this number of windows before the clock runs.
    tagger.network.logits(windows)
    decode = _median(lambda: load_waveform(path, rate), repeats)
    reading = _median(lambda: _windows(tagger, path), repeats)
    return decode, reading - decode, _median(lambda: tagger.network.logits(windows), repeats)


def _windows(tagger: Tagger, path: Path) -> list[np.ndarray]:
    parts = tagger.reader.read(path)
    return [part.decibels for part in parts if isinstance(part, SongWindows)]


def _tag_all(tagger: Tagger, paths: list[Path]) -> None:
    results = dict(tagger.tag_all(paths, usable_cores()))
    assert all(isinstance(result, SongTags) for result in results.values())


def _median(work: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        begun = time.monotonic()
        work()
        times.append(time.monotonic() - begun)
    return statistics.median(times)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}


if __name__ == "__main__":
    main()
