"""Which audio files have their features from an earlier run, so that neither is read again."""

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fcn4_dist import documents
from fcn4_dist.audio.cache import FeatureCache
from fcn4_dist.audio.extraction import ClipFeature
from fcn4_dist.errors import InputError
from fcn4_dist.files import is_settled


@dataclass(frozen=True, slots=True)
class _State:
    """A file by its size and the time of its last change."""

    bytes: documents.Count
    modified_ns: documents.Integer


@dataclass(frozen=True, slots=True)
class _KnownClip:
    audio: _State
    feature: _State
    clip: ClipFeature


@dataclass(frozen=True)
class _Known(documents.Document):
    format = 1
    most_bytes = documents.MILLIONS_OF_ROWS

    clips: tuple[_KnownClip, ...] = ()


class KnownAudio:
    """What is known of the audio of some clips.

    Files that have the size and the time of their last change that they had are taken for the same.

    Args:
        cache: Where their features are.
        share: Name of these clips among others whose features are there.
    """

    def __init__(self, cache: FeatureCache, share: str) -> None:
        self._cache, self._file = cache, cache.folder / f".known-{share}.json"
        self._begun_ns = time.time_ns()
        self._known: Mapping[str, _KnownClip] = {}
        with suppress(InputError):
            known = documents.read(self._file, _Known)
            self._known = {each.clip.source: each for each in known.clips}

    def feature_of(self, clip_id: str, source: Path) -> ClipFeature | None:
        """Give what became of a clip; None if its audio, or its feature, may be another now."""
        known = self._known.get(os.fspath(source))
        if known is None or known.clip.id != clip_id:
            return None
        feature = self._cache.feature_file(known.clip.sha256)
        same = _state(source) == known.audio and _state(feature) == known.feature
        return known.clip if same else None

    def keep(self, clips: Sequence[ClipFeature]) -> None:
        """Write down what became of clips, for the next run; it only saves time."""
        kept = []
        for clip in clips:
            if clip.skipped:
                continue
            audio = _state(Path(clip.source))
            feature = _state(self._cache.feature_file(clip.sha256))
            # What was changed later may have been so after it was read.
            if audio and feature and is_settled(audio.modified_ns, self._begun_ns):
                kept.append(_KnownClip(audio, feature, clip))
        with suppress(OSError):
            documents.write(self._file, _Known(tuple(kept)))


def _state(path: Path) -> _State | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return _State(status.st_size, status.st_mtime_ns)
