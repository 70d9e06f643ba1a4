"""From a song's file to the windows the network sees."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from fcn4_dist.audio import (
    LogMel,
    UndecodableClipError,
    level_dbfs,
    limit_range,
    load_sound,
    silence_decoders,
    window_starts,
)
from fcn4_dist.config import SETTINGS
from fcn4_dist.processes import ProcessDiedError, TaskTimeoutError, run_in_processes
from fcn4_dist.tagging.model_description import ModelDescription

CLIP_TIMEOUT: float = SETTINGS["clip_timeout"].default
SILENCE_LEVEL: float = SETTINGS["silence_level"].default


@dataclass(frozen=True)
class Song:
    """A song as the network is shown it.

    Attributes:
        path: Its audio file.
        seconds: How long it is.
        decibels: Log-mel spectrogram over its full range, float32 of shape (n_mels, frames).
        starts: First frame of each window, ascending.
        window_frames: Frames of a window.
        levels: How loud each window is, in dBFS, (windows,); see
            :func:`~fcn4_dist.audio.level.level_dbfs`.
        remarks: What is unusual about how it sounds; see :data:`~fcn4_dist.audio.level.REMARKS`.
        clip_frames: Frames of a clip as the network was trained on; what is much softer than the
            loudest of a clip is raised, so a window's neighbourhood of that length counts.
    """

    path: Path
    seconds: float
    decibels: np.ndarray
    starts: np.ndarray
    window_frames: int
    clip_frames: int
    levels: np.ndarray
    remarks: tuple[str, ...]

    @property
    def silent(self) -> bool:
        """Whether there is nothing in it to be heard."""
        return bool((self.levels < SILENCE_LEVEL).all())

    def windows(self) -> Iterator[np.ndarray]:
        """Cut out the windows, one after the other: float32 of shape (1, n_mels, frames)."""
        for start in self.starts:
            window = self.decibels[:, start : start + self.window_frames]
            centred = start + self.window_frames // 2 - self.clip_frames // 2
            first = max(0, min(centred, self.decibels.shape[1] - self.clip_frames))
            neighbourhood = self.decibels[:, first : first + self.clip_frames]
            yield limit_range(window, neighbourhood.max())[np.newaxis]


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
        self._parameters = parameters = description.parameters
        self._log_mel = LogMel(parameters, description.filter_bank())
        self._window_frames = description.input_shape[-1]
        self._window_samples = round(description.window_seconds * parameters.sample_rate)
        self._step = self._window_frames
        if hop_seconds is not None:
            self._step = max(1, round(hop_seconds * parameters.sample_rate / parameters.hop_length))

    def read(self, path: Path) -> Song:
        """Decode a song and compute its spectrogram.

        Args:
            path: Any file that libsndfile or an installed audioread back end decodes; one that is
                shorter than a window gets silence behind it.

        Raises:
            UndecodableClipError: If it cannot be decoded.
        """
        sound = load_sound(path, self._parameters.sample_rate)
        return self.show(path, sound.samples, sound.remarks)

    def show(self, path: Path, waveform: np.ndarray, remarks: tuple[str, ...] = ()) -> Song:
        """Compute the spectrogram of a song that has been decoded.

        Args:
            path: Where it comes from.
            waveform: float32 samples of shape (n,), at the network's sample rate.
            remarks: What is unusual about how it sounds.
        """
        seconds = len(waveform) / self._parameters.sample_rate
        missing = max(0, self._window_samples - len(waveform))
        decibels = self._log_mel.decibels(np.pad(waveform, (0, missing)))
        starts = window_starts(decibels.shape[1] - self._window_frames, self._step)
        firsts = starts * self._parameters.hop_length
        levels = [
            level_dbfs(waveform[first:][: self._window_samples], self._parameters.sample_rate)
            for first in firsts
        ]
        return Song(
            path,
            seconds,
            decibels,
            starts,
            self._window_frames,
            self._parameters.frames,
            np.array(levels),
            remarks,
        )

    def start_seconds(self, song: Song) -> np.ndarray:
        """Give the second at which each window of a song begins, (windows,)."""
        return song.starts * self._parameters.hop_length / self._parameters.sample_rate


def read_songs(
    reader: SongReader, paths: Sequence[Path], processes: int, timeout: float = CLIP_TIMEOUT
) -> Generator[tuple[int, Song | UnreadSong], None, None]:
    """Read songs in processes of their own, whatever they do to their decoders.

    Args:
        reader: Reads one.
        paths: Audio files.
        processes: Processes at work.
        timeout: Seconds one song may take.

    Yields:
        A song's place in ``paths``, and the song or why there is none, in the order they are done.
    """
    songs = run_in_processes(
        partial(_read, reader),
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


def _read(reader: SongReader, song: tuple[int, Path]) -> Song:
    return reader.read(song[1])
