"""How much memory and time `tag` takes, which must not grow with a song, or with their number.

    python benchmarks/tagging_memory.py --audio SONG --model MODEL [--songs 2000] [--hours 1 3]

SONG, repeated to 30 s, 5 min and hours of stereo WAV at 44.1 kHz, is tagged, with a page; and so
are many songs of its first 5 s, as JSON. Prints the seconds of the processors, the largest resident
memory of the command and of a process that decodes, and the size of the page.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import psutil
import soundfile

from fcn4_dist.terminal import say, table

RATE = 44100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--audio", required=True, type=Path)
    parser.add_argument("--model", required=True, type=Path)
    parser.add_argument("--songs", type=int, default=2000)
    parser.add_argument("--hours", type=int, nargs="*", default=[1, 3])
    options = parser.parse_args()
    samples, rate = soundfile.read(options.audio, dtype="int16", always_2d=True)
    samples = samples[:: max(1, rate // RATE), [0, -1]]
    rows = [["songs", "seconds of each", "CPU s", "command", "a decoder", "page"]]
    with tempfile.TemporaryDirectory() as name:
        for seconds in (30, 300, *(3600 * hours for hours in options.hours)):
            song, page = Path(name) / "song.wav", Path(name) / "song.html"
            write_song(song, samples, seconds)
            figures = watch([song, "--html", page], options.model)
            rows.append(["1", str(seconds), *figures, f"{page.stat().st_size / 1e6:.1f} MB"])
        for songs in (options.songs // 10, options.songs):
            folder = Path(name) / str(songs)
            folder.mkdir()
            write_song(folder / "0.wav", samples, 5)
            for number in range(1, songs):
                os.link(folder / "0.wav", folder / f"{number}.wav")
            rows.append([str(songs), "5", *watch([folder, "--json"], options.model), ""])
    say(table(rows))


def write_song(path: Path, samples: np.ndarray, seconds: int) -> None:
    with soundfile.SoundFile(path, "w", RATE, 2) as file:
        remaining = seconds * RATE
        while remaining:
            part = samples[:remaining]
            file.write(part)
            remaining -= len(part)


def watch(arguments: list[str | Path], model: Path) -> list[str]:
    """Tag, and look at the processes until all is done."""
    command = [sys.executable, "-m", "fcn4_dist", "tag", *arguments, "--model", model]
    running = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peaks: dict[int, float] = {}
    seconds: dict[int, float] = {}
    while running.poll() is None:
        try:
            for process in [running, *running.children(recursive=True)]:
                memory = process.memory_info().rss / 1e6
                peaks[process.pid] = max(peaks.get(process.pid, 0), memory)
                seconds[process.pid] = sum(process.cpu_times()[:2])
        except psutil.Error:
            pass
        try:
            running.wait(0.1)
        except psutil.TimeoutExpired:
            continue
    if running.returncode:
        raise SystemExit("tagging failed")
    decoder = max(peak for number, peak in peaks.items() if number != running.pid)
    return [f"{sum(seconds.values()):.0f}", f"{peaks[running.pid]:.0f} MB", f"{decoder:.0f} MB"]


if __name__ == "__main__":
    main()
