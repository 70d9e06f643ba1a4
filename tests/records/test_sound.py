"""Which clips have no sound, and what is said of it."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.audio import REMARKS, ClipFeature, FeatureIndex, FeatureParameters
from fcn4_dist.clips import Clip
from fcn4_dist.findings import Level
from fcn4_dist.records.sound import check_classes, remarks_about_sound, silent_clips


def clip(name: str) -> Clip:
    return Clip(name, Path(name), (name.split("/")[0],))


def index(
    parameters: FeatureParameters, levels: dict[str, float | None], reason: str = ""
) -> FeatureIndex:
    clips = [
        ClipFeature(name, name, "ab" * 32, "kept", reason, 1.5, level)
        for name, level in levels.items()
    ]
    return FeatureIndex(parameters, tuple(clips))


@given(levels=st.lists(st.none() | st.floats(-200, 20), max_size=20), silence=st.floats(-200, 0))
def test_a_clip_is_silent_if_it_was_measured_and_is_below_the_level(
    small_features: FeatureParameters, levels: list[float | None], silence: float
) -> None:
    named = {f"a/{number}": level for number, level in enumerate(levels)}
    silent = silent_clips(index(small_features, named), silence)
    assert set(silent) == {
        name for name, level in named.items() if level is not None and level < silence
    }
    assert not silent or silence > -200


def test_silent_clips_are_counted_by_class(small_features: FeatureParameters) -> None:
    levels = {"metal/1": -200.0, "metal/2": -71.0, "rock/1": -80.0, "rock/2": -20.0, "pop/1": -20.0}
    features = index(small_features, levels)
    silent = silent_clips(features, -70)
    findings = remarks_about_sound([clip(name) for name in levels], features, silent)
    assert [str(finding) for finding in findings] == [
        "clips are silent: 3, like metal/1 (silent: -200.0 dBFS at its loudest), metal/2 (silent: "
        "-71.0 dBFS at its loudest), rock/1 (silent: -80.0 dBFS at its loudest); they are left out "
        "of the shards (--silence_level)",
        "class metal: 2 of 2 clips are silent",
        "class rock: 1 of 2 clips are silent",
    ]
    assert {finding.level for finding in findings} == {Level.WARNING}


def test_of_a_clip_that_was_cropped_the_kept_part_is_called_silent(
    small_features: FeatureParameters,
) -> None:
    cropped = ClipFeature("a/1", "a/1", "ab" * 32, "cropped", "", 5.0, -90.0)
    assert silent_clips(FeatureIndex(small_features, (cropped,)), -70) == {
        "a/1": "silent: -90.0 dBFS at its loudest, in the part that is kept"
    }


def test_why_a_mix_is_silent_is_said(small_features: FeatureParameters) -> None:
    features = index(small_features, {"a/1": -200.0}, f"silent, {REMARKS[0]}")
    assert silent_clips(features, -70) == {
        "a/1": "silent: -200.0 dBFS at its loudest (its channels cancel when mixed)"
    }


def test_what_is_unusual_is_said_of_clips_that_stay(small_features: FeatureParameters) -> None:
    for remark in REMARKS:
        features = index(small_features, {"a/1": -20.0}, f"{remark}, 1.20 s long")
        (finding,) = remarks_about_sound([clip("a/1")], features, {})
        assert str(finding) == f'clips of which "{remark}" is true: 1, like a/1; they stay'
    for level, said in ((-1.0, "louder than a sine at full scale"), (None, "an earlier version")):
        (finding,) = remarks_about_sound([clip("a/1")], index(small_features, {"a/1": level}), {})
        assert said in str(finding) and finding.level is Level.NOTE
    assert remarks_about_sound([clip("a/1")], index(small_features, {"a/1": -20.0}), {}) == []


def test_a_class_that_keeps_no_clip_is_an_error_and_one_that_never_had_any_is_not() -> None:
    clips = [clip("metal/1"), clip("rock/1")]
    (finding,) = check_classes(("metal", "pop", "rock"), clips, clips[1:])
    assert finding.level is Level.ERROR
    assert "no clip of these classes can be used" in str(finding) and "1, like metal:" in str(
        finding
    )
    assert check_classes(("metal", "pop", "rock"), clips, clips) == []


def test_a_rare_tag_that_keeps_no_clip_is_a_warning_where_clips_have_several() -> None:
    clips = [Clip("a", Path("a"), ("loud", "rock")), Clip("b", Path("b"), ("rock",))]
    (finding,) = check_classes(("loud", "rock"), clips, clips[1:])
    assert finding.level is Level.WARNING
    assert str(finding).endswith(": 1, like loud; they cannot be learnt or scored")


def test_of_many_classes_with_silent_clips_the_one_with_most_is_named(
    small_features: FeatureParameters,
) -> None:
    clips = [clip(f"tag{number}/1") for number in range(30)] + [clip("tag7/2")]
    silent = {each.id: "silent" for each in clips}
    _, finding = remarks_about_sound(clips, index(small_features, {}), silent)
    assert str(finding) == "silent clips are of 30 classes; class tag7: 2 of 2 clips are silent"
