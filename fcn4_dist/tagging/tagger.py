"""Tagging songs, one or thousands, with batches across songs."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from fcn4_dist.audio import UndecodableClipError
from fcn4_dist.errors import InputError
from fcn4_dist.tagging.model_description import Network
from fcn4_dist.tagging.song_reading import (
    CLIP_TIMEOUT,
    Song,
    SongReader,
    UnreadSong,
    read_songs,
)
from fcn4_dist.tagging.song_tags import SongTags


class Tagger:
    """Tags songs with one network.

    Args:
        network: Gives the logits of windows.
        hop_seconds: From a window's beginning to the next one's, at most the length of a window;
            None for that.
        batch_size: Windows the network gets at once, of one song or several.
        clip_timeout: Seconds that one song may take to be decoded by another process.

    Raises:
        InputError: If a number is impossible.
    """

    def __init__(
        self,
        network: Network,
        hop_seconds: float | None = None,
        batch_size: int = 8,
        clip_timeout: float = CLIP_TIMEOUT,
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
        if not clip_timeout > 0:
            raise InputError(f"clip_timeout must be above 0 s, got {clip_timeout:g}")
        self.batch_size = batch_size
        self.clip_timeout = clip_timeout

    def tag(self, path: Path) -> SongTags:
        """Tag one song, in this process.

        Args:
            path: Its audio file.

        Raises:
            InputError: If it cannot be decoded.
        """
        return self.tag_read(self.read_here(path))

    def read_here(self, path: Path) -> Song:
        """Read one song, in this process, which a file that crashes the decoder ends.

        Args:
            path: Its audio file.

        Raises:
            InputError: If it cannot be decoded.
        """
        try:
            return self.reader.read(path)
        except UndecodableClipError as error:
            raise InputError(f"no tags of {path}: it {error}") from error

    def read(self, path: Path) -> Song:
        """Read one song, in another process.

        Args:
            path: Its audio file.

        Raises:
            InputError: If it cannot be decoded, crashes the decoder or takes too long.
        """
        ((_, song),) = read_songs(self.reader, [path], 1, self.clip_timeout)
        if isinstance(song, UnreadSong):
            raise InputError(f"no tags of {path}: it {song.reason}")
        return song

    def tag_read(self, song: Song) -> SongTags:
        """Tag a song that has been read."""
        # As many batches as it takes, of one size, with as little filling as can be.
        turns = -(-len(song.starts) // self.batch_size)
        ((_, tags),) = self._tag_songs([(0, song)], -(-len(song.starts) // turns))
        return tags

    def tag_all(
        self, paths: Sequence[Path], processes: int
    ) -> Iterator[tuple[int, SongTags | UnreadSong]]:
        """Tag songs, which other processes decode meanwhile.

        A song that cannot be decoded, crashes the decoder or takes too long does not stop the
        others.

        Args:
            paths: Audio files.
            processes: Processes that decode.

        Yields:
            A song's place in ``paths``, and its tags or why it has none, in the order they are
            done.
        """
        with closing(read_songs(self.reader, paths, processes, self.clip_timeout)) as songs:
            yield from self._tag_songs(songs, self.batch_size)

    def _tag_songs(
        self, songs: Iterable[tuple[int, Song | UnreadSong]], batch_size: int
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
            if isinstance(song, UnreadSong):
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
            song.levels,
            song.remarks,
        )
