"""What a network hears in a song, as a whole and over time."""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fcn4_dist.tagging.song_reading import SILENCE_LEVEL

_SHOWN = 3


@dataclass(frozen=True, repr=False)
class SongTags:
    """The scores of a song.

    Attributes:
        path: Its audio file.
        seconds: How long it is.
        class_names: Names of the classes.
        window_seconds: Length of a window.
        starts: Seconds at which each window begins, (windows,), ascending.
        window_scores: float64 in 0..1 of each window and class, (windows, classes).
        levels: How loud the loudest 0.4 s of each window are, in dBFS, (windows,).
        remarks: What is unusual about how it sounds.
    """

    path: Path
    seconds: float
    class_names: tuple[str, ...]
    window_seconds: float
    starts: np.ndarray
    window_scores: np.ndarray
    levels: np.ndarray
    remarks: tuple[str, ...] = ()

    def __repr__(self) -> str:
        told = [f"{name} {score:.3f}" for name, score in self.top(_SHOWN)]
        return f"<SongTags of {self.path}: {', '.join(told)}>"

    @property
    def level_dbfs(self) -> float:
        """How loud the loudest 0.4 s of the song are, in dBFS."""
        return float(self.levels.max())

    @property
    def silent_windows(self) -> int:
        """How many windows have nothing in them to be heard."""
        return int((self.levels < SILENCE_LEVEL).sum())

    @property
    def scores(self) -> np.ndarray:
        """Score of each class: the mean over the windows, (classes,)."""
        return self.window_scores.mean(axis=0)

    def top(self, number: int) -> list[tuple[str, float]]:
        """List the classes of the highest scores, the highest first.

        Args:
            number: How many; all if there are no more.
        """
        scores = self.scores
        order = np.argsort(-scores, kind="stable")[:number]
        return [(self.class_names[index], float(scores[index])) for index in order]

    def over_time(self, most: int = sys.maxsize) -> tuple[np.ndarray, np.ndarray]:
        """Give the scores over time; where windows overlap, the mean of those that lie there.

        Args:
            most: How many stretches at most; where there are more, some are put together, and
                their scores are the mean over the time.

        Returns:
            The edges of the stretches, in seconds from 0 to the end of the song, (stretches + 1,);
            and the scores of each stretch, (stretches, classes).
        """
        # A window's last frame lasts until the next window begins, and until the song ends.
        next_starts = np.append(self.starts[1:], self.seconds)
        ends = np.minimum(self.starts + self.window_seconds, self.seconds)
        ends = np.maximum(ends, next_starts)
        edges = np.unique(np.concatenate([[0.0, self.seconds], self.starts, ends]))
        middles = (edges[:-1] + edges[1:]) / 2
        lying_there = zip(
            np.searchsorted(ends, middles, side="right"),
            np.searchsorted(self.starts, middles, side="right"),
            strict=True,
        )
        scores = self.window_scores
        means = np.stack([scores[first:behind].mean(axis=0) for first, behind in lying_there])
        if len(means) <= most:
            return edges, means
        firsts = np.linspace(0, len(means), most, endpoint=False).astype(int)
        seconds = np.diff(edges)[:, np.newaxis]
        together = np.add.reduceat(means * seconds, firsts) / np.add.reduceat(seconds, firsts)
        return edges[[*firsts, -1]], together
