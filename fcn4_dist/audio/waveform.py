"""From an audio file to a mono waveform, whole or one window of it."""

import math
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile
import soxr

from fcn4_dist.files import open_file

_NO_SAMPLES = np.zeros(0, dtype=np.float32)
_VALUES_AT_ONCE = 2**23
"""Values held at once, decoded or resampled: 32 MB, 95 s of stereo at 44.1 kHz."""
_SENSIBLE_RATES = range(1000, 1_000_001)
_UNKNOWN_FRAMES = 2**63 - 1
"""What libsndfile says of a file whose header does not say how long it is."""
_LARGEST_SAMPLE = 2**10
_CLEARER_REASONS = {
    "File does not exist or is not a regular file (possibly a pipe?).": "Format not recognised.",
    "samplerate must be specified": "Format not recognised.",
    "Internal error : SF_INFO struct incomplete.": "no valid sample rate in the header",
}


class UndecodableClipError(Exception):
    """A clip that gives no usable waveform; the message is the reason."""


class AudioFile(Protocol):
    """An audio file that is open to be decoded.

    Attributes:
        channels: How many it has.
        rate: Its sample rate, in Hz.
        frames: How many samples of each channel its header promises; 0 if it does not say.
    """

    channels: int
    rate: int
    frames: int

    def blocks(self, frames: int) -> Iterator[np.ndarray]:
        """Decode the file from its beginning to its end.

        Args:
            frames: About how many are given at once.

        Yields:
            float32 of shape (frames, channels).
        """
        ...

    def close(self) -> None:
        """Close the file."""
        ...


@dataclass(frozen=True)
class Window:
    """The part of a clip that the network sees.

    Attributes:
        samples: float32 of shape (n,): the clip's centre, or all of it and silence behind it.
        status: "kept", "padded" or "cropped".
        seconds: How long the whole clip is.
        header_seconds: How long its header says it is; 0.0 if it does not say.
    """

    samples: np.ndarray
    status: str
    seconds: float
    header_seconds: float


@contextmanager
def open_audio(path: Path) -> Iterator[AudioFile]:
    """Open an audio file to be decoded.

    Args:
        path: Any file that libsndfile or an installed audioread back end decodes.

    Raises:
        UndecodableClipError: If it is no file, or cannot be decoded; also of what fails while it is
            open.
    """
    check_audio_file(path)
    try:
        with closing(_open(path)) as source:
            if source.rate not in _SENSIBLE_RATES:
                raise UndecodableClipError(f"has a sample rate of {source.rate} Hz by its header")
            yield source
    except (UndecodableClipError, MemoryError):
        raise
    except Exception as error:
        raise UndecodableClipError(_reason(error)) from error


def check_audio_file(path: Path) -> os.stat_result:
    """Refuse what can be waited for or read without end: a pipe, a socket, a device.

    Returns:
        What the system says of the file.

    Raises:
        UndecodableClipError: If it is one of these, a folder or empty, or cannot be read.
    """
    try:
        with open_file(path) as file:
            status = os.fstat(file.fileno())
    except (OSError, ValueError) as error:
        # ValueError: a name that no file can have.
        raise UndecodableClipError(f"cannot be read: {reason_of(error)}") from error
    # Also one of /proc, where some wait for what is to come.
    if not status.st_size:
        raise UndecodableClipError("is an empty file")
    return status


def reason_of(error: Exception) -> str:
    """Give the reason of an error of the system, without the name of the file."""
    return str(getattr(error, "strerror", None) or error)


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
    with open_audio(path) as source:
        blocks = source.blocks(_frames_at_once(source, sample_rate))
        waveform = np.concatenate([_NO_SAMPLES, *map(_mono, blocks)])
        return _checked(_resampled(waveform, source.rate, sample_rate))


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
        first = next(blocks, None)
        if next(blocks, None) is None:
            waveform = _NO_SAMPLES if first is None else _mono(first)
            frames = len(waveform)
            waveform = _checked(_resampled(waveform, source.rate, sample_rate))
            window, status = fit_to_window(waveform, samples)
        else:
            del first
            window, frames = _window_if_as_long(path, source.frames, sample_rate, samples)
            if frames != source.frames:
                # Where the centre is, is known now.
                window, frames = _window_if_as_long(path, frames, sample_rate, samples)
            status = _status(_resampled_length(frames, source.rate, sample_rate) - samples)
        return Window(window, status, frames / source.rate, source.frames / source.rate)


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


