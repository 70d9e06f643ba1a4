"""Tagging songs, one or thousands, with batches across songs."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from scipy.special import expit

from fcn4_dist.audio import UndecodableClipError, silence_decoders
from fcn4_dist.errors import InputError
from fcn4_dist.processes import ProcessDiedError, TaskTimeoutError, run_in_processes
from fcn4_dist.tagging.model_description import Network
from fcn4_dist.tagging.song_reading import Song, SongReader
from fcn4_dist.tagging.song_tags import SongTags

_SECONDS_FOR_A_SONG = 600.0
_PASSED_OVER = (UndecodableClipError, OSError, MemoryError, TaskTimeoutError, ProcessDiedError)


@dataclass(frozen=True)
class UntaggedSong:
    """A file that gave no tags.

    Attributes:
        path: The file.
        reason: Why.
    """

    path: Path
    reason: str


class Tagger:
    """Tags songs with one network.

    Args:
        network: Gives the logits of windows.
        hop_seconds: From a window's beginning to the next one's, at most the length of a window;
            None for that.
        batch_size: Windows the network gets at once, of one song or several.

    Raises:
        InputError: If a number is impossible.
    """

    def __init__(
        self, network: Network, hop_seconds: float | None = None, batch_size: int = 8
    ) -> None:
        window_seconds = network.description.window_seconds
        if hop_seconds is not None and not 0 < hop_seconds <= window_seconds:
            raise InputError(
                f"hop_seconds must be above 0 and at most {window_seconds:g}, the length of a "
                f"window in {network.path}, got {hop_seconds:g}"
            )
        if batch_size < 1:
            raise InputError(f"batch_size must be at least 1, got {batch_size}")
        self.network = network
        self.reader = SongReader(network.description, hop_seconds)
        self.batch_size = batch_size

    def tag(self, path: Path) -> SongTags:
        """Tag one song, in this process.

        Args:
            path: Its audio file.

        Raises:
            InputError: If it cannot be decoded.
        """
        return self.tag_read(self.read(path))

    def read(self, path: Path) -> Song:
        """Read one song, in this process.

        Args:
            path: Its audio file.

        Raises:
            InputError: If it cannot be decoded.
        """
        try:
            return self.reader.read(path)
        except (UndecodableClipError, OSError, MemoryError) as error:
            raise InputError(f"no tags of {path}: it {_reason(error)}") from error

    def tag_read(self, song: Song) -> SongTags:
        """Tag a song that has been read."""
        # As many batches as it takes, of one size, with as little filling as can be.
        turns = -(-len(song.starts) // self.batch_size)
        batches = _Batches(self, -(-len(song.starts) // turns))
        (tags,) = [tags for _, tags in [*batches.add(0, song), *batches.finish()]]
        return tags

    def tag_all(
        self, paths: Sequence[Path], processes: int
    ) -> Iterator[tuple[int, SongTags | UntaggedSong]]:
        """Tag songs, which other processes decode meanwhile.

        A song that cannot be decoded, that crashes the decoder or takes longer than ten minutes
        does not stop the others.

        Args:
            paths: Audio files.
            processes: Processes that decode.

        Yields:
            A song's place in ``paths``, and its tags or why it has none, in the order they are
            done.
        """
        batches = _Batches(self, self.batch_size)
        songs = run_in_processes(
            partial(_read, self.reader),
            enumerate(paths),
            processes,
            timeout=_SECONDS_FOR_A_SONG,
            prepare=silence_decoders,
        )
        with closing(songs) as finished:
            for (number, path), future in finished:
                try:
                    song = future.result()
                except _PASSED_OVER as error:
                    yield number, UntaggedSong(path, _reason(error))
                else:
                    yield from batches.add(number, song)
        yield from batches.finish()


class _Batches:
    """Windows of songs on their way through the network, a batch at a time."""

    def __init__(self, tagger: Tagger, size: int) -> None:
        self._tagger, self._size = tagger, size
        self._windows: list[np.ndarray] = []
        self._numbers: list[int] = []
        self._songs: dict[int, Song] = {}
        self._logits: dict[int, list[np.ndarray]] = {}

    def add(self, number: int, song: Song) -> Iterator[tuple[int, SongTags]]:
        """Take a song; give those that are finished."""
        self._songs[number], self._logits[number] = song, []
        for window in song.windows():
            self._windows.append(window)
            self._numbers.append(number)
            if len(self._windows) == self._size:
                yield from self._run()

    def finish(self) -> Iterator[tuple[int, SongTags]]:
        """Give the songs that are not finished yet."""
        if self._windows:
            yield from self._run()

    def _run(self) -> Iterator[tuple[int, SongTags]]:
        count = len(self._windows)
        # Of one shape: another one would be compiled anew.
        filling = [self._windows[-1]] * (self._size - count)
        logits = self._tagger.network.logits(np.stack([*self._windows, *filling]))[:count]
        for number, of_window in zip(self._numbers, logits, strict=True):
            self._logits[number].append(of_window)
        seen = dict.fromkeys(self._numbers)
        self._windows, self._numbers = [], []
        for number in seen:
            if len(self._logits[number]) == len(self._songs[number].starts):
                yield number, self._tags(self._songs.pop(number), self._logits.pop(number))

    def _tags(self, song: Song, logits: list[np.ndarray]) -> SongTags:
        description = self._tagger.network.description
        return SongTags(
            song.path,
            song.seconds,
            description.class_names,
            description.window_seconds,
            self._tagger.reader.start_seconds(song),
            # In float64 a sigmoid does not round confident scores to equal ones.
            expit(np.array(logits, dtype=np.float64)),
        )


def _read(reader: SongReader, song: tuple[int, Path]) -> Song:
    return reader.read(song[1])


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "does not fit into memory"
    if isinstance(error, TaskTimeoutError):
        return f"takes longer than {_SECONDS_FOR_A_SONG:g} s to decode"
    if isinstance(error, ProcessDiedError):
        return f"crashes the decoder ({error})"
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror or error}"
    return str(error)
