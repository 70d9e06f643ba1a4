"""Whatever is in a collection: each file ends as a feature or as a reason a person understands."""

import io
import os
import re
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fcn4_dist.audio import (
    ClipFeature,
    FeatureCache,
    FeatureParameters,
    LogMel,
    extract_feature,
    silence_decoders,
)
from fcn4_dist.audio.level import CONTRADICTS
from fcn4_dist.processes import run_in_processes
from tests.audio.conftest import Extract

RATE = 44100
# (name, what is in the file, status, reason as a pattern)
Case = tuple[str, bytes | Callable[[Path], object], str, str]


def _whole(samples: np.ndarray, rate: int = RATE, **kind: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, **{"format": "WAV", **kind})
    return file.getvalue()


def _with(content: bytes, at: int, field: bytes) -> bytes:
    return content[:at] + field + content[at + len(field) :]


def _cut(samples: np.ndarray) -> Iterator[Case]:
    for ending in ("wav", "ogg", "flac", "mp3"):
        whole = _whole(samples, format=ending.upper())
        for promille in (1, 20, 300, 700, 995):
            reason = {
                "wav": r"cannot be decoded: Format not recognised\."
                rf"|({CONTRADICTS}, )?[01]\.\d\d s long",
                "ogg": r"cannot be decoded: .*|holds no samples|[01]\.\d\d s long",
                "flac": r"cannot be decoded: .*",
                "mp3": r"cannot be decoded: .*|(1.50 s by its header, )?[01]\.\d\d s long",
            }[ending]
            status = "skipped" if ending == "flac" else "padded|skipped"
            yield f"cut {promille}.{ending}", whole[: len(whole) * promille // 1000], status, reason


def _no_audio() -> Iterator[Case]:
    unknown = re.escape("cannot be decoded: Format not recognised.")
    for ending in ("wav", "mp3", "ogg", "flac", "au", "snd", "gsm", "raw"):
        yield f"empty.{ending}", b"", "skipped", "is an empty file"
        yield f"text.{ending}", b"This is no music.\n" * 500, "skipped", unknown
        yield f"zeros.{ending}", bytes(10_000), "skipped", unknown
    yield "folder.wav", Path.mkdir, "skipped", "cannot be read: Is a directory"
    yield "pipe.wav", os.mkfifo, "skipped", "cannot be read: It is a pipe, not a file"
    yield "socket.wav", _bind, "skipped", "cannot be read: It is a socket, not a file"
    for place, reason in (
        ("/dev/zero", "cannot be read: It is a device, not a file"),
        ("/dev/null", "cannot be read: It is a device, not a file"),
        ("/proc/self/fd/2", "cannot be read: It is a .*, not a file"),
        ("/proc/kmsg", "is an empty file|cannot be read: .*"),
        ("/proc/cpuinfo", "is an empty file"),
    ):
        name = f"link{place.replace('/', ' ')}.wav"
        yield name, partial(Path.symlink_to, target=place), "skipped", reason
    yield "missing.wav", lambda path: None, "skipped", "cannot be read: No such file or directory"
    yield (
        "dangling.wav",
        lambda path: path.symlink_to("nowhere"),
        "skipped",
        "cannot be read: No such file or directory",
    )
    yield (
        "itself.wav",
        lambda path: path.symlink_to(path),
        "skipped",
        "cannot be read: Too many levels of symbolic links",
    )


def _bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(path))


