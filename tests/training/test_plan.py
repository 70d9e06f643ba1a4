"""How many steps a run has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.pipeline import training_batches
from fcn4_dist.training.plan import TrainingPlan, plan_training

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
