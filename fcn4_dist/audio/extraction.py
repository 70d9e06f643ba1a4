"""The audio -> npy stage: one feature file a clip, and an index of what became of each clip."""

import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from fcn4_dist.audio.features import FeatureParameters, fit_to_window, log_mel_spectrogram
from fcn4_dist.audio.waveform import UndecodableClipError, load_waveform
from fcn4_dist.errors import InputError
from fcn4_dist.files import read_json, sha256_of, write_atomically, write_json

INDEX_NAME = "features.json"
_INDEX_FORMAT = 1


@dataclass(frozen=True)
class ClipFeature:
    """What became of one clip in the audio -> npy stage.

    Attributes:
        id: Path of the clip below audio_path, with slashes.
        source: Path of the audio file.
        sha256: Of the audio file; "" if it could not be read.
        status: "kept", "padded", "cropped" or "skipped".
        reason: Why it was skipped, or how long it was before it was cut or padded.
    """

    id: str
    source: str
    sha256: str
    status: str
    reason: str

    @property
    def skipped(self) -> bool:
        """Whether there is no feature of this clip."""
        return self.status == "skipped"


@dataclass(frozen=True)
class FeatureIndex:
    """The feature parameters of a folder of features, and its clips by id."""

    parameters: FeatureParameters
    clips: Mapping[str, ClipFeature]


def extract_features(
    clips: Iterable[tuple[str, Path]], parameters: FeatureParameters, npy_path: Path
) -> Iterator[ClipFeature]:
    """Write the feature of each clip below ``npy_path``, and the index when all are done.

    A clip that cannot be decoded is reported as skipped; nothing of it stays in the folder.

    Args:
        clips: (id, audio file) of each clip.
        parameters: How to compute the features.
        npy_path: Folder to write to; made if missing.

    Yields:
        What became of each clip, as soon as it is done.
    """
    # An interrupted run must not leave an index that speaks of other features.
    (npy_path / INDEX_NAME).unlink(missing_ok=True)
    done = []
    for clip_id, source in clips:
        clip = _extract(clip_id, source, parameters, npy_path)
        done.append(clip)
        yield clip
    content = {
        "format": _INDEX_FORMAT,
        "parameters": parameters.as_dict(),
        "clips": [asdict(clip) for clip in done],
    }
    write_json(npy_path / INDEX_NAME, content)


def feature_file(npy_path: Path, clip_id: str) -> Path:
    """Name the file that holds a clip's feature."""
    return npy_path / f"{clip_id}.npy"


def read_feature_index(npy_path: Path) -> FeatureIndex:
    """Read the index that :func:`extract_features` wrote.

    Raises:
        InputError: If there is none or it cannot be understood.
    """
    path = npy_path / INDEX_NAME
    if not path.is_file():
        raise InputError(
            f"{path} is missing: no finished audio -> npy stage in this folder; run preprocess "
            "with --get_npy 1, or name the folder of the features with --npy_path"
        )
    content = read_json(path, _INDEX_FORMAT)
    try:
        parameters = FeatureParameters(**content["parameters"])
        clips = [ClipFeature(**row) for row in content["clips"]]
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged ({error!r}): run preprocess again") from error
    return FeatureIndex(parameters, {clip.id: clip for clip in clips})


def _extract(
    clip_id: str, source: Path, parameters: FeatureParameters, npy_path: Path
) -> ClipFeature:
    target = feature_file(npy_path, clip_id)
    sha256 = ""
    try:
        sha256 = sha256_of(source)
        waveform = load_waveform(source, parameters.sample_rate)
        window, status = fit_to_window(waveform, parameters.window_samples)
        feature = log_mel_spectrogram(window, parameters)
    except (UndecodableClipError, OSError) as error:
        _remove(target)
        return ClipFeature(clip_id, os.fspath(source), sha256, "skipped", str(error))
    if not _write_feature(target, feature):
        reason = "its name is too long for a feature file"
        return ClipFeature(clip_id, os.fspath(source), sha256, "skipped", reason)
    seconds = len(waveform) / parameters.sample_rate
    reason = "" if status == "kept" else f"{seconds:.2f} s long"
    return ClipFeature(clip_id, os.fspath(source), sha256, status, reason)


def _write_feature(target: Path, feature: np.ndarray) -> bool:
    try:
        with write_atomically(target) as file:
            np.save(file, feature)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        return False
    return True


def _remove(target: Path) -> None:
    # A name too long to be written cannot be there either.
    with suppress(OSError):
        target.unlink()
