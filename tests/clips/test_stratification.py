"""Subsets of clips that have their share of every label, and in which groups stay whole."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.clips.stratification import cut_into_folds, group_by_keys, hold_out, stratify

SEEDS = st.integers(0, 2**32 - 1)
SHARES = st.sampled_from([[0.8, 0.2], [0.5, 0.5], [0.1, 0.9], [0.2] * 5, [0.1] * 10])
FREQUENCIES = np.geomspace(0.3, 0.03, 20)


def _tagged(rows: int, seed: int) -> np.ndarray:
    """Give 0/1 of shape (rows, 20); about one in five rows has no label."""
    return (np.random.default_rng(seed).random((rows, 20)) < FREQUENCIES).astype(int)


def _mean_error(labels: np.ndarray, taken: np.ndarray, share: float) -> float:
    """Give how far the share of a label's clips that are taken is off, on average."""
    return float(np.abs(labels[taken].sum(axis=0) / labels.sum(axis=0) - share).mean())


@given(
    keys=st.lists(st.frozensets(st.integers(0, 30), max_size=3), max_size=30),
)
def test_clips_are_in_one_group_if_and_only_if_a_chain_of_shared_keys_joins_them(
    keys: list[frozenset[int]],
) -> None:
    groups = group_by_keys(keys)
    for number, own in enumerate(keys):
        reached, members = set(own), {number}
        for _ in keys:
            members |= {other for other, theirs in enumerate(keys) if theirs & reached}
            reached = reached.union(*(keys[member] for member in members))
        assert set(np.flatnonzero(groups == groups[number])) == members


def test_groups_are_numbered_in_the_order_of_their_first_clips() -> None:
    assert group_by_keys([["b"], [], ["a"], ["c", "b"], ["a"], []]).tolist() == [0, 1, 2, 0, 2, 3]


def test_a_long_chain_of_keys_is_one_group() -> None:
    assert not group_by_keys([[link, link + 1] for link in range(20000)]).any()


@given(
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=80),
    labels=st.integers(1, 4),
    shares=SHARES,
    seed=SEEDS,
)
def test_each_subset_has_its_share_of_each_label_to_within_the_largest_group(
    sizes: list[int], labels: int, shares: list[float], seed: int
) -> None:
    label_of = np.arange(len(sizes)) % labels
    counts = np.eye(labels, dtype=int)[label_of] * np.array(sizes)[:, np.newaxis]
    subset_of = stratify(counts, np.array(sizes), shares, seed)
    assert subset_of.min() >= 0
    assert subset_of.max() < len(shares)
    for subset, share in enumerate(shares):
        surplus = counts[subset_of == subset].sum(axis=0) - share * counts.sum(axis=0)
        assert (surplus <= counts.max(axis=0) + 1e-9).all()


@given(sizes=st.lists(st.integers(1, 12), min_size=10, max_size=40), shares=SHARES, seed=SEEDS)
def test_a_label_of_as_many_groups_as_subsets_is_in_each(
    sizes: list[int], shares: list[float], seed: int
) -> None:
    subset_of = stratify(np.array(sizes)[:, np.newaxis], np.array(sizes), shares, seed)
    assert sorted(set(subset_of)) == list(range(len(shares)))


@given(sizes=st.lists(st.integers(1, 12), min_size=20, max_size=100), shares=SHARES, seed=SEEDS)
def test_clips_without_a_label_are_shared_out_as_well(
    sizes: list[int], shares: list[float], seed: int
) -> None:
    subset_of = stratify(np.zeros((len(sizes), 3), int), np.array(sizes), shares, seed)
    clips = np.bincount(subset_of, weights=sizes, minlength=len(shares))
    assert (clips - np.array(shares) * sum(sizes)).max() <= max(sizes)


def test_which_of_equal_subsets_gets_more_is_left_to_chance() -> None:
    one = np.ones((1, 1), dtype=int)
    assert len({stratify(one, one[0], [0.25] * 4, seed)[0] for seed in range(40)}) == 4


@pytest.mark.parametrize("clips_a_group", [1, 4])
def test_rare_and_frequent_tags_are_closer_to_their_share_than_by_chance(
    clips_a_group: int,
) -> None:
    errors = []
    for seed in range(10):
        labels = np.repeat(_tagged(1200 // clips_a_group, seed), clips_a_group, axis=0)
        groups = np.arange(len(labels)) // clips_a_group
        taken = hold_out(labels, groups, 0.2, seed)
        by_chance = np.random.default_rng(seed).random(groups.max() + 1)[groups] < 0.2
        errors.append((_mean_error(labels, taken, 0.2), _mean_error(labels, by_chance, 0.2)))
        assert errors[-1][0] < errors[-1][1]
        assert abs(taken.mean() - 0.2) < 0.01
    assert np.mean(errors, axis=0)[0] < np.mean(errors, axis=0)[1] / 3


def test_folds_of_tagged_clips_are_closer_to_their_share_than_by_chance() -> None:
    labels = _tagged(1000, 1)
    by_chance = np.random.default_rng(1).permutation(1000) % 5
    fold_of = cut_into_folds(labels, np.arange(1000), 5, 1)
    for fold in range(5):
        error = _mean_error(labels, fold_of == fold, 0.2)
        assert error < _mean_error(labels, by_chance == fold, 0.2) / 3


def test_a_tag_of_as_many_clips_as_folds_is_in_every_fold() -> None:
    labels = _tagged(500, 2)
    labels[:, 0] = np.arange(500) % 100 == 0
    for seed in range(10):
        fold_of = cut_into_folds(labels, np.arange(500), 5, seed)
        assert sorted(fold_of[labels[:, 0] > 0]) == [0, 1, 2, 3, 4]


def test_large_groups_are_not_kept_from_the_smaller_subset() -> None:
    sizes = np.repeat([1, 5], 200)
    held_out = [
        stratify(np.zeros((400, 0), int), sizes, [0.8, 0.2], seed) == 1 for seed in range(20)
    ]
    mean_size = np.mean([sizes[taken].mean() for taken in held_out])
    assert mean_size == pytest.approx(sizes.mean(), rel=0.1)


def test_another_seed_gives_another_choice() -> None:
    labels, groups = _tagged(200, 3), np.arange(200)
    assert len({hold_out(labels, groups, 0.2, seed).tobytes() for seed in range(10)}) == 10
    assert len({cut_into_folds(labels, groups, 5, seed).tobytes() for seed in range(10)}) == 10


@pytest.mark.parametrize("clips_a_group", [1, 3])
def test_folds_of_classes_are_cut_without_a_warning(clips_a_group: int) -> None:
    labels = np.eye(3, dtype=int)[np.arange(90) // 30]
    groups = np.arange(90) // clips_a_group
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fold_of = cut_into_folds(labels, groups, 5, 1)
    assert [labels[fold_of == fold].sum(axis=0).tolist() for fold in range(5)] == [[6, 6, 6]] * 5
