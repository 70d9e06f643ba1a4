"""Which clips are for training, which for validation and which for the test."""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from fcn4_dist.clips.collection import Clip
from fcn4_dist.clips.registry import find_dataset
from fcn4_dist.clips.split import Split, split_clips
from fcn4_dist.config.settings import Settings
from fcn4_dist.errors import InputError

CLASS_SIZES = st.lists(st.integers(5, 30), min_size=2, max_size=5)
RATIOS = st.floats(0.2, 0.8)
SEEDS = st.integers(0, 2**32 - 1)
DRAWN = [{"split": "random"}, {"split": "kfold"}, {"split": "kfold", "folds": 3, "fold": 3}]
GIVEN = [{"split": "published"}, {"val_pattern": "*[05]"}]
TAKES = r"/\d-(\d+)-"
ESC10_TAKE = re.compile(TAKES)


def _clip(
    clip_id: str, *labels: str, role: str = "", group: str = "", fold: int | None = None
) -> Clip:
    return Clip(clip_id, Path("audio") / clip_id, labels, role, group, fold)


def _classes(sizes: Sequence[int]) -> list[Clip]:
    return [
        _clip(f"{name}/{clip:03}", str(name))
        for name, size in enumerate(sizes)
        for clip in range(size)
    ]


def _hashes(**same: Sequence[str]) -> dict[str, str]:
    """Give the clips named by each argument the same hash."""
    return {clip_id: content for content, clip_ids in same.items() for clip_id in clip_ids}


def _validation(split: Split) -> set[str]:
    return {clip_id for clip_id, role in split.roles.items() if role == "val"}


def _sentences(split: Split) -> tuple[str, ...]:
    return tuple(map(str, split.findings))


def _numbers(clips: Sequence[Clip]) -> str:
    return "0 to 3" if any(clip.fold == 0 for clip in clips) else "3 to 6"


def _sizes(split: Split) -> dict[str, int]:
    return dict(Counter(split.roles.values()))


