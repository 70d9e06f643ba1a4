"""The doctor's trial: workers are started, and all that a job stands on is tried for real.

Three starts on made music: the first tries the device of each rank, the second trains a few steps,
the third goes on from a checkpoint of the second for a minute, as a job that was stopped would.
"""

import math
import os
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from statistics import median
from typing import Any

from fcn4_dist import documents
from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.cluster.card_checks import check_cards
from fcn4_dist.cluster.launchers import Launchers
from fcn4_dist.cluster.preflight import check_software, usable_port
from fcn4_dist.cluster.topology import LaunchRequest
from fcn4_dist.config import SETTINGS, LoadedSettings, Settings
from fcn4_dist.config.learning import Network, Training
from fcn4_dist.config.machine import Ascend, Device, DistributedJob
from fcn4_dist.errors import InputError, StoppedError
from fcn4_dist.findings import Finding, Level, errors_in, refuse_errors
from fcn4_dist.jobs.auto_settings import choose_device, say_device
from fcn4_dist.jobs.launch import SECONDS_BETWEEN_JOBS, met_launchers, run_job
from fcn4_dist.jobs.prepare import Job, Start, find_obstacles, in_one_folder, prepare
from fcn4_dist.jobs.trial_data import make_shards
from fcn4_dist.jobs.trial_rank import SECTIONS
from fcn4_dist.log import kept_off_terminal
from fcn4_dist.runs.folder import settle_paths
from fcn4_dist.runs.history import Step, read_course
from fcn4_dist.terminal import say, say_result, table
from fcn4_dist.trial.judging import RESTART, TRAINING, judge_restart, judge_speed, verdict
from fcn4_dist.trial.record import Line, findings_of, read_record, record_file
from fcn4_dist.versions import installed_mindspore, package_versions

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
_MOST_CLIPS = 4096
_LARGEST_BATCH = 16384
"""Its shards have 9 GB."""
_MOST_EPOCHS = 1000
_ARCHIVED = ("*.json", "*.jsonl", "*.log", "*.yaml", "*.txt")


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
        StoppedError: If SIGTERM has ended it; what was found until then is told and written.
    """
    loaded = choose_device(loaded, request)
    say_device(loaded)
    with met_launchers(request) as (start, launchers), ExitStack() as held:
        _refuse_host(loaded.settings, start)
        ranks = start.plan(loaded.settings).ranks
        computing = _what_computes(loaded, ranks)
        folder = Path(in_one_folder("trial", loaded, launchers).settings.run_dir)
        launchers.on_main(lambda: held.enter_context(_kept_to_this_trial(folder)))
        say(f"making music and shards of it, in {folder}")
        with kept_off_terminal(folder / "preparing.log"):
            made = _settings_of_trial(computing, ranks, folder)
            # Of a node's own paths, node 0 has none to give.
            paths = {name: "doctor --run" for name, each in SETTINGS.items() if each.is_path}
            origins = {**loaded.origins, **paths}
            of_trial = replace(loaded, settings=made, origins=origins)
            job = prepare("train", of_trial, start, launchers)
        before = find_obstacles("train", job.loaded.settings, start)
        trial = _Trial(job, launchers, folder, start.host.generation if start.host else "", seconds)
        try:
            trial.run()
        finally:
            # However it ends, what was found until then is there.
            _tell(trial, before)
    return 1 if errors_in(trial.findings) else 0


def _tell(trial: "_Trial", before: Sequence[Finding]) -> None:
    _write_result(trial, [*before, *trial.findings])
    shown = [each for each in before if each.level is Level.WARNING] + trial.findings
    rows = [["section", "result", "what was found"]]
    rows += [[each.check, each.level.value, str(each)] for each in shown]
    say_result(table(rows))
    say_result(verdict(shown))
    say_result(f"to send in: {_archive(trial.folder)}")


def _refuse_host(settings: Settings, start: Start) -> None:
    """Refuse a host that could not start any job, before music is made for one."""
    if start.host:
        device, version = settings.device_target, installed_mindspore()
        found = check_cards(device, start.host, os.environ, version)
        refuse_errors([*check_software(os.environ, start.starter), *found])


@contextmanager
def _kept_to_this_trial(folder: Path) -> Iterator[None]:
    with ExitStack() as held:
        try:
            held.enter_context(CheckpointFolder(folder, "trial").kept_to_this_job())
        except InputError as error:
            sentence = f"another trial is at work in {folder}: wait for it, or give this one"
            raise InputError(f"{sentence} another --run_dir") from error
        yield


def _what_computes(loaded: LoadedSettings, ranks: int) -> dict[str, Any]:
    """Take what computes, and what in, from the settings of the job that is to be started."""
    given = loaded.settings
    names = [field.name for group in _KEPT for field in fields(group)]
    kept: dict[str, Any] = {name: getattr(given, name) for name in names}
    if given.device_target == "CPU" and "batch_size" not in loaded.origins:
        kept["batch_size"] = _BATCH_ON_CPU
    batch = kept["batch_size"] * kept["accumulation_steps"] * ranks
    if batch > _LARGEST_BATCH:
        raise InputError(
            f"a step of {batch} clips (batch_size x accumulation_steps x ranks) is too large for a "
            f"trial, which makes the music itself: give a --batch_size for at most {_LARGEST_BATCH}"
        )
    return kept


def _settings_of_trial(computing: Mapping[str, Any], ranks: int, folder: Path) -> Settings:
    batch = computing["batch_size"] * computing["accumulation_steps"] * ranks
    clips = batch * _STEPS_AN_EPOCH[computing["device_target"]]
    data = make_shards(folder / "data", max(min(clips, _MOST_CLIPS), batch))
    return replace(
        data,
        **{**computing, "num_classes": data.num_classes, "epoch_size": _SHORT_EPOCHS},
        run_dir=str(folder / "device"),
        checkpoint_path=str(folder / "weight"),
        # The last one alone.
        val_interval=_SHORT_EPOCHS,
    )


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

    def run(self) -> None:
        """Make each start that the one before allows, and find out what came of it."""
        try:
            exit_code = self._start("doctor", {})
        finally:
            folder, ranks = Path(self.settings.run_dir), self.job.topology.ranks_here
            self.records = {rank: read_record(record_file(folder, rank)) for rank in ranks}
            self.findings = findings_of(self.records, SECTIONS)
        if exit_code:
            self._skip(TRAINING, RESTART)
        elif self._start("train", {"run_dir": str(self.folder / TRAINING)}):
            self._failed(TRAINING)
            self._skip(RESTART)
        elif self._start("train", self._how_to_restart()):
            self._failed(RESTART)
        elif self.launchers.is_main:
            self.findings += self._judge()

    def _start(self, command: str, changes: Mapping[str, Any]) -> int:
        """Make a start with other settings; give the worst exit code of all hosts."""
        settings = replace(self.settings, **changes)
        device, folder = settings.device_target, Path(settings.run_dir)
        if folder != Path(self.settings.run_dir):
            time.sleep(SECONDS_BETWEEN_JOBS[device])
        loaded = settle_paths(replace(self.job.loaded, settings=settings))
        job = replace(self.job, command=command, loaded=loaded)
        say(f"next: {_STARTS[folder.name]}")
        exit_code = run_job(job.on_port(usable_port(job.topology)), self.launchers)
        worst = max(self.launchers.all_gather_of(int, exit_code))
        if worst == StoppedError.exit_code:
            raise StoppedError("stopped by SIGTERM; the table has what was found until then")
        return worst

    def _how_to_restart(self) -> dict[str, Any]:
        """Give what the third start has other than the second; node 0 decides, by its results."""
        own = self._found_to_restart() if self.launchers.is_main else None
        first, length = self.launchers.broadcast_of(tuple[str, int], own)
        return {
            "run_dir": str(self.folder / RESTART),
            "checkpoint_path": str(self.folder / "weight_after_restart"),
            "resume": first,
            "epoch_size": length,
            "val_interval": length,
        }

    def _found_to_restart(self) -> tuple[str, int]:
        rate = median(self._rates(TRAINING) or [0.0])
        steps = self._steps(TRAINING)
        clips_an_epoch = self._global_batch * max(step.step for step in steps)
        epochs = min(math.ceil(self.seconds * rate / clips_an_epoch), _MOST_EPOCHS)
        first = CheckpointFolder.from_settings(self.settings).files()[0]
        return str(first), _SHORT_EPOCHS + epochs

    def _judge(self) -> list[Finding]:
        settings, steps = self.settings, self._steps(RESTART)
        before = {step.global_step: step.loss for step in self._steps(TRAINING)}
        # It went on from the end of the first epoch.
        again = {step.global_step: step.loss for step in steps if step.epoch == _SHORT_EPOCHS}
        waits = [step.waiting_for_data for step in steps if step.waiting_for_data is not None]
        ranks, rates = self.job.topology.ranks, self._rates(RESTART)
        return [
            judge_restart(before, again, repeatable=settings.repeatable),
            judge_speed(rates, waits, self.generation, ranks, settings.precision),
        ]

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
    """Write what those need to know who look at a trial elsewhere."""
    result = {
        "findings": [
            {
                "check": each.check,
                "level": each.level.value,
                "sentence": each.sentence,
                "mend": each.mend,
            }
            for each in findings
        ],
        "lines": {str(rank): list(map(asdict, lines)) for rank, lines in trial.records.items()},
        "settings": trial.settings.as_dict(),
        "versions": package_versions("fcn4_dist", "mindspore", "numpy", "librosa"),
        "generation": trial.generation,
    }
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
