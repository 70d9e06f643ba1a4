"""What each part of the recipe does for the scores of a small collection, cross-validated.

Usage: python benchmarks/recipe.py AUDIO_PATH [--variants plain,mixup,...] [--work FOLDER]
           [--width 0.25] [--epochs 20] [--folds 1,2,3,4,5] [--seeds 1,2,3]

AUDIO_PATH holds ESC-10, a folder for each class; the digit before the first "-" of a file's name
is its fold. Each variant is trained on the other folds, by one CPU worker on one core (as many at
once as there are cores), for equally many epochs of equally many clips, and scored once, after its
last epoch. Every finished training is kept in FOLDER/results.jsonl and is not run again, so that
the command can be interrupted. Prints the mean over folds and seeds, the spread over seeds, the
difference from the first variant with its standard error over pairs of equal fold and seed, and
the processor time of a training.
"""

import argparse
import json
import os
import queue
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from fcn4_dist.processes import usable_cores
from fcn4_dist.terminal import say, table
from fcn4_dist.versions import package_versions

VARIANTS = {
    "plain": "",
    "warm-up + cosine": "--warmup_epochs 2 --lr_schedule cosine",
    "weight decay": "--weight_decay 0.05",
    "time shift": "--time_shift 2.5",
    "crop": "--clip_seconds 5 --window_seconds 4",
    "SpecAugment": "--freq_mask 12 --time_mask 0.6",
    "mixup": "--mixup 0.3",
    "label smoothing": "--label_smoothing 0.1",
    "EMA": "--ema_decay 0.98",
    "all that help": "--warmup_epochs 2 --lr_schedule cosine --weight_decay 0.05 --time_shift 2.5 "
    "--ema_decay 0.98",
    "crop for time shift": "--warmup_epochs 2 --lr_schedule cosine --weight_decay 0.05 "
    "--clip_seconds 5 --window_seconds 4 --ema_decay 0.98",
    "batch of 16": "--batch_size 16",
    "recipe": "--warmup_epochs 2 --lr_schedule cosine --weight_decay 0.05 --clip_seconds 5 "
    "--window_seconds 4 --ema_decay 0.98 --batch_size 16",
}


@dataclass(frozen=True)
class Training:
    """One training, and where it belongs."""

    variant: str
    flags: str
    fold: int
    seed: int
    width: float
    epochs: int


def main() -> None:
    options = _options()
    work = Path(options.work)
    work.mkdir(parents=True, exist_ok=True)
    results = _read(work / "results.jsonl")
    trainings = list(_planned(options))
    missing = [training for training in trainings if training not in results]
    for fold in sorted({training.fold for training in missing}):
        _preprocess(options.audio_path, work, fold)
    cores: queue.Queue[int] = queue.Queue()
    for core in sorted(os.sched_getaffinity(0)):
        cores.put(core)
    with ThreadPoolExecutor(usable_cores()) as pool, (work / "results.jsonl").open("a") as file:
        done = pool.map(lambda training: _train(training, options, work, cores), missing)
        for number, (training, result) in enumerate(zip(missing, done, strict=True), start=1):
            results[training] = result
            file.write(json.dumps({"training": asdict(training), "result": result}) + "\n")
            file.flush()
            say(f"{number}/{len(missing)}  {training}  {result}")
    _print(trainings, results)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("audio_path")
    parser.add_argument("--variants", default=",".join(VARIANTS))
    parser.add_argument("--work", default="runs/recipe")
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--folds", default="1,2,3,4,5")
    parser.add_argument("--seeds", default="1,2,3")
    return parser.parse_args()


def _planned(options: argparse.Namespace) -> Iterator[Training]:
    seeds, folds = (
        [int(each) for each in text.split(",")] for text in (options.seeds, options.folds)
    )
    for seed, variant, fold in product(seeds, options.variants.split(","), folds):
        yield Training(variant, VARIANTS[variant], fold, seed, options.width, options.epochs)


def _read(path: Path) -> dict[Training, dict[str, float]]:
    lines = path.read_text().splitlines() if path.exists() else []
    read = [json.loads(line) for line in lines]
    return {Training(**each["training"]): each["result"] for each in read}


