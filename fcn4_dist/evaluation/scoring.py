"""Scoring a set of clips on one rank or many, with the same bits where the device repeats them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from mindspore import Tensor, nn

from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.evaluation.predictions import Predictions
from fcn4_dist.pipeline import Windowing, evaluation_batches, pad_batch, read_batches
from fcn4_dist.records import ClipRows, RecordSet
from fcn4_dist.terminal import Progress

_MOST_AT_ONCE = 2**22
"""Logits that ranks exchange at once: 16 MB on each."""


@dataclass(frozen=True)
class Scores:
    """What the network gives for a set.

    Attributes:
        clips: A score for each clip: the mean of those of its windows.
        windows: A score for each window, its id that of the clip with the window's first second
            behind an @; None where no clip is longer than a window.
    """

    clips: Predictions
    windows: Predictions | None


def score_clips(
    network: nn.Cell,
    record_set: RecordSet,
    window_seconds: float,
    batch_size: int,
    ranks: Ranks,
    *,
    visible: bool = True,
) -> Scores | None:
    """Score every window of every clip of a set exactly once.

    Args:
        network: Gives logits of shape (batch, classes).
        record_set: The clips.
        window_seconds: Length of the network's input.
        batch_size: Windows in a batch of one rank, and clips that are read at once.
        ranks: This rank; all ranks have to call this.
        visible: Whether rank 0 shows its progress.

    Returns:
        The scores, in the order of the manifest, on rank 0; None on the others.
    """
    network.set_train(False)
    windowing = Windowing(record_set.parameters, window_seconds)
    starts = _Starts(windowing, record_set.clips)
    clips = len(record_set)
    batches = evaluation_batches(clips, batch_size, ranks.rank, ranks.size)
    # Every rank hands in as many batches of clips as rank 0 has, all of the size of the largest.
    turns = len(evaluation_batches(clips, batch_size, 0, ranks.size))
    windows = np.add.reduceat(starts.counts, np.arange(0, clips, batch_size)).tolist()
    gathering = _Gathering(ranks, turns, windows, len(record_set.class_names))
    with Progress("scoring", clips, "clips", visible=visible and ranks.is_main) as progress:
        reader = read_batches(record_set, batches)
        for turn in range(turns):
            ranks.heartbeat.at(f"scoring batch {turn + 1} of {turns}", may_take_long=turn == 0)
            if turn < len(batches):
                of_clips = starts.of(batches[turn])
                cut = _cut(next(reader).features, of_clips, windowing.frames)
                gathering.add(turn, _logits(network, cut, batch_size))
            progress.advance(min(batch_size * ranks.size, clips - progress.done))
            gathering.end(turn)
    if not ranks.is_main:
        return None
    return _scores(record_set, windowing, starts, gathering.scores)


class _Gathering:
    """Brings logits to rank 0 some turns at a time, so that no other rank ever has those of all.

    Args:
        ranks: This rank.
        turns: Batches of rank 0.
        windows: Number of windows of each batch of all ranks together.
        classes: Number of classes.

    Attributes:
        scores: On rank 0, float64 of shape (windows, classes), those that have come.
    """

    def __init__(self, ranks: Ranks, turns: int, windows: Sequence[int], classes: int) -> None:
        self._ranks, self._turns, self._windows = ranks, turns, iter(windows)
        of_a_turn = ranks.size * max(windows) * classes
        at_once = min(turns, max(1, _MOST_AT_ONCE // of_a_turn))
        self._logits = np.zeros((at_once, max(windows), classes), dtype=np.float32)
        self.scores = np.empty((sum(windows) if ranks.is_main else 0, classes))
        self._there = 0

    def add(self, turn: int, logits: np.ndarray) -> None:
        """Keep this rank's logits of a turn, of shape (windows, classes)."""
        self._logits[turn % len(self._logits), : len(logits)] = logits

    def end(self, turn: int) -> None:
        """Hand over what there is, if it is time; all ranks have to call it, whatever they have."""
        if (turn + 1) % len(self._logits) and turn + 1 < self._turns:
            return
        self._ranks.heartbeat.at("handing its scores to rank 0")
        gathered = self._ranks.gather(self._logits)
        if gathered is None:
            return
        from scipy.special import expit

        # Rank r's turn t is the global batch t * world_size + r; padding is at the end of each.
        in_order = np.swapaxes(gathered, 0, 1).reshape(-1, *self._logits.shape[1:])
        for of_batch, count in zip(in_order, self._windows, strict=False):
            end = self._there + count
            # In float64 a sigmoid does not round confident scores to equal ones.
            self.scores[self._there : end] = expit(of_batch[:count].astype(np.float64))
            self._there = end


class _Starts:
    """The first frames of the windows of clips; few clips differ in them."""

    def __init__(self, windowing: Windowing, clips: ClipRows) -> None:
        last, self._which = np.unique(windowing.last_starts(clips), return_inverse=True)
        self._each = [windowing.starts(frame) for frame in last.tolist()]
        self.counts = np.array([len(starts) for starts in self._each])[self._which]

    def of(self, rows: np.ndarray) -> list[np.ndarray]:
        return [self._each[number] for number in self._which[rows].tolist()]


def _logits(network: nn.Cell, windows: np.ndarray, batch_size: int) -> np.ndarray:
    """Compute the logits of some windows, in batches of one size."""
    batches = [windows[first : first + batch_size] for first in range(0, len(windows), batch_size)]
    padded = [network(Tensor(pad_batch(batch, batch_size))).asnumpy() for batch in batches]
    return np.concatenate(padded)[: len(windows)]


def _cut(features: np.ndarray, starts: list[np.ndarray], frames: int) -> np.ndarray:
    """Cut clips into their windows, of shape (windows, 1, n_mels, frames)."""
    if features.shape[-1] == frames:
        return features
    return np.stack(
        [
            feature[..., start : start + frames]
            for feature, of_clip in zip(features, starts, strict=True)
            for start in of_clip
        ]
    )


def _scores(
    record_set: RecordSet, windowing: Windowing, starts: _Starts, scores: np.ndarray
) -> Scores:
    counts = starts.counts
    firsts = np.cumsum(counts) - counts
    # With one window it is that window's score, to the bit.
    means = np.add.reduceat(scores, firsts, axis=0) / counts[:, np.newaxis]
    clips = Predictions(
        ids=tuple(record_set.clips.ids),
        paths=tuple(record_set.clips.sources),
        labels=record_set.labels.astype(np.int8),
        scores=means,
        class_names=record_set.class_names,
    )
    if len(scores) == len(means):
        return Scores(clips, None)
    windows = replace(
        clips,
        ids=tuple(
            f"{clip_id}@{windowing.start_seconds(start):.2f}"
            for clip_id, of_clip in zip(clips.ids, starts.of(np.arange(len(counts))), strict=True)
            for start in of_clip
        ),
        paths=tuple(np.repeat(np.array(clips.paths, dtype=object), counts)),
        labels=np.repeat(clips.labels, counts, axis=0),
        scores=scores,
    )
    return Scores(clips, windows)
