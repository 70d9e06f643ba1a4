"""Whether an exported file gives the logits of the network it was made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fcn4_dist.errors import InputError
from fcn4_dist.tagging import (
    SILENCE_LEVEL,
    ModelDescription,
    Song,
    SongReader,
    SongWindows,
    UnreadSong,
    read_songs,
)

LARGEST_DIFFERENCE = 1e-4
"""Of the logits, as a share of the largest: above it an export fails."""

_CLIPS_FOLDER = Path(__file__).parent / "clips"
_LARGEST_BATCH = 8


@dataclass(frozen=True)
class Comparison:
    """How far logits are from those they should be.

    Attributes:
        windows: Number of windows compared.
        difference: Largest difference of a logit.
        relative: The same, as a share of the largest logit.
    """

    windows: int
    difference: float
    relative: float

    @property
    def failed(self) -> bool:
        """Whether the difference is more than rounding explains."""
        # Not a number is no small difference.
        return not self.relative <= LARGEST_DIFFERENCE


def comparison_windows(description: ModelDescription, songs: Sequence[Path]) -> np.ndarray:
    """Read real audio as the network sees it.

    Args:
        description: Of the network.
        songs: Audio files; none for three short clips that come with the package.

    Returns:
        float32 of shape (windows, 1, n_mels, frames).

    Raises:
        InputError: If one cannot be decoded, or is silent, which every network answers alike.
    """
    reader = SongReader(description)
    if not songs:
        clips = sorted(_CLIPS_FOLDER.glob("*.ogg"))
        parts = [part for path in clips for part in reader.read(path)]
        return np.concatenate([part.decibels for part in parts if isinstance(part, SongWindows)])
    read: dict[int, list[SongWindows]] = {}
    for number, part in read_songs(reader, songs, 1):
        if isinstance(part, UnreadSong):
            raise _unusable(songs[number], part.reason)
        if isinstance(part, Song):
            read[number] = []
        elif isinstance(part, SongWindows):
            read[number].append(part)
    for number, windows in read.items():
        if all((part.levels < SILENCE_LEVEL).all() for part in windows):
            raise _unusable(songs[number], "is silent")
    return np.concatenate([part.decibels for number in sorted(read) for part in read[number]])


def _unusable(song: Path, reason: str) -> InputError:
    return InputError(
        f"an audio file of --songs cannot be used: it {reason} ({song}); name another"
    )


def compare(
    exported: Callable[[np.ndarray], np.ndarray],
    original: Callable[[np.ndarray], np.ndarray],
    windows: np.ndarray,
) -> Comparison:
    """Hold logits against those they should be, window by window and in batches.

    Args:
        exported: Gives the logits of the exported file.
        original: Gives those of the network.
        windows: float32 of shape (windows, 1, n_mels, frames).
    """
    expected = _in_batches(original, windows, _LARGEST_BATCH)
    # Of two sizes, since the number of windows is free.
    found = [_in_batches(exported, windows, size) for size in (1, _LARGEST_BATCH)]
    difference = max(float(np.abs(logits - expected).max()) for logits in found)
    return Comparison(len(windows), difference, difference / float(np.abs(expected).max()))


def _in_batches(
    logits: Callable[[np.ndarray], np.ndarray], windows: np.ndarray, size: int
) -> np.ndarray:
    parts = [logits(windows[first : first + size]) for first in range(0, len(windows), size)]
    return np.concatenate(parts)
