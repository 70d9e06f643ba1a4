"""Real training jobs whose workers record every step, to be compared with one another."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.checkpoints.content import CheckpointDescription, read_checkpoint
from fcn4_dist.config import LoadedSettings, Settings, load_settings
from fcn4_dist.jobs.preprocess import preprocess
from fcn4_dist.runs.folder import choose_run_folder, save_settings

PROGRAM = Path(__file__).with_name("recording_program.py")
SECONDS_TO_WAIT = 300


@dataclass(frozen=True)
class Step:
    """A step as a rank has seen it.

    Attributes:
        number: Its number in the run, from 1.
        loss: The loss, to the last bit.
        ids: Ids of the clips of this rank's batch.
    """

    number: int
    loss: str
    ids: tuple[str, ...]


class RecordedTraining:
    """A training job in a folder of its own, which can be started several times.

    Args:
        folder: An empty folder.
        settings: Settings of the job; its own folders are put in.

    Attributes:
        output: What the last :meth:`run` printed.
        ended: When it ended, in seconds since the epoch.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.settings = replace(
            settings, checkpoint_path=str(folder / "weight"), run_dir=str(folder / "run")
        )
        self.starts = 0
        self.output = ""
        self.ended = 0.0

    @property
    def checkpoints(self) -> CheckpointFolder:
        """The folder of its checkpoints."""
        return CheckpointFolder.from_settings(self.settings)

    def start(
        self,
        *flags: str,
        ranks: int = 2,
        max_restarts: int = 0,
        seconds_a_step: float = 0.0,
        accident: tuple[str, int] | None = None,
        accident_rank: int = 0,
        accident_once: bool = True,
    ) -> subprocess.Popen[str]:
        """Start it, with a launcher if there are several ranks.

        Args:
            flags: Settings of this start.
            ranks: Number of workers.
            max_restarts: Given to the launcher.
            seconds_a_step: How long each step is held up.
            accident: What kills or stops a rank, and how many times it is passed unharmed.
            accident_rank: The rank it happens to.
            accident_once: Whether it happens at the first start of the worker alone.
        """
        self.starts += 1
        self.records_folder.mkdir(parents=True)
        loaded = choose_run_folder(LoadedSettings(self.settings, {}), "train")
        command = [sys.executable, str(PROGRAM)]
        if ranks > 1:
            command += ["launch", "--device_num", str(ranks)]
            command += ["--max_restarts", str(max_restarts)]
        environment = {**os.environ, "RECORDS": str(self.records_folder)}
        environment["SECONDS_A_STEP"] = str(seconds_a_step)
        if accident:
            environment["ACCIDENT"] = json.dumps(accident)
            environment["ACCIDENT_RANK"] = str(accident_rank)
            if accident_once:
                environment["ACCIDENT_ONCE"] = str(self.records_folder / "accident")
        return subprocess.Popen(
            [*command, "train", "--config", str(save_settings(loaded)), *flags],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )

    def run(self, *flags: str, expected: int = 0, **options: object) -> str:
        """Run it to its end; give what it printed."""
        started = self.start(*flags, **options)  # type: ignore[arg-type]
        self.output = output_of(started, expected)
        self.ended = time.time()
        return self.output

    @property
    def records_folder(self) -> Path:
        """Where the workers of the last start write their records."""
        return self.folder / f"records_{self.starts}"

    def steps(self, rank: int = 0) -> list[Step]:
        """List what a rank has recorded since the last start."""
        file = self.records_folder / f"rank_{rank}.txt"
        lines = file.read_text().splitlines() if file.exists() else []
        records = [json.loads(line) for line in lines]
        return [Step(each["step"], each["loss"], tuple(each["ids"])) for each in records]

    def await_step(self, number: int) -> None:
        """Wait until rank 0 has taken a step."""
        wait_until(lambda: any(step.number >= number for step in self.steps()))

    def newest(self) -> tuple[Path, CheckpointDescription]:
        """Find the newest whole checkpoint; there is no damaged one beside it."""
        warnings: list[str] = []
        newest = self.checkpoints.newest_whole(warnings.append)
        assert newest is not None
        assert warnings == []
        return newest

    def processes(self) -> Iterator[tuple[psutil.Process, Mapping[str, str]]]:
        """Find the processes of the last start, with their environments."""
        for process in psutil.process_iter():
            # Of a process that has died, and is not yet reaped, nothing can be read.
            with suppress(psutil.Error):
                environment = process.environ()
                if environment.get("RECORDS") == str(self.records_folder):
                    yield process, environment

    def workers(self) -> dict[int, psutil.Process]:
        """Find the workers that run, by rank."""
        return {
            int(environment["RANK_ID"]): process
            for process, environment in self.processes()
            if environment.get("MS_ROLE") == "MS_WORKER"
        }

    def history(self) -> list[dict[str, Any]]:
        """Read metrics.jsonl, without what depends on time."""
        lines = (self.folder / "run" / "metrics.jsonl").read_text().splitlines()
        timed = {"time", "seconds", "samples_per_second", "waiting_for_data"}
        return [
            {name: value for name, value in json.loads(line).items() if name not in timed}
            for line in lines
        ]

    def last_values(self) -> Mapping[str, np.ndarray]:
        """Read all arrays of the checkpoint of the last step."""
        return read_checkpoint(self.checkpoints.files()[-1]).values