def _preprocess(audio_path: str, work: Path, fold: int) -> None:
    shards = work / f"fold-{fold}"
    if (shards / "manifest.json").exists():
        return
    flags = {
        "audio_path": audio_path,
        "window_seconds": 5,
        "val_pattern": f"*/{fold}-*",
        "info_path": work,
        "npy_path": work / "npy",
        "mr_path": shards,
    }
    _run("preprocess", flags, work / f"preprocess-{fold}.log")


def _train(
    training: Training, options: argparse.Namespace, work: Path, cores: "queue.Queue[int]"
) -> dict[str, float]:
    name = training.variant.replace(" ", "_")
    place = f"{name}-width{training.width:g}-{training.epochs}-fold{training.fold}"
    folder = work / "trainings" / f"{place}-seed{training.seed}"
    # One that was interrupted is not gone on with.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    flags = {
        "window_seconds": 5,
        "mr_path": work / f"fold-{training.fold}",
        "device_target": "CPU",
        "width": training.width,
        "seed": training.seed,
        "epoch_size": training.epochs,
        "val_interval": training.epochs,
        "keep_checkpoint_max": 1,
        "checkpoint_path": folder / "weight",
        "run_dir": folder,
    }
    core = cores.get()
    try:
        seconds = _run("train", flags, folder / "log.txt", training.flags.split(), core)
    finally:
        cores.put(core)
    for checkpoint in (folder / "weight").iterdir():
        checkpoint.unlink()
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    scores = json.loads(lines[-1])["validation"]
    return {name: scores[name] for name in ("roc_auc_macro", "accuracy")} | {"cpu_seconds": seconds}


def _run(
    command: str,
    flags: dict[str, object],
    log: Path,
    further: list[str] | None = None,
    core: int | None = None,
) -> float:
    """Run a command to its end, on one core if it is named; give its processor time."""
    arguments = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "fcn4_dist", command, *arguments, *(further or [])],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),
        )
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command} failed:\n{log.read_text()[-2000:]}")
    return round(usage.ru_utime + usage.ru_stime, 1)


def _print(trainings: list[Training], results: dict[Training, dict[str, float]]) -> None:
    names = list(dict.fromkeys(training.variant for training in trainings))
    rows = [["variant", "flags", "accuracy", "ROC-AUC", "accuracy - first", "CPU s"]]
    for name in names:
        own = [training for training in trainings if training.variant == name]
        rows.append([name, own[0].flags or "(documented)", *_figures(own, trainings, results)])
    say(table(rows))
    versions = ", ".join(f"{k} {v}" for k, v in package_versions("mindspore", "numpy").items())
    total = sum(results[training]["cpu_seconds"] for training in trainings)
    say(f"{len(trainings)} trainings, {total / 3600:.1f} hours of one core; {versions}")


def _figures(
    own: list[Training], trainings: list[Training], results: dict[Training, dict[str, float]]
) -> list[str]:
    first = {
        (each.fold, each.seed): results[each]["accuracy"]
        for each in trainings
        if each.variant == trainings[0].variant
    }
    texts = []
    for metric in ("accuracy", "roc_auc_macro"):
        values = [results[training][metric] for training in own]
        by_seed = [
            statistics.mean(results[each][metric] for each in own if each.seed == seed)
            for seed in sorted({each.seed for each in own})
        ]
        spread = f" ± {statistics.stdev(by_seed):.4f}" if len(by_seed) > 1 else ""
        texts.append(f"{statistics.mean(values):.4f}{spread}")
    pairs = [results[each]["accuracy"] - first[each.fold, each.seed] for each in own]
    error = statistics.stdev(pairs) / len(pairs) ** 0.5 if len(pairs) > 1 else 0.0
    seconds = statistics.median(results[training]["cpu_seconds"] for training in own)
    return [*texts, f"{statistics.mean(pairs):+.4f} ± {error:.4f}", f"{seconds:.0f}"]


if __name__ == "__main__":
    main()
