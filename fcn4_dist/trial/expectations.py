"""How exact a device is to be, and how fast a card may be expected to be.

The limits of a step come from the CPU: the same step with what Ascend rounds rounded there; what
they allow is some three times what came out. All speeds are expected, from published rates
(docs/scaling.md): nobody has measured them yet.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class StepLimits:
    """How far a step may be from the stored one, as shares.

    Attributes:
        loss: Of the loss.
        norm: Of the norm of each gradient.
        direction: Of each gradient itself, which turns where a maximum moves.
    """

    loss: float
    norm: float
    direction: float


@dataclass(frozen=True)
class Speed:
    """What a generation of cards may reach at best.

    Attributes:
        samples_per_second: Of a card, in training at full width, in float16.
        all_reduce: Gigabytes a second of the gradients, within a server.
    """

    samples_per_second: float
    all_reduce: float


SLOW_SHARE = 1 / 7
"""Of the best that a step may reach: where the documented trainer's claim of 160 samples/s on a 910
is."""
SLOW_ALL_REDUCE_SHARE = 1 / 4
LONG_WAIT = 0.3
"""Share of a step's time."""
_FLOAT32_SHARE = 0.5
"""Of the speed in half precision: twice the bytes."""
_FIRST_LOSS, _LATER_LOSS = 2e-3, 0.05

SPEEDS = {"910": Speed(1191, 16), "A2": Speed(1576, 115), "A3": Speed(1576, 115)}
_OF_OPERATORS = {"exact": 1e-4, "float16": 4e-3, "bfloat16": 3e-2}
_OF_STEPS = {
    "exact": StepLimits(1e-4, 1e-3, 1e-2),
    "float16": StepLimits(5e-3, 0.05, 0.4),
    "bfloat16": StepLimits(1e-2, 0.1, 0.9),
}


def bits_of(computed: str, generation: str, *, exact_float32: bool, multiplies: bool) -> str:
    """Tell what limits hold for what is computed in a type.

    Args:
        computed: "float32", "float16" or "bfloat16".
        generation: Of the cards; "" on the CPU.
        exact_float32: Whether float32 is asked for where the card would take fewer bits.
        multiplies: Whether it is a matrix product or a convolution.

    Returns:
        "exact", "float16" or "bfloat16". The first 910 computes float32 in float16; A2 and A3
        multiply float32 with as many bits as float16 has (HF32).
    """
    if computed != "float32":
        return computed
    rounded = generation == "910" or (generation in ("A2", "A3") and multiplies)
    return "float16" if rounded and not exact_float32 else "exact"


def operator_limit(bits: str) -> float:
    """Give the deviation that an operator may have, as a share of its largest value."""
    return _OF_OPERATORS[bits]


def step_limits(bits: str) -> StepLimits:
    """Give the deviation that a step may have."""
    return _OF_STEPS[bits]


def loss_limit(number: int, *, repeatable: bool) -> float:
    """Give how far a loss may be from that of the same step of the same run, as a share.

    Args:
        number: How many steps were taken since the two runs had the same weights.
        repeatable: Whether the device gives the same bits each time; if not, it does not add in
            the same order each time.
    """
    if repeatable:
        return 0.0
    return _LATER_LOSS if number else _FIRST_LOSS


def samples_per_second(generation: str, precision: str) -> float:
    """Give what a card may reach at best; 0.0 where that is not known."""
    speed = SPEEDS.get(generation)
    if not speed:
        return 0.0
    return speed.samples_per_second * (_FLOAT32_SHARE if precision == "float32" else 1)
