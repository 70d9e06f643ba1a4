"""From a song's file to the windows the network sees, in memory that does not grow with it."""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from fcn4_dist.audio import (
    DecibelStream,
    LogMel,
    UndecodableClipError,
    level_dbfs,
    limit_range,
    open_sound,
    silence_decoders,
    window_starts,
)
from fcn4_dist.config import SETTINGS
from fcn4_dist.processes import ProcessDiedError, TaskTimeoutError, run_in_processes
from fcn4_dist.tagging.columns import Columns
from fcn4_dist.tagging.model_description import ModelDescription

CLIP_TIMEOUT: float = SETTINGS["clip_timeout"].default
SILENCE_LEVEL: float = SETTINGS["silence_level"].default
_WINDOWS_AT_ONCE = 8
_TIMES_READ = 2


@dataclass(frozen=True)
class Song:
    """A song, and where its windows are; they follow, and then its :class:`SongEnd`.

    Attributes:
        path: Its audio file.
        samples: How many it has, at the network's sample rate.
        frames: Of its spectrogram, with silence behind it where it is shorter than a window.
        starts: First frame of each window, ascending.
        seconds: How long it is.
        start_seconds: The second at which each window begins.
    """

    path: Path
    samples: int
    frames: int
    starts: np.ndarray
    seconds: float
    start_seconds: np.ndarray


@dataclass(frozen=True)
class SongWindows:
    """The next windows of a song.

    Attributes:
        decibels: float32 of shape (windows, 1, n_mels, frames), as the network is shown them.
        levels: How loud each is, in dBFS, (windows,); see
            :func:`~fcn4_dist.audio.level.level_dbfs`.
    """

    decibels: np.ndarray
    levels: np.ndarray


@dataclass(frozen=True)
class SongEnd:
    """What is known of a song when all of it has been read.

    Attributes:
        remarks: What is unusual about how it sounds; see :data:`~fcn4_dist.audio.level.REMARKS`.
        spectrogram: Log-mel spectrogram over its full range, float32 of shape (n_mels, columns),
            each the loudest of some frames; without columns unless they were asked for.
    """

    remarks: tuple[str, ...]
    spectrogram: np.ndarray


@dataclass(frozen=True)
class UnreadSong:
    """A file that is no song to us.

    Attributes:
        path: The file.
        reason: Why, as the predicate of a sentence.
    """

    path: Path
    reason: str


class SongReader:
    """Reads songs of any length for one network.

    Args:
        description: Of the network.
        hop_seconds: From a window's beginning to the next one's, at most; None for the length of
            a window. The last window ends with the song.
    """

    def __init__(self, description: ModelDescription, hop_seconds: float | None = None) -> None:
        self.parameters = parameters = description.parameters
        self.log_mel = LogMel(parameters, description.filter_bank())
        self.window_frames = description.input_shape[-1]
        self.window_samples = round(description.window_seconds * parameters.sample_rate)
        self._step = self.window_frames
        if hop_seconds is not None:
            self._step = max(1, round(hop_seconds * parameters.sample_rate / parameters.hop_length))

    def read(
        self, path: Path, columns: int = 0
    ) -> Generator[Song | SongWindows | None, None, SongEnd]:
        """Decode a song and cut it into windows, as they come.

        Where they are, follows from how long it is, which its header may not say, or wrongly. Then
        it is read again, with a :class:`Song` that replaces the first.

        Args:
            path: Any file that libsndfile or an installed audioread back end decodes; one that is
                shorter than a window gets silence behind it.
            columns: At most so many of its spectrogram are kept; where it has no more frames, all.

        Yields:
            The song, its windows, and None where there is nothing new of it yet.

        Returns:
            What is known at its end.

        Raises:
            UndecodableClipError: If it cannot be decoded.
        """
        samples = 0
        for _ in range(1 + _TIMES_READ):
            with open_sound(path, self.parameters.sample_rate) as sound:
                samples = samples or sound.counted
                blocks = sound.blocks()
                if not samples:
                    for _ in blocks:
                        yield None
                else:
                    song = self._song(path, samples)
                    yield song
                    cutter = _Cutter(self, song, columns)
                    for block in blocks:
                        yield from cutter.add(block)
                        yield None
                    if sound.samples == samples:
                        yield from cutter.end()
                        return SongEnd(sound.remarks, cutter.spectrogram.decibels())
                samples = sound.samples
        raise UndecodableClipError("was changed while it was read")

    def _song(self, path: Path, samples: int) -> Song:
        rate, hop_length = self.parameters.sample_rate, self.parameters.hop_length
        padded = max(samples, self.window_samples)
        frames = 1 + (padded - self.parameters.n_fft % 2) // hop_length
        starts = window_starts(frames - self.window_frames, self._step)
        return Song(path, samples, frames, starts, samples / rate, starts * hop_length / rate)


