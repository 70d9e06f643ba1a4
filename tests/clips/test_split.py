"""Which clips are for training and which for validation."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.clips import list_folder, split_clips
from fcn4_dist.errors import InputError

CLASS_SIZES = st.lists(st.integers(5, 30), min_size=2, max_size=5)
RATIOS = st.floats(0.2, 0.8)
SEEDS = st.integers(0, 2**32 - 1)


def _collection(class_sizes: list[int]) -> tuple[list[str], np.ndarray]:
    ids = [f"{name}/{clip:03}" for name, size in enumerate(class_sizes) for clip in range(size)]
    classes = np.repeat(np.arange(len(class_sizes)), class_sizes)
    return ids, np.eye(len(class_sizes), dtype=np.int32)[classes]


@given(class_sizes=CLASS_SIZES, ratio=RATIOS, seed=SEEDS)
def test_the_same_seed_gives_the_same_split(
    class_sizes: list[int], ratio: float, seed: int
) -> None:
    ids, labels = _collection(class_sizes)
    first = split_clips(ids, labels, ratio, "", seed)
    np.random.seed(3)
    np.testing.assert_array_equal(split_clips(ids, labels, ratio, "", seed), first)


@given(class_sizes=CLASS_SIZES, ratio=RATIOS, seed=SEEDS, random=st.randoms())
def test_the_split_does_not_depend_on_the_order_of_the_clips(
    class_sizes: list[int], ratio: float, seed: int, random: st.randoms
) -> None:
    ids, labels = _collection(class_sizes)
    order = random.sample(range(len(ids)), len(ids))
    shuffled = split_clips([ids[i] for i in order], labels[order], ratio, "", seed)
    np.testing.assert_array_equal(shuffled, split_clips(ids, labels, ratio, "", seed)[order])


@given(class_sizes=CLASS_SIZES, ratio=RATIOS, seed=SEEDS)
def test_every_class_gives_its_share_to_within_one_clip(
    class_sizes: list[int], ratio: float, seed: int
) -> None:
    ids, labels = _collection(class_sizes)
    is_validation = split_clips(ids, labels, ratio, "", seed)
    assert is_validation.dtype == bool
    assert abs(is_validation.sum() - ratio * len(ids)) < 1
    share = is_validation.mean()
    assert (abs(labels[is_validation].sum(axis=0) - share * np.array(class_sizes)) < 1).all()


@pytest.mark.parametrize("class_sizes", [[20, 2], [50, 3, 3], [9, 9, 2]])
@pytest.mark.parametrize("ratio", [0.1, 0.2, 0.5, 0.9])
def test_every_class_is_on_both_sides_or_the_split_is_refused(
    class_sizes: list[int], ratio: float
) -> None:
    ids, labels = _collection(class_sizes)
    try:
        is_validation = split_clips(ids, labels, ratio, "", 1)
    except InputError as error:
        assert "cannot split" in str(error)
        return
    assert labels[is_validation].any(axis=0).all()
    assert labels[~is_validation].any(axis=0).all()


def test_another_seed_gives_another_split() -> None:
    ids, labels = _collection([30, 30])
    splits = {split_clips(ids, labels, 0.2, "", seed).tobytes() for seed in range(10)}
    assert len(splits) == 10


def test_clips_with_the_same_set_of_labels_are_split_together() -> None:
    labels = np.repeat([[1, 0], [0, 1], [1, 1], [0, 0]], 10, axis=0)
    is_validation = split_clips([f"{number:02}" for number in range(40)], labels, 0.3, "", 1)
    assert is_validation.reshape(4, 10).sum(axis=1).tolist() == [3, 3, 3, 3]


@pytest.mark.parametrize("class_sizes", [[5, 1], [1, 1], [1]])
def test_a_collection_too_small_to_split_is_refused_with_the_flag(class_sizes: list[int]) -> None:
    ids, labels = _collection(class_sizes)
    sentence = rf"cannot split {len(ids)} clips with val_ratio 0\.01 .* change --val_ratio"
    with pytest.raises(InputError, match=sentence):
        split_clips(ids, labels, 0.01, "", 1)


def test_no_clips_cannot_be_split() -> None:
    with pytest.raises(InputError, match="cannot split 0 clips"):
        split_clips([], np.zeros((0, 3), dtype=np.int32), 0.2, "", 1)


def test_a_pattern_names_the_validation_set_whatever_seed_and_ratio() -> None:
    ids = ["a/1-1.ogg", "a/5-1.ogg", "b/5-2.ogg", "b/15-3.ogg", "a/5-1.OGG"]
    labels = np.ones((5, 1), dtype=np.int32)
    for ratio, seed in ((0.2, 1), (0.9, 2)):
        is_validation = split_clips(ids, labels, ratio, "*/5-*.ogg", seed)
        assert is_validation.tolist() == [False, True, True, False, False]


@pytest.mark.parametrize(("pattern", "matches"), [("*/9-*", "none"), ("*", "all")])
def test_a_pattern_that_leaves_one_side_empty_is_refused(pattern: str, matches: str) -> None:
    ids, labels = _collection([3, 3])
    with pytest.raises(InputError, match=rf"matches {matches} of the 6 clips: .* below audio_path"):
        split_clips(ids, labels, 0.2, pattern, 1)


def test_the_published_fifth_fold_of_esc_10_is_named_by_a_pattern(test_data: Path) -> None:
    collection = list_folder(test_data / "esc10", 10)
    ids = [clip_id for clip_id, _, _ in collection.clips]
    columns = [collection.class_names.index(name) for _, _, name in collection.clips]
    labels = np.eye(10, dtype=np.int32)[columns]
    is_validation = split_clips(ids, labels, 0.2, "*/5-*", 1)
    assert labels.sum(axis=0).tolist() == [40] * 10
    assert labels[is_validation].sum(axis=0).tolist() == [8] * 10
