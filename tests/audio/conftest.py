"""What the tests of audio share."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from fcn4_dist.audio import ClipFeature, FeatureCache, FeatureParameters, extract_features

Extract = Callable[..., dict[str, ClipFeature]]


@pytest.fixture(scope="session")
def extract(small_features: FeatureParameters) -> Extract:
    """Runs the audio -> npy stage of a list of files; gives what became of each by its name."""

    def run(
        npy_path: Path,
        clips: Sequence[Path],
        parameters: FeatureParameters = small_features,
        processes: int = 1,
        clip_timeout: float = 60,
    ) -> dict[str, ClipFeature]:
        cache = FeatureCache(npy_path, parameters)
        cache.prepare()
        named = [(clip.name, clip) for clip in clips]
        return {clip.id: clip for clip in extract_features(named, cache, processes, clip_timeout)}

    return run
