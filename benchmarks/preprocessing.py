"""How long preprocessing takes a clip, against its floor and against the known script.

The floor is what must be done in any case, each part measured alone: decoding, resampling (soxr
HQ), one batched real FFT with its power, the mel product, the decibels, FileWriter, and SHA-256 of
the audio and of the shards. The known script computes ``librosa.load`` -> ``melspectrogram`` ->
``amplitude_to_db``, writes an .npy file, reads it again, and writes the records.

    python benchmarks/preprocessing.py [--clips 600] [--audio SONG] [--folder /tmp]

Prints milliseconds a clip for one worker and for two at once, and the ratios. WAV, MP3 and OGG.
"""

import argparse
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))

import numpy as np
import soundfile
import soxr
from scipy.fft import rfft

from fcn4_dist.cluster.device import prepare_environment
from fcn4_dist.config import Settings
from fcn4_dist.files import sha256_of
from fcn4_dist.terminal import say, table
from fcn4_dist.versions import package_versions

RATE, SECONDS = 22050, 30
FORMATS = {"wav": ("WAV", "PCM_16"), "mp3": ("MP3", "MPEG_LAYER_III"), "ogg": ("OGG", "VORBIS")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=600, help="clips of 30 s")
    parser.add_argument("--audio", type=Path, help="a song to cut them from; default: noise bands")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="preprocessing-", dir=options.folder))
    try:
        compare(options.audio, options.clips, folder)
    finally:
        shutil.rmtree(folder)


def compare(audio: Path | None, clips: int, folder: Path) -> None:
    for ending in FORMATS:
        count = clips if ending == "wav" else clips // 4
        make_clips(audio, count, folder / ending, ending)
        workers = (1, 2) if ending == "wav" else (1,)
        rows = [["milliseconds a clip and core", *(f"{number} at once" for number in workers)]]
        floors = [together(number, "floor", folder / ending, folder) for number in workers]
        for part in floors[0][0]:
            rows.append([f"  {part}", *(f"{mean(each, part):.2f}" for each in floors)])
        floor = [sum(mean(each, part) for part in each[0]) for each in floors]
        known = [mean(together(n, "known", folder / ending, folder), "all") for n in workers]
        ours, start = zip(
            *(this_package(number, folder / ending, count, folder) for number in workers),
            strict=True,
        )
        one_core = [time * number for time, number in zip(ours, workers, strict=True)]
        for name, values in (("floor", floor), ("known script", known), ("fcn4_dist", one_core)):
            rows.append([name, *(f"{value:.2f}" for value in values)])
        shares = [lowest / own for lowest, own in zip(floor, one_core, strict=True)]
        rows.append(["share of the floor", *(f"{share:.2f}" for share in shares)])
        # The known script uses one core whatever there is.
        rows.append(["times the known script", *(f"{known[0] / each:.2f}" for each in ours)])
        rows.append(["seconds to start, not counted", *(f"{each:.1f}" for each in start)])
        say(f"\n{count} clips of {SECONDS} s at {RATE} Hz, {ending}")
        say(table(rows))
    names = ("mindspore", "librosa", "soundfile", "soxr", "numpy", "scipy")
    versions = ", ".join(f"{name} {version}" for name, version in package_versions(*names).items())
    say(f"\n{os.cpu_count()} cores, one numerical thread a process; {versions}")


def make_clips(audio: Path | None, clips: int, folder: Path, ending: str) -> None:
    folder.mkdir()
    rng = np.random.default_rng(1)
    if audio is None:
        song = np.cumsum(rng.standard_normal(4 * RATE * SECONDS)).astype(np.float32)
        song -= soxr.resample(soxr.resample(song, RATE, 100), 100, RATE)[: len(song)]
        song /= np.abs(song).max()
    else:
        song, rate = soundfile.read(audio, dtype="float32", always_2d=True)
        song = soxr.resample(song.mean(axis=1), rate, RATE)
    kind, subtype = FORMATS[ending]
    for number in range(clips):
        start = rng.integers(0, len(song) - RATE * SECONDS)
        clip = song[start : start + RATE * SECONDS]
        soundfile.write(folder / f"{number:05}.{ending}", clip, RATE, format=kind, subtype=subtype)


