"""The audio -> npy stage."""

import hashlib
import os
import re
import resource
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile

from fcn4_dist.audio import (
    ClipFeature,
    FeatureCache,
    FeatureIndex,
    FeatureParameters,
    LogMel,
    discard_feature_index,
    extract_features,
    load_waveform,
    read_feature_index,
    silence_decoders,
)
from fcn4_dist.errors import InputError
from fcn4_dist.processes import run_in_processes
from tests.audio.conftest import Extract

ROOT = Path(__file__).parents[2]


def test_the_cache_holds_the_feature_of_a_clip(
    tmp_path: Path, real_clip: Path, small_features: FeatureParameters, extract: Extract
) -> None:
    clip = extract(tmp_path, [real_clip])[real_clip.name]
    sha256 = hashlib.sha256(real_clip.read_bytes()).hexdigest()
    expected = ClipFeature(real_clip.name, str(real_clip), sha256, "kept", "", 1.5, -42.51)
    assert clip == expected
    stored = FeatureCache(tmp_path, small_features).load(sha256)
    expected = LogMel(small_features)(load_waveform(real_clip, 12000))
    np.testing.assert_allclose(stored, expected, atol=1e-4)
    assert stored.dtype == np.float32


@pytest.mark.parametrize(
    ("seconds", "status", "reason"),
    [(1.0, "cropped", "1.50 s long"), (1.5, "kept", ""), (2.0, "padded", "1.50 s long")],
)
def test_a_clip_of_another_length_than_the_window_says_how_long_it_was(
    tmp_path: Path,
    real_clip: Path,
    small_features: FeatureParameters,
    extract: Extract,
    seconds: float,
    status: str,
    reason: str,
) -> None:
    parameters = replace(small_features, clip_seconds=seconds)
    clip = extract(tmp_path, [real_clip], parameters)[real_clip.name]
    assert (clip.status, clip.reason, clip.seconds) == (status, reason, 1.5)
    assert FeatureCache(tmp_path, parameters).load(clip.sha256).shape == parameters.shape


