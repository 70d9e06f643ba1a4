"""A spectrogram of any length in as many columns as can be looked at."""

import numpy as np

MOST_COLUMNS = 2000


class Columns:
    """Keeps the loudest of the frames that fall into each column, as they come.

    Args:
        bands: Bands of the spectrogram.
        frames: How many there will be.
        most: How many columns there may be, from 0 on; where there are no more frames, each is one.
    """

    def __init__(self, bands: int, frames: int, most: int = MOST_COLUMNS) -> None:
        number = min(frames, most)
        self._firsts = np.unique(np.linspace(0, frames, number, endpoint=False).astype(int))
        self._decibels = np.empty((bands, len(self._firsts)), dtype=np.float32)
        self._frames = 0
        self._begun = 0

    def add(self, decibels: np.ndarray) -> None:
        """Take the next frames, (bands, frames)."""
        if not (decibels.size and len(self._firsts)):
            return
        behind = self._frames + decibels.shape[1]
        first, stop = np.searchsorted(self._firsts, [self._frames, behind - 1], side="right")
        first -= 1
        begins = np.maximum(self._firsts[first:stop] - self._frames, 0)
        loudest = np.maximum.reduceat(decibels, begins, axis=1)
        if first < self._begun:
            loudest[:, 0] = np.maximum(loudest[:, 0], self._decibels[:, first])
        self._decibels[:, first:stop] = loudest
        self._frames, self._begun = behind, int(stop)

    def decibels(self) -> np.ndarray:
        """Give what has been taken: float32 of shape (bands, columns)."""
        return self._decibels[:, : self._begun]


def fewer_columns(decibels: np.ndarray) -> np.ndarray:
    """Give a spectrogram of shape (bands, frames) in at most :data:`MOST_COLUMNS` columns."""
    columns = Columns(*decibels.shape)
    columns.add(decibels)
    return columns.decibels()
