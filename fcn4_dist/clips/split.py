"""Which clips are for training and which for validation."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

import numpy as np
from sklearn.model_selection import train_test_split

from fcn4_dist.errors import InputError


def split_clips(
    ids: Sequence[str], labels: np.ndarray, val_ratio: float, val_pattern: str, seed: int
) -> np.ndarray:
    """Decide which clips are the validation set.

    The result depends on the ids and labels alone, not on their order.

    Args:
        ids: Ids of the clips.
        labels: 0/1 of shape (clips, classes).
        val_ratio: Share of the clips that go to validation, stratified by label.
        val_pattern: If not "", clips whose id matches it (as file names match ``*``) are the
            validation set, and ``val_ratio`` and ``seed`` are not used.
        seed: Seed of the random split.

    Returns:
        bool of shape (clips,): True for validation.

    Raises:
        InputError: If no split leaves clips on both sides and, for the random one, of each class.
    """
    if val_pattern:
        is_validation = np.array([fnmatchcase(clip_id, val_pattern) for clip_id in ids])
        _check_both_sides(is_validation, val_pattern)
        return is_validation
    order = np.argsort(np.array(ids))
    # Clips with the same set of labels make a stratum.
    strata = np.array(["".join(map(str, row)) for row in labels])
    try:
        _, validation = train_test_split(
            order, test_size=val_ratio, random_state=seed, stratify=strata[order]
        )
    except ValueError as error:
        raise InputError(
            f"cannot split {len(ids)} clips with val_ratio {val_ratio:g} so that every class is on "
            f"both sides ({error}): add clips, or change --val_ratio"
        ) from error
    is_validation = np.zeros(len(ids), dtype=bool)
    is_validation[validation] = True
    _check_every_label(ids, labels, is_validation, val_ratio)
    return is_validation


def _check_every_label(
    ids: Sequence[str], labels: np.ndarray, is_validation: np.ndarray, val_ratio: float
) -> None:
    one_sided = labels[is_validation].any(axis=0) != labels[~is_validation].any(axis=0)
    for column in np.flatnonzero(one_sided):
        members = np.flatnonzero(labels[:, column])
        raise InputError(
            f"cannot split with val_ratio {val_ratio:g}: all {len(members)} clips of a class "
            f"(that of {ids[members[0]]}) come to one side: add clips of it, or change --val_ratio"
        )


def _check_both_sides(is_validation: np.ndarray, val_pattern: str) -> None:
    matching = int(is_validation.sum())
    if matching in (0, len(is_validation)):
        raise InputError(
            f"val_pattern {val_pattern!r} matches {'none' if matching == 0 else 'all'} of the "
            f"{len(is_validation)} clips: it is held against each clip's path below audio_path"
        )
