"""Audio and features that are as they were are not read again; others are."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fcn4_dist.audio import ClipFeature, FeatureCache, FeatureParameters, KnownAudio, LogMel
from fcn4_dist.audio.extraction import extract_feature
from fcn4_dist.config import Settings

_YEAR = 365 * 86400


@pytest.fixture
def clip(real_clip: Path, tmp_path: Path) -> Path:
    """A clip that was made a year ago."""
    path = Path(shutil.copy(real_clip, tmp_path / "clip.ogg"))
    os.utime(path, (time.time() - _YEAR,) * 2)
    return path


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    settings = Settings(window_seconds=1.5, hop_length=96, n_mels=32)
    cache = FeatureCache(tmp_path / "npy", FeatureParameters.from_settings(settings))
    cache.prepare()
    return cache


def made_and_kept(clip: Path, cache: FeatureCache) -> ClipFeature:
    known = KnownAudio(cache, "1-of-1")
    feature = extract_feature("clip.ogg", clip, cache, LogMel(cache.parameters))
    known.keep([feature])
    return feature


def test_what_is_as_it_was_is_known(clip: Path, cache: FeatureCache) -> None:
    assert KnownAudio(cache, "1-of-1").feature_of("clip.ogg", clip) is None
    feature = made_and_kept(clip, cache)
    known = KnownAudio(cache, "1-of-1")
    assert known.feature_of("clip.ogg", clip) == feature
    assert known.feature_of("other.ogg", clip) is None
    assert KnownAudio(cache, "2-of-2").feature_of("clip.ogg", clip) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda clip, feature: os.utime(clip),
        lambda clip, feature: os.truncate(clip, 100),
        lambda clip, feature: clip.unlink(),
        lambda clip, feature: os.utime(feature, (1, 1)),
        lambda clip, feature: os.truncate(feature, 100),
        lambda clip, feature: feature.unlink(),
    ],
    ids=["touched", "cut", "gone", "feature touched", "feature cut", "feature gone"],
)
def test_what_may_be_another_is_not_known(
    clip: Path, cache: FeatureCache, change: Callable[[Path, Path], None]
) -> None:
    feature = made_and_kept(clip, cache)
    change(clip, cache.feature_file(feature.sha256))
    assert KnownAudio(cache, "1-of-1").feature_of("clip.ogg", clip) is None


def test_what_may_have_changed_while_it_was_read_is_not_kept(
    clip: Path, cache: FeatureCache
) -> None:
    os.utime(clip)
    made_and_kept(clip, cache)
    assert KnownAudio(cache, "1-of-1").feature_of("clip.ogg", clip) is None


def test_a_damaged_file_of_what_is_known_is_as_none(clip: Path, cache: FeatureCache) -> None:
    made_and_kept(clip, cache)
    (cache.folder / ".known-1-of-1.json").write_text("{")
    assert KnownAudio(cache, "1-of-1").feature_of("clip.ogg", clip) is None
