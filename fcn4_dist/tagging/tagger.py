"""Tagging songs, one or thousands."""

import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from scipy.special import expit

from fcn4_dist.audio import UndecodableClipError
from fcn4_dist.errors import InputError
from fcn4_dist.tagging.model_description import Network
from fcn4_dist.tagging.song_reading import (
    CLIP_TIMEOUT,
    Song,
    SongEnd,
    SongReader,
    SongWindows,
    UnreadSong,
    read_songs,
)
from fcn4_dist.tagging.song_tags import SongTags

Parts = Generator[tuple[int, Song | SongWindows | SongEnd | UnreadSong], None, None]
"""Numbered songs, in parts."""


class Tagger:
    """Tags songs with one network.

    Args:
        network: Gives the logits of windows.
        hop_seconds: From a window's beginning to the next one's, at most the length of a window;
            None for that.
        batch_size: Windows the network gets at once, of one song or several; None for what is
            best for it.
        clip_timeout: Seconds that another process may take for something new of a song.

    Raises:
        InputError: If a number is impossible.
    """

    def __init__(
        self,
        network: Network,
        hop_seconds: float | None = None,
        batch_size: int | None = None,
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
        batch_size = network.windows_at_once if batch_size is None else batch_size
        if batch_size < 1:
            raise InputError(f"batch_size must be at least 1, got {batch_size}")
        self.network = network
        self.reader = SongReader(network.description, hop_seconds)
        if not clip_timeout > 0:
            raise InputError(f"clip_timeout must be above 0 s, got {clip_timeout:g}")
        self.batch_size = batch_size
        self.clip_timeout = clip_timeout

    def tag(self, path: Path) -> SongTags:
        """Tag one song, in this process, which a file that crashes the decoder ends.

        Args:
            path: Its audio file.

        Raises:
            InputError: If it cannot be decoded.
        """
        return self.taggram(path, columns=0)[0]

    def taggram(
        self, path: Path, columns: int = sys.maxsize, apart: bool = False
    ) -> tuple[SongTags, np.ndarray]:
        """Tag one song, and keep its spectrogram.

        Args:
            path: Its audio file.
            columns: How many of the spectrogram at most; see :class:`Columns`.
            apart: Whether another process decodes it, meanwhile.

        Returns:
            The tags; and the log-mel spectrogram over its full range, float32 of shape
            (n_mels, columns).

        Raises:
            InputError: If it cannot be decoded, crashes the decoder or takes too long.
        """
        parts = self._read_here(path, columns)
        if apart:
            parts = read_songs(self.reader, [path], 1, self.clip_timeout, columns)
        with closing(parts):
            ((_, tags, spectrogram),) = _Scoring(self, is_single=True).of(parts)
        if isinstance(tags, UnreadSong):
            raise InputError(f"no tags of {path}: it {tags.reason}")
        return tags, spectrogram

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
        with closing(read_songs(self.reader, paths, processes, self.clip_timeout)) as parts:
            for number, result, _ in _Scoring(self).of(parts):
                yield number, result

    def _read_here(self, path: Path, columns: int) -> Parts:
        reading = self.reader.read(path, columns)
        try:
            while True:
                if (part := next(reading)) is not None:
                    yield 0, part
        except StopIteration as end:
            yield 0, end.value
        except UndecodableClipError as error:
            yield 0, UnreadSong(path, str(error))


class _SongScores:
    """What is known so far of a song."""

    def __init__(self, song: Song) -> None:
        self.song = song
        self.logits: list[np.ndarray] = []
        self.levels: list[np.ndarray] = []
        self.end: SongEnd | None = None


class _Scoring:
    """Scores windows as they come, in batches of one size across songs."""

    def __init__(self, tagger: Tagger, is_single: bool = False) -> None:
        self._tagger = tagger
        self._is_single = is_single
        self._size = tagger.batch_size
        self._songs: dict[int, _SongScores] = {}
        self._batch: list[tuple[_SongScores, np.ndarray]] = []

    def of(self, parts: Parts) -> Iterator[tuple[int, SongTags | UnreadSong, np.ndarray]]:
        """Give the number, the tags and the spectrogram of each song."""
        for number, part in parts:
            if isinstance(part, Song):
                self._begin(number, part)
            elif isinstance(part, SongWindows):
                self._add(self._songs[number], part)
            elif isinstance(part, SongEnd):
                self._songs[number].end = part
            else:
                self._forget(number)
                yield number, part, np.empty((0, 0))
            yield from self._finished()
        if self._batch:
            self._score()
            yield from self._finished()

    def _begin(self, number: int, song: Song) -> None:
        # It may have been begun before, with another length by its header.
        self._forget(number)
        self._songs[number] = _SongScores(song)
        if self._is_single:
            # As many batches as it takes, with as little filling as can be.
            turns = -(-len(song.starts) // self._tagger.batch_size)
            self._size = -(-len(song.starts) // turns)

    def _forget(self, number: int) -> None:
        gone = self._songs.pop(number, None)
        self._batch = [each for each in self._batch if each[0] is not gone]

    def _add(self, song: _SongScores, windows: SongWindows) -> None:
        song.levels.append(windows.levels)
        for window in windows.decibels:
            self._batch.append((song, window))
            if len(self._batch) == self._size:
                self._score()

    def _score(self) -> None:
        windows = [window for _, window in self._batch]
        # Of one shape: another one would be compiled anew.
        windows += windows[-1:] * (self._size - len(windows))
        logits = self._tagger.network.logits(np.stack(windows))
        for (song, _), of_window in zip(self._batch, logits, strict=False):
            song.logits.append(of_window)
        self._batch.clear()

    def _finished(self) -> Iterator[tuple[int, SongTags, np.ndarray]]:
        for number, scores in list(self._songs.items()):
            if scores.end and len(scores.logits) == len(scores.song.starts):
                del self._songs[number]
                yield number, self._tags(scores, scores.end.remarks), scores.end.spectrogram

    def _tags(self, scores: _SongScores, remarks: tuple[str, ...]) -> SongTags:
        description = self._tagger.network.description
        return SongTags(
            scores.song.path,
            scores.song.seconds,
            description.class_names,
            description.window_seconds,
            scores.song.start_seconds,
            # In float64 a sigmoid does not round confident scores to equal ones.
            expit(np.array(scores.logits, dtype=np.float64)),
            np.concatenate(scores.levels),
            remarks,
        )
