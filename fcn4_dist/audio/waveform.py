"""From an audio file to a mono waveform, whole or one window of it."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import soxr

from fcn4_dist.audio.decoding import AudioFile, UndecodableClipError, open_audio
from fcn4_dist.audio.features import LONGEST_SECONDS
from fcn4_dist.audio.level import CONTRADICTS, Mixer, level_dbfs

_NO_SAMPLES = np.zeros(0, dtype=np.float32)
_VALUES_AT_ONCE = 2**23
"""Values held at once, decoded or resampled: 32 MB, 95 s of stereo at 44.1 kHz."""
_LARGEST_SAMPLE = 2**10


@dataclass(frozen=True)
class Window:
    """The part of a clip that the network sees.

    Attributes:
        samples: float32 of shape (n,): the clip's centre, or all of it and silence behind it.
        status: "kept", "padded" or "cropped".
        seconds: How long the whole clip is.
        header_seconds: How long its header says it is; 0.0 if it does not say.
        level: How loud the samples are, in dBFS; see :func:`~fcn4_dist.audio.level.level_dbfs`.
        remarks: What is unusual about the sound of the whole clip; see
            :data:`~fcn4_dist.audio.level.REMARKS`.
    """

    samples: np.ndarray
    status: str
    seconds: float
    header_seconds: float
    level: float
    remarks: tuple[str, ...]


class Sound:
    """An audio file that is open, mono and resampled, in memory that does not grow with it.

    Args:
        source: The file.
        sample_rate: Rate to resample to (soxr, high quality), in Hz.
        blocks: What is decoded of it; None for having it decoded.
    """

    def __init__(
        self, source: AudioFile, sample_rate: int, blocks: Iterable[np.ndarray] | None = None
    ) -> None:
        self._source = source
        self._sample_rate = sample_rate
        self._mix = Mixer(source.channels, source.step)
        self._decoded = blocks
        self.frames = 0

    @property
    def promised(self) -> int:
        """How many samples it has by its header, after resampling; 0 if it does not say."""
        if self._source.frames > LONGEST_SECONDS * self._source.rate:
            return 0
        return self._resampled_length(self._source.frames)

    @property
    def counted(self) -> int:
        """The same; 0, too, if that is estimated from the size of the file."""
        return 0 if self._source.is_estimate else self.promised

    @property
    def samples(self) -> int:
        """How many samples there are of what has been decoded, after resampling."""
        return self._resampled_length(self.frames)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Those of :data:`~fcn4_dist.audio.level.REMARKS` that hold of what has been decoded."""
        return (*self._mix.remarks(), *[CONTRADICTS] * self._source.contradicts)

    def blocks(self) -> Iterator[np.ndarray]:
        """Decode the file from its beginning to its end.

        Yields:
            float32 of shape (n,), all finite.

        Raises:
            UndecodableClipError: If the file cannot be decoded, is empty, or holds NaN or infinity.
        """
        position = 0
        for block in resample_blocks(self._mixed(), self._source.rate, self._sample_rate):
            position += len(block)
            if len(block):
                yield _checked(block)[: len(block) - max(0, position - self.samples)]
        if position < self.samples:
            yield np.zeros(self.samples - position, dtype=np.float32)

    def _mixed(self) -> Iterator[np.ndarray]:
        at_once = _frames_at_once(self._source, self._sample_rate)
        decoded = self._source.blocks(at_once) if self._decoded is None else self._decoded
        for block in filter(len, decoded):
            self.frames += len(block)
            # Of what is decoded without end, there is more than fits into memory.
            if self.frames > LONGEST_SECONDS * self._source.rate:
                raise UndecodableClipError(f"is longer than {LONGEST_SECONDS // 3600} hours")
            yield self._mix(block)
        if not self.frames:
            raise UndecodableClipError("holds no samples")

    def _resampled_length(self, frames: int) -> int:
        return int(np.ceil(frames * (self._sample_rate / self._source.rate)))


@contextmanager
def open_sound(path: Path, sample_rate: int) -> Iterator[Sound]:
    """Open an audio file to be decoded, mixed to mono and resampled block by block.

    Args:
        path: Any file that libsndfile or an installed audioread back end decodes.
        sample_rate: Rate to resample to, in Hz.

    Raises:
        UndecodableClipError: As :func:`~fcn4_dist.audio.decoding.open_audio`.
    """
    with open_audio(path) as source:
        yield Sound(source, sample_rate)


