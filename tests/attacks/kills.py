"""SIGKILL: jobs and their parts killed at any moment; nothing is left running, believed or lost.

Commands of one process are killed at a change they make to files, or some milliseconds behind it,
or one of their pool's processes is killed instead. Trainings of two workers are killed at a step or
in a save, and resumed to the bit.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from fcn4_dist.config import Settings
from fcn4_dist.files import sha256_of
from fcn4_dist.log import kept_off_terminal
from tests.attacks.outcome import HANG, LOST, SILENT_WRONG, TRACEBACK, UNHARMED, Outcome
from tests.jobs.recorded_training import (
    RecordedTraining,
    assert_went_on_as_if_nothing_had_happened,
    family_of,
    output_of,
    resumable_settings,
    undisturbed_training,
)
from tests.reports.run_folders import write_run
from tests.small_clips import REAL_CLIPS, small_clip_flags

PROGRAM = Path(__file__).with_name("killed_program.py")
SONG = REAL_CLIPS / "dog_bark" / "1-30226-A.ogg"
SECONDS_OF_A_COMMAND = 180.0
SECONDS_TO_LEAVE = 10.0
SECONDS_A_STEP = 0.03
MOMENTS = ("rank 0", "rank 1", "launcher", "whole job", "msrun", "scheduler")
PLACES = {
    "before the write": 3,
    "in the middle of the write": 4,
    "before fsync": 3,
    "before the rename": 4,
    "before the deletion of the oldest": 2,
    "in the validation": 1,
}
"""Place in a save -> how often it is passed unharmed."""


@dataclass(frozen=True)
class Scene:
    """A command that can be killed again and again.

    Attributes:
        name: What it is called.
        share: Kills of it among forty.
        arguments: Its arguments; WORK stands for its folder.
        results: What is the same whenever it ends: patterns of files in its folder.
        believed: Those that others take for whole as soon as they are there.
        prepare: Puts into the folder what is there before.
        has_pool: Whether it has processes of its own that can be killed.
    """

    name: str
    share: int
    arguments: Sequence[str]
    results: tuple[str, ...]
    believed: tuple[str, ...]
    prepare: Callable[[Path], None] = lambda folder: None
    has_pool: bool = False


def attacks(folder: Path, count: int, seed: int) -> Iterator[Outcome]:
    """Kill jobs.

    Args:
        folder: An empty folder.
        count: How many kills.
        seed: Of the moments.
    """
    flags = small_clip_flags()
    with kept_off_terminal(folder / "preparing.log"):
        settings = resumable_settings(REAL_CLIPS, flags, made(folder / "resumable"))
    undisturbed = undisturbed_training(settings, made(folder / "undisturbed"))
    scenes = _scenes(settings, undisturbed, folder / "shared")
    numbers = {scene.name: max(1, round(scene.share * count / 40)) for scene in scenes}
    # On two cores, two commands at a time; trainings have them for themselves.
    with ThreadPoolExecutor(2) as pool:
        done = pool.map(
            lambda scene: list(
                _kills_of(scene, folder / scene.name, numbers[scene.name], random.Random(seed))
            ),
            scenes,
        )
        for outcomes in done:
            yield from outcomes
    draw = random.Random(seed)
    for number in range(max(0, count - sum(numbers.values()))):
        training = RecordedTraining(made(folder / f"training_{number}"), settings)
        yield _kill_of_training(training, undisturbed, number, draw)


def made(folder: Path) -> Path:
    """Make a folder, and give it."""
    folder.mkdir(parents=True)
    return folder


def words(flags: Mapping[str, str]) -> list[str]:
    """Give flags as words of a command line."""
    return [word for name, value in flags.items() for word in (f"--{name}", value)]


def digests_of(folder: Path, patterns: Sequence[str]) -> dict[str, str]:
    """Give the SHA-256 of files by their names; temporary ones are none."""
    paths = [path for pattern in patterns for path in folder.glob(pattern) if path.is_file()]
    return {path.name: sha256_of(path) for path in paths if not path.name.startswith(".")}


def scored_flags(
    settings: Settings, undisturbed: RecordedTraining, work: str = ""
) -> dict[str, str]:
    """Give the flags of an evaluation of a training, whose folder of results is in ``work``."""
    return small_clip_flags() | {
        "n_mels": "48",
        "hop_length": "48",
        "data_dir": settings.mr_path,
        "checkpoint_path": str(undisturbed.checkpoints.path),
        "batch_size": "2",
        "device_target": "CPU",
        "run_dir": f"{work}/run",
    }


def _scenes(settings: Settings, undisturbed: RecordedTraining, shared: Path) -> list[Scene]:
    made(shared)
    checkpoint, model = undisturbed.checkpoints.best_file, shared / "fcn4.onnx"
    export = ["export", "--file_format", "ONNX", "--checkpoint", str(checkpoint), "--output"]
    command = [sys.executable, "-m", "fcn4_dist", *export, str(model)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    own = words(small_clip_flags() | {"audio_path": str(REAL_CLIPS), "processes": "2"})
    own += words({"npy_path": "WORK/npy", "mr_path": "WORK/shards", "info_path": "WORK"})
    return [
        Scene(
            "preprocess",
            6,
            ["preprocess", "--num_consumer", "2", *own],
            ("shards/manifest.json", "shards/*.mindrecord?", "npy/**/*.npy"),
            ("shards/manifest.json", "npy/**/*.npy"),
            has_pool=True,
        ),
        Scene(
            "features",
            6,
            ["preprocess", "--get_mindrecord", "0", *own],
            ("npy/**/*.npy",),
            ("npy/**/*.npy",),
            has_pool=True,
        ),
        Scene(
            "report",
            5,
            ["report", "WORK/run"],
            ("run/report.html", "run/predictions.csv", "run/metrics.jsonl", "run/run.json"),
            ("run/*",),
            _with_run_and_report,
        ),
        Scene(
            "tag",
            4,
            [
                "tag",
                str(SONG),
                "--model",
                str(model),
                "--html",
                "WORK/a.html",
                "--plot",
                "WORK/a.png",
            ],
            ("a.html", "a.png"),
            ("a.html", "a.png"),
            lambda folder: _write(folder / "a.html", "<!DOCTYPE html>what was there before\n"),
        ),
        Scene("export", 3, [*export, "WORK/m.onnx"], ("m.onnx", "m.onnx.json"), ("m.onnx",)),
        Scene(
            "eval",
            5,
            ["eval", *words(scored_flags(settings, undisturbed, "WORK"))],
            ("run*/predictions.csv", "run*/metrics.json"),
            ("run*/predictions.csv", "run*/metrics.json"),
        ),
    ]


def _write(path: Path, text: str) -> None:
    path.write_text(text)


def _with_run_and_report(folder: Path) -> None:
    write_run(folder / "run")
    _write(folder / "run" / "report.html", "<!DOCTYPE html>what was there before\n")


def _kills_of(scene: Scene, folder: Path, count: int, draw: random.Random) -> Iterator[Outcome]:
    template, work = folder / "template", folder / "work"
    scene.prepare(made(template))
    before = digests_of(template, scene.results)
    shutil.copytree(template, work)
    code, output = _run(scene, work, 0)
    if code:
        yield Outcome(f"{scene.name} undisturbed", SILENT_WRONG, output)
        return
    changes, wanted = int((work / "count").read_text()), digests_of(work, scene.results)
    for number in range(count):
        shutil.rmtree(work)
        shutil.copytree(template, work)
        if scene.has_pool and number % 3 == 2:
            attack = f"{scene.name}, a process of its pool killed"
            code, output = _run(scene, work, 0, kill_pool_after=draw.uniform(0, 0.3))
        else:
            # Some in the middle of what they write, which begins there.
            at, after = draw.randint(1, changes), draw.choice((0.0, 0.0, 0.002))
            attack = f"{scene.name} killed {1000 * after:g} ms behind change {at} of {changes}"
            code, output = _run(scene, work, at, after)
        yield _came_to(scene, work, attack, (code, output), before, wanted)


def _came_to(
    scene: Scene,
    work: Path,
    attack: str,
    ended: tuple[int, str],
    before: Mapping[str, str],
    wanted: Mapping[str, str],
) -> Outcome:
    code, output = ended
    if "Traceback" in output:
        return Outcome(attack, TRACEBACK, output)
    if code == HUNG:
        return Outcome(attack, HANG, output)
    if left := _left_running(work):
        return Outcome(attack, HANG, f"left running: {left}")
    whole = {name: {before.get(name), wanted.get(name)} for name in before.keys() | wanted.keys()}
    for name, digest in digests_of(work, scene.believed).items():
        if digest not in whole.get(name, {digest}):
            return Outcome(attack, SILENT_WRONG, f"{name} is neither the old one nor the new one")
    if lost := [name for name in before if name not in digests_of(work, scene.results)]:
        return Outcome(attack, LOST, ", ".join(lost))
    code, output = _run(scene, work, 0)
    if code == 2 and "holds an evaluation" in output:
        again = [word.replace("WORK/run", "WORK/run_again") for word in scene.arguments]
        code, output = _run(Scene(scene.name, 0, again, (), ()), work, 0)
    if code or "Traceback" in output:
        return Outcome(attack, LOST, f"the same command then ends with {code}: {output}")
    found = digests_of(work, scene.results)
    if differing := [name for name in wanted if found.get(name) != wanted[name]]:
        return Outcome(attack, SILENT_WRONG, f"then others: {', '.join(differing)}")
    return Outcome(attack, UNHARMED, f"ended with {ended[0]}; the same command then ended right")


HUNG = -1000


def _run(
    scene: Scene, work: Path, at: int, after: float = 0.0, kill_pool_after: float | None = None
) -> tuple[int, str]:
    """Run the command, and give its exit code, HUNG for none, and what it printed."""
    arguments = [word.replace("WORK", str(work)) for word in scene.arguments]
    variables = {"KILL_FOLDER": str(work), "KILL_AT": str(at), "KILL_AFTER": str(after)}
    with (work.parent / "output").open("w+") as output:
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), *arguments],
            cwd=work,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **variables, "KILL_COUNT": str(work / "count")},
        )
        if kill_pool_after is not None:
            _kill_one_of_pool(process, kill_pool_after)
        try:
            code = process.wait(SECONDS_OF_A_COMMAND)
        except subprocess.TimeoutExpired:
            process.kill()
            code = HUNG
        output.seek(0)
        return code, output.read()


def _kill_one_of_pool(process: subprocess.Popen[bytes], seconds: float) -> None:
    parent = psutil.Process(process.pid)
    while process.poll() is None:
        with suppress(psutil.Error):
            pool = [child for child in parent.children() if "spawn_main" in str(child.cmdline())]
            if pool:
                time.sleep(seconds)
                pool[-1].kill()
                return
        time.sleep(0.01)


def _left_running(work: Path) -> list[str]:
    """List the processes that still run of a command whose first process has been killed."""
    ends = time.monotonic() + SECONDS_TO_LEAVE
    while True:
        left = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("KILL_FOLDER") == str(work):
                    left.append(f"{process.pid} {process.name()}")
        if not left or time.monotonic() > ends:
            return left
        time.sleep(0.1)


def _kill_of_training(
    training: RecordedTraining, undisturbed: RecordedTraining, number: int, draw: random.Random
) -> Outcome:
    if number % 2:
        place = list(PLACES)[number // 2 % len(PLACES)]
        attack = f"training, rank 0 {place}, {PLACES[place]} times passed"
    else:
        victim, step = MOMENTS[number // 2 % len(MOMENTS)], draw.choice((4, 7, 11, 15, 19))
        attack = f"training, {victim} killed after step {step}"
    try:
        if number % 2:
            training.run(accident=(place, PLACES[place]), expected=1)
            assert (training.records_folder / "accident").exists()
        else:
            _kill_outside(training, victim, step, draw.uniform(0, 2 * SECONDS_A_STEP))
        return Outcome(attack, UNHARMED, _resumed(training, undisturbed))
    except subprocess.TimeoutExpired:
        return Outcome(attack, HANG, training.output)
    except AssertionError as error:
        came_to = TRACEBACK if "Traceback" in str(error) else SILENT_WRONG
        return Outcome(attack, came_to, str(error))


def _kill_outside(training: RecordedTraining, victim: str, step: int, seconds: float) -> None:
    started = training.start(seconds_a_step=SECONDS_A_STEP)
    training.await_step(step)
    family, workers = family_of(started), training.workers()
    victims = {
        "rank 0": [workers[0]],
        "rank 1": [workers[1]],
        "launcher": family[:1],
        "whole job": family,
        "msrun": [process for process in family if "msrun" in " ".join(process.cmdline())][:1],
        "scheduler": [
            process
            for process, variables in training.processes()
            if variables.get("MS_ROLE") == "MS_SCHED"
        ],
    }[victim]
    assert victims
    time.sleep(seconds)
    for process in victims:
        process.send_signal(signal.SIGKILL)
    output_of(started, expected=-9 if victim in ("launcher", "whole job") else 1)
    _, left = psutil.wait_procs(family[1:], timeout=SECONDS_TO_LEAVE)
    assert left == []


def _resumed(training: RecordedTraining, undisturbed: RecordedTraining) -> str:
    """Resume a run from inside an epoch, and compare it; say where it went on."""
    died_after = len(training.steps())
    for rank in range(2):
        before = training.steps(rank)
        assert before == undisturbed.steps(rank)[: len(before)]
    path, description = training.newest()
    resume = "auto"
    if description.step == description.steps_per_epoch and len(training.checkpoints.files()) > 1:
        path = training.checkpoints.files()[-2]
        resume = str(path)
    assert f"goes on from {path}: epoch" in training.run("--resume", resume)
    assert_went_on_as_if_nothing_had_happened(training, undisturbed)
    left = {path.name for path in training.checkpoints.path.iterdir()}
    assert left == {path.name for path in undisturbed.checkpoints.path.iterdir()}
    return f"died after step {died_after}, went on from {path.stem}, the same to the bit"
