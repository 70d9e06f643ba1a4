"""Which clip goes to which shard."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.audio import ClipFeature, FeatureIndex, FeatureParameters
from fcn4_dist.clips import Clip, Split
from fcn4_dist.errors import InputError
from fcn4_dist.records.manifest import ClipRow
from fcn4_dist.records.planning import PlannedShard, plan_records

SETS = ("train", "val", "test")


@given(
    roles=st.lists(st.sampled_from(SETS), min_size=1, max_size=60),
    shards_a_set=st.integers(1, 12),
)
def test_a_set_is_cut_into_runs_of_equal_length_in_the_order_of_ids(
    small_features: FeatureParameters, roles: list[str], shards_a_set: int
) -> None:
    role_of = {f"{number * 37 % 101:03}": role for number, role in enumerate(roles)}
    planned, outside = _plan(list(role_of), role_of, small_features, shards_a_set)
    assert outside == []
    for name in SETS:
        members = sorted(each for each, role in role_of.items() if role == name)
        shards = [shard for shard in planned if shard.set == name]
        assert [clip.id for shard in shards for clip in shard.clips] == members
        assert len(shards) == min(shards_a_set, len(members))
        lengths = [len(shard.clips) for shard in shards]
        assert not lengths or max(lengths) - min(lengths) <= 1
        for number, shard in enumerate(shards):
            assert shard.file == f"{name}.mindrecord{number}"
            assert {(clip.set, clip.shard) for clip in shard.clips} == {(name, shard.file)}


def test_the_order_of_the_clips_makes_no_difference(small_features: FeatureParameters) -> None:
    roles = {"c": "val", "a": "train", "b": "train", "d": "test"}
    plans = [_plan(ids, roles, small_features, 2) for ids in (["a", "b", "c", "d"], list("dbca"))]
    assert plans[0] == plans[1]


def test_sets_have_the_names_of_the_settings(small_features: FeatureParameters) -> None:
    roles = {"a": "train", "b": "val", "c": "test"}
    planned, _ = _plan(list("abc"), roles, small_features, 1, set_names=("fit", "tune", "judge"))
    assert [shard.file for shard in planned] == [
        "fit.mindrecord0",
        "tune.mindrecord0",
        "judge.mindrecord0",
    ]


def test_skipped_and_left_out_clips_are_in_no_shard_and_keep_their_reasons(
    small_features: FeatureParameters,
) -> None:
    ids = ["c", "b", "a", "d"]
    roles = {"c": "val", "d": "train"}
    planned, outside = _plan(ids, roles, small_features, 2, left_out={"a": "a copy of c"})
    assert [clip.id for shard in planned for clip in shard.clips] == ["d", "c"]
    assert [(clip.id, clip.set, clip.shard, clip.status, clip.reason) for clip in outside] == [
        ("a", "", "", "left out", "a copy of c"),
        ("b", "", "", "skipped", "broken"),
    ]


def test_a_clip_the_features_do_not_know_is_named(small_features: FeatureParameters) -> None:
    index = FeatureIndex(small_features, ())
    clips = [Clip("lost.wav", Path("lost.wav"), ("x",))]
    with pytest.raises(InputError, match=r"clip lost\.wav, which the features do not hold"):
        plan_records(clips, index, Split({}, {}, {}, ()), SETS, 1)


def _plan(
    ids: list[str],
    roles: dict[str, str],
    parameters: FeatureParameters,
    shards_a_set: int,
    set_names: tuple[str, ...] = SETS,
    left_out: dict[str, str] | None = None,
) -> tuple[list[PlannedShard], list[ClipRow]]:
    """Plan shards of made-up clips; those that are in no set and not left out are skipped."""
    left_out = left_out or {}
    features = tuple(
        ClipFeature(each, each, each, "kept", "", 1.0)
        if each in roles or each in left_out
        else ClipFeature(each, each, "", "skipped", "broken", 1.0)
        for each in ids
    )
    clips = [Clip(each, Path(each), ("x",)) for each in ids]
    split = Split(roles, left_out, {}, ())
    return plan_records(clips, FeatureIndex(parameters, features), split, set_names, shards_a_set)
