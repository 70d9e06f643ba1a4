"""Subsets of clips that have their share of every label, and in which groups stay whole."""

from collections.abc import Hashable, Iterable, Sequence

import numpy as np


def group_by_keys(keys_of_clips: Iterable[Iterable[Hashable]]) -> np.ndarray:
    """Put clips into one group that share a key, be it by way of others.

    Args:
        keys_of_clips: The keys of each clip, like its artist.

    Returns:
        int of shape (clips,): number of each clip's group, from 0 in the order of appearance.
    """
    # A forest in which the clips and keys of a group are one tree.
    parents: dict[Hashable, Hashable] = {}

    def root_of(node: Hashable) -> Hashable:
        while parents.setdefault(node, node) != node:
            parents[node] = node = parents[parents[node]]
        return node

    clips = []
    for number, keys in enumerate(keys_of_clips):
        clips.append(("clip", number))
        for key in keys:
            parents[root_of(("key", key))] = root_of(clips[-1])
    numbers: dict[Hashable, int] = {}
    groups = [numbers.setdefault(root_of(clip), len(numbers)) for clip in clips]
    return np.array(groups, dtype=int)


def hold_out(labels: np.ndarray, groups: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Take a share of the clips, and about that share of each label, in whole groups.

    Args:
        labels: 0/1 of shape (clips, labels).
        groups: Number of each clip's group, from 0, of shape (clips,).
        share: Share of the clips to take.
        seed: Seed of the choice among equally good ones.

    Returns:
        bool of shape (clips,): True for the clips taken.

    Raises:
        ValueError: If clips of one label each, without groups, are too few.
    """
    # A second to import here and below, for which nobody should wait who splits nothing.
    from sklearn.model_selection import train_test_split

    if _one_label_each(labels) and not _any_together(groups):
        _, taken = train_test_split(
            np.arange(len(labels)),
            test_size=share,
            random_state=seed,
            stratify=labels.argmax(axis=1),
        )
        return np.isin(np.arange(len(labels)), taken)
    return _stratify_groups(labels, groups, [1 - share, share], seed) == 1


def cut_into_folds(labels: np.ndarray, groups: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Cut the clips into folds of about the same size and labels, in whole groups.

    Args:
        labels: 0/1 of shape (clips, labels).
        groups: Number of each clip's group, from 0, of shape (clips,).
        folds: Number of folds. If each clip has one label, no label may be in fewer groups.
        seed: Seed of the choice among equally good ones.

    Returns:
        int of shape (clips,): number of each clip's fold, from 0.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    if not _one_label_each(labels):
        return _stratify_groups(labels, groups, [1 / folds] * folds, seed)
    classes = labels.argmax(axis=1)
    if _any_together(groups):
        method = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        cut = method.split(classes, classes, groups)
    else:
        cut = StratifiedKFold(folds, shuffle=True, random_state=seed).split(classes, classes)
    fold_of = np.empty(len(labels), dtype=int)
    for fold, (_, members) in enumerate(cut):
        fold_of[members] = fold
    return fold_of


def stratify(
    counts: np.ndarray, sizes: np.ndarray, shares: Sequence[float], seed: int
) -> np.ndarray:
    """Distribute groups among subsets so that each gets its share of every label.

    Iterative stratification (Sechidis, Tsoumakas, Vlahavas, "On the Stratification of Multi-Label
    Data", ECML PKDD 2011), with groups of clips in the place of single ones: the label with the
    fewest groups left is served first, as it has the fewest ways to be shared out, and each of
    its groups goes where most clips of the label are wanted; but the last ones go to subsets that
    have none of it, so that each can be scored.

    Args:
        counts: Clips of each label in each group, of shape (groups, labels).
        sizes: Clips in each group, at least 1, of shape (groups,).
        shares: Share of each subset; their sum is 1.
        seed: Seed of the order of the groups, and of the choice among equally good subsets.

    Returns:
        int of shape (groups,): number of each group's subset, from 0.
    """
    rng = np.random.default_rng(seed)
    # All clips count as a last label, which every group has: so the ones without a label are
    # shared out too, after the others.
    counts = np.column_stack([counts, sizes]).astype(np.int32)
    targets = np.outer(shares, counts.sum(axis=0))
    received = np.zeros(targets.shape, dtype=int)
    subset_of = np.full(len(counts), -1)
    # Not the large groups first, though they are hard to place: a small subset, which is served
    # last, would be one of small groups only.
    left = rng.permutation(len(counts))
    groups_left = np.count_nonzero(counts, axis=0)
    while left.size:
        label = int(np.where(groups_left > 0, groups_left, len(counts) + 1).argmin())
        is_served = counts[left, label] > 0
        served, left = left[is_served], left[~is_served]
        of_served = counts[served]
        groups_left -= np.count_nonzero(of_served, axis=0)
        chosen = _serve(
            of_served[:, [label, -1]].tolist(),
            targets[:, [label, -1]].tolist(),
            received[:, [label, -1]].tolist(),
            rng.random((len(served), len(shares))).tolist(),
        )
        subset_of[served] = chosen
        for subset in range(len(shares)):
            received[subset] += of_served[subset_of[served] == subset].sum(axis=0)
    return subset_of


def _serve(
    counts: list[list[int]],
    targets: list[list[float]],
    received: list[list[int]],
    chances: list[list[float]],
) -> list[int]:
    """Choose the subsets of the groups of one label, one after the other.

    Lists, not arrays: a million small steps in NumPy take minutes.

    Args:
        counts: Clips of the label, and clips in all, of each group.
        targets: The same that each subset should have.
        received: The same that it has, which is counted on.
        chances: What decides between equally good subsets, of each group.
    """
    chosen = []
    wanted = [
        [target[0] - has[0], target[1] - has[1]]
        for target, has in zip(targets, received, strict=True)
    ]
    without = sum(not has for has, _ in received)
    for number, (group, chance) in enumerate(zip(counts, chances, strict=True)):
        is_short = len(counts) - number <= without
        # Ties go by the clips wanted in all, then by chance.
        subset = max(
            (s for s in range(len(targets)) if not is_short or not received[s][0]),
            key=lambda s: (*wanted[s], chance[s]),
        )
        chosen.append(subset)
        without -= not received[subset][0]
        has = received[subset] = [received[subset][0] + group[0], received[subset][1] + group[1]]
        wanted[subset] = [targets[subset][0] - has[0], targets[subset][1] - has[1]]
    return chosen


def _stratify_groups(
    labels: np.ndarray, groups: np.ndarray, shares: Sequence[float], seed: int
) -> np.ndarray:
    counts = np.zeros((groups.max() + 1, labels.shape[1]), dtype=np.int32)
    np.add.at(counts, groups, labels)
    return stratify(counts, np.bincount(groups), shares, seed)[groups]


def _one_label_each(labels: np.ndarray) -> bool:
    return bool((labels.sum(axis=1) == 1).all())


def _any_together(groups: np.ndarray) -> bool:
    return bool(groups.max() + 1 < len(groups))
