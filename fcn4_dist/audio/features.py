"""From a waveform to a log-mel spectrogram of fixed size."""

import warnings
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import Meta

from fcn4_dist.config import Settings

LONGEST_SECONDS = 86_400
"""What is said to be longer is no clip, and would not fit into memory."""

RANGE_DB = 80
_FRAMES_AT_ONCE = 128


@dataclass(frozen=True)
class FeatureParameters:
    """All that decides the numbers of a feature; see :class:`~fcn4_dist.config.Settings`.

    Attributes:
        sample_rate: Hz.
        clip_seconds: How much of each clip is kept, in seconds.
        n_fft: Length of the FFT, in samples.
        hop_length: Samples between two frames.
        n_mels: Number of mel bands.
        log_mel: ``amplitude_to_db`` or ``power_to_db``, applied to the mel power.
    """

    # The limits are those of the settings: beyond them are only memory errors.
    sample_rate: Annotated[int, Meta(ge=1, le=10**6)]
    # A whole number stays one: it is in the fingerprint of shards.
    clip_seconds: (
        Annotated[int, Meta(gt=0, le=LONGEST_SECONDS)]
        | Annotated[float, Meta(gt=0, le=LONGEST_SECONDS)]
    )
    n_fft: Annotated[int, Meta(ge=2, le=1 << 17)]
    hop_length: Annotated[int, Meta(ge=1, le=1 << 20)]
    n_mels: Annotated[int, Meta(ge=1, le=1 << 12)]
    log_mel: Literal["amplitude_to_db", "power_to_db"]

    @classmethod
    def from_settings(cls, settings: Settings) -> "FeatureParameters":
        """Take the feature parameters out of the settings."""
        values = {name: getattr(settings, name) for name in cls.__dataclass_fields__}
        return cls(**values | {"clip_seconds": settings.clip_seconds or settings.window_seconds})

    @property
    def clip_samples(self) -> int:
        """Length of what is kept of a clip, in samples."""
        return self._samples(self.clip_seconds)

    @property
    def frames(self) -> int:
        """Number of spectrogram frames of one clip (centred frames, one at each hop)."""
        return self.frames_in(self.clip_seconds)

    def frames_in(self, seconds: float) -> int:
        """Count the spectrogram frames of so many seconds."""
        # Padding by n_fft // 2 on both sides is one sample short of an odd n_fft.
        return 1 + (self._samples(seconds) - self.n_fft % 2) // self.hop_length

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one feature: (1, n_mels, frames)."""
        return (1, self.n_mels, self.frames)

    def as_dict(self) -> dict[str, Any]:
        """Give the parameters as plain values that JSON can hold."""
        return asdict(self)

    def differences(self, other: "FeatureParameters") -> list[str]:
        """List the parameters that differ, as "n_mels 64 instead of 96" (self instead of other)."""
        return [
            f"{name} {mine} instead of {getattr(other, name)}"
            for name, mine in self.as_dict().items()
            if mine != getattr(other, name)
        ]

    def _samples(self, seconds: float) -> int:
        # Rounded: in binary fractions 8.2 * 12000 is a little less than 98400.
        return round(seconds * self.sample_rate)


def empty_bands(parameters: FeatureParameters) -> int:
    """Count the mel bands whose filter has no frequency of the FFT in it, and which stay silent."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Empty filters")
        return int((~mel_filters(parameters).any(axis=1)).sum())


def mel_filters(parameters: FeatureParameters) -> np.ndarray:
    """Give librosa's mel filters.

    Returns:
        float32 of shape (n_mels, 1 + n_fft // 2): what each frequency of the FFT adds to a band.
    """
    # Many times larger than all else that computes features, which does without it.
    from librosa.filters import mel

    filters: np.ndarray = mel(
        sr=parameters.sample_rate, n_fft=parameters.n_fft, n_mels=parameters.n_mels
    )
    return filters


