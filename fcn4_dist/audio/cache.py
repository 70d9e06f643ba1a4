"""Features on disk, found by what they are of: the bytes of the audio and the parameters.

A feature that is there is never another audio's or of other parameters, so a run that was stopped
goes on where it was, and a change of parameters or files costs what has changed.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import psutil

from fcn4_dist import documents
from fcn4_dist.audio.features import FeatureParameters
from fcn4_dist.audio.level import Level
from fcn4_dist.errors import Fcn4DistError
from fcn4_dist.files import replace_file, writer_of

PARAMETERS_NAME = "parameters.json"
_COMPUTATION = 1
"""To be raised when the same parameters come to give other numbers."""


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
            # Another run may be at work in the same folder.
            if not _runs(writer_of(left)):
                left.unlink(missing_ok=True)
        if not (self.folder / PARAMETERS_NAME).exists():
            documents.write(self.folder / PARAMETERS_NAME, self.parameters.as_dict())

    def feature_file(self, sha256: str) -> Path:
        """Name the file of the feature of the audio with this hash."""
        return self.folder / sha256[:2] / f"{sha256}.npy"

    def outcome(self, sha256: str) -> Outcome | None:
        """Look up what was made of some audio; None if its feature is not here."""
        try:
            feature = self._open(sha256, "r")
            with self.feature_file(sha256).open("rb") as file:
                file.seek(feature.offset + feature.nbytes)
                return documents.parse(file.read(), Outcome, file.name)
        except (OSError, Fcn4DistError):
            return None

    def store(self, sha256: str, outcome: Outcome, feature: np.ndarray) -> None:
        """Keep the feature of some audio.

        The file is one that ``numpy.load`` reads, with the outcome behind the array.

        Args:
            sha256: Hash of the audio file.
            outcome: What was made of it.
            feature: float32 of the shape of the parameters.

        Raises:
            OSError: If it cannot be written, with the name of the file.
        """
        path = self.feature_file(sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        header = np.lib.format.header_data_from_array_1_0(feature)
        # Not by np.save, which does not say what is wrong with the disk.
        with replace_file(path) as file:
            np.lib.format.write_array_header_1_0(file, header)
            file.write(np.ascontiguousarray(feature).data)
            file.write(documents.to_line(outcome).encode())

    def load(self, sha256: str) -> np.ndarray:
        """Read a feature.

        Returns:
            float32 of the shape of the parameters.

        Raises:
            Fcn4DistError: If it is missing or damaged.
        """
        return self._open(sha256, None)

    def check(self, sha256: str) -> None:
        """Look at the head of a feature's file.

        Raises:
            Fcn4DistError: If it is missing or damaged.
        """
        self._open(sha256, "r")

    def _open(self, sha256: str, mode: Literal["r"] | None) -> Any:
        path = self.feature_file(sha256)
        try:
            feature = np.load(path, mmap_mode=mode)
        except (OSError, ValueError, EOFError) as error:
            raise Fcn4DistError(
                f"cannot read the feature {path} ({error}): run preprocess with --get_npy 1"
            ) from error
        if feature.shape != self.parameters.shape or feature.dtype != np.float32:
            raise Fcn4DistError(
                f"the feature {path} is {feature.dtype} of shape {feature.shape} instead of "
                f"float32 of {self.parameters.shape}: remove it, and run preprocess with "
                "--get_npy 1"
            )
        return feature


def _runs(process_id: int) -> bool:
    try:
        # Where nobody asks how an orphan ended, it stays in the table of processes.
        return bool(psutil.Process(process_id).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
