"""A trained network, whatever runs it, and what has to be known of it to tag songs."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from fcn4_dist import documents
from fcn4_dist.audio import LONGEST_SECONDS, FeatureParameters, mel_filters
from fcn4_dist.checkpoints.content import Checkpoint
from fcn4_dist.clips.class_names import unnamed
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.files import sha256_of
from fcn4_dist.model import channels
from fcn4_dist.text import unlike


@dataclass(frozen=True)
class MelFilter:
    """What the frequencies of an FFT add to one mel band; those that are not named add nothing.

    Attributes:
        first: The first of them, by its number, where 0 is the constant.
        weights: Of this one and those behind it.
    """

    first: documents.Count
    weights: tuple[Annotated[float, Meta(ge=0, le=1e9)], ...]

    @classmethod
    def of(cls, band: np.ndarray) -> "MelFilter":
        """Keep the weights of one band, float32 of shape (1 + n_fft // 2,)."""
        heard = np.flatnonzero(band)
        if not len(heard):
            return cls(0, ())
        return cls(int(heard[0]), tuple(band[heard[0] : heard[-1] + 1].tolist()))


@dataclass(frozen=True)
class ModelDescription(documents.Document):
    """What a model file says of itself.

    Attributes:
        class_names: Names of the classes, in the order of the scores.
        parameters: Feature parameters.
        window_seconds: Length of the network's input.
        width: Factor on the network's channels.
        source: The checkpoint it comes from: its file name, SHA-256, epoch, step, metrics and the
            versions of the packages that trained it, as far as they are known.
        mel_filters: Of each band, so that who runs the model needs nothing that makes them; none
            where an earlier version has written the description.
    """

    format = 1
    mend = "export the checkpoint again"

    class_names: tuple[str, ...]
    parameters: FeatureParameters
    window_seconds: Annotated[float, Meta(gt=0, le=LONGEST_SECONDS)]
    width: Annotated[float, Meta(gt=0, le=16)]
    source: Mapping[str, documents.Value] = field(default_factory=dict)
    mel_filters: tuple[MelFilter, ...] = ()

    def __post_init__(self) -> None:
        bands, bins = self.parameters.n_mels, 1 + self.parameters.n_fft // 2
        if self.mel_filters and len(self.mel_filters) != bands:
            raise ValueError(f"it has {len(self.mel_filters)} mel filters for {bands} bands")
        if any(band.first + len(band.weights) > bins for band in self.mel_filters):
            raise ValueError(f"a mel filter reaches beyond the {bins} frequencies of the FFT")

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Shape of one window: (1, n_mels, frames)."""
        return (1, self.parameters.n_mels, self.parameters.frames_in(self.window_seconds))

    def filter_bank(self) -> np.ndarray | None:
        """Give the mel filters as :func:`fcn4_dist.audio.mel_filters` does; None without any."""
        if not self.mel_filters:
            return None
        bins = 1 + self.parameters.n_fft // 2
        bank = np.zeros((len(self.mel_filters), bins), dtype=np.float32)
        for row, band in zip(bank, self.mel_filters, strict=True):
            row[band.first : band.first + len(band.weights)] = band.weights
        return bank

    def as_dict(self) -> dict[str, Any]:
        """Give the description as values that JSON can hold."""
        return {"format": self.format, **asdict(self)}

    @classmethod
    def from_json(cls, text: str, place: str) -> "ModelDescription":
        """Read what was written of :meth:`as_dict`.

        Args:
            text: JSON.
            place: Where it stood, for the error.

        Raises:
            InputError: If it is no description, or one of another format.
        """
        return documents.parse(text, cls, f"the description in {place}")


class Network(ABC):
    """A trained network.

    Attributes:
        description: What has to be known of it.
        path: The file it comes from.
        windows_at_once: How many windows it is best given at once: on the CPU, more of them take
            memory and gain nothing.
    """

    windows_at_once = 2

    def __init__(self, description: ModelDescription, path: Path) -> None:
        self.description = description
        self.path = path

    @abstractmethod
    def logits(self, windows: np.ndarray) -> np.ndarray:
        """Compute the logits of some windows.

        Args:
            windows: float32 decibels of shape (windows, 1, n_mels, frames).

        Returns:
            float32 of shape (windows, classes); a sigmoid makes them scores.
        """


def describe_checkpoint(
    checkpoint: Checkpoint, class_names: tuple[str, ...] = ()
) -> ModelDescription:
    """Tell what has to be known of the network whose weights are in a checkpoint.

    A checkpoint of another program does not say what it was trained on: with the documented
    feature parameters, then, and on the classes that are named.

    Args:
        checkpoint: Of this package, or of the ModelZoo's FCN-4.
        class_names: Names to give the classes of a checkpoint that does not name them.

    Raises:
        InputError: If the weights are not FCN-4's, or the classes cannot be named.
    """
    source: dict[str, Any] = {
        "checkpoint": checkpoint.path.name,
        "sha256": sha256_of(checkpoint.path),
    }
    description = checkpoint.description
    if description is None:
        classes, width = _size(checkpoint)
        settings = Settings()
        return ModelDescription(
            _named(checkpoint, classes, class_names),
            FeatureParameters.from_settings(settings),
            settings.window_seconds,
            width,
            source,
            _filters(FeatureParameters.from_settings(settings)),
        )
    if class_names and class_names != description.class_names:
        names, _ = unlike(description.class_names, class_names)
        raise InputError(
            f"{checkpoint.path} names its classes itself ({names}): leave --class_names out"
        )
    return ModelDescription(
        description.class_names,
        description.parameters,
        description.window_seconds,
        description.width,
        source
        | {"epoch": description.epoch, "step": description.step}
        | {"metrics": dict(description.metrics), "versions": dict(description.versions)},
        _filters(description.parameters),
    )


def _filters(parameters: FeatureParameters) -> tuple[MelFilter, ...]:
    return tuple(map(MelFilter.of, mel_filters(parameters)))


def _size(checkpoint: Checkpoint) -> tuple[int, float]:
    """Read the number of classes and the width from the shapes of the weights."""
    try:
        classes = len(checkpoint.values["dense.bias"])
        # The widest layer tells the width best, which is rounded in each.
        of_last_layer = len(checkpoint.values["conv4.weight"])
    except KeyError as error:
        raise InputError(
            f"{checkpoint.path} holds no {error.args[0]}: it is no checkpoint of FCN-4"
        ) from error
    biases = [name for name in checkpoint.values if re.fullmatch(r"conv.*\.bias", name)]
    if biases:
        raise InputError(
            f"{checkpoint.path} holds {biases[0]}, for which the known FCN-4 has no place: it is "
            "another network's"
        )
    return classes, of_last_layer / channels(1.0)[3]


def _named(checkpoint: Checkpoint, classes: int, class_names: tuple[str, ...]) -> tuple[str, ...]:
    if not class_names:
        raise unnamed(checkpoint.path, classes)
    if len(class_names) != classes:
        raise InputError(
            f"{checkpoint.path} has {classes} classes and --class_names gives {len(class_names)} "
            "names: name all of them in its order"
        )
    return class_names
