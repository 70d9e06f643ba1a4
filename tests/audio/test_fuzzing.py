"""Real clips broken in hundreds of ways end as features or as reasons, and end nothing else."""

import io
import random
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
import soundfile

from fcn4_dist.audio import FeatureCache, FeatureParameters
from tests.audio.conftest import Extract

KINDS = ("OGG", "WAV", "FLAC", "MP3", "AU")
HEADER_BYTES = 64


def _flip_bytes(content: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice([1, 4, 100])):
        content[rng.randrange(len(content))] ^= rng.randrange(1, 256)


def _flip_bits_of_the_header(content: bytearray, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 4)):
        content[rng.randrange(HEADER_BYTES)] ^= 1 << rng.randrange(8)


def _overwrite_a_field_of_the_header(content: bytearray, rng: random.Random) -> None:
    value = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
    width = rng.choice([1, 2, 4, 8])
    start = rng.randrange(4, HEADER_BYTES - width)
    content[start : start + width] = bytes([value] * width)


def _cut(content: bytearray, rng: random.Random) -> None:
    del content[rng.randrange(len(content)) :]


def _cut_the_beginning(content: bytearray, rng: random.Random) -> None:
    del content[: rng.randrange(len(content))]


def _insert_a_block(content: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(content))
    content[start:start] = rng.randbytes(rng.choice([1, 100, 5000]))


def _zero_a_block(content: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(content))
    end = min(len(content), start + rng.choice([4, 500, 5000]))
    content[start:end] = bytes(end - start)


def _double_a_block(content: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(content))
    block = content[start : start + rng.choice([1, 500, 5000])]
    content[start:start] = block


MUTATIONS = [
    _flip_bytes,
    _flip_bits_of_the_header,
    _overwrite_a_field_of_the_header,
    _cut,
    _cut_the_beginning,
    _insert_a_block,
    _zero_a_block,
    _double_a_block,
]


def test_500_clips_broken_at_random_are_kept_or_skipped_and_break_nothing(
    tmp_path: Path, real_clips: Path, small_features: FeatureParameters, extract: Extract
) -> None:
    clips = _write_broken(tmp_path / "clips", sorted(real_clips.rglob("*.ogg")), 500)
    before = set(psutil.Process().children(recursive=True))
    begun = time.monotonic()
    results = extract(tmp_path / "npy", clips, processes=2, clip_timeout=10)
    assert time.monotonic() - begun < 120
    assert set(results) == {clip.name for clip in clips}
    cache = FeatureCache(tmp_path / "npy", small_features)
    for clip in results.values():
        assert len(clip.reason.splitlines()) <= 1, clip
        if clip.skipped:
            assert clip.reason, clip
        else:
            feature = cache.load(clip.sha256)
            assert feature.shape == small_features.shape, clip
            assert np.isfinite(feature).all(), clip
    # Else the mutations are too strong or too weak to say anything.
    statuses = Counter("skipped" if clip.skipped else "taken" for clip in results.values())
    assert min(statuses["skipped"], statuses["taken"]) > 100
    assert not list((tmp_path / "npy").rglob("*.tmp"))
    workers = set(psutil.Process().children(recursive=True)) - before
    assert not [each for each in workers if "spawn_main" in " ".join(each.cmdline())]


def _write_broken(folder: Path, real: list[Path], count: int) -> list[Path]:
    folder.mkdir()
    rng = random.Random(4)
    written = []
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        mutation = MUTATIONS[number // len(KINDS) % len(MUTATIONS)]
        content = bytearray(_converted(rng.choice(real), kind))
        mutation(content, rng)
        written.append(folder / f"{number:03d} {mutation.__name__.strip('_')}.{kind.lower()}")
        written[-1].write_bytes(content)
    return written


def _converted(clip: Path, kind: str) -> bytes:
    if kind == "OGG":
        return clip.read_bytes()
    samples, rate = soundfile.read(clip)
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind)
    return file.getvalue()
