"""What measurements are taken to mean, on cards that are not here, too."""

import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.findings import Finding, Level
from fcn4_dist.trial.collectives import GRADIENT_BYTES, Bandwidth
from fcn4_dist.trial.expectations import SPEEDS, bits_of, step_limits
from fcn4_dist.trial.judging import (
    judge_collectives,
    judge_forms,
    judge_operators,
    judge_restart,
    judge_speed,
    judge_step,
    verdict,
)
from fcn4_dist.trial.operators import Deviation


def deviation(operator: str, kind: str, largest: float = 0.0, error: str = "") -> Deviation:
    return Deviation(operator, kind, largest, 0.004, error)


def test_the_faster_form_of_the_first_block_is_advised() -> None:
    with_it, without = (judge_forms(0.0269, pooled, "float16") for pooled in (0.0209, 0.0268))
    assert with_it.sentence == (
        "a step in float16 takes 26.9 ms, and 20.9 ms with --pool_first True, the same network: "
        "train with it"
    )
    assert without.sentence.endswith(": train without it")


def test_an_operator_without_a_kernel_is_an_error_on_a_card() -> None:
    error = "Select kernel failed"
    found = [deviation("ReLU", "float16"), deviation("Conv2D", "bfloat16", math.inf, error)]
    right, lacking = judge_operators(found, on_cpu=False)
    assert right.sentence == "1 operators give what NumPy gives, in 1 results of float16"
    assert lacking.level is Level.ERROR
    assert lacking.sentence == "cannot be computed in bfloat16: Conv2D (Select kernel failed)"
    assert "package of CANN's operators" in lacking.mend
    _, note = judge_operators(found, on_cpu=True)
    assert note.level is Level.NOTE
    assert note.sentence == "the CPU does not compute in bfloat16: Conv2D"


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ((Level.OK, Level.NOTE), "all that was tried is right"),
        ((Level.OK, Level.WARNING), "nothing is wrong; warnings: 1"),
        ((Level.ERROR, Level.WARNING), "wrong: 1"),
    ],
)
def test_a_warning_is_not_called_right(levels: tuple[Level, ...], expected: str) -> None:
    assert verdict([Finding(level, "") for level in levels]) == expected


def test_the_cpu_has_to_have_float32() -> None:
    found = list(judge_operators([deviation("ReLU", "float32", math.inf, "no")], on_cpu=True))
    assert found[-1].level is Level.ERROR


def test_what_a_card_computes_in_fewer_bits_is_allowed_less_exact_results() -> None:
    def bits(generation: str, *, exact: bool = False, multiplies: bool = True) -> str:
        return bits_of("float32", generation, exact_float32=exact, multiplies=multiplies)

    assert bits("") == bits("A2", exact=True) == bits("A3", multiplies=False) == "exact"
    assert bits("910") == bits("910", multiplies=False) == bits("A2") == bits("A3") == "float16"
    assert bits_of("bfloat16", "A2", exact_float32=True, multiplies=True) == "bfloat16"


@given(st.sampled_from(["loss", "conv1.weight", "bn1.moving_mean"]), st.booleans(), st.booleans())
def test_a_step_is_right_within_its_limits_alone(name: str, of_norm: bool, beyond: bool) -> None:
    limits = step_limits("float16")
    found = {"loss": (0.0, 0.0), "conv1.weight": (0.0, 0.0), "bn1.moving_mean": (0.0, 0.0)}
    limit = limits.loss if name == "loss" else limits.norm if of_norm else limits.direction
    value = limit * (1.01 if beyond else 0.99)
    found[name] = (value, value) if name == "loss" else (value, 0) if of_norm else (0, value)
    finding = judge_step(found, "float16", limits)
    assert (finding.level is Level.ERROR) is beyond
    assert not beyond or name in finding.sentence


@pytest.mark.parametrize(
    ("generation", "milliseconds", "level"),
    [
        ("910", 5, Level.OK),
        ("910", 50, Level.WARNING),
        ("A2", 1, Level.OK),
        ("A2", 5, Level.WARNING),
    ],
)
def test_a_slow_all_reduce_is_warned_of_with_where_to_look(
    generation: str, milliseconds: float, level: Level
) -> None:
    times = [Bandwidth(64_000, 1e-4), Bandwidth(GRADIENT_BYTES, milliseconds / 1e3)]
    (finding,) = judge_collectives([], times, generation, 8)
    assert finding.level is level
    assert ("hccn_tool" in finding.mend) is (level is Level.WARNING)


@given(st.lists(st.floats(0.01, 10), min_size=1, max_size=5), st.booleans())
def test_equal_losses_after_a_restart_are_right(losses: list[float], repeatable: bool) -> None:
    steps = dict(enumerate(losses, 3))
    assert judge_restart(steps, steps, repeatable=repeatable).level is Level.OK


@pytest.mark.parametrize(
    ("after", "repeatable", "level"),
    [
        ({3: 0.5, 4: 0.4000001}, True, Level.ERROR),
        ({3: 0.5, 4: 0.41}, False, Level.OK),
        ({3: 0.51, 4: 0.4}, False, Level.ERROR),
        ({3: 0.5, 4: None}, False, Level.ERROR),
        ({3: 0.5, 5: 0.4}, False, Level.ERROR),
        ({}, False, Level.ERROR),
    ],
)
def test_other_losses_after_a_restart_are_wrong(
    after: dict[int, float | None], repeatable: bool, level: Level
) -> None:
    before = {3: 0.5, 4: 0.4}
    assert judge_restart(before, after, repeatable=repeatable).level is level


@pytest.mark.parametrize(
    ("rate", "waiting", "generation", "precision", "level", "mend"),
    [
        (2.0, 0.0, "", "float32", Level.OK, ""),
        (2.0, 0.5, "", "float32", Level.WARNING, "reading is too slow"),
        (8 * 200, 0.1, "910", "float16", Level.OK, ""),
        (8 * 100, 0.1, "910", "float16", Level.WARNING, "--profile"),
        (8 * 100, 0.1, "910", "float32", Level.OK, ""),
        (8 * 100, 0.5, "910", "float16", Level.WARNING, "reading is too slow"),
    ],
)
def test_slow_training_is_warned_of_with_what_it_waits_for(
    rate: float, waiting: float, generation: str, precision: str, level: Level, mend: str
) -> None:
    finding = judge_speed([rate] * 3, [waiting] * 3, generation, 8, precision)
    assert finding.level is level
    assert mend in finding.mend
    assert ("expected at best" in finding.sentence) is bool(generation)


def test_what_is_expected_is_what_the_document_of_scaling_prints() -> None:
    text = (Path(__file__).parents[2] / "docs/scaling.md").read_text()
    for generation, title in (("910", "Ascend 910A"), ("A2", "Ascend 910B")):
        below = text.partition(f"{title}, float16, batch of 32 a card (expected)")[2]
        lines = [line for line in below.split("\n\n")[1].splitlines() if line[:1].isdigit()]
        rows = {line.split()[0]: re.split("  +", line) for line in lines}
        assert SPEEDS[generation].samples_per_second == int(rows["1"][4].replace(",", ""))
        seconds = float(rows["8"][3].removesuffix(" ms")) / 1e3
        assert SPEEDS[generation].all_reduce == round(GRADIENT_BYTES / seconds / 1e9)
