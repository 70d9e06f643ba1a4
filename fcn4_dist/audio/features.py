"""From a waveform to a log-mel spectrogram of fixed size."""

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import librosa
import numpy as np
from librosa.filters import mel

from fcn4_dist.audio.waveform import UndecodableClipError
from fcn4_dist.config import Settings


@dataclass(frozen=True)
class FeatureParameters:
    """All that decides the numbers of a feature; see :class:`~fcn4_dist.config.Settings`.

    Attributes:
        sample_rate: Hz.
        window_seconds: Length of the network's input, in seconds.
        n_fft: Length of the FFT, in samples.
        hop_length: Samples between two frames.
        n_mels: Number of mel bands.
        log_mel: ``amplitude_to_db`` or ``power_to_db``, applied to the mel power.
    """

    sample_rate: int
    window_seconds: float
    n_fft: int
    hop_length: int
    n_mels: int
    log_mel: str

    @classmethod
    def from_settings(cls, settings: Settings) -> "FeatureParameters":
        """Take the feature parameters out of the settings."""
        return cls(**{name: getattr(settings, name) for name in cls.__dataclass_fields__})

    @property
    def window_samples(self) -> int:
        """Length of the network's input in samples."""
        # Rounded: in binary fractions 8.2 * 12000 is a little less than 98400.
        return round(self.window_seconds * self.sample_rate)

    @property
    def frames(self) -> int:
        """Number of spectrogram frames of one window (centred frames, one at each hop)."""
        # Padding by n_fft // 2 on both sides is one sample short of an odd n_fft.
        return 1 + (self.window_samples - self.n_fft % 2) // self.hop_length

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one feature: (1, n_mels, frames)."""
        return (1, self.n_mels, self.frames)

    def as_dict(self) -> dict[str, Any]:
        """Give the parameters as plain values that JSON can hold."""
        return asdict(self)

    def differences(self, other: "FeatureParameters") -> list[str]:
        """List the parameters that differ, as "n_mels 64 instead of 96" (self instead of other)."""
        mine, others = self.as_dict(), other.as_dict()
        return [
            f"{name} {mine[name]} instead of {others[name]}"
            for name in mine
            if mine[name] != others[name]
        ]


def fit_to_window(waveform: np.ndarray, samples: int) -> tuple[np.ndarray, str]:
    """Cut a waveform to its centre, or pad it with silence at the end.

    Args:
        waveform: Samples of shape (n,).
        samples: Length wanted.

    Returns:
        The waveform of shape (samples,), and what was done: "kept", "padded" or "cropped". One
        sample too many or too few, which resampling leaves, counts as kept.
    """
    surplus = len(waveform) - samples
    start = max(0, surplus // 2)
    window = np.pad(waveform[start : start + samples], (0, max(0, -surplus)))
    if abs(surplus) <= 1:
        return window, "kept"
    return window, "cropped" if surplus > 0 else "padded"


def log_mel_spectrogram(window: np.ndarray, parameters: FeatureParameters) -> np.ndarray:
    """Compute the log-mel spectrogram of one window.

    The decibels of ``amplitude_to_db`` are 20 log10 of the mel *power*, twice the usual value,
    as in Choi's own code and the known MindSpore trainers; values more than 80 dB below the
    loudest are raised to it.

    Args:
        window: float32 samples of shape (parameters.window_samples,).
        parameters: How to compute it.

    Returns:
        float32 decibels of shape (1, n_mels, frames).

    Raises:
        UndecodableClipError: If the samples are so large that the result is not finite.
    """
    power = np.abs(librosa.stft(window, n_fft=parameters.n_fft, hop_length=parameters.hop_length))
    np.square(power, out=power)
    mel_power = _mel_filters(parameters.sample_rate, parameters.n_fft, parameters.n_mels) @ power
    to_decibels = getattr(librosa, parameters.log_mel)
    feature = to_decibels(mel_power)[np.newaxis].astype(np.float32, copy=False)
    if not np.isfinite(feature).all():
        raise UndecodableClipError("holds samples too large for float32 (are they integers?)")
    return feature


@lru_cache(maxsize=1)
def _mel_filters(sample_rate: int, n_fft: int, n_mels: int) -> np.ndarray:
    return mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels)