def _samples(samples: np.ndarray) -> Iterator[Case]:
    for value in (np.nan, np.inf, -np.inf):
        for subtype in ("FLOAT", "DOUBLE"):
            broken = samples.copy()
            broken[30_000] = value
            content = _whole(broken, subtype=subtype)
            yield f"{value} {subtype}.wav", content, "skipped", "holds samples that are NaN or .*"
    integers = _whole(samples * 2**31, subtype="FLOAT")
    full_scale = r"holds samples up to 1e\+08, where 1 is full scale: integers taken .*"
    yield "integers.wav", integers, "skipped", full_scale
    yield "loud.wav", _whole(100 * samples, subtype="FLOAT"), "kept", ""
    yield "silent.wav", _whole(0 * samples), "kept", "silent"
    yield "silent.flac", _whole(0 * samples, format="FLAC"), "kept", "silent"
    yield "none.wav", _whole(samples[:0]), "skipped", "holds no samples"
    yield "one.wav", _whole(samples[30_000:30_001]), "padded", r"(silent, )?0\.00 s long"
    yield "short.wav", _whole(samples[:4410]), "padded", r"0\.10 s long"
    yield "long.wav", _whole(np.tile(samples, 20)), "cropped", r"30\.00 s long"


def _kinds(samples: np.ndarray) -> Iterator[Case]:
    for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"):
        yield f"{subtype}.wav", _whole(samples, subtype=subtype), "kept", ""
    for channels in range(1, 7):
        yield f"{channels}.wav", _whole(np.stack([samples] * channels, axis=1)), "kept", ""
    for rate in (8000, 11025, 16000, 22050, 32000, 48000, 88200, 96000, 192000):
        long_enough = np.tile(samples, 5)[: rate * 3 // 2]
        yield f"{rate}.wav", _whole(long_enough, rate), "kept", ""
    for kind in ("OGG", "FLAC", "MP3", "AIFF", "AU", "W64", "CAF", "RF64", "WAVEX", "NIST"):
        yield f"clip.{kind.lower()}", _whole(samples, format=kind), "kept", ""
    yield "opus.ogg", _whole(samples, 48000, format="OGG", subtype="OPUS"), "padded", r"1\.38 s .*"
    yield "mislabelled.mp3", _whole(samples, format="FLAC"), "kept", ""


def _lies(samples: np.ndarray) -> Iterator[Case]:
    wav, flac, au = (_whole(samples, format=kind) for kind in ("WAV", "FLAC", "AU"))
    size = wav.index(b"data") + 4
    for says, status, reason in (
        (0, "skipped", "holds no samples"),
        (20_000, "padded", r"0\.23 s long"),
        (10_000_000, "kept", CONTRADICTS),
        (0xFFFFFFFF, "kept", ""),
    ):
        yield f"says {says}.wav", _with(wav, size, struct.pack("<I", says)), status, reason
    for says, status, reason in (
        (0, "kept", ""),
        (1000, "padded", r"0\.02 s long"),
        (100_000, "kept", r"2\.27 s by its header, 1\.50 s long"),
        (2**36 - 1, "kept", r"1558264\.78 s by its header, 1\.50 s long"),
    ):
        first = struct.pack(">B", flac[21] & 0xF0 | says >> 32)
        lying = _with(flac, 21, first + struct.pack(">I", says & 0xFFFFFFFF))
        yield f"says {says}.flac", lying, status, reason
    for says, status, reason in (
        (0xFFFFFFFF, "kept", ""),
        (10_000_000, "kept", CONTRADICTS),
        (20_000, "padded", r"0\.23 s long"),
    ):
        yield f"says {says}.au", _with(au, 8, struct.pack(">I", says)), status, reason
    for channels in (0, 2000, 65535):
        lying = _with(wav, 22, struct.pack("<H", channels))
        yield f"{channels} channels.wav", lying, "skipped", "cannot be decoded: .*hannel.*"
    for rate in (0, 2**31, 2**32 - 1):
        reason = "cannot be decoded: no valid sample rate in the header"
        yield f"{rate} Hz.wav", _with(wav, 24, struct.pack("<I", rate)), "skipped", reason
    for rate in (22050, 44101):
        name = f"{rate} Hz.wav"
        status = "kept|cropped|padded"
        yield name, _with(wav, 24, struct.pack("<I", rate)), status, rf"{CONTRADICTS}(, .*)?"
        field = (rate << 12 | int.from_bytes(flac[18:22], "big") & 0xFFF).to_bytes(4, "big")
        yield f"{rate} Hz.flac", _with(flac, 18, field), status, rf"{CONTRADICTS}(, .*)?"
    lying = _with(wav, 22, struct.pack("<H", 2))
    yield "two channels.wav", lying, "padded", rf"{CONTRADICTS}, 0\.75 s long"
    for rate in (1, 999, 2_000_000, 2**31 - 1):
        reason = f"has a sample rate of {rate} Hz by its header"
        yield f"{rate} Hz.wav", _with(wav, 24, struct.pack("<I", rate)), "skipped", reason


def _names(samples: np.ndarray) -> Iterator[Case]:
    content = _whole(samples)
    for name in (
        "new\nline",
        "it's",
        '"quoted"',
        " ",
        "雨" * 83 + "ab",
        "-",
        "%s {} $HOME \\",
        "*",
    ):
        yield f"{name}.wav", content, "kept", ""
    yield os.fsdecode(b"caf\xe9.wav"), content, "kept", ""
    yield os.fsdecode(b"\xff.ogg"), b"", "skipped", "is an empty file"
    yield "nul\0.wav", lambda path: None, "skipped", "cannot be read: embedded null byte"


GROUPS = [_cut, _no_audio, _samples, _kinds, _lies, _names]


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.__name__.strip("_"))
def test_every_file_is_kept_or_skipped_for_a_reason(
    tmp_path: Path,
    real_clip: Path,
    small_features: FeatureParameters,
    extract: Extract,
    group: Callable[..., Iterator[Case]],
) -> None:
    samples, rate = soundfile.read(real_clip, dtype="float32")
    assert rate == RATE
    cases = list(group(*[samples][: group.__code__.co_argcount]))
    files = [tmp_path / name for name, *_ in cases]
    for file, (_, content, *_) in zip(files, cases, strict=True):
        if callable(content):
            content(file)
        else:
            file.write_bytes(content)
    results = extract(tmp_path / "npy", files, processes=2)
    wrong = [
        (results[name], expected)
        for name, _, *expected in cases
        if not (
            re.fullmatch(expected[0], results[name].status)
            and re.fullmatch(expected[1], results[name].reason)
        )
    ]
    assert wrong == []
    cache = FeatureCache(tmp_path / "npy", small_features)
    for clip in results.values():
        _check(clip, cache)