class _Recent:
    """What came last of something that is too long to be kept whole."""

    def __init__(self, *shape: int) -> None:
        self._values = np.empty((*shape, 0), dtype=np.float32)
        self._first = 0

    @property
    def end(self) -> int:
        return self._first + self._values.shape[-1]

    def add(self, values: np.ndarray) -> None:
        self._values = np.concatenate([self._values, values], axis=-1)

    def between(self, first: int, end: int) -> np.ndarray:
        return self._values[..., first - self._first : end - self._first]

    def forget(self, before: int) -> None:
        self._values = self._values[..., before - self._first :].copy()
        self._first = before


class _Cutter:
    """Cuts a song into windows while it is decoded."""

    def __init__(self, reader: SongReader, song: Song, columns: int) -> None:
        self._reader = reader
        self._song = song
        self._clip_frames = reader.parameters.frames
        self._starts = deque(song.starts.tolist())
        self._stream = DecibelStream(reader.log_mel)
        self._samples, self._decibels = _Recent(), _Recent(reader.parameters.n_mels)
        self.spectrogram = Columns(reader.parameters.n_mels, song.frames, columns)

    def add(self, block: np.ndarray) -> Iterator[SongWindows]:
        self._samples.add(block)
        yield from self._cut(self._stream(block), is_last=False)

    def end(self) -> Iterator[SongWindows]:
        missing = max(0, self._reader.window_samples - self._song.samples)
        silence = np.zeros(missing, dtype=np.float32)
        yield from self._cut(self._stream(silence, last=True), is_last=True)

    def _cut(self, decibels: np.ndarray, is_last: bool) -> Iterator[SongWindows]:
        self.spectrogram.add(decibels)
        self._decibels.add(decibels)
        while whole := self._whole_starts(is_last):
            windows = [self._window(start) for start in whole]
            levels = np.array([self._level(start) for start in whole])
            yield SongWindows(np.stack(windows), levels)
        if self._starts:
            start = self._starts[0]
            self._decibels.forget(min(start, self._neighbourhood(start)[0], self._decibels.end))
            first = start * self._reader.parameters.hop_length
            self._samples.forget(min(first, self._samples.end))

    def _whole_starts(self, is_last: bool) -> list[int]:
        """Take some windows of which all is there."""
        whole: list[int] = []
        while self._starts and len(whole) < _WINDOWS_AT_ONCE:
            start = self._starts[0]
            end = max(start + self._reader.window_frames, self._neighbourhood(start)[1])
            samples = start * self._reader.parameters.hop_length + self._reader.window_samples
            if not is_last and (self._decibels.end < end or self._samples.end < samples):
                break
            whole.append(self._starts.popleft())
        return whole

    def _window(self, start: int) -> np.ndarray:
        window = self._decibels.between(start, start + self._reader.window_frames)
        neighbourhood = self._decibels.between(*self._neighbourhood(start))
        return limit_range(window, neighbourhood.max())[np.newaxis]

    def _level(self, start: int) -> float:
        first = start * self._reader.parameters.hop_length
        samples = self._samples.between(first, first + self._reader.window_samples)
        return level_dbfs(samples, self._reader.parameters.sample_rate)

    def _neighbourhood(self, start: int) -> tuple[int, int]:
        """Give the frames that count with a window: as many as a clip had in training.

        What is much softer than the loudest of a clip is raised.
        """
        centred = start + self._reader.window_frames // 2 - self._clip_frames // 2
        first = max(0, min(centred, self._song.frames - self._clip_frames))
        return first, min(first + self._clip_frames, self._song.frames)


def read_songs(
    reader: SongReader,
    paths: Sequence[Path],
    processes: int,
    timeout: float = CLIP_TIMEOUT,
    columns: int = 0,
) -> Generator[tuple[int, Song | SongWindows | SongEnd | UnreadSong], None, None]:
    """Read songs in processes of their own, whatever they do to their decoders.

    Args:
        reader: Reads one.
        paths: Audio files.
        processes: Processes at work.
        timeout: Seconds until there must be something new of a song.
        columns: Of its spectrogram; see :meth:`SongReader.read`.

    Yields:
        A song's place in ``paths``, and what comes next of it, in the order this is done; or why
        there is no more of it.
    """
    songs = run_in_processes(
        partial(_read, reader, columns),
        enumerate(paths),
        processes,
        timeout=timeout,
        prepare=silence_decoders,
    )
    with closing(songs) as finished:
        for (number, path), future in finished:
            try:
                yield number, future.result()
            except TaskTimeoutError:
                yield number, UnreadSong(path, f"takes longer than clip_timeout, {timeout:g} s")
            except ProcessDiedError as error:
                yield number, UnreadSong(path, f"crashes the decoder ({error})")
            except MemoryError:
                yield number, UnreadSong(path, "does not fit into memory")
            except UndecodableClipError as error:
                yield number, UnreadSong(path, str(error))


def _read(
    reader: SongReader, columns: int, song: tuple[int, Path]
) -> Generator[Song | SongWindows | None, None, SongEnd]:
    # It yields to the process that reads, which takes it for work in parts.
    return reader.read(song[1], columns)
