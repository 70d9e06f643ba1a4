"""Songs with tags, to be shown."""

from pathlib import Path

import numpy as np

from fcn4_dist.audio import FeatureParameters, LogMel, load_waveform
from fcn4_dist.config import Settings
from fcn4_dist.tagging import SongTags

HOSTILE = (
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "موسيقى",
    "a name of " + "many " * 30 + "words",
    r"$x^2$ \frac{",
)


def tagged(path: Path, class_names: tuple[str, ...] = ("rain", "dog", "metal")) -> SongTags:
    """Give a real song random tags: a window each half second."""
    seconds = len(load_waveform(path, 12000)) / 12000
    starts = np.linspace(0, seconds - 1, 2 * round(seconds) - 1)
    scores = np.random.default_rng(1).uniform(size=(len(starts), len(class_names)))
    return SongTags(path, seconds, class_names, 1.0, starts, scores, 0 * starts - 20)


def spectrogram_of(path: Path) -> np.ndarray:
    """Compute the spectrogram of a song."""
    parameters = FeatureParameters.from_settings(Settings())
    return LogMel(parameters).decibels(load_waveform(path, parameters.sample_rate))
