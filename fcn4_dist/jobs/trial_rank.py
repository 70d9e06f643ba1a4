"""What each rank tries when the doctor runs a trial: operators, a step, collectives."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from fcn4_dist.cluster.host import Host
from fcn4_dist.config import LoadedSettings, Settings
from fcn4_dist.findings import Finding, Level
from fcn4_dist.jobs.auto_settings import choose_for_card
from fcn4_dist.jobs.rank import become_rank
from fcn4_dist.terminal import Progress, still_running
from fcn4_dist.trial import expectations
from fcn4_dist.trial.record import Record, record_file

if TYPE_CHECKING:
    from fcn4_dist.cluster.ranks import Ranks
    from fcn4_dist.trial.operators import Deviation

OPERATORS, STEP, COLLECTIVES = "operators", "training step", "collectives"
SECTIONS = (OPERATORS, STEP, COLLECTIVES)

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


def try_device(loaded: LoadedSettings) -> None:
    """Try the device of this rank, and write what was found into the job's folder.

    Args:
        loaded: The settings of the job; they say what is computed in.
    """
    settings, ranks = become_rank("train", loaded)
    generation = Host.find().generation if settings.device_target == "Ascend" else ""
    record = Record(record_file(Path(settings.run_dir), ranks.rank))
    trial = _Trial(settings, ranks, record, generation)
    trial.try_operators()
    trial.try_step()
    trial.try_collectives()


@dataclass(frozen=True)
class _Trial:
    """The three sections, on this rank."""

    settings: Settings
    ranks: "Ranks"
    record: Record
    generation: str

    def try_operators(self) -> None:
        from fcn4_dist.trial.cases import TYPES
        from fcn4_dist.trial.operators import count_cases, try_operators

        types = TYPES[:2] if self.generation == "910" else TYPES
        self._begin(OPERATORS, "trying the first operator")
        deviations: list[Deviation] = []
        with Progress(OPERATORS, count_cases(types), "cases", self.ranks.is_main) as progress:
            for case in try_operators(types, self.settings.jit_level, self._limit):
                deviations += case
                after = f"trying the operators behind {case[0].operator} in {case[0].type}"
                self._begin(OPERATORS, after)
                progress.advance()
        for finding in self._of_operators(deviations):
            self.record.found(finding)

    def try_step(self) -> None:
        from fcn4_dist.trial.step import deviations, read_reference, take_reference_step

        for settings in self._precisions():
            what = f"taking a training step in {settings.precision}"
            self._begin(STEP, what)
            with still_running(what, self.ranks.is_main):
                result = take_reference_step(settings, self.ranks)
            found = deviations(result, read_reference())
            bits = self._bits(settings.precision, multiplies=True)
            finding = _of_step(found, settings.precision, expectations.step_limits(bits))
            self.record.found(finding, loss=found["loss"][0])

    def try_collectives(self) -> None:
        from fcn4_dist.trial.collectives import find_wrong_collectives, measure_all_reduce

        size = self.ranks.size
        if size == 1:
            alone = Finding(Level.NOTE, "one rank has nobody to reduce with", check=COLLECTIVES)
            self.record.found(alone)
            return
        self._begin(COLLECTIVES, "trying the collectives")
        for name in find_wrong_collectives(self.ranks):
            sentence = f"{name} among {size} ranks gives wrong values"
            self.record.found(Finding(Level.ERROR, sentence, _WRONG_COLLECTIVE, COLLECTIVES))
        self._begin(COLLECTIVES, "timing all-reduces")
        times = list(measure_all_reduce(self.ranks))
        texts = [f"{_size(one.bytes)} in {_time(one.seconds)}" for one in times]
        rate = times[-1].gigabytes_per_second
        sentence = f"all-reduce among {size} ranks: {', '.join(texts)} ({rate:.1f} GB/s)"
        level, mend = Level.OK, ""
        expected = expectations.SPEEDS.get(self.generation)
        if expected:
            sentence += f"; expected up to {expected.all_reduce:g} GB/s within a server"
            if rate < expected.all_reduce * expectations.SLOW_ALL_REDUCE_SHARE:
                level, mend = Level.WARNING, _SLOW_COLLECTIVE
        figures = {f"all_reduce_{one.bytes}_bytes_seconds": one.seconds for one in times}
        self.record.found(Finding(level, sentence, mend, COLLECTIVES), **figures)

    def _begin(self, section: str, what: str) -> None:
        self.record.begin(section, what)
        self.ranks.heartbeat.at(what, may_take_long=True)

    def _limit(self, kind: str, multiplies: bool) -> float:
        return expectations.operator_limit(self._bits(kind, multiplies=multiplies))

    def _bits(self, kind: str, *, multiplies: bool) -> str:
        exact = self.settings.exact_float32
        return expectations.bits_of(
            kind, self.generation, exact_float32=exact, multiplies=multiplies
        )

    def _of_operators(self, deviations: Sequence["Deviation"]) -> Iterator[Finding]:
        right = [one for one in deviations if one.is_right]
        count = len(set(_operators(right)))
        types = _listed([one.type for one in right])
        sentence = f"{count} operators give what NumPy gives, in {len(right)} results of {types}"
        yield Finding(Level.OK, sentence, check=OPERATORS)
        # The CPU need not have every type; what an Ascend card is asked for, it has.
        on_cpu = self.settings.device_target == "CPU"
        failed = [one for one in deviations if one.error]
        for (kind, error), group in groupby(sorted(failed, key=_failure), key=_failure):
            names_of_group = _listed(_operators(group))
            sentence = f"cannot be computed in {kind}: {names_of_group} ({error})"
            lacks = on_cpu and kind != "float32"
            level = Level.NOTE if lacks else Level.ERROR
            yield Finding(level, sentence, "" if lacks else _NO_KERNEL, OPERATORS)
        for one in deviations:
            if not one.is_right and not one.error:
                yield Finding(
                    Level.ERROR,
                    f"{one.operator} in {one.type} is off by {one.largest:.1g} of its largest "
                    f"value ({one.allowed:g} allowed)",
                    _WRONG_KERNEL,
                    OPERATORS,
                )

    def _precisions(self) -> list[Settings]:
        """List the settings of the steps to take: in float32, and in what a card mixes it with."""
        plain = replace(self.settings, mixed_precision=False)
        if self.settings.device_target == "CPU":
            return [plain]
        mixed = LoadedSettings(replace(self.settings, mixed_precision=True), {})
        return [plain, choose_for_card(mixed, self.generation).settings]


def _of_step(
    found: dict[str, tuple[float, float]], precision: str, limits: expectations.StepLimits
) -> Finding:
    if found["loss"][0] > limits.loss:
        sentence = f"the loss of a step in {precision} is off by {found['loss'][0]:.1g}"
        sentence += f" of it ({limits.loss:g} allowed)"
        return Finding(Level.ERROR, sentence, _WRONG_GRAPH, STEP)
    arrays = {name: value for name, value in found.items() if name != "loss"}
    for number, (what, limit) in enumerate((("norm", limits.norm), ("values", limits.direction))):
        off = {name: value[number] for name, value in arrays.items() if value[number] > limit}
        if off:
            sentence = (
                f"the {what} of gradients or statistics of a step in {precision} are off by up to "
                f"{max(off.values()):.1g} ({limit:g} allowed): {_listed(off)}"
            )
            return Finding(Level.ERROR, sentence, _WRONG_GRAPH, STEP)
    sentence = (
        f"a step in {precision} has the loss and the {len(arrays)} gradients and statistics that "
        "the CPU gave"
    )
    return Finding(Level.OK, sentence, check=STEP)


def _operators(deviations: Iterable["Deviation"]) -> list[str]:
    return [name for one in deviations for name in one.operator.split(", ")]


def _failure(deviation: "Deviation") -> tuple[str, str]:
    return deviation.type, deviation.error


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _size(count: int) -> str:
    return f"{count / 1e6:.0f} MB" if count >= 1_000_000 else f"{count / 1e3:.0f} kB"


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.2g} ms" if seconds < 0.1 else f"{seconds:.2g} s"
