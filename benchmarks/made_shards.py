"""Shards of made music for benchmarks that read some."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def make_shards(folder: Path, clips_per_class: int, *more: str) -> Path:
    """Make a collection of ten classes and preprocess it, by this package's commands.

    Args:
        folder: Where; a collection that is there is used again.
        clips_per_class: Clips of 30 s.
        *more: Flags of ``preprocess``.

    Returns:
        The folder of the shards, another one for other flags.
    """
    audio = folder / "audio"
    shards = folder / "_".join(["mindrecord", *(flag.strip("-") for flag in more)])
    if not audio.exists():
        _run("synth", "--audio_path", str(audio), "--clips_per_class", str(clips_per_class))
    places = ["--audio_path", str(audio), "--info_path", str(folder)]
    places += ["--npy_path", str(folder / "npy"), "--mr_path", str(shards)]
    _run("preprocess", *places, *more)
    return shards


def _run(*command: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "fcn4_dist", *command],
        check=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