def load_waveform(path: Path, sample_rate: int) -> np.ndarray:
    """Decode an audio file, mix it to mono and resample it.

    Args:
        path: Any file that libsndfile or an installed audioread back end decodes.
        sample_rate: Rate to resample to (soxr, high quality), in Hz.

    Returns:
        float32 samples of shape (n,), n >= 1, all finite.

    Raises:
        UndecodableClipError: If the file cannot be decoded, is empty, or holds NaN or infinity.
    """
    with open_sound(path, sample_rate) as sound:
        return np.concatenate(list(sound.blocks()))


def load_window(path: Path, sample_rate: int, samples: int) -> Window:
    """Decode the part of an audio file that the network sees, mono and resampled.

    It is what :func:`load_waveform` and :func:`fit_to_window` give, in memory that does not grow
    with the file: of a long one, nothing but the window is kept.

    Args:
        path: Any file that libsndfile or an installed audioread back end decodes.
        sample_rate: Rate to resample to, in Hz.
        samples: Length of the window, in samples.

    Raises:
        UndecodableClipError: As :func:`load_waveform`.
    """
    with open_audio(path) as source:
        blocks = source.blocks(_frames_at_once(source, sample_rate))
        begun = list(islice(blocks, 2))
        if len(begun) < 2:
            sound = Sound(source, sample_rate, begun)
            window, _ = fit_to_window(np.concatenate(list(sound.blocks())), samples)
        else:
            sound = Sound(source, sample_rate, _followed(begun, blocks))
            window = _centre_if_as_long(sound, sound.promised, samples)
            if sound.samples != sound.promised:
                # Where the centre is, is known now.
                with open_sound(path, sample_rate) as again:
                    window = _centre_if_as_long(again, sound.samples, samples)
        return Window(
            window,
            _status(sound.samples - samples),
            sound.frames / source.rate,
            source.frames / source.rate,
            # Without the silence behind it, which a constant breaks off at.
            level_dbfs(window[: sound.samples], sample_rate),
            sound.remarks,
        )


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
    return _of_length(waveform[max(0, surplus // 2) :], samples), _status(surplus)


def resample_blocks(
    blocks: Iterator[np.ndarray], rate: int, sample_rate: int, channels: int = 1
) -> Iterator[np.ndarray]:
    """Resample blocks one after the other, to what they would give as one (soxr, high quality).

    Args:
        blocks: float32 of shape (frames, channels), or (frames,) if there is one channel.
        rate: Their rate, in Hz.
        sample_rate: Rate to resample to, in Hz.
        channels: How many there are.
    """
    if rate == sample_rate:
        yield from blocks
        return
    stream = soxr.ResampleStream(rate, sample_rate, channels, dtype="float32", quality="HQ")
    for block in blocks:
        yield stream.resample_chunk(block)
    end = _NO_SAMPLES if channels == 1 else np.zeros((0, channels), dtype=np.float32)
    yield stream.resample_chunk(end, last=True)


def _frames_at_once(source: AudioFile, sample_rate: int) -> int:
    return _VALUES_AT_ONCE // max(source.channels, math.ceil(sample_rate / source.rate))


def _of_length(waveform: np.ndarray, samples: int) -> np.ndarray:
    if len(waveform) == samples:
        return waveform
    return np.pad(waveform[:samples], (0, max(0, samples - len(waveform))))


def _followed(begun: list[np.ndarray], blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Give blocks behind those that were taken, which are not kept."""
    while begun:
        yield begun.pop(0)
    yield from blocks


def _centre_if_as_long(sound: Sound, length: int, samples: int) -> np.ndarray:
    """Take what is the centre of a sound of so many samples."""
    start = max(0, (length - samples) // 2)
    stop = min(start + samples, length)
    parts = []
    position = 0
    for part in sound.blocks():
        parts.append(part[max(0, start - position) : max(0, stop - position)].copy())
        position += len(part)
    return _of_length(np.concatenate(parts), samples)


def _status(surplus: int) -> str:
    if abs(surplus) <= 1:
        return "kept"
    return "cropped" if surplus > 0 else "padded"


def _checked(samples: np.ndarray) -> np.ndarray:
    # Both are NaN if a sample is.
    peak = max(samples.max(), -samples.min())
    if not np.isfinite(peak):
        raise UndecodableClipError("holds samples that are NaN or infinite")
    if peak > _LARGEST_SAMPLE:
        raise UndecodableClipError(
            f"holds samples up to {peak:.3g}, where 1 is full scale: integers taken for floats?"
        )
    return samples
