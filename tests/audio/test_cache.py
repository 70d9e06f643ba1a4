"""Features found by what they are of."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fcn4_dist.audio import FeatureCache, FeatureParameters, Outcome
from fcn4_dist.errors import Fcn4DistError
from tests.audio.conftest import Extract

SHA256 = "ab" * 32
OUTCOME = Outcome("padded", "1.20 s long", 1.2)


@pytest.fixture
def cache(tmp_path: Path, small_features: FeatureParameters) -> FeatureCache:
    """An empty cache."""
    cache = FeatureCache(tmp_path, small_features)
    cache.prepare()
    return cache


@pytest.fixture
def feature(small_features: FeatureParameters) -> np.ndarray:
    """Some feature."""
    values = np.random.default_rng(1).normal(size=small_features.shape)
    return values.astype(np.float32)


def test_what_is_stored_is_found(cache: FeatureCache, feature: np.ndarray) -> None:
    assert cache.outcome(SHA256) is None
    cache.store(SHA256, OUTCOME, feature)
    assert cache.outcome(SHA256) == OUTCOME
    assert cache.outcome(SHA256[::-1]) is None
    np.testing.assert_array_equal(cache.load(SHA256), feature)
    assert cache.feature_file(SHA256).parent.name == "ab"


def test_a_cache_of_equal_parameters_is_the_same_cache(
    cache: FeatureCache, feature: np.ndarray, tmp_path: Path, small_features: FeatureParameters
) -> None:
    cache.store(SHA256, OUTCOME, feature)
    again = FeatureCache(tmp_path, replace(small_features))
    again.prepare()
    assert again.outcome(SHA256) == OUTCOME


OTHERS = {
    "sample_rate": 12001,
    "clip_seconds": 1.5001,
    "n_fft": 513,
    "hop_length": 97,
    "n_mels": 33,
    "log_mel": "power_to_db",
}


@pytest.mark.parametrize("name", FeatureParameters.__dataclass_fields__)
def test_a_feature_of_other_parameters_is_not_found(
    cache: FeatureCache,
    feature: np.ndarray,
    tmp_path: Path,
    small_features: FeatureParameters,
    name: str,
) -> None:
    cache.store(SHA256, OUTCOME, feature)
    other = FeatureCache(tmp_path, replace(small_features, **{name: OTHERS[name]}))
    other.prepare()
    assert other.folder != cache.folder
    assert other.outcome(SHA256) is None


def test_a_folder_says_of_which_parameters_its_features_are(
    cache: FeatureCache, small_features: FeatureParameters
) -> None:
    assert json.loads((cache.folder / "parameters.json").read_text()) == small_features.as_dict()


def _cut(content: bytes) -> bytes:
    return content[:-1]


def _emptied(content: bytes) -> bytes:
    return b""


def _garbled(content: bytes) -> bytes:
    return bytes(byte ^ 0x55 for byte in content)


@pytest.mark.parametrize("damage", [_cut, _emptied, _garbled, None])
def test_a_damaged_or_missing_file_is_made_anew(
    tmp_path: Path,
    real_clip: Path,
    small_features: FeatureParameters,
    extract: Extract,
    damage: object,
) -> None:
    first = extract(tmp_path, [real_clip])
    cache = FeatureCache(tmp_path, small_features)
    path = cache.feature_file(first[real_clip.name].sha256)
    whole = path.read_bytes()
    path.write_bytes(damage(whole)) if damage else path.unlink()
    assert cache.outcome(path.stem) is None
    assert extract(tmp_path, [real_clip]) == first
    assert path.read_bytes() == whole


@pytest.mark.parametrize("text", ["[]", "{}", "null", '{"status": "kept"}', '{"other": 1}', "\xff"])
def test_an_outcome_that_is_none_is_not_known(
    cache: FeatureCache, feature: np.ndarray, text: str
) -> None:
    cache.store(SHA256, OUTCOME, feature)
    path = cache.feature_file(SHA256)
    path.write_bytes(without_outcome(path) + text.encode("latin-1"))
    assert cache.outcome(SHA256) is None


def without_outcome(path: Path) -> bytes:
    content = path.read_bytes()
    return content[: content.rindex(b"{")]


@pytest.mark.parametrize("name", ["load", "check"])
def test_a_feature_of_another_shape_or_type_is_refused_by_name(
    cache: FeatureCache, feature: np.ndarray, name: str
) -> None:
    for other in (feature[:, :, 1:], feature.astype(np.float64), feature.astype(">f4")):
        cache.store(SHA256, OUTCOME, other)
        sentence = rf"{SHA256}\.npy is none of float32 and shape \(1, 32, 188\), or damaged: run "
        with pytest.raises(Fcn4DistError, match=sentence):
            getattr(cache, name)(SHA256)
        assert cache.outcome(SHA256) is None


def test_no_bit_of_a_file_changes_without_being_noticed(
    tmp_path: Path, small_features: FeatureParameters
) -> None:
    tiny = replace(small_features, n_mels=2, clip_seconds=0.03)
    cache = FeatureCache(tmp_path, tiny)
    cache.store(SHA256, OUTCOME, np.zeros(tiny.shape, np.float32))
    path = cache.feature_file(SHA256)
    whole = path.read_bytes()
    for place in range(len(whole)):
        for bit in range(8):
            changed = bytearray(whole)
            changed[place] ^= 1 << bit
            path.write_bytes(changed)
            assert cache.outcome(SHA256) is None
            with pytest.raises(Fcn4DistError, match="run preprocess with --get_npy 1"):
                cache.load(SHA256)
    path.write_bytes(whole)
    assert cache.outcome(SHA256) == OUTCOME


def test_a_file_is_of_one_audio_and_one_kind_of_feature_alone(
    cache: FeatureCache, feature: np.ndarray, tmp_path: Path, small_features: FeatureParameters
) -> None:
    cache.store(SHA256, OUTCOME, feature)
    content = cache.feature_file(SHA256).read_bytes()
    decibels = FeatureCache(tmp_path, replace(small_features, log_mel="power_to_db"))
    for other, sha256 in ((cache, "cd" * 32), (decibels, SHA256)):
        other.feature_file(sha256).parent.mkdir(parents=True)
        other.feature_file(sha256).write_bytes(content)
        assert other.outcome(sha256) is None
        with pytest.raises(Fcn4DistError, match=r"another one's \(its checksum is wrong\): run"):
            other.load(sha256)


def test_a_file_of_an_earlier_version_has_to_hold_decibels(
    cache: FeatureCache, small_features: FeatureParameters
) -> None:
    decibels = np.random.default_rng(1).uniform(-120, -40, small_features.shape)
    cache.store(SHA256, OUTCOME, decibels.astype(np.float32))
    path = cache.feature_file(SHA256)
    earlier = path.read_bytes()[:-65]
    path.write_bytes(earlier)
    assert cache.outcome(SHA256) == OUTCOME
    place = earlier.index(b"\n") + 1 + 3
    for byte in (0x7F, 0x40):
        path.write_bytes(earlier[:place] + bytes([byte]) + earlier[place + 1 :])
        with pytest.raises(Fcn4DistError, match="its values are none of decibels"):
            cache.check(SHA256)


def test_a_feature_that_is_missing_is_named_with_what_to_do(cache: FeatureCache) -> None:
    with pytest.raises(Fcn4DistError, match=rf"{SHA256}\.npy .*: run preprocess with --get_npy 1"):
        cache.load(SHA256)


def test_what_a_killed_run_left_is_cleared_away_and_what_another_writes_is_not(
    cache: FeatureCache, feature: np.ndarray
) -> None:
    cache.store(SHA256, OUTCOME, feature)
    dead = subprocess.Popen(["true"])
    dead.wait()
    left, written = (
        cache.feature_file(SHA256).with_name(f".{SHA256}.npy.{writer}.tmp")
        for writer in (dead.pid, os.getpid())
    )
    others = [left.with_name(name) for name in (".notes.tmp", f".a.b.{dead.pid}.tmp", ".x.tmp")]
    for path in (left, written, *others):
        path.write_bytes(b"half a feature")
    cache.prepare()
    assert not left.exists()
    assert all(path.exists() for path in (written, *others))
    assert cache.outcome(SHA256) == OUTCOME


def test_what_a_dead_process_left_goes_even_if_nobody_has_asked_how_it_ended(
    cache: FeatureCache,
) -> None:
    dead = subprocess.Popen(["true"])
    os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)
    left, others = (
        cache.folder / "ab" / f".{SHA256}.npy.{process_id}.tmp"
        for process_id in (dead.pid, os.getpid())
    )
    left.parent.mkdir()
    for file in (left, others):
        file.touch()
    cache.prepare()
    dead.wait()
    assert not left.exists()
    assert others.exists()