@st.composite
def collections(draw: st.DrawFn) -> tuple[list[Clip], dict[str, str]]:
    """Make clips with one class or some tags, roles, small groups if any, and a few copies."""
    number = draw(st.integers(40, 90))
    tagged, grouped = draw(st.booleans()), draw(st.booleans())
    random = Random(draw(st.integers(0, 10**6)))
    clips = [
        _clip(
            f"{i % 3}/{i:03}",
            *(random.sample("abc", random.randint(0, 3)) if tagged else "abc"[i % 3]),
            role=random.choice(["train", "train", "val", "test", ""]),
            group=str(random.randrange(number // 2)) if grouped and i % 4 else "",
        )
        for i in range(number)
    ]
    content = {clip.id: hashlib.sha256(clip.id.encode()).hexdigest() for clip in clips}
    for _ in range(draw(st.integers(0, 5))):
        one, other = random.sample(sorted(content), 2)
        content[other] = content[one]
    for clip in random.sample(clips, 3):
        content.pop(clip.id)
    return clips, content


def _split(
    collection: tuple[list[Clip], dict[str, str]], choice: dict[str, Any], seed: int
) -> Split:
    try:
        return split_clips(*collection, Settings(**choice, seed=seed))
    except InputError:
        reject()


@given(collection=collections(), choice=st.sampled_from(DRAWN + GIVEN), seed=SEEDS)
def test_every_clip_is_in_one_set_or_left_out_for_a_reason(
    collection: tuple[list[Clip], dict[str, str]], choice: dict[str, Any], seed: int
) -> None:
    split = _split(collection, choice, seed)
    assert sorted([*split.roles, *split.left_out]) == sorted(clip.id for clip in collection[0])
    assert set(split.roles.values()) <= {"train", "val", "test"}
    assert {"train", "val"} <= set(split.roles.values())
    assert all(split.left_out.values())
    if choice in DRAWN:
        assert not split.left_out


@given(collection=collections(), choice=st.sampled_from(DRAWN + GIVEN), seed=SEEDS)
def test_duplicate_audio_is_never_on_both_sides(
    collection: tuple[list[Clip], dict[str, str]], choice: dict[str, Any], seed: int
) -> None:
    roles = defaultdict(set)
    for clip_id, role in _split(collection, choice, seed).roles.items():
        roles[collection[1].get(clip_id, clip_id)].add(role)
    assert all(len(of_content) == 1 for of_content in roles.values())


@given(collection=collections(), choice=st.sampled_from(DRAWN), seed=SEEDS)
def test_a_group_is_never_on_both_sides(
    collection: tuple[list[Clip], dict[str, str]], choice: dict[str, Any], seed: int
) -> None:
    split = _split(collection, choice, seed)
    roles = defaultdict(set)
    for clip in collection[0]:
        roles[clip.group or clip.id].add(split.roles[clip.id])
    assert all(len(of_group) == 1 for of_group in roles.values())


@given(
    collection=collections(),
    choice=st.sampled_from(DRAWN + GIVEN),
    seed=SEEDS,
    random=st.randoms(use_true_random=False),
)
def test_the_split_does_not_depend_on_the_order_of_the_clips(
    collection: tuple[list[Clip], dict[str, str]], choice: dict[str, Any], seed: int, random: Random
) -> None:
    clips, content = collection
    shuffled = random.sample(clips, len(clips)), dict(random.sample(sorted(content.items()), 30))
    shuffled[1].update(content)
    assert _split(shuffled, choice, seed) == _split(collection, choice, seed)


@given(collection=collections(), choice=st.sampled_from(DRAWN), seed=SEEDS)
def test_the_same_seed_gives_the_same_split_whatever_else_draws_random_numbers(
    collection: tuple[list[Clip], dict[str, str]], choice: dict[str, Any], seed: int
) -> None:
    np.random.seed(1)
    expected = np.random.random(5).tolist()
    np.random.seed(1)
    first = _split(collection, choice, seed)
    assert np.random.random(5).tolist() == expected
    assert _split(collection, choice, seed) == first


@given(collection=collections(), folds=st.integers(2, 5), seed=SEEDS)
def test_every_clip_is_in_the_validation_set_of_exactly_one_fold(
    collection: tuple[list[Clip], dict[str, str]], folds: int, seed: int
) -> None:
    validations: Counter[str] = Counter()
    for fold in range(1, folds + 1):
        choice = {"split": "kfold", "folds": folds, "fold": fold}
        validations.update(_validation(_split(collection, choice, seed)))
    assert validations == Counter(clip.id for clip in collection[0])


@given(class_sizes=CLASS_SIZES, ratio=RATIOS, seed=SEEDS)
def test_every_class_gives_its_share_to_within_one_clip(
    class_sizes: list[int], ratio: float, seed: int
) -> None:
    clips = _classes(class_sizes)
    validation = _validation(split_clips(clips, {}, Settings(val_ratio=ratio, seed=seed)))
    assert abs(len(validation) - ratio * len(clips)) < 1
    share = len(validation) / len(clips)
    for name, size in enumerate(class_sizes):
        taken = sum(clip_id.startswith(f"{name}/") for clip_id in validation)
        assert abs(taken - share * size) < 1


@given(class_sizes=CLASS_SIZES, folds=st.integers(2, 5), seed=SEEDS)
def test_every_class_gives_each_fold_its_share_to_within_one_clip(
    class_sizes: list[int], folds: int, seed: int
) -> None:
    settings = Settings(split="kfold", folds=folds, fold=folds, seed=seed)
    validation = _validation(split_clips(_classes(class_sizes), {}, settings))
    for name, size in enumerate(class_sizes):
        taken = sum(clip_id.startswith(f"{name}/") for clip_id in validation)
        assert abs(taken - size / folds) < 1


@given(class_sizes=st.lists(st.integers(8, 20), min_size=2, max_size=4), seed=SEEDS)
def test_every_class_gives_its_share_to_within_one_group(class_sizes: list[int], seed: int) -> None:
    clips = [
        _clip(f"{name}/{group:02}-{take}", str(name), group=f"{name} {group}")
        for name, groups in enumerate(class_sizes)
        for group in range(groups)
        for take in range(1 + group % 3)
    ]
    for choice in ({"split": "random", "val_ratio": 0.25}, {"split": "kfold", "folds": 4}):
        validation = _validation(split_clips(clips, {}, Settings(**choice, seed=seed)))
        for name, size in Counter(clip.labels[0] for clip in clips).items():
            taken = sum(clip_id.startswith(f"{name}/") for clip_id in validation)
            assert abs(taken - size / 4) <= 3


@pytest.mark.parametrize("class_sizes", [[20, 2], [50, 3, 3], [9, 9, 2]])
@pytest.mark.parametrize("ratio", [0.1, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("takes", [1, 2])
def test_every_class_is_on_both_sides_or_the_split_is_refused(
    class_sizes: list[int], ratio: float, takes: int
) -> None:
    clips = [
        _clip(f"{clip.id}-{take}", *clip.labels, group=clip.id)
        for clip in _classes(class_sizes)
        for take in range(takes)
    ]
    try:
        split = split_clips(clips, {}, Settings(val_ratio=ratio))
    except InputError as error:
        assert "cannot split" in str(error)
        return
    for role in ("train", "val"):
        of_role = {clip.labels[0] for clip in clips if split.roles[clip.id] == role}
        assert len(of_role) == len(class_sizes)


@pytest.mark.parametrize("choice", [*DRAWN, {"split": "kfold", "group_pattern": r"\d/\d\d"}])
def test_another_seed_gives_another_split(choice: dict[str, Any]) -> None:
    clips = _classes([60, 60])
    splits = [split_clips(clips, {}, Settings(**choice, seed=seed)) for seed in range(10)]
    assert len({frozenset(_validation(split)) for split in splits}) > 5


def test_the_rule_names_the_settings_that_decided_and_no_others() -> None:
    clips = [_clip(f"{i:02}", "ab"[i % 2], role=["train", "val"][i % 2]) for i in range(20)]
    rules = [
        ({"seed": 7}, {"split": "random", "val_ratio": 0.2, "seed": 7}),
        (
            {"split": "kfold", "fold": 2, "seed": 3},
            {"split": "kfold", "folds": 5, "fold": 2, "seed": 3},
        ),
        ({"split": "published"}, {"split": "published"}),
        ({"val_pattern": "0*"}, {"split": "val_pattern", "val_pattern": "0*"}),
        ({"group_pattern": ".."}, {"split": "random", "val_ratio": 0.2, "seed": 1}),
    ]
    for choice, rule in rules:
        assert split_clips(clips, {}, Settings(**choice)).rule == rule
    grouped = split_clips(_classes([20, 20]), {}, Settings(group_pattern=r"\d/\d\d"))
    assert grouped.rule["group_pattern"] == r"\d/\d\d"


@pytest.mark.parametrize(
    ("dataset", "roles", "expected"),
    [
        ("csv", ["train", "val", "test", ""], "published"),
        ("magnatagatune", ["train", "val", "test", "train"], "published"),
        ("csv", [""], "random"),
        ("gtzan", ["train", "val", "test", ""], "random"),
        ("folder", [""], "random"),
    ],
)
def test_a_published_split_is_taken_by_itself_where_it_is_the_usual_one(
    dataset: str, roles: list[str], expected: str
) -> None:
    clips = [_clip(f"{i:02}", "a", role=roles[i % len(roles)]) for i in range(20)]
    assert split_clips(clips, {}, Settings(dataset=dataset)).rule["split"] == expected


# Groups


def test_takes_of_a_recording_of_esc_10_stay_together(test_data: Path) -> None:
    folder = test_data / "esc10"
    clips = [
        _clip(path.relative_to(folder).as_posix(), path.parent.name)
        for path in folder.glob("*/*.ogg")
    ]
    assert len(clips) == 400
    for choice in DRAWN:
        settings = Settings(**choice, group_pattern=TAKES)
        split = split_clips(clips, {}, settings)
        sides = defaultdict(set)
        for clip_id, role in split.roles.items():
            sides[ESC10_TAKE.search(clip_id)[1]].add(role)
        assert all(len(roles) == 1 for roles in sides.values())
        share = 1 / settings.folds if settings.split == "kfold" else settings.val_ratio
        by_class = Counter(clip_id.split("/")[0] for clip_id in _validation(split))
        assert len(by_class) == 10
        assert all(abs(taken - 40 * share) <= 2 for taken in by_class.values())


def test_the_published_fifth_fold_of_esc_10_is_named_by_a_pattern(test_data: Path) -> None:
    folder = test_data / "esc10"
    clips = [
        _clip(path.relative_to(folder).as_posix(), path.parent.name)
        for path in folder.glob("*/*.ogg")
    ]
    split = split_clips(clips, {}, Settings(val_pattern="*/5-*"))
    by_class = Counter(clip_id.split("/")[0] for clip_id in _validation(split))
    assert list(by_class.values()) == [8] * 10


def test_a_group_is_the_first_parenthesis_or_else_the_whole_match() -> None:
    clips = [_clip(f"{artist}-{song}.wav", "a") for artist in "abcde" for song in "xyz"]
    for pattern in (r"^(\w)-(\w)", r"^\w-", r"^(\w)"):
        validation = _validation(split_clips(clips, {}, Settings(group_pattern=pattern)))
        assert len(validation) == 3
        assert len({clip_id[0] for clip_id in validation}) == 1


def test_clips_the_group_pattern_does_not_find_keep_their_groups_and_are_counted() -> None:
    clips = [
        *(_clip(f"{artist}-{song}", "a") for artist in "abcd" for song in range(3)),
        *(_clip(f"loose{i}", "a", group="band") for i in range(2)),
        _clip("lone", "a"),
    ]
    for seed in range(10):
        split = split_clips(clips, {}, Settings(group_pattern="^(.)-", seed=seed))
        assert split.roles["loose0"] == split.roles["loose1"]
        assert _sentences(split)[:2] == (
            "group_pattern '^(.)-' finds no group in ids of clips: 3, like lone, loose0, loose1; "
            "each stays in the group that the collection gives it, or is one of its own",
            "groups of clips: 5, of 14 clips in all; each is on one side",
        )


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("(", r"'\(' is not a regular expression \(missing \)"),
        ("a{99999999999}", "is not a regular expression"),
        ("artist", "finds no group in any of the 6 ids, like 0/000"),
        ("x*", "finds no group in any of the 6 ids, like 0/000"),
    ],
)
def test_a_group_pattern_that_cannot_be_is_refused(pattern: str, problem: str) -> None:
    with pytest.raises(InputError, match=f"group_pattern .*{problem}.*leave out --group_pattern"):
        split_clips(_classes([3, 3]), {}, Settings(group_pattern=pattern))


@pytest.mark.parametrize(
    ("choice", "giver"),
    [({"split": "published"}, "the published split"), ({"val_pattern": "*[13579]"}, "val_pattern")],
)
def test_groups_on_both_sides_of_sets_that_are_given_are_counted(
    choice: dict[str, Any], giver: str
) -> None:
    clips = [
        _clip(f"{i:02}", "a", role=["train", "val"][i % 2], group=f"artist {i // 3}")
        for i in range(20)
    ]
    lonely = [_clip("30", "a", role="train", group="a"), _clip("31", "a", role="val", group="b")]
    split = split_clips([*clips, *lonely], {}, Settings(**choice))
    assert _sentences(split) == (
        f"groups of clips on both sides of {giver}, with 20 clips in all: 7, like artist 0, "
        "artist 1, artist 2; some of what is scored was heard in training",
    )
    by_pattern = split_clips(clips, {}, Settings(**choice, group_pattern="^."))
    assert _sentences(by_pattern)[0].startswith(
        f"groups of clips on both sides of {giver}, with 20 clips in all: 2, like 0, 1; "
    )
    assert "group_pattern" not in by_pattern.rule


def test_groups_are_called_what_the_collection_calls_them() -> None:
    clips = [_clip(f"{i:02}", "a", role=["train", "val"][i % 2], group="one") for i in range(20)]
    (sentence,) = _sentences(split_clips(clips, {}, Settings(dataset="magnatagatune")))
    assert sentence.startswith(f"{find_dataset('magnatagatune').group_is} on both sides of ")


# Copies


def test_copies_unite_the_groups_they_are_in() -> None:
    clips = [_clip(f"{group}{i}", "a", group=group) for group in "abcdefgh" for i in range(2)]
    content = _hashes(x=["a0", "b1"], y=["b0", "c0"])
    for seed in range(20):
        roles = split_clips(clips, content, Settings(seed=seed)).roles
        assert len({roles[f"{group}{i}"] for group in "abc" for i in range(2)}) == 1


def test_a_content_and_a_group_of_the_same_name_are_not_the_same() -> None:
    clips = [_clip(f"{i}", "a", group="one" if i < 2 else "") for i in range(20)]
    content = _hashes(one=["8", "9"])
    splits = [split_clips(clips, content, Settings(seed=seed)) for seed in range(40)]
    assert any(split.roles["0"] != split.roles["8"] for split in splits)


def test_copies_kept_on_one_side_are_counted_with_an_example() -> None:
    content = _hashes(x=["0/001", "0/002", "0/003"], y=["1/007", "1/005"], z=["1/006"])
    split = split_clips(_classes([20, 20]), content, Settings())
    assert _sentences(split) == (
        "clips are copies of others (same bytes): 3, like 0/001 and 0/002, 0/001 and 0/003, "
        "1/005 and 1/007; kept on one side",
    )


@pytest.mark.parametrize("choice", [*DRAWN, *GIVEN])
def test_copies_with_different_labels_are_said(choice: dict[str, Any]) -> None:
    clips = [_clip(f"{i:02}", "ab"[i % 2], role=["train", "val"][i % 2]) for i in range(40)]
    content = _hashes(same=["02", "07"], like=["11", "13"])
    assert (
        "copies (same bytes) have different labels: 1, like 02 (a) and 07 (b); each keeps its own"
        in _sentences(split_clips(clips, content, Settings(**choice)))
    )


def test_a_published_validation_and_test_set_stay_and_their_copies_are_left_out() -> None:
    clips = [
        *(_clip(f"train/{i}", "a", role="train") for i in range(6)),
        *(_clip(f"val/{i}", "a", role="val") for i in range(4)),
        *(_clip(f"test/{i}", "a", role="test") for i in range(4)),
        *(_clip(f"none/{i}", "a") for i in range(2)),
    ]
    content = _hashes(
        in_all=["train/0", "val/0", "test/0"],
        in_train_and_val=["train/1", "train/2", "val/1"],
        in_train_twice=["train/3", "train/4"],
        in_test_twice=["test/1", "test/2"],
        in_none_and_train=["none/0", "train/5"],
    )
    split = split_clips(clips, content, Settings(split="published"))
    assert split.left_out == {
        "none/0": "not in the published split",
        "none/1": "not in the published split",
        "train/0": "the same audio as test/0, which is in the test set",
        "val/0": "the same audio as test/0, which is in the test set",
        "train/1": "the same audio as val/1, which is in the validation set",
        "train/2": "the same audio as val/1, which is in the validation set",
    }
    assert _sizes(split) == {"train": 3, "val": 3, "test": 4}
    assert all(clip_id.split("/")[0] == role for clip_id, role in split.roles.items())
    assert _sentences(split) == (
        "clips have the same audio as one in the validation or test set: 4, like train/0, val/0, "
        "train/1; they are left out",
        "clips are copies of others in their set (same bytes): 2, like test/1 and test/2, "
        "train/3 and train/4; they stay",
    )


def test_a_training_clip_with_the_audio_of_one_the_pattern_names_is_left_out() -> None:
    clips = _classes([3, 3])
    content = _hashes(same=["0/000", "0/002", "1/002"])
    split = split_clips(clips, content, Settings(val_pattern="*2"))
    assert _validation(split) == {"0/002", "1/002"}
    assert split.left_out == {"0/000": "the same audio as 0/002, which is in the validation set"}


# Patterns and published splits


def test_a_pattern_names_the_validation_set_whatever_seed_and_ratio() -> None:
    ids = ["a/1-1.ogg", "a/5-1.ogg", "b/5-2.ogg", "b/15-3.ogg", "a/5-1.OGG"]
    clips = [_clip(clip_id, "a") for clip_id in ids]
    for ratio, seed in ((0.2, 1), (0.9, 2)):
        settings = Settings(val_pattern="*/5-*.ogg", val_ratio=ratio, seed=seed)
        assert _validation(split_clips(clips, {}, settings)) == {"a/5-1.ogg", "b/5-2.ogg"}


@pytest.mark.parametrize(("pattern", "matches"), [("*/9-*", "none"), ("*", "all")])
def test_a_pattern_that_leaves_one_side_empty_is_refused(pattern: str, matches: str) -> None:
    with pytest.raises(InputError, match=rf"matches {matches} of the 6 clips: .* below audio_path"):
        split_clips(_classes([3, 3]), {}, Settings(val_pattern=pattern))


def test_a_published_split_may_be_without_a_test_set() -> None:
    clips = [_clip("a", "x", role="train"), _clip("b", "x", role="val")]
    split = split_clips(clips, {}, Settings(split="published"))
    assert split == Split({"a": "train", "b": "val"}, {}, {"split": "published"}, ())


def test_a_collection_without_a_published_split_is_refused_with_the_way_out() -> None:
    settings = Settings(split="published", audio_path="some/audio")
    sentence = r"in audio_path some/audio \(dataset folder\) has no published split: .*--split"
    with pytest.raises(InputError, match=sentence):
        split_clips(_classes([3, 3]), {}, settings)


@pytest.mark.parametrize(
    ("roles", "counts"),
    [
        (["train", ""], "10 in the training set, 0 in the validation set, 0 in the test set"),
        (["val", ""], "0 in the training set, 10 in the validation set, 0 in the test set"),
    ],
)
def test_a_published_split_with_nothing_to_train_or_validate_on_is_refused(
    roles: list[str], counts: str
) -> None:
    clips = [_clip(f"{i:02}", "a", role=roles[i % 2]) for i in range(20)]
    with pytest.raises(InputError, match=rf"\({counts}; 0 .*: give --split random or kfold"):
        split_clips(clips, {}, Settings(split="published"))


def test_a_training_set_of_copies_only_is_refused_with_their_number() -> None:
    content = _hashes(same=["0/000", "0/001", "0/002"])
    with pytest.raises(InputError, match=r"0 in the training .*; 2 .*: give another --val_pattern"):
        split_clips(_classes([3]), content, Settings(val_pattern="*2"))


@pytest.mark.parametrize("choice", GIVEN)
def test_classes_that_a_given_set_lacks_are_said(choice: dict[str, Any]) -> None:
    clips = [_clip(f"{i:02}", "ab"[i % 2], role="train" if i % 5 else "val") for i in range(9)]
    clips += [_clip("90", "c", role="val"), _clip("91", "b", role="train")]
    assert _sentences(split_clips(clips[:6] + clips[-2:], {}, Settings(**choice))) == (
        "the training set has no clip of classes: 1, like c (1 clip); they cannot be learnt there",
    )


# Published folds, and published training and test sets


@st.composite
def folded(draw: st.DrawFn) -> tuple[list[Clip], dict[str, str]]:
    """Make the same as :func:`collections`, in folds that are numbered from 0 or 3."""
    clips, content = draw(collections())
    first = draw(st.sampled_from([0, 3]))
    return [
        replace(clip, role="test" if clip.role == "test" else "", fold=first + number % 4)
        for number, clip in enumerate(clips)
    ], content


@given(collection=folded(), seed=SEEDS)
def test_every_clip_is_in_the_validation_set_of_its_published_fold_alone(
    collection: tuple[list[Clip], dict[str, str]], seed: int
) -> None:
    clips, content = collection
    of_test = {clip.id for clip in clips if clip.role == "test"}
    tested = {content.get(clip_id) for clip_id in of_test} - {None}
    for fold in sorted({clip.fold for clip in clips if clip.fold is not None}):
        split = _split(collection, {"split": "published", "fold": fold}, seed)
        members = {
            clip.id
            for clip in clips
            if clip.fold == fold and clip.id not in of_test and content.get(clip.id) not in tested
        }
        assert _validation(split) == members
        assert {name for name, role in split.roles.items() if role == "test"} == of_test
        assert sorted([*split.roles, *split.left_out]) == sorted(clip.id for clip in clips)
        assert split.rule == {"split": "published", "fold": fold, "folds": _numbers(clips)}


@pytest.mark.parametrize(("fold", "numbers"), [(0, "1 to 4"), (5, "1 to 4")])
def test_a_fold_that_was_not_published_is_refused_with_those_that_were(
    fold: int, numbers: str
) -> None:
    clips = [_clip(f"{i:02}", "ab"[i % 2], fold=1 + i % 4) for i in range(20)]
    sentence = rf"has the published folds {numbers}, and no {fold}: give one of them with --fold"
    with pytest.raises(InputError, match=sentence):
        split_clips(clips, {}, Settings(split="published", fold=fold))


def test_the_number_of_a_published_split_is_held_against_those_there_are() -> None:
    clips = [_clip(f"{i:02}", "a", role=["train", "val", "test"][i % 3]) for i in range(20)]
    split = split_clips(clips, {}, Settings(split="published", fold=0), (0, 1, 2, 3, 4))
    assert split.rule == {"split": "published", "fold": 0, "folds": "0 to 4"}
    sentence = "has the published splits 0 to 4, and no 7"
    with pytest.raises(InputError, match=sentence):
        split_clips(clips, {}, Settings(split="published", fold=7), (0, 1, 2, 3, 4))


def test_a_copy_in_another_fold_is_left_out_of_training() -> None:
    clips = [_clip(f"{i:02}", "ab"[i % 2], fold=1 + i // 5) for i in range(20)]
    split = split_clips(clips, _hashes(same=["00", "06"]), Settings(split="published", fold=2))
    assert split.left_out == {"00": "the same audio as 06, which is in the validation set"}
    assert any(
        sentence.startswith("clips have the same audio as one in the validation or test set: 1, ")
        for sentence in _sentences(split)
    )


@given(collection=collections(), seed=SEEDS, ratio=RATIOS)
def test_where_no_validation_set_is_published_it_is_drawn_from_training_alone(
    collection: tuple[list[Clip], dict[str, str]], seed: int, ratio: float
) -> None:
    clips = [replace(clip, role=clip.role.replace("val", "test")) for clip in collection[0]]
    choice = {"split": "published", "val_ratio": ratio}
    split = _split((clips, collection[1]), choice, seed)
    roles = {clip.id: clip.role for clip in clips}
    assert {name for name, role in split.roles.items() if role == "test"} == {
        name for name, role in roles.items() if role == "test"
    }
    assert all(roles[name] == "train" for name in _validation(split))
    sides = defaultdict(set)
    for clip in clips:
        if split.roles.get(clip.id) in ("train", "val"):
            sides[clip.group or clip.id].add(split.roles[clip.id])
    assert all(len(of_group) == 1 for of_group in sides.values())
    assert split.rule == {
        "split": "published",
        "val_ratio": ratio,
        "seed": seed,
        "validation": "drawn from training",
    }
    assert split == _split((clips[::-1], collection[1]), choice, seed)


def test_the_drawn_validation_set_has_its_share_of_every_class() -> None:
    clips = [
        _clip(f"{name}/{i:03}", name, role="train" if i < 40 else "test")
        for name in "abc"
        for i in range(60)
    ]
    split = split_clips(clips, {}, Settings(dataset="csv", val_ratio=0.25))
    assert _sizes(split) == {"train": 90, "val": 30, "test": 60}
    assert Counter(name[0] for name in _validation(split)) == {"a": 10, "b": 10, "c": 10}
    assert not split.findings


def test_training_clips_that_are_all_copies_of_test_clips_are_refused() -> None:
    clips = [_clip("0", "a", role="train"), _clip("1", "a", role="test")]
    sentence = "0 in the training set, 0 in the validation set, 1 in the test set; 1 are taken out"
    with pytest.raises(InputError, match=sentence):
        split_clips(clips, _hashes(same=["0", "1"]), Settings(split="published"))


@pytest.mark.parametrize("role", ["", "train"])
def test_groups_that_keep_the_validation_set_from_its_share_are_said(role: str) -> None:
    clips = [_clip(f"{i:02}", "a", role=role, group="one" if i < 12 else "two") for i in range(20)]
    clips += [_clip(f"t{i}", "a", role="test") for i in range(3 * bool(role))]
    sentences = _sentences(split_clips(clips, {}, Settings(dataset="csv", val_ratio=0.1)))
    expected = "the validation set has 40% of the clips, not 10%: groups of clips stay whole"
    assert expected in sentences or expected.replace("40", "60") in sentences


# What is drawn although sets are published


@pytest.mark.parametrize("choice", DRAWN)
def test_drawing_where_a_split_is_published_says_what_it_costs(choice: dict[str, Any]) -> None:
    clips = [_clip(f"{i:02}", "a", role=["train", "test"][i % 2]) for i in range(20)]
    assert _sentences(split_clips(clips, {}, Settings(**choice)))[0] == (
        "the collection has a published split, which is not taken (--split published): a random "
        "split of it gives scores that cannot be compared with those of others"
    )
    assert not _sentences(split_clips([_clip(c.id, "a") for c in clips], {}, Settings(**choice)))


@pytest.mark.parametrize("choice", [{"split": "random"}, {"split": "published"}, *GIVEN[1:]])
def test_a_fold_that_does_nothing_is_said(choice: dict[str, Any]) -> None:
    clips = [_clip(f"{i:02}", "a", role=["train", "val"][i % 2]) for i in range(20)]
    split = split_clips(clips, {}, Settings(**choice, fold=3))
    assert "fold 3 is not used in this split: give --split kfold" in _sentences(split)[-1]
    assert "fold" not in split.rule


def test_hundreds_of_tags_that_a_set_lacks_are_counted_the_most_frequent_first() -> None:
    clips = [_clip(f"{i:03}", "a", f"tag {i // 2:03}") for i in range(600)]
    clips += [_clip(f"b{i}", "a", "of an artist", group="one") for i in range(9)]
    (together, *lacking) = _sentences(split_clips(clips, {}, Settings()))
    assert together == "groups of clips: 1, of 9 clips in all; each is on one side"
    assert "like of an artist (9 clips of one group), tag " in "".join(lacking)
    assert all(sentence.count("(") <= 20 for sentence in lacking)


# What cannot be split


@pytest.mark.parametrize("class_sizes", [[5, 1], [1, 1], [1]])
def test_a_collection_too_small_to_split_is_refused_with_the_flag(class_sizes: list[int]) -> None:
    sentence = rf"cannot split {sum(class_sizes)} clips with val_ratio 0\.01 .* change --val_ratio"
    with pytest.raises(InputError, match=sentence):
        split_clips(_classes(class_sizes), {}, Settings(val_ratio=0.01))


@pytest.mark.parametrize("choice", [*DRAWN, *GIVEN])
def test_no_clips_cannot_be_split(choice: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="cannot split 0 clips"):
        split_clips([], {}, Settings(**choice))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("fold", [1, 2, 3, 4, 5])
def test_a_class_of_fewer_clips_than_folds_is_refused_whichever_fold_it_is(fold: int) -> None:
    sentence = (
        r"cannot split 24 clips into 5 folds so that clips of class '1' are in each \(it has 4\): "
        "add clips of it, or give fewer --folds"
    )
    with pytest.raises(InputError, match=sentence):
        split_clips(_classes([20, 4]), {}, Settings(split="kfold", fold=fold))


def test_a_class_of_fewer_groups_than_sides_is_refused_with_their_number() -> None:
    clips = [_clip(f"{name}/{i}", name, group=f"{name}{i // 8}") for name in "ab" for i in range(8)]
    clips += [_clip(f"b/{i}", "b") for i in range(10, 20)]
    sentence = r"class 'a' are on both sides \(it has 8 in 1 group\): .* change --val_ratio"
    with pytest.raises(InputError, match=sentence):
        split_clips(clips, {}, Settings())
    with pytest.raises(InputError, match=r"class 'a' are in each \(it has 8 in 1 group\)"):
        split_clips(clips, {}, Settings(split="kfold", folds=2))


def test_a_group_that_takes_a_class_out_of_a_fold_is_refused_whichever_fold_it_is() -> None:
    # With both classes in each group, three folds need three groups with class b.
    clips = [_clip(f"{i:02}", "b" if i < 6 else "a", group=str(i % 2)) for i in range(12)]
    for fold in (1, 2, 3):
        with pytest.raises(InputError, match=r"'\w' are in each \(it has 6 in 2 groups\)"):
            split_clips(clips, {}, Settings(split="kfold", folds=3, fold=fold))


def test_tagged_clips_that_cannot_be_on_both_sides_are_refused() -> None:
    clips = [_clip(str(i), "a", "b", group="one") for i in range(9)]
    sentence = r"cannot split 9 clips .* the collection are on both sides \(it has 9 in 1 group\)"
    with pytest.raises(InputError, match=sentence):
        split_clips(clips, {}, Settings())


# Tags


def test_a_rare_tag_that_a_side_lacks_is_said_and_no_reason_to_refuse() -> None:
    clips = [_clip(f"{i:02}", "a", *(["b"] if i % 2 else [])) for i in range(20)]
    clips[7] = _clip("07", "a", "rare")
    split = split_clips(clips, {}, Settings())
    assert split.roles["07"] == "train"
    (sentence,) = _sentences(split)
    assert sentence.startswith("the validation set has no clip of classes: 1, like rare (1 clip); ")


@pytest.mark.parametrize("split_name", ["random", "kfold"])
def test_a_collection_like_magnatagatune_is_shared_out_evenly_by_song(split_name: str) -> None:
    random = np.random.default_rng(1)
    song_of = random.integers(0, 6000, 25000)
    tagged = random.random((6000, 50)) < np.geomspace(0.2, 0.02, 50)
    tags = [[str(tag) for tag in np.flatnonzero(row)] for row in tagged]
    clips = [_clip(f"{i:05}", *tags[song], group=str(song)) for i, song in enumerate(song_of)]
    split = split_clips(clips, {}, Settings(split=split_name))
    validation = [clip for clip in clips if split.roles[clip.id] == "val"]
    assert abs(len(validation) - 5000) < 100
    counts, taken = (
        Counter(tag for clip in of for tag in clip.labels) for of in (clips, validation)
    )
    assert all(abs(taken[tag] / counts[tag] - 0.2) < 0.03 for tag in counts)