def _check(clip: ClipFeature, cache: FeatureCache) -> None:
    assert len(clip.reason.splitlines()) <= 1
    if clip.skipped:
        assert (clip.sha256, clip.seconds) == ("", 0)
        assert clip.reason
    else:
        assert np.isfinite(cache.load(clip.sha256)).all()
        assert clip.seconds >= 0


def test_samples_of_every_kind_have_about_the_same_feature(
    tmp_path: Path, real_clip: Path, small_features: FeatureParameters, extract: Extract
) -> None:
    samples, _ = soundfile.read(real_clip, dtype="float32")
    kinds = {name: content for name, content, *_ in _kinds(0.5 * samples / samples.max())}
    names = ["PCM_16.wav", "PCM_24.wav", "PCM_32.wav", "FLOAT.wav", "DOUBLE.wav", "5.wav"]
    names += ["clip.flac", "clip.aiff", "clip.au", "clip.w64", "clip.caf", "mislabelled.mp3"]
    for name in names:
        (tmp_path / name).write_bytes(kinds[name])
    results = extract(tmp_path / "npy", [tmp_path / name for name in names])
    cache = FeatureCache(tmp_path / "npy", small_features)
    features = [np.array(cache.load(results[name].sha256)) for name in names]
    for feature in features:
        # Quiet bands hold what 16 bits round.
        loud = features[0] > features[0].max() - 40
        np.testing.assert_allclose(feature[loud], features[0][loud], atol=0.1)


