"""The audio -> npy stage: the feature of every clip, computed by several processes."""

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from fcn4_dist import documents
from fcn4_dist.audio.cache import FeatureCache, Outcome
from fcn4_dist.audio.decoding import (
    UndecodableClipError,
    check_audio_file,
    reason_of,
    silence_decoders,
)
from fcn4_dist.audio.features import FeatureParameters, LogMel
from fcn4_dist.audio.level import Level
from fcn4_dist.audio.waveform import Window, load_window
from fcn4_dist.errors import InputError
from fcn4_dist.files import sha256_of
from fcn4_dist.processes import ProcessDiedError, TaskTimeoutError, run_in_processes

INDEX_NAME = "features.json"
_SILENT = "silent"
_SECONDS_THAT_MATTER = 0.5


@dataclass(frozen=True, slots=True)
class ClipFeature:
    """What became of one clip in the audio -> npy stage.

    Attributes:
        id: The clip.
        source: Path of the audio file.
        sha256: Of the audio file; "" if it was skipped.
        status: "kept", "padded", "cropped" or "skipped".
        reason: Why it was skipped, or what is unusual about it.
        seconds: How long it is; 0.0 if that is not known.
        level_dbfs: How loud what was kept of it is; None if that is not known.
    """

    id: str
    source: str
    sha256: documents.Sha256OrNone
    status: Literal["kept", "padded", "cropped", "skipped"]
    reason: str
    seconds: documents.Seconds
    level_dbfs: Level | None = None

    @property
    def skipped(self) -> bool:
        """Whether there is no feature of this clip."""
        return self.status == "skipped"


@dataclass(frozen=True)
class FeatureIndex(documents.Document):
    """The parameters of a folder of features, and what became of each clip."""

    format = 3
    unsealed_format = 2
    mend = "run preprocess again"
    most_bytes = documents.MILLIONS_OF_ROWS

    parameters: FeatureParameters
    clips: tuple[ClipFeature, ...]
    sha256: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        for number, clip in enumerate(self.clips):
            if clip.skipped != (not clip.sha256):
                raise ValueError(f"clips[{number}] is {clip.status}, which its sha256 contradicts")

    def write(self, npy_path: Path) -> None:
        """Write the index, atomically."""
        documents.write(npy_path / INDEX_NAME, self)


def extract_features(
    clips: Iterable[tuple[str, Path]],
    cache: FeatureCache,
    processes: int,
    clip_timeout: float,
) -> Iterator[ClipFeature]:
    """See to it that the cache, which is prepared, holds the feature of each clip.

    A clip that cannot be decoded, that crashes the decoder or that takes too long is reported as
    skipped. What the cache holds already is not computed again.

    Args:
        clips: (id, audio file) of each clip.
        cache: Where the features are.
        processes: Processes at work.
        clip_timeout: Seconds one clip may take.

    Yields:
        What became of each clip, in the order they are done.

    Raises:
        OSError: If a feature cannot be written.
    """
    results = run_in_processes(
        partial(_extract, cache, LogMel(cache.parameters)),
        clips,
        processes,
        ahead=1,
        timeout=clip_timeout,
        prepare=silence_decoders,
    )
    # Closed at once, also when an error is on its way: no worker stays behind.
    with closing(results) as finished:
        for (clip_id, source), future in finished:
            try:
                yield future.result()
            except TaskTimeoutError:
                reason = f"takes longer than clip_timeout, {clip_timeout:g} s"
                yield _skipped(clip_id, source, reason)
            except ProcessDiedError as error:
                yield _skipped(clip_id, source, f"crashes the decoder ({error})")


def extract_feature(
    clip_id: str, source: Path, cache: FeatureCache, log_mel: LogMel
) -> ClipFeature:
    """See to it that the cache holds the feature of one clip.

    Args:
        clip_id: The clip.
        source: Its audio file.
        cache: Where the features are.
        log_mel: Computes them.

    Returns:
        What became of the clip.

    Raises:
        OSError: If the feature cannot be written.
    """
    try:
        before = check_audio_file(source)
        sha256 = sha256_of(source)
        known = _known(cache.outcome(sha256))
        if known is None:
            outcome, feature = _computed(source, log_mel)
        if _version(os.stat(source)) != _version(before):
            # What was hashed may not be what was decoded.
            raise UndecodableClipError("was changed while it was read")
    except UndecodableClipError as error:
        return _skipped(clip_id, source, str(error))
    except OSError as error:
        return _skipped(clip_id, source, f"cannot be read: {reason_of(error)}")
    except MemoryError:
        return _skipped(clip_id, source, "does not fit into memory")
    if known is None:
        cache.store(sha256, outcome, feature)
    return ClipFeature(clip_id, os.fspath(source), sha256, **asdict(known or outcome))


def read_feature_index(npy_path: Path) -> FeatureIndex:
    """Read the index of a finished audio -> npy stage.

    Raises:
        InputError: If there is none or it cannot be understood.
    """
    path = npy_path / INDEX_NAME
    if not path.is_file():
        raise InputError(
            f"{path} is missing: no finished audio -> npy stage in this folder; run preprocess "
            "with --get_npy 1, or name the folder of the features with --npy_path"
        )
    return documents.read(path, FeatureIndex)


def discard_feature_index(npy_path: Path) -> None:
    """Remove the index of an earlier stage, which a stopped one must not pass for."""
    (npy_path / INDEX_NAME).unlink(missing_ok=True)


def _extract(cache: FeatureCache, log_mel: LogMel, clip: tuple[str, Path]) -> ClipFeature:
    return extract_feature(*clip, cache, log_mel)


def _known(outcome: Outcome | None) -> Outcome | None:
    # An earlier version has kept silence without measuring what was mixed to it.
    if outcome and outcome.level_dbfs is None and outcome.reason.startswith(_SILENT):
        return None
    return outcome


def _computed(source: Path, log_mel: LogMel) -> tuple[Outcome, np.ndarray]:
    parameters = log_mel.parameters
    window = load_window(source, parameters.sample_rate, parameters.clip_samples)
    outcome = Outcome(window.status, _remark(window), round(window.seconds, 3), window.level)
    return outcome, log_mel(window.samples)


def _version(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _skipped(clip_id: str, source: Path, reason: str) -> ClipFeature:
    # Not kept in the cache: the next run tries it again, maybe with more decoders, time or memory.
    return ClipFeature(clip_id, os.fspath(source), "", "skipped", reason, 0.0)


def _remark(window: Window) -> str:
    remarks = []
    if not window.samples.any():
        remarks.append(_SILENT)
    remarks += window.remarks
    promised = window.header_seconds
    if promised and abs(promised - window.seconds) > _SECONDS_THAT_MATTER:
        remarks.append(f"{promised:.2f} s by its header, {window.seconds:.2f} s long")
    elif window.status != "kept":
        remarks.append(f"{window.seconds:.2f} s long")
    return ", ".join(remarks)