class LogMel:
    """Computes log-mel spectrograms of clips, all of one length.

    The numbers are librosa's (``melspectrogram``, then ``amplitude_to_db`` or ``power_to_db``)
    within 1e-3 dB, three times as fast: batched real FFTs in single precision, and a filter bank
    made once. The decibels of ``amplitude_to_db`` are 20 log10 of the mel *power*, twice the
    usual value, as in Choi's own code and the known MindSpore trainers; values more than 80 dB
    below the loudest are raised to it.

    Args:
        parameters: How to compute them.
        filters: What :func:`mel_filters` has given for them; None for having it do so.
    """

    def __init__(self, parameters: FeatureParameters, filters: np.ndarray | None = None) -> None:
        # Not where features are computed: it is larger than all else in such a process.
        from scipy.signal import get_window

        self.parameters = parameters
        self._taper = get_window("hann", parameters.n_fft).astype(np.float32)
        self._filters = mel_filters(parameters) if filters is None else filters

    def __call__(self, waveform: np.ndarray) -> np.ndarray:
        """Compute the log-mel spectrogram of one clip.

        Args:
            waveform: float32 samples of shape (parameters.clip_samples,).

        Returns:
            float32 decibels of shape (1, n_mels, frames).
        """
        decibels = self.decibels(waveform)
        return limit_range(decibels, decibels.max())[np.newaxis]

    def decibels(self, waveform: np.ndarray) -> np.ndarray:
        """Compute the log-mel spectrogram of a waveform of any length, over its full range.

        Args:
            waveform: float32 samples of shape (n,).

        Returns:
            float32 decibels of shape (n_mels, frames), as low as they are.
        """
        return DecibelStream(self)(waveform, last=True)

    def decibels_of_frames(self, frames: np.ndarray) -> np.ndarray:
        """Compute the decibels of frames of samples, (frames, n_fft): (n_mels, frames)."""
        # librosa's floors: 1e-5 for amplitudes, 1e-10 for powers.
        of_amplitudes = self.parameters.log_mel == "amplitude_to_db"
        factor, floor = (20, 1e-5) if of_amplitudes else (10, 1e-10)
        decibels = np.log10(np.maximum(self._mel_power(frames), np.float32(floor)))
        decibels *= np.float32(factor)
        return decibels

    def _mel_power(self, frames: np.ndarray) -> np.ndarray:
        """Power in each mel band and frame, of shape (n_mels, frames)."""
        # Here, because all that only names feature parameters would wait for it, too.
        from scipy.fft import rfft

        mel_power = np.empty((self.parameters.n_mels, len(frames)), dtype=np.float32)
        # Some frames at a time, so that all of it stays in the processor's cache.
        for start in range(0, len(frames), _FRAMES_AT_ONCE):
            some = slice(start, start + _FRAMES_AT_ONCE)
            spectrum = rfft(frames[some] * self._taper, axis=1, overwrite_x=True)
            power = np.square(spectrum.real)
            power += np.square(spectrum.imag)
            np.matmul(self._filters, power.T, out=mel_power[:, some])
        return mel_power


class DecibelStream:
    """Computes the log-mel spectrogram of a waveform that comes in blocks, as of the whole.

    Args:
        log_mel: Computes frames.
    """

    def __init__(self, log_mel: LogMel) -> None:
        self._log_mel = log_mel
        self._margin = np.zeros(log_mel.parameters.n_fft // 2, dtype=np.float32)
        self._waiting = self._margin

    def __call__(self, block: np.ndarray, last: bool = False) -> np.ndarray:
        """Compute the frames that are whole with a block.

        Args:
            block: float32 samples of shape (n,), behind those before it.
            last: Whether there are no more.

        Returns:
            float32 decibels of shape (n_mels, frames), as low as they are.
        """
        n_fft, hop_length = self._log_mel.parameters.n_fft, self._log_mel.parameters.hop_length
        behind = [self._margin] if last else []
        samples = np.concatenate([self._waiting, block, *behind])
        needed = n_fft if last else max(n_fft, hop_length)
        count = max(0, 1 + (len(samples) - needed) // hop_length)
        if not last:
            # Frames are computed with the same neighbours as in the whole, to the same bits.
            count -= count % _FRAMES_AT_ONCE
        self._waiting = samples[count * hop_length :].copy()
        if not count:
            return np.empty((self._log_mel.parameters.n_mels, 0), dtype=np.float32)
        frames = np.lib.stride_tricks.sliding_window_view(samples, n_fft)[::hop_length]
        return self._log_mel.decibels_of_frames(frames[:count])


def limit_range(decibels: np.ndarray, loudest: np.floating) -> np.ndarray:
    """Raise what is more than 80 dB below the loudest to that level.

    Args:
        decibels: float32 of any shape.
        loudest: The loudest decibels of the clip it is of.

    Returns:
        float32 decibels of the same shape.
    """
    return np.maximum(decibels, loudest - np.float32(RANGE_DB))


def window_starts(room: int, step: int) -> np.ndarray:
    """Place as few windows as there can be, evenly, from the first frame to the last.

    Args:
        room: The frame at which the last window begins.
        step: Frames between the beginnings of two windows, at most.

    Returns:
        The first frame of each window, ascending.
    """
    return np.linspace(0, room, 1 + -(-room // step)).round().astype(int)