def silence_decoders() -> None:
    """Keep from the terminal what decoders write there of broken files, in all of this process."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


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


class _SoundFile(soundfile.SoundFile):
    """A file that libsndfile decodes, from its beginning to its end."""

    def __init__(self, path: Path) -> None:
        # Bytes, since soundfile refuses a name that is not UTF-8 as text.
        super().__init__(os.fsencode(path))
        if self.format == "RAW":
            # A file of any content, whose name ends like that of a format without a header.
            raise ValueError("Format not recognised.")
        self.rate: int = self.samplerate

    @property
    def frames(self) -> int:
        return super().frames % _UNKNOWN_FRAMES

    def seekable(self) -> bool:
        # Where it can, soundfile seeks to where it already is after each read, which fails at the
        # end of a FLAC file of which the encoder did not know how long it would be.
        return False

    def blocks(self, frames: int) -> Iterator[np.ndarray]:
        # A header may promise any length, so it is not trusted with more than one block.
        expected = min(frames, super().frames + 1)
        while len(block := self.read(expected, dtype="float32", always_2d=True)):
            yield block
            if len(block) < expected:
                return
            expected = frames


class _AudioreadFile:
    """A file that one of audioread's back ends decodes, like ffmpeg."""

    def __init__(self, path: Path) -> None:
        import audioread  # type: ignore[import-untyped]
        from audioread.rawread import RawAudioFile  # type: ignore[import-untyped]

        # Python's own readers know no format that libsndfile does not, and believe any header.
        decoders = [each for each in audioread.available_backends() if each is not RawAudioFile]
        # As a whole path, which no program takes for a flag or an address.
        self._file = audioread.audio_open(os.path.abspath(path), decoders)
        self.channels: int = self._file.channels
        self.rate: int = self._file.samplerate
        self.frames = 0

    def blocks(self, frames: int) -> Iterator[np.ndarray]:
        buffer = bytearray()
        for content in self._file:
            buffer += content
            if len(buffer) >= 2 * self.channels * frames:
                yield self._floats(buffer)
                buffer = bytearray()
        if buffer:
            yield self._floats(buffer)

    def close(self) -> None:
        self._file.close()

    def _floats(self, content: bytearray) -> np.ndarray:
        whole = len(content) // (2 * self.channels) * self.channels
        values = np.frombuffer(content, dtype="<i2", count=whole).astype(np.float32)
        return (values / np.float32(2**15)).reshape(-1, self.channels)


def _open(path: Path) -> AudioFile:
    try:
        return _SoundFile(path)
    except Exception as error:
        # Decoders raise whatever they like on broken files; no kind of broken clip may end a run
        # of thousands.
        reason = _reason(error)
    try:
        return _AudioreadFile(path)
    except Exception as error:
        # What libsndfile said is the better reason: audioread often has no text at all.
        raise UndecodableClipError(reason) from error


def _reason(error: Exception) -> str:
    # Without soundfile's prefix, which names the file.
    text = getattr(error, "error_string", "") or str(error) or type(error).__name__
    return f"cannot be decoded: {' '.join(_CLEARER_REASONS.get(text, text).split())}"


def _frames_at_once(source: AudioFile, sample_rate: int) -> int:
    return _VALUES_AT_ONCE // max(source.channels, math.ceil(sample_rate / source.rate))


def _mono(block: np.ndarray) -> np.ndarray:
    # Not by a matrix product, whose last bits depend on where in memory a block lies.
    first, *others = block.T
    if not others:
        return first
    mono = first + others[0]
    for channel in others[1:]:
        mono += channel
    mono *= np.float32(1 / block.shape[1])
    return mono


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


def _window_if_as_long(
    path: Path, frames: int, sample_rate: int, samples: int
) -> tuple[np.ndarray, int]:
    """Decode what is the centre of a file of so many frames, and count them."""
    with open_audio(path) as source:
        length = _resampled_length(frames, source.rate, sample_rate)
        start = max(0, (length - samples) // 2)
        stop = min(start + samples, length)
        counted = []

        def blocks() -> Iterator[np.ndarray]:
            for block in source.blocks(_frames_at_once(source, sample_rate)):
                counted.append(len(_checked(block)))
                yield _mono(block)

        parts = []
        position = 0
        for part in resample_blocks(blocks(), source.rate, sample_rate):
            parts.append(part[max(0, start - position) : max(0, stop - position)].copy())
            position += len(part)
    return _of_length(np.concatenate(parts), samples), sum(counted)


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
