"""The doctor's trial: workers are started, and all that a job stands on is tried for real.

Three starts on made music: the first tries the device of each rank, the second trains a few steps,
the third goes on from a checkpoint of the second for a minute, as a job that was stopped would.
"""

import math
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from statistics import median
from typing import Any

from fcn4_dist import documents
from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.cluster.launchers import Launchers
from fcn4_dist.cluster.topology import LaunchRequest, free_port
from fcn4_dist.config import LoadedSettings
from fcn4_dist.config.learning import Network, Training
from fcn4_dist.config.machine import Ascend, Device, DistributedJob
from fcn4_dist.findings import Finding, Level, errors_in
from fcn4_dist.jobs.launch import met_launchers, run_job
from fcn4_dist.jobs.prepare import Job, find_obstacles, prepare
from fcn4_dist.jobs.trial_data import MOST_CLIPS, make_shards
from fcn4_dist.jobs.trial_rank import SECTIONS
from fcn4_dist.runs.folder import choose_run_folder, settle_paths
from fcn4_dist.runs.history import Step, read_course
from fcn4_dist.terminal import say, table
from fcn4_dist.trial import expectations
from fcn4_dist.trial.record import Line, findings_of, read_record, record_file
from fcn4_dist.versions import package_versions

TRAINING, RESTART = "training", "restart"
RESULT_NAME = "trial.json"
_STARTS = {
    "device": "operators, a step, collectives",
    TRAINING: "a few steps of training",
    RESTART: "the same again from a checkpoint, and on",
}
_KEPT = (Device, DistributedJob, Ascend, Network, Training)
_STEPS_AN_EPOCH = {"Ascend": 10, "CPU": 2}
_BATCH_ON_CPU = 4
_SHORT_EPOCHS = 2
_MOST_EPOCHS = 1000
_FIRST_LOSS, _LATER_LOSS = 2e-3, 0.05
"""How far losses may be apart on Ascend, where adding is not done in the same order each time."""
_LONG_WAIT = 0.3
_FLOAT32_SHARE = 0.5
"""Of the speed in float16: twice the bytes."""
_ARCHIVED = ("*.json", "*.jsonl", "*.log", "*.yaml", "*.txt")

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


@dataclass(frozen=True)
class TrialResult(documents.Document):
    """What is written for those who look at a trial elsewhere.

    Attributes:
        findings: What the checks before it and the trial itself have found.
        lines: What each rank of this host has written, by its number.
        settings: Values by name.
        versions: Versions of packages, by name.
        generation: Of the cards; "" for none.
    """

    format = 1

    findings: tuple[Mapping[str, str], ...]
    lines: Mapping[str, tuple[Line, ...]]
    settings: Mapping[str, documents.Value]
    versions: Mapping[str, str]
    generation: str


def try_job(loaded: LoadedSettings, request: LaunchRequest, seconds: float) -> int:
    """Try a job on this host's share of the workers, print a table, and write it down.

    Args:
        loaded: Settings of the job that is to be started: what computes, and what in.
        request: Its workers.
        seconds: How long to train.

    Returns:
        0 if everything is right, else 1.

    Raises:
        InputError: If something would stop the job before it begins.
    """
    with met_launchers(request) as (start, launchers):
        folder = _folder_for_all(loaded, launchers)
        made = _settings_of_trial(loaded, start.plan(loaded.settings).ranks, folder)
        job = prepare("train", made, start, launchers)
        generation = start.host.generation if start.host else ""
        trial = _Trial(job, launchers, folder, generation, seconds)
        trial.run()
        findings = [*find_obstacles("train", job.loaded.settings, start), *trial.findings]
    _write_result(trial, findings)
    rows = [["section", "result", "what was found"]]
    rows += [[each.check, each.level.value, str(each)] for each in trial.findings]
    say(table(rows))
    errors = len(errors_in(trial.findings))
    say(f"{errors} errors" if errors else "all that was tried is right")
    say(f"to send in: {_archive(folder)}")
    return 1 if errors else 0


