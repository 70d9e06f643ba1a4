"""Audio files opened to be decoded, by whatever decodes them."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile

from fcn4_dist.audio.headers import flac_contradicts, log_contradicts, mp3_is_counted
from fcn4_dist.files import open_file

_SENSIBLE_RATES = range(1000, 1_000_001)
_UNKNOWN_FRAMES = 2**63 - 1
"""What libsndfile says of a file whose header does not say how long it is."""
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
        is_estimate: Whether that follows from the size of the file alone.
        step: The smallest difference of two samples, where it can be heard; 0.0 where not.
        contradicts: Whether its header contradicts itself or the size of the file, as it does where
            a file was cut or a field damaged.
    """

    channels: int
    rate: int
    frames: int
    is_estimate: bool
    step: float
    contradicts: bool

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


def silence_decoders() -> None:
    """Keep from the terminal what decoders write there of broken files, in all of this process."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


class _SoundFile(soundfile.SoundFile):
    """A file that libsndfile decodes, from its beginning to its end."""

    def __init__(self, path: Path) -> None:
        # Bytes, since soundfile refuses a name that is not UTF-8 as text.
        super().__init__(os.fsencode(path))
        if self.format == "RAW":
            # A file of any content, whose name ends like that of a format without a header.
            raise ValueError("Format not recognised.")
        self.rate: int = self.samplerate
        # What 16 bits round off is 90 dB below full scale.
        self.step = 2**-7 if self.subtype in ("PCM_U8", "PCM_S8") else 0.0
        self.contradicts = log_contradicts(self.extra_info) or (
            self.format == "FLAC" and flac_contradicts(path, self.rate)
        )
        self.is_estimate = self.format in ("MP3", "MPEG") and not mp3_is_counted(path)

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
        self.is_estimate = False
        self.step = 0.0
        self.contradicts = False

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
