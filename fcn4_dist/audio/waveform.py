"""From an audio file to a mono waveform, whole or one window of it."""

import math
from collections.abc import Iterator
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


@dataclass(frozen=True)
class Sound:
    """All of a file, mono and resampled.

    Attributes:
        samples: float32 of shape (n,), n >= 1, all finite.
        remarks: As of a :class:`Window`.
    """

    samples: np.ndarray
    remarks: tuple[str, ...]


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
    return load_sound(path, sample_rate).samples


def load_sound(path: Path, sample_rate: int) -> Sound:
    """Do what :func:`load_waveform` does, and notice what is unusual.

    Args:
        path: As there.
        sample_rate: As there.

    Raises:
        UndecodableClipError: As there.
    """
    with open_audio(path) as source:
        mix = Mixer(source.channels, source.step)
        blocks = _timely(source, source.blocks(_frames_at_once(source, sample_rate)))
        waveform = np.concatenate([_NO_SAMPLES, *map(mix, blocks)])
        samples = _checked(_resampled(waveform, source.rate, sample_rate))
        return Sound(samples, _remarks(source, mix))


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
            mix = Mixer(source.channels, source.step)
            waveform = mix(begun[0]) if begun else _NO_SAMPLES
            frames = len(waveform)
            waveform = _checked(_resampled(waveform, source.rate, sample_rate))
            window, status = fit_to_window(waveform, samples)
        else:
            blocks = _followed(begun, blocks)
            found = _window_if_as_long(source, blocks, source.frames, sample_rate, samples)
            if found[1] != source.frames:
                # Where the centre is, is known now.
                with open_audio(path) as again:
                    blocks = again.blocks(_frames_at_once(again, sample_rate))
                    found = _window_if_as_long(again, blocks, found[1], sample_rate, samples)
            window, frames, mix = found
            status = _status(_resampled_length(frames, source.rate, sample_rate) - samples)
        return Window(
            window,
            status,
            frames / source.rate,
            source.frames / source.rate,
            # Without the silence behind it, which a constant breaks off at.
            level_dbfs(window[: _resampled_length(frames, source.rate, sample_rate)], sample_rate),
            _remarks(source, mix),
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


def _remarks(source: AudioFile, mix: Mixer) -> tuple[str, ...]:
    return (*mix.remarks(), *[CONTRADICTS] * source.contradicts)


def _timely(source: AudioFile, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Give blocks that are decoded until there is more than fits into memory."""
    frames = 0
    for block in blocks:
        frames += len(block)
        if frames > LONGEST_SECONDS * source.rate:
            raise UndecodableClipError(f"is longer than {LONGEST_SECONDS // 3600} hours")
        yield block


def _resampled_length(frames: int, rate: int, sample_rate: int) -> int:
    return int(np.ceil(frames * (sample_rate / rate)))


def _resampled(waveform: np.ndarray, rate: int, sample_rate: int) -> np.ndarray:
    if rate == sample_rate or not len(waveform):
        return waveform
    resampled = soxr.resample(waveform, rate, sample_rate, quality="HQ")
    return _of_length(resampled, _resampled_length(len(waveform), rate, sample_rate))


def _of_length(waveform: np.ndarray, samples: int) -> np.ndarray:
    if len(waveform) == samples:
        return waveform
    return np.pad(waveform[:samples], (0, max(0, samples - len(waveform))))


def _followed(begun: list[np.ndarray], blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Give blocks behind those that were taken, which are not kept."""
    while begun:
        yield begun.pop(0)
    yield from blocks


def _window_if_as_long(
    source: AudioFile, blocks: Iterator[np.ndarray], frames: int, sample_rate: int, samples: int
) -> tuple[np.ndarray, int, Mixer]:
    """Take what is the centre of a file of so many frames, and count them."""
    mix = Mixer(source.channels, source.step)
    length = _resampled_length(frames, source.rate, sample_rate)
    start = max(0, (length - samples) // 2)
    stop = min(start + samples, length)
    counted = []

    def mixed() -> Iterator[np.ndarray]:
        for block in blocks:
            counted.append(len(_checked(block)))
            yield mix(block)

    parts = []
    position = 0
    for part in resample_blocks(mixed(), source.rate, sample_rate):
        parts.append(part[max(0, start - position) : max(0, stop - position)].copy())
        position += len(part)
    return _of_length(np.concatenate(parts), samples), sum(counted), mix


def _status(surplus: int) -> str:
    if abs(surplus) <= 1:
        return "kept"
    return "cropped" if surplus > 0 else "padded"


def _checked(samples: np.ndarray) -> np.ndarray:
    if not samples.size:
        raise UndecodableClipError("holds no samples")
    # Both are NaN if a sample is.
    peak = max(samples.max(), -samples.min())
    if not np.isfinite(peak):
        raise UndecodableClipError("holds samples that are NaN or infinite")
    if peak > _LARGEST_SAMPLE:
        raise UndecodableClipError(
            f"holds samples up to {peak:.3g}, where 1 is full scale: integers taken for floats?"
        )
    return samples
