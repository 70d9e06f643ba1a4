"""What changes from step to step."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.config import Settings
from fcn4_dist.training.plan import TrainingPlan
from fcn4_dist.training.schedule import Schedule

PLAN = TrainingPlan(clips=80, epochs=5, global_batch=8)  # 10 steps an epoch, 50 in all


def rates(**settings: object) -> list[float]:
    schedule = Schedule(Settings(lr=0.01, **settings), PLAN)  # type: ignore[arg-type]
    return [schedule.learning_rate(step) for step in range(1, PLAN.steps + 1)]


def test_the_documented_learning_rate_is_constant() -> None:
    assert rates() == [0.01] * 50


def test_the_learning_rate_may_grow_with_the_global_batch() -> None:
    plan = TrainingPlan(clips=800, epochs=1, global_batch=128)

    def rate(scaling: str) -> float:
        return Schedule(Settings(lr=0.01, lr_scaling=scaling), plan).learning_rate(1)

    scaled = [rate(scaling) for scaling in ("none", "sqrt", "linear")]
    assert scaled == pytest.approx([0.01, 0.02, 0.04])


def test_a_warm_up_rises_in_even_steps_and_reaches_the_learning_rate_at_its_end() -> None:
    warmed = rates(warmup_epochs=0.5)
    assert warmed[:5] == pytest.approx([0.002, 0.004, 0.006, 0.008, 0.01])
    assert warmed[5:] == [0.01] * 45


def test_a_cosine_begins_behind_the_warm_up_and_would_be_at_nought_one_step_behind_the_last() -> (
    None
):
    falling = rates(lr_schedule="cosine", warmup_epochs=1)
    assert falling[9] == falling[10] == 0.01
    assert falling[30] == pytest.approx(0.005)
    assert falling[-1] == pytest.approx(0.01 * (1 + math.cos(math.pi * 39 / 40)) / 2)
    assert all(later < earlier for earlier, later in pairwise(falling[10:]))


@given(
    warmup=st.floats(0, 8),
    schedule=st.sampled_from(["constant", "cosine"]),
    epochs=st.integers(1, 9),
)
def test_every_step_of_any_run_has_a_rate_above_nought_and_none_above_the_learning_rate(
    warmup: float, schedule: str, epochs: int
) -> None:
    plan = TrainingPlan(clips=24, epochs=epochs, global_batch=8)
    settings = Settings(lr=0.01, warmup_epochs=warmup, lr_schedule=schedule)
    numbers = [Schedule(settings, plan).learning_rate(step) for step in range(1, plan.steps + 1)]
    assert all(0 < rate <= 0.01 for rate in numbers)


def test_the_average_forgets_the_initial_weights_soon_and_is_slow_afterwards() -> None:
    schedule = Schedule(Settings(ema_decay=0.9), PLAN)
    shares = [schedule.ema_share(step) for step in (1, 11, 81, 82, 1000)]
    assert shares == pytest.approx([0.9, 9 / 20, 0.1, 0.1, 0.1])
