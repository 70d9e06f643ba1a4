"""Features on disk, found by what they are of: the bytes of the audio and the parameters.

A feature that is there is never another audio's or of other parameters, so a run that was stopped
goes on where it was, and a change of parameters or files costs what has changed.
"""

import hashlib
import io
import json
import math
import re
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from fcn4_dist import documents
from fcn4_dist.audio.features import RANGE_DB, FeatureParameters
from fcn4_dist.audio.level import Level
from fcn4_dist.errors import Fcn4DistError, InputError
from fcn4_dist.files import open_file, replace_file, writer_of

PARAMETERS_NAME = "parameters.json"
_TEMPORARY = re.compile(r"\.[0-9a-f]{64}\.npy\.[0-9]{1,9}(-[0-9a-f]{8})?\.tmp")
_SECONDS_OF_OTHER_HOSTS = 86400
"""After so long without a change, a file is left that a process of another host began."""
_COMPUTATION = 1
"""To be raised when the same parameters come to give other numbers."""
_MOST_BYTES_BESIDE = 1 << 16
"""Beside the values, a file has some hundred bytes; what is much larger is not read whole."""


@dataclass(frozen=True)
class Outcome(documents.Document):
    """What was made of some audio.

    Attributes:
        status: "kept", "padded" or "cropped".
        reason: What is unusual about it.
        seconds: How long it is.
        level_dbfs: How loud what was kept of it is; None where an earlier version has not measured
            it.
    """

    status: str
    reason: str
    seconds: documents.Seconds
    level_dbfs: Level | None = None

    def __post_init__(self) -> None:
        if self.status not in ("kept", "padded", "cropped"):
            raise ValueError("its status is none of a feature")


class FeatureCache:
    """The features of one kind below a folder.

    Args:
        npy_path: The folder; features of other parameters lie beside these.
        parameters: How the features are computed.
    """

    def __init__(self, npy_path: Path, parameters: FeatureParameters) -> None:
        self.parameters = parameters
        content = {"computation": _COMPUTATION, **parameters.as_dict()}
        key = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        self.folder = npy_path / f"features-{key[:12]}"

    def prepare(self) -> None:
        """Make the folder, say in it what it holds, and clear away what a killed run left."""
        for left in self.folder.glob("*/.*.tmp"):
            # Another run may be at work in the same folder; and what else is there is a person's.
            if _TEMPORARY.fullmatch(left.name) and _is_left(left):
                left.unlink(missing_ok=True)
        if not (self.folder / PARAMETERS_NAME).exists():
            documents.write(self.folder / PARAMETERS_NAME, self.parameters.as_dict())

    def feature_file(self, sha256: str) -> Path:
        """Name the file of the feature of the audio with this hash."""
        return self.folder / sha256[:2] / f"{sha256}.npy"

    def outcome(self, sha256: str) -> Outcome | None:
        """Look up what was made of some audio; None if its feature is not here, and whole."""
        try:
            return self._read(sha256)[1]
        except Fcn4DistError:
            return None

    def store(self, sha256: str, outcome: Outcome, feature: np.ndarray) -> None:
        """Keep the feature of some audio.

        The file is one that ``numpy.load`` reads, with the outcome behind the array, and behind
        that the SHA-256 of the parameters, the audio and all bytes before it: no bit can change,
        and no feature be taken for another one's, without being noticed.

        Args:
            sha256: Hash of the audio file.
            outcome: What was made of it.
            feature: float32 of the shape of the parameters.

        Raises:
            OSError: If it cannot be written, with the name of the file.
        """
        path = self.feature_file(sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = b"".join(
            [_head(feature), feature.tobytes(), documents.to_line(outcome).encode(), b"\n"]
        )
        with replace_file(path) as file:
            file.write(content)
            file.write(self._seal(sha256, content))

    def load(self, sha256: str) -> np.ndarray:
        """Read a feature.

        Returns:
            float32 of the shape of the parameters.

        Raises:
            Fcn4DistError: If it is missing or damaged.
        """
        return self._read(sha256)[0]

    def check(self, sha256: str) -> None:
        """Read a feature and see whether it is whole.

        Raises:
            Fcn4DistError: If it is missing or damaged.
        """
        self._read(sha256)

    def _read(self, sha256: str) -> tuple[np.ndarray, Outcome]:
        path = self.feature_file(sha256)
        try:
            with open_file(path) as file:
                data = file.read(4 * math.prod(self.parameters.shape) + _MOST_BYTES_BESIDE)
        except OSError as error:
            raise Fcn4DistError(
                f"cannot read the feature {path} ({error.strerror}): run preprocess with "
                "--get_npy 1"
            ) from error
        try:
            return self._parsed(sha256, data)
        except ValueError as error:
            raise Fcn4DistError(
                f"the feature {path} {error}: run preprocess with --get_npy 1, which makes it again"
            ) from error

    def _parsed(self, sha256: str, data: bytes) -> tuple[np.ndarray, Outcome]:
        empty = np.empty(self.parameters.shape, np.float32)
        begin = len(_head(empty))
        end = begin + empty.nbytes
        if data[:begin] != _head(empty):
            raise ValueError(f"is none of float32 and shape {empty.shape}, or damaged")
        outcome, newline, seal = data[end:].partition(b"\n")
        if newline and seal != self._seal(sha256, data[: end + len(outcome) + 1]):
            raise ValueError("is damaged, or another one's (its checksum is wrong)")
        feature = np.frombuffer(data[begin:end], np.float32).reshape(empty.shape)
        # Those of earlier versions have no checksum.
        if not newline and not _is_plausible(feature):
            raise ValueError("is damaged (its values are none of decibels)")
        try:
            return feature, documents.parse(outcome, Outcome, "what is said of it")
        except InputError as error:
            raise ValueError(f"is damaged ({error})") from error

    def _seal(self, sha256: str, content: bytes) -> bytes:
        digest = hashlib.sha256(f"{self.folder.name} {sha256}\n".encode())
        digest.update(content)
        return digest.hexdigest().encode()


def _head(feature: np.ndarray) -> bytes:
    """Give what ``numpy.save`` writes before an array."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, np.lib.format.header_data_from_array_1_0(feature))
    return head.getvalue()


def _is_plausible(feature: np.ndarray) -> bool:
    """Say whether values are finite, and in the range that decibels are limited to."""
    low, high = float(feature.min()), float(feature.max())
    return bool(np.isfinite(low) and np.isfinite(high) and high - low <= RANGE_DB + 1e-3)


def _is_left(temporary: Path) -> bool:
    """Say whether nobody writes to a temporary file any more."""
    if (writer := writer_of(temporary)) is not None:
        return not _runs(writer)
    try:
        return time.time() - temporary.stat().st_mtime > _SECONDS_OF_OTHER_HOSTS
    except FileNotFoundError:
        return False


def _runs(process_id: int) -> bool:
    try:
        # Where nobody asks how an orphan ended, it stays in the table of processes.
        return bool(psutil.Process(process_id).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
