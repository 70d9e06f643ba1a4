"""What is known of steps that were taken."""

import math

from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.training.plan import Position
from fcn4_dist.training.stepping import Outcome, StepsTaken, StepTimes


def test_times_add_up_and_what_is_not_known_of_a_part_is_not_known_of_all() -> None:
    one, other = StepTimes(1, 0.5, 0.25, 2.0), StepTimes(3, 1.5, 0.25, 4.0)
    assert StepTimes() + one + other == StepTimes(4, 2.0, 0.5, 6.0)
    assert one + StepTimes(2, None, 0.5, 1.0) == StepTimes(3, None, 0.75, 3.0)


@given(
    outcomes=st.lists(st.builds(Outcome, st.floats(), st.booleans()), min_size=1, max_size=9),
    global_step=st.integers(1, 99),
)
def test_steps_count_up_to_the_first_that_was_taken_at_a_loss_that_is_no_finite_number(
    outcomes: list[Outcome], global_step: int
) -> None:
    times = StepTimes(len(outcomes))
    taken = StepsTaken(Position(global_step, 10), tuple(outcomes), False, times)
    good = taken.good
    assert good == outcomes[: len(good)]
    assert all(each.skipped or math.isfinite(each.loss) for each in good)
    if rest := outcomes[len(good) :]:
        assert not rest[0].skipped and not math.isfinite(rest[0].loss)
    assert taken.last.global_step == global_step + len(outcomes) - 1


def test_what_a_step_tells_of_its_loss_scale_is_known_where_it_is_dynamic() -> None:
    assert Outcome.of([0.5, 1]) == Outcome(0.5)
    assert Outcome.of([0.5, 0, 0, 512]) == Outcome(0.5, skipped=False, loss_scale=512)
    assert Outcome.of([0.5, 0, 2, 512]) == Outcome(0.5, skipped=True, loss_scale=512)
