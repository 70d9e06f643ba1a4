"""What is decided about a training where nobody has, for any music and anything that is given."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.audio import FeatureParameters
from fcn4_dist.config import Settings
from fcn4_dist.jobs.deciding import (
    Facts,
    count_ranks,
    decide_training,
    decide_val_ratio,
    decide_windows,
    estimate_seconds,
)
from fcn4_dist.jobs.shards import check_window

lengths = st.lists(st.floats(0.05, 4000), max_size=30).map(sorted)
given_settings = st.fixed_dictionaries(
    {},
    optional={
        "batch_size": st.integers(1, 64),
        "accumulation_steps": st.integers(1, 4),
        "epoch_size": st.integers(1, 200),
        "width": st.sampled_from([0.02, 0.5, 1.0]),
        "val_interval": st.integers(0, 5),
        "warmup_epochs": st.just(0.5),
        "window_seconds": st.floats(3.42, 60),
        "hop_length": st.sampled_from([96, 256]),
    },
)


def decide(facts: Facts, given: dict[str, Any]) -> Settings:
    settings = Settings(**given)
    clips = facts.training + facts.validation
    settings = replace(settings, **decide_windows(settings, clips, facts.seconds, given))
    return replace(settings, **decide_training(facts, settings, given))


@given(
    st.integers(1, 10**6),
    st.integers(1, 10**5),
    lengths,
    st.integers(1, 192),
    st.integers(0, 16),
    given_settings,
)
def test_for_any_music_the_decisions_can_be_trained_with(
    training: int,
    validation: int,
    seconds: list[float],
    cores: int,
    cards: int,
    given: dict[str, Any],
) -> None:
    facts = Facts(training, validation, seconds, cores, cards)

    settings = decide(facts, given)

    ranks = count_ranks(facts, settings, {"batch_size": settings.batch_size})
    assert {name: getattr(settings, name) for name in given} == given
    check_window(FeatureParameters.from_settings(settings), settings.window_seconds)
    assert ranks == 1 or ranks <= cards
    if not {"batch_size", "accumulation_steps"} & given.keys():
        assert settings.batch_size * ranks <= training
        assert training % (settings.batch_size * ranks) <= 0.4 * training
    assert estimate_seconds(facts, settings, ranks) > 0


@given(st.integers(40, 10**5), st.integers(0, 16))
def test_an_epoch_has_ten_steps_where_there_are_forty_clips(training: int, cards: int) -> None:
    facts = Facts(training, 10, [30.0], 8, cards)

    settings = decide(facts, {})

    ranks = count_ranks(facts, settings, {"batch_size": settings.batch_size})
    steps = training // (settings.batch_size * ranks)
    assert settings.batch_size >= 4
    assert steps >= 10
    assert training - steps * settings.batch_size * ranks <= 0.1 * training
    assert steps * settings.epoch_size >= 400


@pytest.mark.parametrize(
    ("seconds", "window", "clip"),
    [
        (1.0, 3.42, 0.0),
        (3.42, 3.42, 0.0),
        (5.0, 4.0, 5.0),
        (10.0, 7.28, 10.0),
        (30.0, 7.28, 29.12),
        (215.0, 7.28, 58.24),
    ],
)
def test_the_window_follows_from_how_long_clips_are(
    seconds: float, window: float, clip: float
) -> None:
    decided = decide_windows(Settings(), 60, [seconds], {})

    assert decided == {"window_seconds": window, "clip_seconds": clip}


@pytest.mark.parametrize(
    ("clips_of_classes", "share"),
    [([15] * 4, 0.2), ([100, 2], 0.2), ([5, 5, 5], 0.4), ([2, 2], 0.5), ([], 0.2)],
)
def test_classes_of_few_clips_keep_two_for_validation(
    clips_of_classes: list[int], share: float
) -> None:
    assert decide_val_ratio(clips_of_classes) == share


def test_sixty_songs_on_two_cores_take_some_minutes() -> None:
    facts = Facts(48, 12, [30.0] * 60, 2, 0)

    settings = decide(facts, {})

    assert settings.batch_size == 4
    assert settings.epoch_size == 40
    assert settings.width in (0.5, 0.25)
    assert 60 < estimate_seconds(facts, settings, 1) < 240
