"""From shards to the batches of one rank of N."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcn4_dist.audio import FeatureCache, FeatureParameters
from fcn4_dist.config import Settings
from fcn4_dist.errors import Fcn4DistError
from fcn4_dist.pipeline import (
    evaluation_batches,
    pad_batch,
    partner_batches,
    read_batches,
    training_batches,
)
from fcn4_dist.records import RecordSet, read_manifest

CLIPS = st.integers(0, 300)
SIZES = st.integers(1, 8)
SEEDS = st.integers(0, 2**63)


def _training(clips: int, batch_size: int, ranks: int, seed: int, epoch: int) -> np.ndarray:
    """Indices of shape (ranks, steps, batch_size)."""
    batches = [
        training_batches(clips, batch_size, rank, ranks, seed=seed, epoch=epoch)
        for rank in range(ranks)
    ]
    assert len({len(of_a_rank) for of_a_rank in batches}) == 1
    return np.array(batches, dtype=int).reshape(ranks, -1, batch_size)


@given(clips=CLIPS, batch_size=SIZES, ranks=SIZES, seed=SEEDS, epoch=st.integers(1, 99))
def test_an_epoch_reads_no_clip_twice_and_leaves_out_less_than_a_global_batch(
    clips: int, batch_size: int, ranks: int, seed: int, epoch: int
) -> None:
    read = _training(clips, batch_size, ranks, seed, epoch).ravel().tolist()
    assert len(set(read)) == len(read)
    assert set(read) <= set(range(clips))
    assert 0 <= clips - len(read) < batch_size * ranks


@given(clips=CLIPS, first=SIZES, second=SIZES, third=SIZES, seed=SEEDS)
def test_a_step_has_the_same_clips_on_any_number_of_ranks_with_the_same_global_batch(
    clips: int, first: int, second: int, third: int, seed: int
) -> None:
    splits = [(first * second, third), (first, second * third), (1, first * second * third)]
    steps = []
    for ranks, batch_size in splits:
        batches = _training(clips, batch_size, ranks, seed, 3).swapaxes(0, 1)
        batches = batches.reshape(-1, first * second * third)
        steps.append([sorted(step) for step in batches.tolist()])
    assert steps[0] == steps[1] == steps[2]


@given(clips=st.integers(2, 200), first=SIZES, second=SIZES, seed=SEEDS)
def test_a_clip_has_the_same_partner_on_any_number_of_ranks_and_never_itself(
    clips: int, first: int, second: int, seed: int
) -> None:
    partners = []
    for ranks, batch_size in ((first, second), (1, first * second)):
        share = [(clips, batch_size, rank, ranks) for rank in range(ranks)]
        own = [training_batches(*each, seed=seed, epoch=2) for each in share]
        others = [partner_batches(*each, seed=seed, epoch=2) for each in share]
        assert np.shape(own) == np.shape(others)
        pairs = zip(np.ravel(own).tolist(), np.ravel(others).tolist(), strict=True)
        partners.append(dict(pairs))
    assert partners[0] == partners[1]
    assert all(clip != partner for clip, partner in partners[0].items())
    assert len(set(partners[0].values())) == len(partners[0])


def test_a_single_clip_is_its_own_partner() -> None:
    assert partner_batches(1, 1, 0, 1, seed=1, epoch=1) == [np.array([0])]


def test_the_order_is_made_from_the_seed_and_the_epoch() -> None:
    orders = {
        (seed, epoch): _training(50, 5, 2, seed, epoch).tobytes()
        for seed in range(4)
        for epoch in range(1, 5)
    }
    assert len(set(orders.values())) == 16
    np.random.seed(7)
    assert orders == {key: _training(50, 5, 2, *key).tobytes() for key in orders}


def test_over_some_epochs_every_clip_is_read() -> None:
    epochs = [_training(50, 16, 2, 1, epoch) for epoch in range(1, 13)]
    assert set(np.unique(np.array(epochs))) == set(range(50))


@given(clips=CLIPS, batch_size=SIZES, ranks=SIZES)
def test_evaluation_reads_every_clip_once_in_the_same_batches_on_any_number_of_ranks(
    clips: int, batch_size: int, ranks: int
) -> None:
    alone = [batch.tolist() for batch in evaluation_batches(clips, batch_size, 0, 1)]
    assert [index for batch in alone for index in batch] == list(range(clips))
    assert all(len(batch) == batch_size for batch in alone[:-1])
    of_ranks = [evaluation_batches(clips, batch_size, rank, ranks) for rank in range(ranks)]
    in_turn = [
        of_a_rank[turn].tolist()
        for turn in range(len(of_ranks[0]))
        for of_a_rank in of_ranks
        if turn < len(of_a_rank)
    ]
    assert in_turn == alone
    assert sum(map(len, of_ranks)) == len(alone)


@pytest.mark.parametrize("ranks", range(1, 6))
def test_with_fewer_batches_than_ranks_the_last_ranks_score_nothing(ranks: int) -> None:
    for clips in range(1, ranks + 2):
        of_ranks = [evaluation_batches(clips, 1, rank, ranks) for rank in range(ranks)]
        scored = [[int(index) for batch in batches for index in batch] for batches in of_ranks]
        assert scored == [list(range(rank, clips, ranks)) for rank in range(ranks)]
        assert [bool(indices) for indices in scored] == [rank < clips for rank in range(ranks)]


@pytest.fixture(scope="module")
def clips(shards: Path) -> RecordSet:
    """The training set of the real clips: 16 in two shards."""
    return read_manifest(shards).record_set("train", shards)


@given(data=st.data())
@settings(max_examples=5)
def test_batches_hold_the_clips_asked_for_in_the_order_asked_for(
    clips: RecordSet, preprocessed: Settings, data: st.DataObject
) -> None:
    parameters = FeatureParameters.from_settings(preprocessed)
    cache = FeatureCache(Path(preprocessed.npy_path), parameters)
    sha256_of = {clip.id: clip.sha256 for clip in clips.clips}
    order = data.draw(st.permutations(range(16)))
    size = data.draw(st.integers(1, 7))
    asked = [np.array(order[start : start + size]) for start in range(0, 16, size)]
    batches = list(read_batches(clips, asked))
    assert [len(batch) for batch in batches] == [len(indices) for indices in asked]
    for batch, indices in zip(batches, asked, strict=True):
        assert batch.ids == tuple(clips.clips[index].id for index in indices)
        np.testing.assert_array_equal(batch.labels, clips.labels[indices])
        assert batch.labels.dtype == batch.features.dtype == np.float32
        for clip_id, feature in zip(batch.ids, batch.features, strict=True):
            np.testing.assert_array_equal(feature, cache.load(sha256_of[clip_id]))


def test_a_rank_reads_its_share_of_a_training_epoch(clips: RecordSet) -> None:
    ids = []
    for rank in range(2):
        indices = training_batches(16, 3, rank, 2, seed=1, epoch=1)
        batches = list(read_batches(clips, indices))
        assert [batch.features.shape for batch in batches] == [(3, 1, 32, 188)] * 2
        ids += [clip_id for batch in batches for clip_id in batch.ids]
    assert len(set(ids)) == 12


def test_no_batches_are_read_where_none_are_asked_for(clips: RecordSet) -> None:
    assert list(read_batches(clips, [])) == []


def test_shards_that_hold_other_clips_than_their_manifest_says_are_refused(
    clips: RecordSet,
) -> None:
    first, second, *others = clips.clips
    other = replace(clips, clips=(second, first, *others))
    assert len(list(read_batches(other, [np.array([2, 3]), np.array([4])]))) == 2
    with pytest.raises(Fcn4DistError, match=r"the shards of train in .* do not hold the clips"):
        list(read_batches(other, [np.array([0, 2])]))


@pytest.mark.parametrize("samples", [1, 3, 4])
def test_a_short_batch_is_filled_up_with_its_last_sample(samples: int) -> None:
    features = np.arange(samples * 6, dtype=np.float32).reshape(samples, 1, 2, 3)
    padded = pad_batch(features, 4)
    assert padded.shape == (4, 1, 2, 3)
    assert padded.dtype == np.float32
    np.testing.assert_array_equal(padded[:samples], features)
    for extra in padded[samples:]:
        np.testing.assert_array_equal(extra, features[-1])