def test_an_ogg_file_that_ends_early_is_taken_as_far_as_it_goes_and_said_to_be_short(
    tmp_path: Path, real_clip: Path, extract: Extract
) -> None:
    content = real_clip.read_bytes()
    (tmp_path / "clip.ogg").write_bytes(content[: len(content) * 3 // 4])
    clip = extract(tmp_path / "npy", [tmp_path / "clip.ogg"])["clip.ogg"]
    assert clip.status == "padded"
    assert 0 < float(clip.reason.removesuffix(" s long")) < 1.5


def test_a_broken_clip_leaves_the_others_as_they_are(
    tmp_path: Path, real_clip: Path, extract: Extract
) -> None:
    (tmp_path / "a.wav").write_bytes(real_clip.read_bytes())
    (tmp_path / "b.wav").write_text("no longer music")
    (tmp_path / "c.wav").write_bytes(real_clip.read_bytes())
    results = extract(tmp_path / "npy", [tmp_path / f"{name}.wav" for name in "abc"])
    assert [clip.status for clip in results.values()] == ["kept", "skipped", "kept"]


def test_a_skipped_clip_is_tried_again_by_the_next_run(
    tmp_path: Path, real_clip: Path, extract: Extract
) -> None:
    clip = tmp_path / "clip.ogg"
    os.mkfifo(clip)
    assert extract(tmp_path / "npy", [clip])["clip.ogg"].skipped
    assert not _features(tmp_path / "npy")
    clip.unlink()
    clip.write_bytes(real_clip.read_bytes())
    assert extract(tmp_path / "npy", [clip])["clip.ogg"].status == "kept"


def test_features_are_the_same_bytes_on_any_number_of_processes(
    tmp_path: Path, real_clips: Path, extract: Extract
) -> None:
    clips = sorted(real_clips.rglob("*.ogg"))
    runs = {}
    for processes in (1, 2, 3):
        npy_path = tmp_path / str(processes)
        results = extract(npy_path, clips, processes=processes)
        files = {path.relative_to(npy_path): path.read_bytes() for path in _files(npy_path)}
        runs[processes] = (files, sorted(results.items()))
    assert len(runs[1][0]) == len(clips) + 1
    assert runs[1] == runs[2] == runs[3]


def test_what_is_there_is_not_computed_again(
    tmp_path: Path, real_clips: Path, extract: Extract
) -> None:
    clips = sorted(real_clips.rglob("*.ogg"))
    first = extract(tmp_path, clips)
    before = _times(tmp_path)
    assert extract(tmp_path, clips, processes=2) == first
    assert _times(tmp_path) == before


def test_the_same_bytes_under_two_names_are_computed_once(
    tmp_path: Path, real_clip: Path, extract: Extract
) -> None:
    (tmp_path / "copy.ogg").write_bytes(real_clip.read_bytes())
    first, second = extract(tmp_path / "npy", [real_clip, tmp_path / "copy.ogg"]).values()
    assert second == replace(first, id="copy.ogg", source=str(tmp_path / "copy.ogg"))
    assert len(_features(tmp_path / "npy")) == 1


def test_other_bytes_under_the_same_name_are_computed_anew(
    tmp_path: Path, real_clip: Path, small_features: FeatureParameters, extract: Extract
) -> None:
    samples, rate = soundfile.read(real_clip)
    cache = FeatureCache(tmp_path / "npy", small_features)
    features = []
    for louder in (1, 4):
        soundfile.write(tmp_path / "clip.wav", louder * samples, rate, subtype="FLOAT")
        # As a copy that keeps the times of its original.
        os.utime(tmp_path / "clip.wav", (1e9, 1e9))
        clip = extract(tmp_path / "npy", [tmp_path / "clip.wav"])["clip.wav"]
        features.append(np.array(cache.load(clip.sha256)))
    assert features[1].max() - features[0].max() == pytest.approx(40 * np.log10(4), abs=1e-3)


def _loaded_modules(*_: object) -> set[str]:
    # What a worker of features has imported with its first clip.
    import soundfile
    import soxr

    assert soundfile and soxr
    return set(sys.modules)


def test_a_worker_imports_neither_librosa_nor_mindspore(
    tmp_path: Path, small_features: FeatureParameters
) -> None:
    tools = (FeatureCache(tmp_path, small_features), LogMel(small_features))
    ((_, future),) = run_in_processes(
        partial(_loaded_modules, *tools), [None], 1, prepare=silence_decoders
    )
    loaded = future.result()
    assert {"fcn4_dist.audio.extraction", "soundfile"} <= loaded
    assert not loaded & {"librosa", "mindspore", "numba", "sklearn"}


_PROGRAM = """
import sys
from pathlib import Path
from fcn4_dist.audio import FeatureCache, FeatureParameters, extract_features

if __name__ == "__main__":
    npy_path, *clips = map(Path, sys.argv[1:])
    parameters = FeatureParameters(12000, 1.5, 512, 96, 32, "amplitude_to_db")
    cache = FeatureCache(npy_path, parameters)
    cache.prepare()
    for clip in extract_features([(clip.name, clip) for clip in clips], cache, 2, 60):
        print(clip.id, clip.status, clip.reason, flush=True)
"""


def _start(tmp_path: Path, npy_path: Path, clips: list[Path], **kind: object) -> subprocess.Popen:
    (tmp_path / "program.py").write_text(_PROGRAM)
    return subprocess.Popen(
        [sys.executable, tmp_path / "program.py", npy_path, *clips],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **kind,
    )


def test_a_killed_run_leaves_no_process_and_the_next_goes_on_where_it_was(
    tmp_path: Path, real_clip: Path, extract: Extract
) -> None:
    clips = _different_clips(tmp_path / "clips", real_clip, 200)
    program = _start(tmp_path, tmp_path / "npy", clips)
    for _ in range(20):
        program.stdout.readline()
    processes = psutil.Process(program.pid).children(recursive=True)
    program.kill()
    program.communicate()
    deadline = time.monotonic() + 20
    while any(map(_runs, processes)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    before = _times(tmp_path / "npy")
    done = [path for path in before if path.suffix == ".npy" and path.name[0] != "."]
    assert 20 <= len(done) < 200
    results = extract(tmp_path / "npy", clips, processes=2)
    assert {clip.status for clip in results.values()} == {"kept"}
    after = _times(tmp_path / "npy")
    assert len(after) == 200 + 1
    assert all(after[path] == before[path] for path in done)
    assert not list((tmp_path / "npy").rglob("*.tmp"))


def test_a_disk_that_is_full_ends_the_run_and_skips_nothing(
    tmp_path: Path, real_clip: Path
) -> None:
    def limit() -> None:
        # As large as half a feature; root can make a file system, others cannot.
        resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000))

    clips = _different_clips(tmp_path / "clips", real_clip, 4)
    program = _start(tmp_path, tmp_path / "npy", clips, preexec_fn=limit)
    output, errors = program.communicate()
    assert program.returncode == 1
    assert output == ""
    assert re.fullmatch(
        r"OSError: \[Errno 27\] File too large: '.*/[0-9a-f]{64}\.npy'", errors.splitlines()[-1]
    )
    assert not _features(tmp_path / "npy")
    assert not list((tmp_path / "npy").rglob("*.tmp"))


def test_a_file_system_that_is_full_ends_the_run_and_the_next_goes_on(
    small_disk: Path, tmp_path: Path, real_clip: Path, extract: Extract
) -> None:
    clips = _different_clips(tmp_path / "clips", real_clip, 12)
    subprocess.run(["mount", "-o", "remount,size=200k", small_disk], check=True)
    with pytest.raises(OSError, match=r"No space left on device: '.*\.npy'"):
        extract(small_disk, clips)
    assert 0 < len(_features(small_disk)) < 12
    subprocess.run(["mount", "-o", "remount,size=2M", small_disk], check=True)
    assert len(extract(small_disk, clips)) == len(_features(small_disk)) == 12


def test_the_index_says_what_became_of_every_clip_and_with_which_parameters(
    tmp_path: Path, real_clip: Path, small_features: FeatureParameters, extract: Extract
) -> None:
    name = os.fsdecode(b'caf\xe9\n".ogg')
    (tmp_path / name).write_bytes(real_clip.read_bytes())
    results = extract(tmp_path, [tmp_path / name, real_clip, tmp_path / "missing.ogg"])
    index = FeatureIndex(small_features, tuple(results.values()))
    index.write(tmp_path)
    assert read_feature_index(tmp_path) == index
    assert [clip.skipped for clip in index.clips] == [False, False, True]


def test_an_unfinished_stage_has_no_index(
    tmp_path: Path, real_clip: Path, small_features: FeatureParameters
) -> None:
    FeatureIndex(small_features, ()).write(tmp_path)
    discard_feature_index(tmp_path)
    cache = FeatureCache(tmp_path, small_features)
    cache.prepare()
    stage = extract_features([("1", real_clip), ("2", real_clip)], cache, 1, 60)
    next(stage)
    stage.close()
    with pytest.raises(InputError, match=r"features.json is missing: .* --get_npy 1"):
        read_feature_index(tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"format": 1}', '{"format": 2}', '{"format": 2, "parameters": {}}'],
)
def test_an_index_that_cannot_be_understood_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "features.json").write_text(text)
    with pytest.raises(InputError, match=r"features.json"):
        read_feature_index(tmp_path)


def _different_clips(folder: Path, real_clip: Path, count: int) -> list[Path]:
    folder.mkdir()
    samples, rate = soundfile.read(real_clip)
    clips = [folder / f"{number:03d}.wav" for number in range(count)]
    for number, clip in enumerate(clips):
        soundfile.write(clip, np.roll(samples, 100 * number), rate)
    return clips


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _features(npy_path: Path) -> list[Path]:
    return sorted(npy_path.rglob("*.npy"))


def _times(npy_path: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in _files(npy_path) if path.suffix != ".tmp"}


def _runs(process: psutil.Process) -> bool:
    try:
        # Where nothing reaps orphans they stay as zombies.
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
