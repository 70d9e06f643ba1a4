"""Tagging songs, one or thousands, with batches across songs."""

from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

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
        parameters = network.description.parameters
        frame = min(parameters.hop_length / parameters.sample_rate, window_seconds)
        if hop_seconds is not None and not frame <= hop_seconds <= window_seconds:
            raise InputError(
                f"hop_seconds must be at least {frame:g}, a frame, and at most {window_seconds:g}, "
                f"the length of a window in {network.path}, got {hop_seconds:g}"
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
        ((_, tags),) = self._tag_songs([(0, song)], -(-len(song.starts) // turns))
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
        with closing(self._read_all(paths, processes)) as songs:
            yield from self._tag_songs(songs, self.batch_size)

    def _read_all(
        self, paths: Sequence[Path], processes: int
    ) -> Generator[tuple[int, Song | UntaggedSong], None, None]:
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
                    yield number, future.result()
                except _PASSED_OVER as error:
                    yield number, UntaggedSong(path, _reason(error))

    def _tag_songs(
        self, songs: Iterable[tuple[int, Song | UntaggedSong]], batch_size: int
    ) -> Iterator[tuple[int, Any]]:
        """Tag numbered songs, with batches of one size across them."""
        batch: list[tuple[int, Song, np.ndarray]] = []
        logits: dict[int, list[np.ndarray]] = defaultdict(list)

        def finished() -> Iterator[tuple[int, SongTags]]:
            windows = [window for *_, window in batch]
            # Of one shape: another one would be compiled anew.
            windows += windows[-1:] * (batch_size - len(windows))
            of_windows = self.network.logits(np.stack(windows))
            for (number, song, _), of_window in zip(batch, of_windows, strict=False):
                logits[number].append(of_window)
                if len(logits[number]) == len(song.starts):
                    yield number, self._song_tags(song, logits.pop(number))
            batch.clear()

        for number, song in songs:
            if isinstance(song, UntaggedSong):
                yield number, song
                continue
            for window in song.windows():
                batch.append((number, song, window))
                if len(batch) == batch_size:
                    yield from finished()
        if batch:
            yield from finished()

    def _song_tags(self, song: Song, logits: list[np.ndarray]) -> SongTags:
        return SongTags(
            song.path,
            song.seconds,
            self.network.description.class_names,
            self.network.description.window_seconds,
            self.reader.start_seconds(song),
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
