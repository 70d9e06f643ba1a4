"""Audio files that are odd, damaged, endless or silent, on their way to a feature and to a song."""

import io
import os
import random
import resource
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import soundfile

from fcn4_dist.audio import (
    ClipFeature,
    FeatureCache,
    FeatureIndex,
    FeatureParameters,
    LogMel,
    UndecodableClipError,
    extract_feature,
    load_waveform,
)
from fcn4_dist.records.sound import silent_clips
from tests.attacks.outcome import HANG, REFUSED, SILENT_WRONG, UNHARMED, Outcome, outcome_of

REAL_CLIPS = Path(__file__).parents[1] / "data" / "clips"
RATE = 44100
SILENCE_LEVEL = -70.0
_SECONDS_FOR_ONE = 10
_MOST_BYTES = 600_000_000
# Of a file of theirs, another one beside it holds the half.
_WITHOUT = ("SD2", "RAW")
_EXACT = {"PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"}
# What they hold is told by a checksum, or twice: damage can be known.
_CHECKED = ("WAV", "FLAC", "OGG", "AIFF", "W64")

Draw = Callable[[random.Random, "_Trial"], str]


class _Alarm(BaseException):
    """No error that a decoder is excused for."""


class _Trial:
    """One attack: a file, what became of it, and what would be right."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.path = folder / f"clip{rng.choice(['.wav', '.mp3', '.ogg', ''])}"
        self._log_mel = _log_mel(rng.choice([1.0, 1.5]))
        self._cache = FeatureCache(folder / "npy", self._log_mel.parameters)
        self._cache.prepare()
        self.samples = rng.choice(_real_sounds())

    def whole(self, **kind: str) -> bytes:
        content = io.BytesIO()
        soundfile.write(content, self.samples, RATE, **kind)
        return content.getvalue()

    def extract(self, content: bytes | None = None) -> tuple[ClipFeature, np.ndarray | None]:
        if content is not None:
            self.path.write_bytes(content)
        clip = extract_feature("clip", self.path, self._cache, self._log_mel)
        try:
            load_waveform(self.path, 12000)
        except UndecodableClipError as error:
            if not clip.skipped:
                raise AssertionError(f"a feature, and no song: {error}") from error
        if clip.skipped:
            return clip, None
        return clip, self._cache.load(clip.sha256)

    def silent(self, clip: ClipFeature) -> bool:
        index = FeatureIndex(self._cache.parameters, (clip,))
        return bool(silent_clips(index, SILENCE_LEVEL))

    def told_or_equal(self, whole: bytes, damaged: bytes) -> str:
        """Say what is wrong if damage has changed a feature without a word."""
        right, expected = self.extract(whole)
        clip, feature = self.extract(damaged)
        if feature is None or expected is None:
            return ""
        if clip.reason != right.reason or np.array_equal(feature, expected):
            return ""
        return f"another feature without a word ({clip.status}, {clip.reason!r})"


def attacks(folder: Path, count: int, seed: int = 0) -> Iterator[Outcome]:
    """Try odd, damaged, endless and silent files.

    Args:
        folder: Where they are written.
        count: How many.
        seed: Of what is drawn.
    """
    rng = random.Random(seed)
    for number in range(count):
        draw = _KINDS[number % len(_KINDS)]
        name = f"{number} of seed {seed}: {draw.__name__.strip('_')}"
        (folder / str(number)).mkdir()
        trial = _Trial(folder / str(number), rng)
        try:
            with _alarm(_SECONDS_FOR_ONE):
                yield _attempt(name, draw, rng, trial)
        except _Alarm:
            yield Outcome(name, HANG)


def _attempt(name: str, draw: Draw, rng: random.Random, trial: _Trial) -> Outcome:
    before = _peak_bytes()
    outcome = outcome_of(name, lambda: draw(rng, trial))
    if _peak_bytes() - before > _MOST_BYTES:
        return Outcome(name, SILENT_WRONG, f"{_peak_bytes() - before} bytes of memory")
    if outcome.came_to == UNHARMED:
        # What was passed over is told with its reason, as the others are refused.
        clip = extract_feature("clip", trial.path, trial._cache, trial._log_mel)
        if clip.skipped:
            return Outcome(name, REFUSED, clip.reason)
    return outcome


def _another_container(rng: random.Random, trial: _Trial) -> str:
    kind = rng.choice([each for each in soundfile.available_formats() if each not in _WITHOUT])
    subtype = rng.choice(list(soundfile.available_subtypes(kind)))
    try:
        content = trial.whole(format=kind, subtype=subtype)
    except Exception:
        # Not every one takes this rate, or can be written to memory.
        content = trial.whole(format="WAV")
    _, expected = trial.extract(trial.whole(format="WAV", subtype="FLOAT"))
    clip, feature = trial.extract(content)
    if feature is None or expected is None:
        return ""
    if subtype not in _EXACT or kind not in ("WAV", "AIFF", "FLAC", "CAF", "W64", "RF64", "AU"):
        return "" if clip.reason or abs(feature.max() - expected.max()) < 12 else "another loudness"
    loud = expected > expected.max() - 40
    same = np.abs(feature - expected)[loud].max() < 1
    return "" if clip.reason or same else f"another feature of {kind} {subtype}"


def _cut(rng: random.Random, trial: _Trial) -> str:
    whole = trial.whole(format=rng.choice(_CHECKED))
    return trial.told_or_equal(whole, whole[: rng.randrange(len(whole))])


def _damaged_header(rng: random.Random, trial: _Trial) -> str:
    whole = trial.whole(format=rng.choice(["WAV", "FLAC", "OGG"]))
    damaged = bytearray(whole)
    for _ in range(rng.choice([1, 1, 3])):
        damaged[rng.randrange(44)] ^= 1 << rng.randrange(8)
    return trial.told_or_equal(whole, bytes(damaged))


def _damaged_body(rng: random.Random, trial: _Trial) -> str:
    # What lies in them is under checksums; that of a WAV file is not.
    whole = trial.whole(format=rng.choice(["FLAC", "OGG"]))
    damaged = bytearray(whole)
    for _ in range(rng.choice([1, 10])):
        damaged[rng.randrange(5000, len(whole))] ^= 1 << rng.randrange(8)
    return trial.told_or_equal(whole, bytes(damaged))


def _silence(rng: random.Random, trial: _Trial) -> str:
    frames, channels = len(trial.samples), rng.choice([1, 2, 2, 3, 6])
    one = np.stack([trial.samples] * channels, axis=1)
    loudness = 10 ** (rng.uniform(-200, -75) / 20)
    kinds = {
        "zeros": 0 * one,
        "a constant": 0 * one + rng.uniform(-1, 1),
        "denormal": 1e-41 * one,
        "quiet": loudness * one / max(0.1, one.std()),
        "opposite": one * np.resize([1, -1], channels) if channels % 2 == 0 else 0 * one,
        "a click of one sample that no card plays": np.eye(frames, channels, k=-frames // 2) * 1e-4,
    }
    name = rng.choice(sorted(kinds))
    content = io.BytesIO()
    subtype = "FLOAT" if name in ("denormal", "quiet") else rng.choice(["PCM_16", "FLOAT"])
    soundfile.write(content, kinds[name], RATE, format="WAV", subtype=subtype)
    clip, _ = trial.extract(content.getvalue())
    return "" if clip.skipped or trial.silent(clip) else f"{name} is taken for sound"


def _sound_in_silence(rng: random.Random, trial: _Trial) -> str:
    samples = np.zeros_like(trial.samples)
    # In the middle third, which is in every window.
    start = rng.randrange(len(samples) // 3, len(samples) // 2)
    length = rng.randrange(2000, len(samples) // 6)
    samples[start : start + length] = rng.uniform(0.01, 0.5) * np.sin(0.1 * np.arange(length))
    content = io.BytesIO()
    soundfile.write(content, samples, RATE, format="FLAC")
    clip, _ = trial.extract(content.getvalue())
    return "sound is taken for silence" if clip.skipped or trial.silent(clip) else ""


def _no_numbers(rng: random.Random, trial: _Trial) -> str:
    samples = trial.samples.astype(np.float64)
    where = rng.randrange(len(samples))
    samples[where] = rng.choice([np.nan, np.inf, -np.inf, 1e30, -1e300, 40000.0])
    content = io.BytesIO()
    soundfile.write(content, samples, RATE, format="WAV", subtype="DOUBLE")
    clip, _ = trial.extract(content.getvalue())
    return "" if clip.skipped else "what is no number is taken for sound"


def _no_file(rng: random.Random, trial: _Trial) -> str:
    path = trial.path

    def bind() -> None:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(os.path.relpath(path))

    makers: dict[str, Callable[[], object]] = {
        "pipe": lambda: os.mkfifo(path),
        "socket": bind,
        "zero": lambda: path.symlink_to("/dev/zero"),
        "random": lambda: path.symlink_to("/dev/urandom"),
        "standard input": lambda: path.symlink_to("/dev/stdin"),
        "folder": path.mkdir,
        "loop": lambda: path.symlink_to(path),
        "dangling": lambda: path.symlink_to("nowhere"),
        "kernel's messages": lambda: path.symlink_to("/proc/kmsg"),
        "empty": path.touch,
        "nothing": lambda: None,
    }
    name = rng.choice(sorted(makers))
    makers[name]()
    clip, _ = trial.extract()
    return "" if clip.skipped else f"{name} is taken for a file"


def _a_claim(rng: random.Random, trial: _Trial) -> str:
    whole = trial.whole(format="WAV")
    place, form = rng.choice(
        [(4, "<I"), (22, "<H"), (24, "<I"), (28, "<I"), (32, "<H"), (40, "<I")]
    )
    size = struct.calcsize(form)
    value = rng.choice([0, 1, 2, 1000, 1024, 65535, 10**6, 2**31 - 1, 2**32 - 1]) % 256**size
    damaged = whole[:place] + struct.pack(form, value) + whole[place + size :]
    return trial.told_or_equal(whole, damaged)


def _long_silence(rng: random.Random, trial: _Trial) -> str:
    content = io.BytesIO()
    with soundfile.SoundFile(content, "w", 8000, 1, format="FLAC") as file:
        for _ in range(rng.choice([5, 15])):
            file.write(np.zeros(8000 * 60, dtype=np.float32))
    clip, _ = trial.extract(content.getvalue())
    return "" if clip.skipped or trial.silent(clip) else "minutes of nothing are taken for sound"


_KINDS: tuple[Draw, ...] = (
    _another_container,
    _cut,
    _damaged_header,
    _damaged_body,
    _silence,
    _sound_in_silence,
    _no_numbers,
    _no_file,
    _a_claim,
    _another_container,
    _cut,
    _damaged_header,
    _silence,
    _no_file,
    _a_claim,
    _long_silence,
)


@cache
def _log_mel(seconds: float) -> LogMel:
    return LogMel(FeatureParameters(12000, seconds, 512, 96, 32, "amplitude_to_db"))


@cache
def _real_sounds() -> tuple[np.ndarray, ...]:
    clips = [soundfile.read(path, dtype="float32")[0] for path in sorted(REAL_CLIPS.rglob("*.ogg"))]
    return tuple(np.resize(0.5 * clip / np.abs(clip).max(), RATE * 3 // 2) for clip in clips)


def _peak_bytes() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@contextmanager
def _alarm(seconds: int) -> Iterator[None]:
    def ring(*_: object) -> None:
        raise _Alarm

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
