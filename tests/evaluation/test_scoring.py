"""Scoring a set of clips."""

from dataclasses import replace
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from scipy.special import expit

from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.evaluation import Predictions
from fcn4_dist.evaluation.scoring import score_clips
from fcn4_dist.model.fcn4 import Fcn4
from fcn4_dist.pipeline import evaluation_batches, pad_batch, read_batches
from fcn4_dist.records import RecordSet, read_manifest

ALONE = Ranks(0, 1)


@pytest.fixture(scope="module")
def network() -> Fcn4:
    """An untrained network of very few channels."""
    ms.set_seed(1)
    return Fcn4(3, (2, 3, 4, 5))


@pytest.fixture(scope="module")
def clips(shards: Path) -> RecordSet:
    """The training set of the real clips: 16 of them."""
    return read_manifest(shards).record_set("train", shards)


@pytest.mark.parametrize("batch_size", [5, 16, 20])
def test_every_clip_is_scored_once_in_the_order_of_the_manifest(
    network: Fcn4, clips: RecordSet, batch_size: int
) -> None:
    predictions = _score(network, clips, batch_size)
    assert predictions.ids == tuple(clip.id for clip in clips.clips)
    np.testing.assert_array_equal(predictions.labels, clips.labels)
    assert predictions.class_names == clips.class_names
    assert predictions.scores.shape == (16, 3)
    # Neighbours in a batch may change the last bits of a score, and nothing else.
    np.testing.assert_allclose(predictions.scores, _scores_one_by_one(network, clips), rtol=1e-4)


def test_a_score_is_the_sigmoid_of_a_logit_in_float64(network: Fcn4, clips: RecordSet) -> None:
    network.set_train(False)
    (batch, *_) = read_batches(clips, evaluation_batches(16, 5, 0, 1))
    logits = network(ms.Tensor(batch.features)).asnumpy().astype(np.float64)
    scores = _score(network, clips, 5).scores
    assert scores.dtype == np.float64
    np.testing.assert_array_equal(scores[:5], expit(logits))


def test_scoring_twice_gives_the_same_bits_and_changes_no_parameter(
    network: Fcn4, clips: RecordSet
) -> None:
    network.set_train(True)
    before = {each.name: each.asnumpy().copy() for each in network.get_parameters()}
    first, second = (_score(network, clips, 5).scores for _ in range(2))
    assert first.tobytes() == second.tobytes()
    for each in network.get_parameters():
        np.testing.assert_array_equal(each.asnumpy(), before[each.name])


class OneAfterAnother(Ranks):
    """A rank of several that score in one process, rank 0 last."""

    def __init__(self, rank: int, size: int, handed: dict[int, list[np.ndarray]]) -> None:
        super().__init__(rank, size)
        self._handed = handed

    def gather(self, value: np.ndarray) -> np.ndarray | None:
        self._handed.setdefault(self.rank, []).append(value.copy())
        if not self.is_main:
            return None
        turn = len(self._handed[0]) - 1
        return np.stack([self._handed[rank][turn] for rank in range(self.size)])


@pytest.mark.parametrize(("size", "at_once", "handovers"), [(2, 1, 4), (3, 80, 2), (3, 10**6, 1)])
def test_ranks_hand_over_some_turns_at_a_time_and_give_the_same_bits(
    network: Fcn4,
    clips: RecordSet,
    size: int,
    at_once: int,
    handovers: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone = score_clips(network, clips, 1.0, 2, ALONE)
    monkeypatch.setattr("fcn4_dist.evaluation.scoring._MOST_AT_ONCE", at_once)
    handed: dict[int, list[np.ndarray]] = {}
    for rank in reversed(range(size)):
        found = score_clips(network, clips, 1.0, 2, OneAfterAnother(rank, size, handed))
        assert (found is None) == (rank > 0)
    assert found and found.windows and alone and alone.windows
    assert found.windows.scores.tobytes() == alone.windows.scores.tobytes()
    assert found.clips.scores.tobytes() == alone.clips.scores.tobytes()
    assert [len(blocks) for blocks in handed.values()] == [handovers] * size


@pytest.mark.parametrize("batch_size", [1, 5, 16])
def test_a_longer_clip_is_scored_window_by_window_and_by_their_mean(
    network: Fcn4, clips: RecordSet, batch_size: int
) -> None:
    # The first clip is short: behind its 1.2 s there is silence, which has no window.
    first, *others = clips.clips
    short = replace(first, status="padded", seconds=1.2)
    clips = replace(clips, clips=(short, *others))
    scores = score_clips(network, clips, 1.0, batch_size, ALONE)
    assert scores is not None
    assert scores.windows is not None
    ids, values = scores.windows.ids, scores.windows.scores
    assert ids[:2] == (f"{first.id}@0.00", f"{first.id}@0.20")
    assert ids[2:4] == (f"{others[0].id}@0.00", f"{others[0].id}@0.50")
    assert len(ids) == len(set(ids)) == len(values) == 32
    np.testing.assert_allclose(scores.clips.scores, values.reshape(16, 2, 3).mean(axis=1))
    np.testing.assert_array_equal(scores.windows.labels, np.repeat(clips.labels, 2, axis=0))
    (batch,) = read_batches(clips, [np.array([1])])
    frames = clips.parameters.frames_in(1.0)
    for window, start in ((2, 0), (3, clips.parameters.frames - frames)):
        expected = network(ms.Tensor(batch.features[..., start : start + frames])).asnumpy()
        np.testing.assert_allclose(values[window], expit(expected[0]), rtol=1e-4)


def _score(network: Fcn4, clips: RecordSet, batch_size: int) -> Predictions:
    scores = score_clips(network, clips, clips.parameters.clip_seconds, batch_size, ALONE)
    assert scores is not None
    assert scores.windows is None
    return scores.clips


def _scores_one_by_one(network: Fcn4, clips: RecordSet) -> np.ndarray:
    network.set_train(False)
    batches = read_batches(clips, evaluation_batches(len(clips), 1, 0, 1))
    logits = [network(ms.Tensor(pad_batch(batch.features, 5))).asnumpy()[0] for batch in batches]
    return expit(np.array(logits))