def together(number: int, what: str, clips: Path, folder: Path) -> list[dict[str, float]]:
    """Measure on several cores at once, as workers share caches and memory."""
    if what == "floor":
        # As the workers of this package: without these, the FFT takes once or twice its time.
        os.environ.update(MALLOC_MMAP_THRESHOLD_=str(2**25), MALLOC_TRIM_THRESHOLD_=str(2**25))
    else:
        for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"):
            os.environ.pop(name, None)
    with multiprocessing.get_context("spawn").Pool(number) as pool:
        arguments = [(clips, folder / f"{what}{worker}") for worker in range(number)]
        return pool.starmap({"floor": floor, "known": known_script}[what], arguments)


def mean(of_workers: list[dict[str, float]], part: str) -> float:
    return 1e3 * sum(each[part] for each in of_workers) / len(of_workers)


def floor(folder: Path, work: Path) -> dict[str, float]:
    """Seconds a clip of each part, medians over some clips."""
    prepare_environment("CPU")
    from librosa.filters import get_window, mel

    work.mkdir(exist_ok=True)
    settings = Settings()
    taper = get_window("hann", settings.n_fft).astype(np.float32)
    filters = mel(sr=settings.sample_rate, n_fft=settings.n_fft, n_mels=settings.n_mels)
    samples = round(settings.window_seconds * settings.sample_rate)
    times: dict[str, list[float]] = {}

    def timed(part: str, function: Callable[..., Any], *arguments: Any) -> Any:
        begun = time.perf_counter()
        result = function(*arguments)
        times.setdefault(part, []).append(time.perf_counter() - begun)
        return result

    def power(window: np.ndarray) -> np.ndarray:
        padded = np.pad(window, settings.n_fft // 2)
        frames = np.lib.stride_tricks.sliding_window_view(padded, settings.n_fft)
        spectrum = rfft(frames[:: settings.hop_length] * taper, axis=1)
        return spectrum.real**2 + spectrum.imag**2

    def decibels(mel_power: np.ndarray) -> np.ndarray:
        values = 20 * np.log10(np.maximum(mel_power, np.float32(1e-5)))
        return np.maximum(values, values.max() - np.float32(80))

    features = []
    for path in sorted(folder.iterdir())[:100]:
        timed("SHA-256 of the audio", sha256_of, path)
        decoded = timed("decode", lambda path: soundfile.read(path, dtype="float32")[0], path)
        resampled = timed("soxr HQ", soxr.resample, decoded, RATE, settings.sample_rate)
        surplus = len(resampled) - samples
        powers = timed("batched real FFT and power", power, resampled[surplus // 2 :][:samples])
        mel_power = timed("mel product", np.matmul, filters, powers.T)
        features.append(timed("decibels", decibels, mel_power)[np.newaxis])
    seconds = {part: float(np.median(values)) for part, values in times.items()}
    return seconds | {
        "FileWriter": write_records(features, work),
        **hash_shard(work, len(features)),
    }


def write_records(features: list[np.ndarray], work: Path) -> float:
    from mindspore.mindrecord import FileWriter

    repeats = []
    for _ in range(3):
        begun = time.perf_counter()
        writer = FileWriter(str(work / "floor"), shard_num=1, overwrite=True)
        shape = list(features[0].shape)
        schema = {
            "id": {"type": "int32"},
            "feature": {"type": "float32", "shape": shape},
            "label": {"type": "int32", "shape": [10]},
        }
        writer.add_schema(schema, "floor")
        label = np.zeros(10, np.int32)
        for start in range(0, len(features), 16):
            part = features[start : start + 16]
            writer.write_raw_data(
                [{"id": start + i, "feature": f, "label": label} for i, f in enumerate(part)]
            )
        writer.commit()
        repeats.append((time.perf_counter() - begun) / len(features))
    return float(np.median(repeats))


def hash_shard(work: Path, clips: int) -> dict[str, float]:
    shard = work / "floor"
    # A shard of few clips is padded to a page: count what the clips take.
    share = min(1.0, clips * 4 * 96 * 1366 / shard.stat().st_size)
    repeats = []
    for _ in range(3):
        begun = time.perf_counter()
        sha256_of(shard)
        repeats.append(time.perf_counter() - begun)
    return {"SHA-256 of the shards": float(np.median(repeats)) * share / clips}


def known_script(folder: Path, work: Path) -> dict[str, float]:
    """Seconds a clip of the known trainers' route, start-up not counted."""
    prepare_environment("CPU")
    import librosa
    from mindspore.mindrecord import FileWriter

    work.mkdir(exist_ok=True)
    paths = sorted(folder.iterdir())[:150]

    def melgram(path: Path) -> None:
        waveform, _ = librosa.load(path, sr=12000)
        wanted = int(29.12 * 12000)
        if len(waveform) < wanted:
            waveform = np.hstack((waveform, np.zeros(wanted - len(waveform))))
        elif len(waveform) > wanted:
            surplus = len(waveform) - wanted
            waveform = waveform[surplus // 2 : (len(waveform) + wanted) // 2]
        mel = librosa.feature.melspectrogram(
            y=waveform, sr=12000, hop_length=256, n_fft=512, n_mels=96
        )
        np.save(work / f"{path.stem}.npy", librosa.amplitude_to_db(mel)[np.newaxis, np.newaxis])

    melgram(paths[0])
    begun = time.perf_counter()
    for path in paths:
        melgram(path)
    data = [np.load(work / f"{path.stem}.npy").reshape(1, 96, 1366) for path in paths]
    writer = FileWriter(str(work / "known"), 4, overwrite=True)
    schema = {
        "id": {"type": "int32"},
        "feature": {"type": "float32", "shape": [1, 96, 1366]},
        "label": {"type": "int32", "shape": [10]},
    }
    writer.add_schema(schema, "known")
    writer.add_index(["id"])
    label = np.zeros(10, np.int32)
    features = np.array(data)
    writer.write_raw_data(
        [{"id": i, "feature": feature, "label": label} for i, feature in enumerate(features)]
    )
    writer.commit()
    return {"all": (time.perf_counter() - begun) / len(paths)}


def this_package(workers: int, audio: Path, clips: int, folder: Path) -> tuple[float, float]:
    """Milliseconds a clip of wall time of the whole command, and its seconds to start.

    The start (importing, starting workers) is what the same command takes for few clips more than
    their share, so it is the difference of two runs, each the median of three, that counts.
    """
    few = 20
    whole = median(timed_command(workers, audio, clips, folder / "whole") for _ in range(3))
    start = median(timed_command(workers, audio, few, folder / "few") for _ in range(3))
    each = (whole - start) / (clips - few)
    return 1e3 * each, start - few * each


def timed_command(workers: int, audio: Path, clips: int, work: Path) -> float:
    work.mkdir()
    names = sorted(path.name for path in audio.iterdir())[:clips]
    lines = [f"{name},class{number % 2}" for number, name in enumerate(names)]
    (work / "clips.csv").write_text("\n".join(["path,labels", *lines]) + "\n")
    paths = {"npy_path": work / "npy", "mr_path": work / "shards", "info_path": work}
    flags = {"dataset": "csv", "info_name": "clips.csv", "num_classes": 2, "audio_path": audio}
    flags |= paths | {"processes": workers, "val_ratio": 0.5}
    command = [sys.executable, "-m", "fcn4_dist", "preprocess"]
    for name, value in flags.items():
        command += [f"--{name}", str(value)]
    begun = time.perf_counter()
    result = subprocess.run(command, capture_output=True, text=True)
    seconds = time.perf_counter() - begun
    if result.returncode:
        raise SystemExit(result.stdout + result.stderr)
    shutil.rmtree(work)
    return seconds


if __name__ == "__main__":
    main()