def resumable_settings(clips: Path, flags: dict[str, str], folder: Path) -> Settings:
    """Preprocess clips, and give the settings of a tiny run with all there is.

    It has 3 epochs of 8 steps of 2 clips, one a worker; its ten checkpoints are of the steps 3, 6,
    8, 9, 12, 15, 16, 18, 21 and 24.

    Args:
        clips: Folder of the clips.
        flags: How they are preprocessed.
        folder: An empty folder for what is made of them.
    """
    # What the last batch-norm sees of one clip has to be more than two values: of those it makes
    # -1 and 1, whatever they are, and no gradient comes through.
    larger = {"n_mels": "48", "hop_length": "48"}
    paths = {"audio_path": str(clips), "npy_path": str(folder / "npy")}
    paths |= {"info_path": str(folder), "mr_path": str(folder / "mindrecord")}
    loaded = load_settings(flags=flags | larger | paths | {"num_consumer": "2", "processes": "1"})
    preprocess(loaded)
    return replace(
        loaded.settings,
        device_target="CPU",
        width=0.05,
        lr=0.01,
        loss_scaling="dynamic",
        batch_size=1,
        epoch_size=3,
        save_step=3,
        keep_checkpoint_max=2,
        lr_schedule="cosine",
        warmup_epochs=0.5,
        weight_decay=0.05,
        ema_decay=0.8,
        patience=3,
        label_smoothing=0.1,
        mixup=0.4,
        time_shift=0.2,
        freq_mask=4,
        time_mask=0.1,
    )


def undisturbed_training(settings: Settings, folder: Path) -> RecordedTraining:
    """Train on two workers, and make sure that the run has learnt with all there is."""
    training = RecordedTraining(folder, settings)
    training.run()
    assert len(training.steps(0)) == len(training.steps(1)) == 24
    values = read_checkpoint(training.checkpoints.files()[-1]).values
    moments = {name: value for name, value in values.items() if name.startswith("moment1.")}
    steps = [line for line in training.history() if line["kind"] == "step"]
    assert [step["global_step"] for step in steps if step["skipped"]] == [5, 11, 19]
    # It is doubled after four clean steps; and halved after each that overflowed, on one rank.
    doubled = [step["global_step"] for step in steps if step["loss_scale"] == 2048]
    assert doubled == [5, 10, 11, 16, 17, 18, 19, 24]
    assert all(step["loss_scale"] == 1024 for step in steps if step["global_step"] not in doubled)
    # Weights that do not learn would be the same after any accident.
    assert moments and all(np.abs(value).max() > 0 for value in moments.values())
    return training


def output_of(started: subprocess.Popen[str], expected: int) -> str:
    """Wait for the end of a start, and give what it printed."""
    output, _ = started.communicate(timeout=SECONDS_TO_WAIT)
    assert started.returncode == expected, output
    return output


def wait_until(holds: Callable[[], bool], seconds: float = SECONDS_TO_WAIT) -> None:
    """Wait until something holds."""
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.005)


def family_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """List a process and all that it has started."""
    parent = psutil.Process(process.pid)
    return [parent, *parent.children(recursive=True)]


def running(family: list[psutil.Process]) -> list[psutil.Process]:
    """List those that still run; one that has died and waits to be reaped does not."""
    found = []
    for process in family:
        with suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def assert_went_on_as_if_nothing_had_happened(
    resumed: RecordedTraining, undisturbed: RecordedTraining, ranks: int = 2
) -> None:
    """Compare every step since the last start, and all that is left in the end, to the bit."""
    for rank in range(ranks):
        steps = resumed.steps(rank)
        assert steps
        assert steps == undisturbed.steps(rank)[-len(steps) :]
    assert_same_values(resumed.last_values(), undisturbed.last_values())
    assert resumed.history() == undisturbed.history()


def assert_same_values(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> None:
    """Compare weights, moments, statistics of every rank and what else there is, to the bit."""
    assert one.keys() == other.keys()
    assert "fcn4_dist.rank_statistics" in one
    differing = [name for name in one if one[name].tobytes() != other[name].tobytes()]
    assert differing == []
