"""What is known of steps that were taken."""

import math

from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.training.plan import Position
from fcn4_dist.training.stepping import StepsTaken, StepTimes


def test_times_add_up_and_what_is_not_known_of_a_part_is_not_known_of_all() -> None:
    one, other = StepTimes(1, 0.5, 0.25, 2.0), StepTimes(3, 1.5, 0.25, 4.0)
    assert StepTimes() + one + other == StepTimes(4, 2.0, 0.5, 6.0)
    assert one + StepTimes(2, None, 0.5, 1.0) == StepTimes(3, None, 0.75, 3.0)


@given(
    losses=st.lists(st.floats(), min_size=1, max_size=9),
    global_step=st.integers(1, 99),
)
def test_losses_count_up_to_the_first_that_is_no_finite_number(
    losses: list[float], global_step: int
) -> None:
    taken = StepsTaken(Position(global_step, 10), tuple(losses), False, StepTimes(len(losses)))
    finite = taken.finite_losses
    assert finite == losses[: len(finite)]
    assert all(map(math.isfinite, finite))
    assert len(finite) == len(losses) or not math.isfinite(losses[len(finite)])
    assert taken.last.global_step == global_step + len(losses) - 1