def test_a_file_that_changes_while_it_is_read_has_no_feature(
    tmp_path: Path, real_clip: Path, small_features: FeatureParameters
) -> None:
    clip = tmp_path / "clip.ogg"
    clip.write_bytes(real_clip.read_bytes())

    class Meanwhile(LogMel):
        change: Callable[[Path], object]

        def __call__(self, waveform: np.ndarray) -> np.ndarray:
            self.change(clip)
            return super().__call__(waveform)

    log_mel = Meanwhile(small_features)
    cache = FeatureCache(tmp_path / "npy", small_features)
    cache.prepare()
    for change, reason in (
        (lambda path: path.write_bytes(path.read_bytes() + b"more"), "was changed while it was"),
        (lambda path: path.write_bytes(path.read_bytes()), "was changed while it was read"),
        (Path.unlink, "cannot be read: No such file or directory"),
    ):
        log_mel.change = change
        result = extract_feature("clip", clip, cache, log_mel)
        assert result.skipped and result.reason.startswith(reason)
    assert not list((tmp_path / "npy").rglob("*.npy"))


_UNPRIVILEGED = """
import os, sys
from pathlib import Path
from fcn4_dist.audio import FeatureCache, FeatureParameters, LogMel, extract_feature
clip, npy_path = map(Path, sys.argv[1:])
parameters = FeatureParameters(12000, 1.5, 512, 96, 32, "amplitude_to_db")
cache, log_mel = FeatureCache(npy_path, parameters), LogMel(parameters)
if os.getuid() == 0:
    # Root may read everything. All is imported by now, which this user may not read either.
    os.setuid(65534)
print(extract_feature("clip", clip, cache, log_mel).reason)
"""


def test_a_clip_one_may_not_read_is_skipped(tmp_path: Path, real_clip: Path) -> None:
    clip = tmp_path / "clip.ogg"
    clip.write_bytes(real_clip.read_bytes())
    clip.chmod(0)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", _UNPRIVILEGED, clip, tmp_path / "npy"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "cannot be read: Permission denied\n"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["hole.wav", "clip.flac", "clip.ogg"])
def test_two_hours_of_stereo_take_no_more_memory_than_a_song(
    tmp_path: Path, real_clip: Path, small_features: FeatureParameters, kind: str
) -> None:
    if kind == "hole.wav":
        _write_hole(tmp_path / kind, seconds=7200)
    else:
        _write_long(tmp_path / kind, real_clip, seconds=7200)
    cache = FeatureCache(tmp_path / "npy", small_features)
    cache.prepare()
    ((_, future),) = run_in_processes(
        partial(_extract_and_weigh, cache, LogMel(small_features)),
        [("clip", tmp_path / kind)],
        1,
        prepare=silence_decoders,
    )
    clip, peak_bytes = future.result()
    assert clip.status == "cropped"
    assert clip.seconds == pytest.approx(7200, abs=0.1)
    assert clip.reason.startswith("silent, 7200.00" if kind == "hole.wav" else "7200.0")
    assert 30e6 < peak_bytes < 300e6


def _extract_and_weigh(
    cache: FeatureCache, log_mel: LogMel, clip: tuple[str, Path]
) -> tuple[ClipFeature, int]:
    feature = extract_feature(*clip, cache, log_mel)
    status = Path("/proc/self/status").read_text()
    return feature, 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])


def _write_hole(path: Path, seconds: int) -> None:
    content = _whole(np.zeros((1, 2)))
    size = seconds * RATE * 4
    path.write_bytes(_with(content[:44], 40, struct.pack("<I", size)))
    os.truncate(path, 44 + size)


def _write_long(path: Path, real_clip: Path, seconds: int) -> None:
    samples, _ = soundfile.read(real_clip, dtype="float32")
    ten_seconds = np.resize(np.stack([samples, samples[::-1]], axis=1), (220500, 2))
    with soundfile.SoundFile(path, "w", 22050, 2) as file:
        for _ in range(seconds // 10):
            file.write(ten_seconds)
