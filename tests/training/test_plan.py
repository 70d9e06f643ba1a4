"""How many steps a run has, and where one that is resumed goes on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.pipeline import training_batches
from fcn4_dist.training.plan import (
    Position,
    TrainingPlan,
    plan_run,
    plan_training,
    settings_for_resuming,
)
from tests.checkpoints.examples import described

SIZES = st.integers(1, 9)


def test_the_batch_size_is_that_of_a_card_and_the_global_batch_that_of_all() -> None:
    plan = plan_training(800, Settings(batch_size=32, epoch_size=7), world_size=8)
    assert plan == TrainingPlan(clips=800, epochs=7, global_batch=256)
    assert (plan.steps_per_epoch, plan.left_out) == (3, 32)


@given(clips=st.integers(1, 500), batch_size=SIZES, world_size=SIZES)
def test_every_rank_reads_as_many_batches_as_planned(
    clips: int, batch_size: int, world_size: int
) -> None:
    global_batch = batch_size * world_size
    settings = Settings(batch_size=batch_size)
    if clips < global_batch:
        with pytest.raises(InputError):
            plan_training(clips, settings, world_size)
        return
    plan = plan_training(clips, settings, world_size)
    read: list[int] = []
    for rank in range(world_size):
        batches = training_batches(clips, batch_size, rank, world_size, seed=1, epoch=1)
        assert len(batches) == plan.steps_per_epoch
        read += [int(index) for batch in batches for index in batch]
    assert len(set(read)) == len(read) == clips - plan.left_out
    assert 0 <= plan.left_out < global_batch


def test_a_run_without_a_step_is_refused_with_its_numbers_and_what_to_do() -> None:
    with pytest.raises(InputError) as caught:
        plan_training(63, Settings(batch_size=16), world_size=4)
    assert str(caught.value) == (
        "an epoch has no step: 63 training clips are fewer than a global batch of 64 (batch_size "
        "16 x 4 ranks); lower --batch_size or the number of ranks"
    )
    assert plan_training(64, Settings(batch_size=16), world_size=4).steps_per_epoch == 1
    with pytest.raises(
        InputError,
        match=r"of 64 \(batch_size 4 x accumulation_steps 2 x 8 ranks\); lower --accumulation_ste",
    ):
        plan_training(63, Settings(batch_size=4, accumulation_steps=2), world_size=8)


def test_accumulated_batches_make_a_larger_global_batch() -> None:
    settings = Settings(batch_size=4, accumulation_steps=3)
    assert plan_training(100, settings, world_size=2).global_batch == 24


@given(global_step=st.integers(1, 500), steps_per_epoch=st.integers(1, 40))
def test_a_step_of_a_run_has_one_place_in_one_epoch(global_step: int, steps_per_epoch: int) -> None:
    position = Position(global_step, steps_per_epoch)
    assert 1 <= position.step <= steps_per_epoch
    assert (position.epoch - 1) * steps_per_epoch + position.step == global_step
    following = position.after(1)
    assert position.ends_epoch == (following.epoch > position.epoch) == (following.step == 1)


def test_a_run_begins_at_the_end_of_an_epoch_before_the_first() -> None:
    start = TrainingPlan(clips=80, epochs=2, global_batch=10).start
    assert (start.epoch, start.ends_epoch, start.global_step) == (0, True, 0)
    assert [str(start.after(steps)) for steps in (1, 8, 9)] == [
        "epoch 1, step 1",
        "epoch 1, step 8",
        "epoch 2, step 1",
    ]


# Going on -------------------------------------------------------------------------------------

PATH = Path("MusicTagger-3_4.ckpt")


@given(global_batch=st.integers(1, 64), ranks=SIZES)
def test_a_run_goes_on_with_its_global_batch_on_any_number_of_ranks_that_share_it(
    global_batch: int, ranks: int
) -> None:
    before = described(global_batch=global_batch)
    if global_batch % ranks:
        with pytest.raises(InputError, match=f"{global_batch} clips, which {ranks} ranks cannot"):
            settings_for_resuming(Settings(), before, PATH, ranks)
        return
    settings = settings_for_resuming(Settings(batch_size=999), before, PATH, ranks)
    assert settings.batch_size * ranks == global_batch
    assert replace(settings, batch_size=999) == Settings(batch_size=999)


def test_a_run_goes_on_with_fewer_ranks_and_more_batches() -> None:
    before = described(global_batch=24)
    settings = settings_for_resuming(Settings(accumulation_steps=4), before, PATH, 2)
    assert settings.batch_size == 3
    with pytest.raises(InputError, match="which 2 ranks cannot share evenly in 5 batches each: us"):
        settings_for_resuming(Settings(accumulation_steps=5), before, PATH, 2)


def test_a_run_does_not_go_on_with_a_setting_that_would_make_it_another_one() -> None:
    other = Settings(width=0.5)
    with pytest.raises(InputError) as caught:
        settings_for_resuming(other, described(), PATH, 2)
    assert str(caught.value) == (
        f"{PATH} is of a run with other settings: width 1.0 instead of 0.5; give those to go on "
        "with it, or start a new run from its weights with --pre_trained True"
    )
    same = described(settings=other.as_dict())
    assert settings_for_resuming(other, same, PATH, 2).batch_size == 32


def test_all_settings_that_differ_are_named_at_once() -> None:
    with pytest.raises(InputError, match=r"seed \d+ instead of 7, lr 0\.0005 instead of 0\.01;"):
        settings_for_resuming(Settings(seed=7, lr=0.01), described(), PATH, 2)


def test_a_setting_that_a_checkpoint_does_not_know_had_its_default() -> None:
    older = Settings().as_dict()
    del older["label_smoothing"], older["amp_dtype"]
    assert settings_for_resuming(Settings(), described(settings=older), PATH, 2).batch_size == 32
    with pytest.raises(InputError, match=r"label_smoothing 0\.0 instead of 0\.1;"):
        settings_for_resuming(Settings(label_smoothing=0.1), described(settings=older), PATH, 2)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("fixed", {"loss_scaling": "dynamic"}),
        ("dynamic", {"loss_scaling": "fixed"}),
        ("dynamic", {"loss_scaling": "auto"}),
        ("fixed", {"device_target": "Ascend", "mixed_precision": True, "amp_dtype": "float16"}),
    ],
)
def test_a_checkpoint_tells_how_the_loss_was_scaled(before: str, now: dict[str, Any]) -> None:
    settings = Settings(**now)
    same = settings.as_dict() | {"loss_scaling": before}
    other = described(settings=same, loss_scaling=before)
    differs = f"loss_scaling {before} instead of {settings.loss_scaling_in_use};"
    with pytest.raises(InputError, match=differs):
        settings_for_resuming(settings, other, PATH, 2)
    # In the settings of an earlier version there is none: it was fixed.
    earlier = described(settings={name: x for name, x in same.items() if name != "loss_scaling"})
    if settings.loss_scaling_in_use == "fixed":
        assert settings_for_resuming(settings, earlier, PATH, 2)
    else:
        with pytest.raises(InputError, match="loss_scaling fixed instead of dynamic;"):
            settings_for_resuming(settings, earlier, PATH, 2)


def test_what_does_not_shape_the_result_may_be_another() -> None:
    other = Settings(
        epoch_size=50, save_step=7, keep_checkpoint_max=1, prefix="Mine", resume="auto"
    )
    assert settings_for_resuming(other, described(global_batch=64), PATH, 2) == replace(
        other, batch_size=32
    )


def test_a_run_goes_on_after_the_step_of_its_checkpoint() -> None:
    before = described(3, 4, shards="these", global_batch=64)
    settings, plan = plan_run(Settings(epoch_size=5), 640, "these", 2, before, PATH)
    assert settings.batch_size == 32
    assert plan == TrainingPlan(640, 5, 64, steps_done=24)
    assert (str(plan.start), plan.steps) == ("epoch 3, step 4", 50)


def test_a_run_does_not_go_on_with_other_shards() -> None:
    with pytest.raises(InputError, match=rf"^{PATH} was trained on other shards: name them with"):
        plan_run(Settings(), 640, "those", 2, described(3, 4, shards="these"), PATH)


def test_a_new_run_has_its_own_settings() -> None:
    settings = Settings(batch_size=7)
    plan = plan_training(640, settings, 2)
    assert plan_run(settings, 640, "these", 2, None, Path()) == (settings, plan)
