"""Silence on its way from a collection to shards, and to tags."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fcn4_dist.cli import main
from tests.jobs.test_preprocess import flags_of, preprocess
from tests.tagging.conftest import checkpoint, description, exported, parameters

__all__ = ["checkpoint", "description", "exported", "parameters"]

Captured = pytest.CaptureFixture[str]
RATE = 12000
NOISE = np.random.default_rng(1).normal(0, 0.1, RATE * 3 // 2)
SILENT = {
    "zeros.wav": 0 * NOISE,
    "constant.wav": 0 * NOISE + 0.5,
    "quiet.wav": 1e-3 * NOISE,
    "opposite.wav": np.stack([NOISE, -NOISE], axis=1),
}


def write_silence(folder: Path) -> None:
    for name, samples in SILENT.items():
        soundfile.write(folder / name, samples, RATE, "FLOAT")


def test_silent_clips_are_told_by_class_and_are_in_no_shard(
    real_clips: Path, tmp_path: Path, capsys: Captured
) -> None:
    clips = Path(shutil.copytree(real_clips, tmp_path / "clips"))
    write_silence(clips / "rain")
    manifest = preprocess(tmp_path, clips)
    told = capsys.readouterr().out
    assert "warning: class rain: 4 of 11 clips are silent" in told
    assert 'clips of which "' not in told
    left_out = {clip.id: clip for clip in manifest.clips if not clip.set}
    assert set(left_out) == {f"rain/{name}" for name in SILENT}
    assert {clip.status for clip in left_out.values()} == {"left out"}
    assert left_out["rain/quiet.wav"].reason == "silent: -80.0 dBFS at its loudest"
    assert left_out["rain/opposite.wav"].reason == (
        "silent: -200.0 dBFS at its loudest (its channels cancel when mixed)"
    )
    assert all(
        clip.level_dbfs is not None and -60 < clip.level_dbfs < 0
        for clip in manifest.clips
        if clip.set
    )
    assert main(["inspect", str(tmp_path / "shards"), "--per_class", "1"]) == 0
    shown = capsys.readouterr().out
    assert "4 left out: silent" in shown and "the quietest: " in shown
    # The second stage alone says the same.
    flags = flags_of(tmp_path, clips, get_npy="0", strict="True")
    assert main(["preprocess", *flags]) == 1
    captured = capsys.readouterr()
    assert "warning: class rain: 4 of 11 clips are silent" in captured.out
    assert "4 clips were skipped or are silent, like rain/" in captured.err
    manifest = preprocess(tmp_path, clips, get_npy="0", silence_level="-200")
    assert all(clip.set for clip in manifest.clips)


def test_a_class_of_silence_alone_is_refused(
    real_clips: Path, tmp_path: Path, capsys: Captured
) -> None:
    clips = Path(shutil.copytree(real_clips, tmp_path / "clips"))
    shutil.rmtree(clips / "rain")
    (clips / "rain").mkdir()
    write_silence(clips / "rain")
    assert main(["preprocess", *flags_of(tmp_path, clips)]) == 2
    captured = capsys.readouterr()
    told = captured.out + captured.err
    assert "class rain: 4 of 4 clips are silent" in told
    assert "no clip of these classes can be used" in told and "1, like rain:" in told
    assert [path for path in tmp_path.glob("shards/*") if path.is_file()] == []


def test_a_silent_song_is_tagged_with_a_warning(
    exported: Path, tmp_path: Path, real_clip: Path, capsys: Captured
) -> None:
    write_silence(tmp_path)
    soundfile.write(tmp_path / "half.wav", np.append(NOISE, 0 * NOISE), RATE)
    shutil.copy(real_clip, tmp_path / "sound.ogg")
    assert main(["tag", str(tmp_path), "--model", str(exported), "--json"]) == 0
    captured = capsys.readouterr()
    assert {name for name in SILENT if f"{tmp_path / name} is silent (" in captured.err} == {
        *SILENT
    }
    assert captured.err.count("is silent") == 4
    assert "its channels cancel when mixed): its tags are of nothing to be heard" in captured.err
    songs = {Path(song["path"]).name: song for song in map(json.loads, captured.out.splitlines())}
    assert songs["zeros.wav"]["level_dbfs"] == -200
    assert songs["half.wav"]["windows"]["level_dbfs"][-1] == -200
    assert songs["half.wav"]["level_dbfs"] == max(songs["half.wav"]["windows"]["level_dbfs"]) > -25
    assert main(["tag", str(tmp_path / "half.wav"), "--model", str(exported)]) == 0
    assert "1 of 3 windows silent" in capsys.readouterr().out