def _folder_for_all(loaded: LoadedSettings, launchers: Launchers) -> Path:
    chosen = launchers.on_main(lambda: choose_run_folder(loaded, "trial"))
    return Path(launchers.broadcast(chosen and chosen.settings.run_dir))


def _settings_of_trial(loaded: LoadedSettings, ranks: int, folder: Path) -> LoadedSettings:
    given = loaded.settings
    names = [field.name for group in _KEPT for field in fields(group)]
    kept: dict[str, Any] = {name: getattr(given, name) for name in names}
    if given.device_target == "CPU" and "batch_size" not in loaded.origins:
        kept["batch_size"] = _BATCH_ON_CPU
    batch = kept["batch_size"] * kept["accumulation_steps"] * ranks
    clips = batch * _STEPS_AN_EPOCH[given.device_target]
    data = make_shards(folder / "data", max(min(clips, MOST_CLIPS), 2 * batch))
    settings = replace(
        data,
        **kept | {"num_classes": data.num_classes, "epoch_size": _SHORT_EPOCHS},
        run_dir=str(folder / "device"),
        checkpoint_path=str(folder / "weight"),
        # The last one alone.
        val_interval=_SHORT_EPOCHS,
    )
    return LoadedSettings(settings, loaded.origins)


class _Trial:
    """The three starts of this host's workers."""

    def __init__(
        self, job: Job, launchers: Launchers, folder: Path, generation: str, seconds: float
    ) -> None:
        self.job, self.launchers, self.folder = job, launchers, folder
        self.generation, self.seconds = generation, seconds
        self.settings = job.loaded.settings
        self.records: dict[int, list[Line]] = {}
        self.findings: list[Finding] = []
        self._port = job.topology.nodes.master_port

    def run(self) -> None:
        """Make each start that the one before allows, and find out what came of it."""
        device_folder = Path(self.settings.run_dir)
        exit_code = self._start("doctor", {})
        ranks = self.job.topology.ranks_here
        self.records = {rank: read_record(record_file(device_folder, rank)) for rank in ranks}
        self.findings = findings_of(self.records, SECTIONS)
        if exit_code:
            self._skip(TRAINING, RESTART)
        elif self._start("train", {"run_dir": str(self.folder / TRAINING)}):
            self._failed(TRAINING)
            self._skip(RESTART)
        elif self._start("train", self.launchers.broadcast(self._how_to_restart())):
            self._failed(RESTART)
        elif self.launchers.is_main:
            self.findings += [self._compare_steps(), self._judge_rate()]

    def _start(self, command: str, changes: Mapping[str, Any]) -> int:
        settings = replace(self.settings, **changes)
        folder, nodes = Path(settings.run_dir), self.job.topology.nodes
        loaded = settle_paths(LoadedSettings(settings, self.job.loaded.origins))
        # One that was just used may not be free yet.
        self._port = free_port(nodes.master_addr) if nodes.count == 1 else self._port + 2
        job = replace(self.job, command=command, loaded=loaded).on_port(self._port)
        say(f"next: {_STARTS[folder.name]}")
        return run_job(job, self.launchers)

    def _how_to_restart(self) -> dict[str, Any]:
        """Give what the third start has other than the second; on node 0, which has its results."""
        if not self.launchers.is_main:
            return {}
        rate = median(self._rates(TRAINING) or [0.0])
        steps = self._steps(TRAINING)
        clips_an_epoch = self._global_batch * max(step.step for step in steps)
        epochs = min(math.ceil(self.seconds * rate / clips_an_epoch), _MOST_EPOCHS)
        first = CheckpointFolder.from_settings(self.settings).files()[0]
        length = _SHORT_EPOCHS + epochs
        return {
            "run_dir": str(self.folder / RESTART),
            "checkpoint_path": str(self.folder / "weight_after_restart"),
            "resume": str(first),
            "epoch_size": length,
            "val_interval": length,
        }

    def _compare_steps(self) -> Finding:
        before = {step.global_step: step.loss for step in self._steps(TRAINING)}
        # It went on from the end of the first epoch.
        after = [step for step in self._steps(RESTART) if step.epoch == _SHORT_EPOCHS]
        off = [
            abs((step.loss or math.inf) / (before[step.global_step] or math.inf) - 1)
            for step in after
        ]
        exact = self.settings.repeatable
        limits = [0.0 if exact else _FIRST_LOSS, *[0.0 if exact else _LATER_LOSS] * len(off)]
        wrong = [number for number, one in enumerate(off) if not one <= limits[number]]
        if wrong or not off:
            sentence = (
                f"step {wrong[0] + 1} after the restart has another loss than without it, by "
                f"{off[wrong[0]]:.1g} of it ({limits[wrong[0]]:g} allowed)"
                if off
                else "no step was taken after the restart"
            )
            return Finding(Level.ERROR, sentence, _NOT_AS_BEFORE, RESTART)
        same = "the same losses to the bit" if max(off) == 0 else f"losses within {max(off):.1g}"
        sentence = f"{len(off)} steps from a checkpoint have {same} as without the restart"
        return Finding(Level.OK, sentence, check=RESTART)

    def _judge_rate(self) -> Finding:
        rates = self._rates(RESTART)
        steps = self._steps(RESTART)
        waits = [step.waiting_for_data for step in steps if step.waiting_for_data is not None]
        ranks = self.job.topology.ranks
        rate, waiting = median(rates), median(waits or [0.0])
        sentence = (
            f"{rate:.1f} samples/s of {ranks} ranks in {self.settings.precision}, over "
            f"{len(rates)} steps; waiting for data {waiting:.0%} of the time"
        )
        level, mend = Level.OK, ""
        if waiting > _LONG_WAIT:
            level, mend = Level.WARNING, _SLOW_READING
        if expected := expectations.SPEEDS.get(self.generation):
            best = expected.samples_per_second * ranks
            best *= 1 if self.settings.amp_in_use else _FLOAT32_SHARE
            sentence += f"; {rate / best:.0%} of the floor's {best:.0f} (expected: docs/scaling.md)"
            if level is Level.OK and rate < best * expectations.SLOW_SHARE:
                level, mend = Level.WARNING, _SLOW_STEPS
        return Finding(level, sentence, mend, TRAINING)

    @property
    def _global_batch(self) -> int:
        return self.settings.batch_per_rank * self.job.topology.ranks

    def _steps(self, section: str) -> tuple[Step, ...]:
        course = read_course(self.folder / section)
        return course.steps if course else ()

    def _rates(self, section: str) -> list[float]:
        rates = (step.samples_per_second for step in self._steps(section))
        return [rate for rate in rates if rate is not None]

    def _failed(self, section: str) -> None:
        sentence = f"the workers failed; what they said is above, and in {self.folder / section}"
        self.findings.append(Finding(Level.ERROR, sentence, check=section))

    def _skip(self, *sections: str) -> None:
        for section in sections:
            sentence = "not tried, since the start before it failed"
            self.findings.append(Finding(Level.NOTE, sentence, check=section))


def _write_result(trial: _Trial, findings: Sequence[Finding]) -> None:
    rows = tuple(
        {
            "check": each.check,
            "level": each.level.value,
            "sentence": each.sentence,
            "mend": each.mend,
        }
        for each in findings
    )
    result = TrialResult(
        findings=rows,
        lines={str(rank): tuple(lines) for rank, lines in trial.records.items()},
        settings=trial.settings.as_dict(),
        versions=package_versions("fcn4_dist", "mindspore", "numpy", "librosa"),
        generation=trial.generation,
    )
    documents.write(trial.folder / RESULT_NAME, result)


def _archive(folder: Path) -> Path:
    """Put what says how it went into one file: results, logs, settings; no music, no weights."""
    path = folder.with_suffix(".tar.gz")
    with tarfile.open(path, "w:gz") as archive:
        for part in (folder, *(folder / name for name in _STARTS)):
            for pattern in _ARCHIVED:
                for file in sorted(part.glob(pattern)):
                    archive.add(file, file.relative_to(folder.parent))
    return path
