"""The audio -> npy stage."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fcn4_dist.audio import (
    ClipFeature,
    FeatureParameters,
    extract_features,
    feature_file,
    load_waveform,
    log_mel_spectrogram,
    read_feature_index,
)
from fcn4_dist.errors import InputError


def _truncated_ogg(path: Path, real_clip: Path) -> None:
    path.write_bytes(real_clip.read_bytes()[:2000])


def _text_named_wav(path: Path, real_clip: Path) -> None:
    path.write_text(f"{real_clip.name} was here\n")


def _empty_file(path: Path, real_clip: Path) -> None:
    path.touch()


def _wav_with_nan(path: Path, real_clip: Path) -> None:
    samples, rate = soundfile.read(real_clip)
    samples[len(samples) // 2] = np.nan
    soundfile.write(path, samples, rate, subtype="FLOAT")


def _wav_without_samples(path: Path, real_clip: Path) -> None:
    soundfile.write(path, np.zeros(0), 44100)


def _wav_of_32_bit_integers_taken_for_floats(path: Path, real_clip: Path) -> None:
    samples, rate = soundfile.read(real_clip)
    soundfile.write(path, samples / np.abs(samples).max() * 2**31, rate, subtype="FLOAT")


def _folder(path: Path, real_clip: Path) -> None:
    path.mkdir()


def _nothing(path: Path, real_clip: Path) -> None:
    path.unlink(missing_ok=True)


def _link_to_itself(path: Path, real_clip: Path) -> None:
    path.symlink_to(path)


BREAKAGES = [
    _truncated_ogg,
    _text_named_wav,
    _empty_file,
    _wav_with_nan,
    _wav_without_samples,
    _wav_of_32_bit_integers_taken_for_floats,
    _folder,
    _nothing,
    _link_to_itself,
]


@pytest.mark.parametrize("break_clip", BREAKAGES, ids=lambda each: each.__name__.strip("_"))
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_a_broken_clip_is_skipped_for_a_reason_and_the_others_are_written(
    tmp_path: Path,
    real_clip: Path,
    small_features: FeatureParameters,
    break_clip: Callable[[Path, Path], None],
) -> None:
    break_clip(tmp_path / "broken.wav", real_clip)
    clips = [("a/1", real_clip), ("a/broken", tmp_path / "broken.wav"), ("b/2", real_clip)]
    npy_path = tmp_path / "npy"
    results = list(extract_features(clips, small_features, npy_path))
    assert [clip.status for clip in results] == ["kept", "skipped", "kept"]
    assert results[1].reason
    assert _files_below(npy_path) == {"a/1.npy", "b/2.npy", "features.json"}


def test_nothing_stays_of_a_clip_that_was_whole_in_an_earlier_run(
    tmp_path: Path, real_clip: Path, small_features: FeatureParameters
) -> None:
    clip = tmp_path / "clip.ogg"
    clip.write_bytes(real_clip.read_bytes())
    _extract([("clip.ogg", clip)], small_features, tmp_path / "npy")
    assert _files_below(tmp_path / "npy") == {"clip.ogg.npy", "features.json"}
    clip.write_text("no longer music")
    assert _extract([("clip.ogg", clip)], small_features, tmp_path / "npy")[0].skipped
    assert _files_below(tmp_path / "npy") == {"features.json"}


def test_an_ogg_file_that_ends_early_is_taken_as_far_as_it_goes_and_said_to_be_short(
    tmp_path: Path, real_clip: Path, small_features: FeatureParameters
) -> None:
    content = real_clip.read_bytes()
    (tmp_path / "clip.ogg").write_bytes(content[: len(content) * 3 // 4])
    (clip,) = _extract([("clip", tmp_path / "clip.ogg")], small_features, tmp_path / "npy")
    assert clip.status == "padded"
    assert 0 < float(clip.reason.removesuffix(" s long")) < 1.5


def test_the_reason_a_file_cannot_be_read_names_it(
    tmp_path: Path, small_features: FeatureParameters
) -> None:
    missing = tmp_path / "missing.wav"
    (clip,) = _extract([("a", missing)], small_features, tmp_path / "npy")
    assert clip == ClipFeature("a", str(missing), "", "skipped", clip.reason)
    assert str(missing) in clip.reason


def test_a_feature_file_holds_the_feature_of_its_clip(
    tmp_path: Path, real_clip: Path, small_features: FeatureParameters
) -> None:
    _extract([("dog/a.ogg", real_clip)], small_features, tmp_path)
    stored = np.load(tmp_path / "dog" / "a.ogg.npy")
    expected = log_mel_spectrogram(load_waveform(real_clip, 12000), small_features)
    np.testing.assert_array_equal(stored, expected)
    assert stored.dtype == np.float32
    assert feature_file(tmp_path, "dog/a.ogg") == tmp_path / "dog" / "a.ogg.npy"


@pytest.mark.parametrize(
    ("seconds", "status", "reason"),
    [(1.0, "cropped", "1.50 s long"), (1.5, "kept", ""), (2.0, "padded", "1.50 s long")],
)
def test_a_clip_of_another_length_than_the_window_says_how_long_it_was(
    tmp_path: Path,
    real_clip: Path,
    small_features: FeatureParameters,
    seconds: float,
    status: str,
    reason: str,
) -> None:
    parameters = replace(small_features, window_seconds=seconds)
    (clip,) = _extract([("clip", real_clip)], parameters, tmp_path)
    sha256 = hashlib.sha256(real_clip.read_bytes()).hexdigest()
    assert clip == ClipFeature("clip", str(real_clip), sha256, status, reason)
    assert np.load(tmp_path / "clip.npy").shape == parameters.shape


def test_clips_that_differ_in_their_ending_only_have_features_of_their_own(
    tmp_path: Path, real_clips: Path, small_features: FeatureParameters
) -> None:
    dog, rain = (min((real_clips / name).iterdir()) for name in ("dog_bark", "rain"))
    _extract([("x/clip.ogg", dog), ("x/clip.wav", rain)], small_features, tmp_path)
    first, second = (np.load(tmp_path / "x" / f"clip.{ending}.npy") for ending in ("ogg", "wav"))
    assert not np.array_equal(first, second)


def test_two_runs_write_the_same_bytes(
    tmp_path: Path, real_clip: Path, small_features: FeatureParameters
) -> None:
    for run in ("first", "second"):
        _extract([("clip", real_clip)], small_features, tmp_path / run)
    for name in ("clip.npy", "features.json"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_a_clip_whose_name_is_as_long_as_names_can_be_stops_nothing(
    tmp_path: Path, real_clip: Path, small_features: FeatureParameters
) -> None:
    name = "雨" * 83 + ".ogg"
    assert len(os.fsencode(name)) == 253
    (tmp_path / name).write_bytes(real_clip.read_bytes())
    clips = [(name, tmp_path / name), ("other.ogg", real_clip)]
    results = _extract(clips, small_features, tmp_path / "npy")
    assert [clip.id for clip in results] == [name, "other.ogg"]
    assert results[1].status == "kept"


def test_a_clip_whose_name_is_not_utf_8_stops_nothing_and_is_in_the_index(
    tmp_path: Path, real_clip: Path, small_features: FeatureParameters
) -> None:
    name = os.fsdecode(b"caf\xe9.ogg")
    (tmp_path / name).write_bytes(real_clip.read_bytes())
    clips = [(name, tmp_path / name), ("other.ogg", real_clip)]
    results = _extract(clips, small_features, tmp_path / "npy")
    assert results[1].status == "kept"
    assert list(read_feature_index(tmp_path / "npy").clips.values()) == results


def test_the_index_says_what_became_of_every_clip_and_with_which_parameters(
    tmp_path: Path, real_clip: Path, small_features: FeatureParameters
) -> None:
    clips = [("b/1", real_clip), ("a/2", real_clip.with_name("missing.ogg"))]
    results = _extract(clips, small_features, tmp_path)
    index = read_feature_index(tmp_path)
    assert index.parameters == small_features
    assert index.clips == {clip.id: clip for clip in results}


def test_an_unfinished_stage_has_no_index(
    tmp_path: Path, real_clip: Path, small_features: FeatureParameters
) -> None:
    stage = extract_features([("1", real_clip), ("2", real_clip)], small_features, tmp_path)
    next(stage)
    stage.close()
    with pytest.raises(InputError, match=r"features.json is missing: .* --get_npy 1"):
        read_feature_index(tmp_path)


def test_a_stage_that_was_stopped_does_not_pass_for_the_finished_one_before_it(
    tmp_path: Path, real_clip: Path, small_features: FeatureParameters
) -> None:
    clips = [("1", real_clip), ("2", real_clip)]
    _extract(clips, small_features, tmp_path)
    stage = extract_features(clips, replace(small_features, log_mel="power_to_db"), tmp_path)
    next(stage)
    stage.close()
    # Feature 1 is of the power now, feature 2 still of the amplitude.
    with pytest.raises(InputError, match=r"features.json is missing"):
        read_feature_index(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 0}', '{"format": 1}'])
def test_an_index_that_cannot_be_understood_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "features.json").write_text(text)
    with pytest.raises(InputError, match=r"features.json"):
        read_feature_index(tmp_path)


def _extract(
    clips: list[tuple[str, Path]], parameters: FeatureParameters, npy_path: Path
) -> list[ClipFeature]:
    return list(extract_features(clips, parameters, npy_path))


def _files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
