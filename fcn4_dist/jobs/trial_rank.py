"""What each rank tries when the doctor runs a trial: operators, a step, collectives."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fcn4_dist.config import LoadedSettings, Settings
from fcn4_dist.findings import Finding, Level
from fcn4_dist.host.host import Host
from fcn4_dist.jobs.auto_settings import choose_for_card
from fcn4_dist.jobs.rank import become_rank
from fcn4_dist.terminal import Progress, still_running
from fcn4_dist.trial import expectations, judging
from fcn4_dist.trial.judging import COLLECTIVES, OPERATORS, STEP
from fcn4_dist.trial.record import Record, record_file

if TYPE_CHECKING:
    from fcn4_dist.cluster.ranks import Ranks
    from fcn4_dist.trial.operators import Deviation

SECTIONS = (OPERATORS, STEP, COLLECTIVES)


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
    ranks.heartbeat.end()


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
        on_cpu = self.settings.device_target == "CPU"
        for finding in judging.judge_operators(deviations, on_cpu=on_cpu):
            self.record.found(finding)

    def try_step(self) -> None:
        for settings in self._precisions():
            if settings.fusion_in_use:
                self._hold_against_reference(settings, settings.precision)
                continue
            plain, pooled = (replace(settings, pool_first=first) for first in (False, True))
            self._hold_against_reference(plain, settings.precision)
            self._hold_against_reference(pooled, f"{settings.precision} with --pool_first True")
            self._compare_forms(plain, pooled)

    def _hold_against_reference(self, settings: Settings, name: str) -> None:
        from fcn4_dist.trial.step import deviations, read_reference, take_reference_step

        with self._taking(f"a training step in {name}"):
            result = take_reference_step(settings, self.ranks)
        found = deviations(result, read_reference())
        bits = self._bits(settings.precision, multiplies=True)
        finding = judging.judge_step(found, name, expectations.step_limits(bits))
        self.record.found(finding, loss=found["loss"][0])

    def _compare_forms(self, plain: Settings, pooled: Settings) -> None:
        from fcn4_dist.trial.step import measure_step

        with self._taking(f"steps in {plain.precision} in both forms of the first block"):
            seconds = [measure_step(each, self.ranks) for each in (plain, pooled)]
        # The ranks wait for each other at every step, and are to give one advice.
        of_plain, of_pooled = map(max, zip(*self.ranks.all_gather(seconds), strict=True))
        finding = judging.judge_forms(of_plain, of_pooled, plain.precision)
        self.record.found(finding, plain=of_plain, pooled=of_pooled)

    @contextmanager
    def _taking(self, what: str) -> Iterator[None]:
        self._begin(STEP, f"taking {what}")
        with still_running(f"taking {what}", self.ranks.is_main):
            yield

    def try_collectives(self) -> None:
        from fcn4_dist.trial.collectives import find_wrong_collectives, measure_all_reduce

        size = self.ranks.size
        if size == 1:
            alone = Finding(Level.NOTE, "one rank has nobody to reduce with", check=COLLECTIVES)
            self.record.found(alone)
            return
        self._begin(COLLECTIVES, "trying the collectives")
        wrong = find_wrong_collectives(self.ranks)
        self._begin(COLLECTIVES, "timing all-reduces")
        times = list(measure_all_reduce(self.ranks))
        for finding in judging.judge_collectives(wrong, times, self.generation, size):
            self.record.found(finding)

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

    def _precisions(self) -> list[Settings]:
        """List the settings of the steps to take: in float32, and in what a card mixes it with."""
        plain = replace(self.settings, mixed_precision=False)
        if self.settings.device_target == "CPU":
            return [plain]
        mixed = LoadedSettings(replace(self.settings, mixed_precision=True), {})
        return [plain, choose_for_card(mixed, self.generation).settings]
