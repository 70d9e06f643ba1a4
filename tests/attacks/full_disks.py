"""Full disks: real ones of a few sizes, on which each command writes; what was there stays whole.

The disks are tmpfs in a mount namespace of their own, as root or as a user who may make one.
"""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fcn4_dist.log import kept_off_terminal
from tests.attacks.kills import SONG, digests_of, made, scored_flags, words
from tests.attacks.outcome import HANG, LOST, REFUSED, SILENT_WRONG, TRACEBACK, UNHARMED, Outcome
from tests.jobs.recorded_training import resumable_settings, undisturbed_training
from tests.reports.run_folders import write_run
from tests.small_clips import REAL_CLIPS, small_clip_flags

SECONDS_OF_A_COMMAND = 180
# What the disk holds is looked at before its namespace ends with it.
ENTER = """
disk=$1 size=$2 template=$3 after=$4 words=$5; shift 5
mount -t tmpfs -o size=$size none "$disk" && cp -a "$template/." "$disk" || exit 99
cd "$disk"
"$@" > "$words" 2>&1
code=$?
cp -a "$disk/." "$after" 2>/dev/null
exit $code
"""


@dataclass(frozen=True)
class Scene:
    """A command that writes to a disk.

    Attributes:
        name: What it is called.
        arguments: Its arguments; DISK stands for the disk.
        sizes: Kilobytes of the disk that are left to it, each a full disk of its own.
        prepare: Puts onto the disk what is there before, which has to stay.
    """

    name: str
    arguments: Sequence[str]
    sizes: tuple[int, ...]
    prepare: Callable[[Path], None] = lambda folder: None


def attacks(folder: Path, count: int, seed: int) -> Iterator[Outcome]:
    """Fill disks under commands.

    Args:
        folder: An empty folder.
        count: How many disks.
        seed: Of their sizes, beyond those that are always tried.
    """
    scenes = _scenes(folder)
    draw = random.Random(seed)
    planned = [(scene, size) for scene in scenes for size in scene.sizes]
    while len(planned) < count:
        scene = draw.choice(scenes)
        planned.append((scene, draw.randint(1, 2 * max(scene.sizes))))
    for number, (scene, size) in enumerate(planned):
        yield _on_full_disk(scene, size, made(folder / f"disk_{number}"))


def _scenes(folder: Path) -> list[Scene]:
    flags = small_clip_flags()
    with kept_off_terminal(folder / "preparing.log"):
        settings = resumable_settings(REAL_CLIPS, flags, made(folder / "resumable"))
    undisturbed = undisturbed_training(settings, made(folder / "undisturbed"))
    checkpoint, model = undisturbed.checkpoints.best_file, folder / "fcn4.onnx"
    export = ["export", "--file_format", "ONNX", "--checkpoint", str(checkpoint), "--output"]
    command = [sys.executable, "-m", "fcn4_dist", *export, str(model)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    own = flags | {"audio_path": str(REAL_CLIPS), "processes": "2", "info_path": "DISK"}
    own |= {"npy_path": "DISK/npy", "mr_path": "DISK/shards"}
    trained = scored_flags(settings, undisturbed) | {"width": "0.05", "epoch_size": "3"}
    trained |= {"checkpoint_path": "DISK/weight", "run_dir": "DISK/run", "save_step": "2"}
    elsewhere = trained | {"checkpoint_path": "ELSEWHERE/weight"}
    launch = ["launch", "--device_num", "2"]
    size = checkpoint.stat().st_size // 1024
    return [
        Scene("train", ["train", *words(trained)], (size + 200, 3 * size + 40)),
        Scene("train of 2 workers", [*launch, "train", *words(trained)], (2 * size + 100,)),
        Scene("metrics of a training", ["train", *words(elsewhere)], (4, 24, 32)),
        Scene("eval", ["eval", *words(scored_flags(settings, undisturbed, "DISK"))], (8, 16)),
        Scene(
            "report",
            ["report", "DISK/run"],
            (4, 150),
            lambda disk: _with_page(write_run(disk / "run") / "report.html"),
        ),
        Scene(
            "tag",
            ["tag", str(SONG), "--model", str(model), "--html", "DISK/a.html"],
            (4, 50),
            lambda disk: _with_page(disk / "a.html"),
        ),
        Scene("export", [*export, "DISK/m.onnx"], (4, model.stat().st_size * 3 // 2048)),
        Scene("preprocess", ["preprocess", *words(own)], (100,)),
    ]


def _with_page(path: Path) -> None:
    path.write_text("<!DOCTYPE html>what was there before\n")


def _on_full_disk(scene: Scene, size: int, folder: Path) -> Outcome:
    attack = f"{scene.name} on a disk with {size} kB left"
    disk, template, after = (made(folder / name) for name in ("disk", "template", "after"))
    scene.prepare(template)
    before = digests_of(template, ("**/*",))
    blocks = sum(-(-path.stat().st_size // 4096) + 1 for path in template.rglob("*"))
    places = {"DISK": str(disk), "ELSEWHERE": str(folder / "elsewhere")}
    arguments = list(scene.arguments)
    for name, place in places.items():
        arguments = [word.replace(name, place) for word in arguments]
    printed = folder / "printed"
    command = ["bash", "-c", ENTER, "disk", str(disk), f"{4 * blocks + size}k"]
    command += [str(template), str(after), str(printed)]
    alone = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "-rm"]
    try:
        done = subprocess.run(
            [*alone, *command, sys.executable, "-m", "fcn4_dist", *arguments],
            capture_output=True,
            text=True,
            timeout=SECONDS_OF_A_COMMAND,
        )
    except subprocess.TimeoutExpired:
        return Outcome(attack, HANG, printed.read_text())
    output = printed.read_text() if printed.exists() else done.stderr
    if "Traceback" in output:
        return Outcome(attack, TRACEBACK, output)
    found = digests_of(after, ("**/*",))
    if done.returncode == 0:
        return Outcome(attack, UNHARMED, "there was room")
    if lost := [name for name, digest in before.items() if found.get(name) != digest]:
        return Outcome(attack, LOST, ", ".join(lost))
    if left := [str(path.name) for path in after.rglob("*.tmp")]:
        return Outcome(attack, SILENT_WRONG, f"left behind: {', '.join(left)}")
    for checkpoint in after.rglob("*.ckpt"):
        verify = ["checkpoints", "verify", str(checkpoint.parent)]
        command = [sys.executable, "-m", "fcn4_dist", *verify]
        if subprocess.run(command, capture_output=True).returncode:
            return Outcome(attack, LOST, f"{checkpoint.name} is not whole")
        break
    told = [line for line in output.splitlines() if "left" in line and "make room" in line]
    if not told or str(disk) not in told[0]:
        return Outcome(attack, SILENT_WRONG, f"not told of the disk: {output}")
    shutil.rmtree(after)
    return Outcome(attack, REFUSED, told[0])
