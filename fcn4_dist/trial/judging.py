"""What measurements mean: whether all is right, and what is likely to be the matter if not."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING

from fcn4_dist.findings import Finding, Level
from fcn4_dist.trial import expectations

if TYPE_CHECKING:
    from fcn4_dist.trial.collectives import Bandwidth
    from fcn4_dist.trial.operators import Deviation

OPERATORS, STEP, COLLECTIVES = "operators", "training step", "collectives"
TRAINING, RESTART = "training", "restart"
_WORTHWHILE = 0.98
"""Share of a step's time that another form of the network may take, for it to be worth a word."""

_NO_KERNEL = (
    "the package of CANN's operators (kernels) that goes with this card and this CANN is missing "
    "or of another version"
)
_WRONG_KERNEL = (
    "where all ranks say so, CANN's operator is at fault: try another CANN that MindSpore takes; "
    "where one does, its card or its memory is"
)
_WRONG_GRAPH = (
    "if the operators and collectives are right, it is how they are put together: try another "
    "--jit_level, and another CANN"
)
_WRONG_COLLECTIVE = (
    "HCCL joins other cards than the ranks say: look at the rank table, and leave HCCL_ variables "
    "of the site out one by one"
)
_SLOW_COLLECTIVE = (
    "look at each card's link ('hccn_tool -i N -link -g') and at how the cards are joined "
    "('npu-smi info -t topo'): some go through the host"
)
_NOT_AS_BEFORE = (
    "the checkpoint or its reading is wrong, or the device does not repeat itself: train twice "
    "from the same seed and compare metrics.jsonl"
)
_SLOW_READING = (
    "reading is too slow for the cards: more --reader_threads, shards on a local disk, less "
    "augmentation"
)
_SLOW_STEPS = (
    "the steps themselves are slow: 'train --profile 5' writes where their time goes; look at "
    "other jobs on these cards (npu-smi info) and at the cores of the host"
)


def judge_operators(deviations: Sequence["Deviation"], *, on_cpu: bool) -> Iterator[Finding]:
    """Tell which operators are right, which cannot be computed, and which are wrong.

    Args:
        deviations: Of all that were tried.
        on_cpu: Whether the CPU computed, which need not have every type.
    """
    right = [one for one in deviations if one.is_right]
    types = _listed(one.type for one in right)
    yield Finding(
        Level.OK,
        f"{len(set(_names(right)))} operators give what NumPy gives, in {len(right)} results of "
        f"{types}",
        check=OPERATORS,
    )
    failed = [one for one in deviations if one.error]
    if on_cpu:
        lacking = [one for one in failed if one.type != "float32"]
        failed = [one for one in failed if one.type == "float32"]
        for kind in dict.fromkeys(one.type for one in lacking):
            names = _listed(_names(one for one in lacking if one.type == kind))
            sentence = f"the CPU does not compute in {kind}: {names}"
            yield Finding(Level.NOTE, sentence, check=OPERATORS)
    for (kind, error), group in groupby(sorted(failed, key=_failure), key=_failure):
        sentence = f"cannot be computed in {kind}: {_listed(_names(group))} ({error})"
        yield Finding(Level.ERROR, sentence, _NO_KERNEL, OPERATORS)
    for one in deviations:
        if not one.is_right and not one.error:
            sentence = (
                f"{one.operator} in {one.type} is off by {one.largest:.1g} of its largest value "
                f"({one.allowed:g} allowed)"
            )
            yield Finding(Level.ERROR, sentence, _WRONG_KERNEL, OPERATORS)


def judge_step(
    found: Mapping[str, tuple[float, float]], precision: str, limits: expectations.StepLimits
) -> Finding:
    """Tell whether a training step is the stored one.

    Args:
        found: From :func:`fcn4_dist.trial.step.deviations`.
        precision: What it was computed in.
        limits: What is allowed.
    """
    off_by = {name: value for name, value in found.items() if name != "loss"}
    if found["loss"][0] > limits.loss:
        sentence = (
            f"the loss of a step in {precision} is off by {found['loss'][0]:.1g} of it "
            f"({limits.loss:g} allowed)"
        )
        return Finding(Level.ERROR, sentence, _WRONG_GRAPH, STEP)
    for place, what, limit in ((0, "norm", limits.norm), (1, "values", limits.direction)):
        wrong = {name: value[place] for name, value in off_by.items() if value[place] > limit}
        if wrong:
            sentence = (
                f"the {what} of gradients or statistics of a step in {precision} are off by up to "
                f"{max(wrong.values()):.1g} ({limit:g} allowed): {_listed(wrong)}"
            )
            return Finding(Level.ERROR, sentence, _WRONG_GRAPH, STEP)
    sentence = (
        f"a step in {precision} has the loss and the {len(off_by)} gradients and statistics that "
        "the CPU gave"
    )
    return Finding(Level.OK, sentence, check=STEP)


def judge_forms(plain: float, pooled: float, precision: str) -> Finding:
    """Tell which form of the first block to take.

    Args:
        plain: Seconds of a step as the network is defined.
        pooled: Seconds of a step with ``pool_first``.
        precision: What they were computed in.
    """
    advice = "train with it" if pooled < _WORTHWHILE * plain else "train without it"
    sentence = (
        f"a step in {precision} takes {plain * 1e3:.3g} ms, and {pooled * 1e3:.3g} ms with "
        f"--pool_first True, the same network: {advice}"
    )
    return Finding(Level.OK, sentence, check=STEP)


def judge_collectives(
    wrong: Sequence[str], times: Sequence["Bandwidth"], generation: str, ranks: int
) -> list[Finding]:
    """Tell which collectives are wrong, and whether all-reduces are as fast as expected.

    Args:
        wrong: Names of those that gave wrong values.
        times: Of all-reduces, the largest last.
        generation: Of the cards; "" on the CPU.
        ranks: How many took part.
    """
    findings = [
        Finding(
            Level.ERROR,
            f"{name} among {ranks} ranks gives wrong values",
            _WRONG_COLLECTIVE,
            COLLECTIVES,
        )
        for name in wrong
    ]
    rate = times[-1].gigabytes_per_second
    texts = [f"{_size(one.bytes)} in {_time(one.seconds)}" for one in times]
    sentence = f"all-reduce among {ranks} ranks: {', '.join(texts)} ({rate:.2g} GB/s)"
    level, mend = Level.OK, ""
    if expected := expectations.SPEEDS.get(generation):
        sentence += f"; expected up to {expected.all_reduce:g} GB/s within a server"
        if rate < expected.all_reduce * expectations.SLOW_ALL_REDUCE_SHARE:
            level, mend = Level.WARNING, _SLOW_COLLECTIVE
    return [*findings, Finding(level, sentence, mend, COLLECTIVES)]


def judge_restart(
    before: Mapping[int, float | None], after: Mapping[int, float | None], *, repeatable: bool
) -> Finding:
    """Tell whether a run that went on from a checkpoint is the one that was not stopped.

    Args:
        before: Losses without the restart, by step.
        after: Losses of the same steps after it.
        repeatable: Whether the device gives the same bits each time.
    """
    off_by = [_difference(before.get(step), loss) for step, loss in sorted(after.items())]
    if not off_by:
        sentence = "no step was taken after the restart"
        return Finding(Level.ERROR, sentence, _NOT_AS_BEFORE, RESTART)
    for number, difference in enumerate(off_by):
        limit = expectations.loss_limit(number, repeatable=repeatable)
        if difference > limit:
            sentence = (
                f"step {number + 1} after the restart has another loss than without it, by "
                f"{difference:.1g} of it ({limit:g} allowed)"
            )
            return Finding(Level.ERROR, sentence, _NOT_AS_BEFORE, RESTART)
    largest = max(off_by)
    same = f"losses within {largest:.1g} of those" if largest else "the same losses to the bit as"
    sentence = f"{len(off_by)} steps from a checkpoint have {same} without the restart"
    return Finding(Level.OK, sentence, check=RESTART)


def judge_speed(
    rates: Sequence[float],
    waits: Sequence[float],
    generation: str,
    ranks: int,
    precision: str,
) -> Finding:
    """Tell whether training is as fast as may be expected, and what it waits for if not.

    Args:
        rates: Samples a second of all ranks, of each step.
        waits: Share of each step's time that was spent waiting for data; empty for not known.
        generation: Of the cards; "" on the CPU.
        ranks: How many.
        precision: What was computed in.
    """
    rate, waiting = median(rates or [0.0]), median(waits or [0.0])
    sentence = (
        f"{rate:.1f} samples/s of {ranks} ranks in {precision}, over {len(rates)} steps; waiting "
        f"for data {waiting:.0%} of the time"
    )
    best = expectations.samples_per_second(generation, precision) * ranks
    if best:
        sentence += f"; {rate / best:.0%} of the {best:.0f} expected at best"
    if waiting > expectations.LONG_WAIT:
        return Finding(Level.WARNING, sentence, _SLOW_READING, TRAINING)
    if rate < best * expectations.SLOW_SHARE:
        return Finding(Level.WARNING, sentence, _SLOW_STEPS, TRAINING)
    return Finding(Level.OK, sentence, check=TRAINING)


def verdict(findings: Sequence[Finding]) -> str:
    """Sum up all that was found."""
    errors, warnings = (
        sum(one.level is level for one in findings) for level in (Level.ERROR, Level.WARNING)
    )
    if errors:
        return f"wrong: {errors}"
    return f"nothing is wrong; warnings: {warnings}" if warnings else "all that was tried is right"


def _difference(before: float | None, after: float | None) -> float:
    if before is None or after is None:
        return math.inf
    return abs(after - before) / abs(before) if after != before else 0.0


def _failure(deviation: "Deviation") -> tuple[str, str]:
    return deviation.type, deviation.error


def _names(deviations: Iterable["Deviation"]) -> list[str]:
    return [name for one in deviations for name in one.operator.split(", ")]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _size(count: int) -> str:
    return f"{count / 1e6:.0f} MB" if count >= 1_000_000 else f"{count / 1e3:.0f} kB"


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.2g} ms" if seconds < 0.1 else f"{seconds:.2g} s"
