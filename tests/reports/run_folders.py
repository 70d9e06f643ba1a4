"""Folders as train and eval leave them, written by hand."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fcn4_dist.config import Settings
from fcn4_dist.evaluation import Predictions, write_predictions

GENRES = (
    *("blues", "classical", "country", "disco", "hiphop"),
    *("jazz", "metal", "pop", "reggae", "rock"),
)
STEPS_PER_EPOCH = 20


def write_description(
    folder: Path,
    *,
    command: str = "train",
    settings: dict[str, Any] | None = None,
    class_names: Sequence[str] = GENRES,
    skipped: Sequence[tuple[str, str, str]] = (),
    **details: Any,
) -> None:
    """Write run.json."""
    folder.mkdir(parents=True, exist_ok=True)
    of_class = dict.fromkeys(class_names, 8)
    size = 8 * len(class_names)
    content = {
        "format": 1,
        "command": command,
        "run_id": "3f2a9c4e",
        "started": "2026-11-23T02:00:00+00:00",
        "settings": Settings(run_dir=str(folder)).as_dict() | (settings or {}),
        "data": {
            "dataset": "gtzan",
            "split": {"split": "published", "seed": 1},
            "class_names": list(class_names),
            "sets": {
                "train": {"clips": 5 * size, "hours": 3.6917, "by_class": of_class},
                "val": {"clips": size, "hours": 1.6417, "by_class": of_class},
            },
            "skipped": [dict(zip(("id", "path", "reason"), clip, strict=True)) for clip in skipped],
        },
        "world_size": 2,
        "global_batch": 64,
        "steps_per_epoch": STEPS_PER_EPOCH,
        "checkpoint": "",
        "versions": {"fcn4_dist": "0.1.0", "mindspore": "2.8.0", "numpy": "1.26.4"},
        "machine": {
            "system": "Linux-6.1.0-x86_64-with-glibc2.36",
            "processor": "Intel(R) Xeon(R) CPU @ 2.70GHz",
            "cores": 8,
            "memory_gb": 33.7,
            "device": "CPU",
        },
    }
    (folder / "run.json").write_text(json.dumps(content | details))


def step_line(global_step: int, loss: float | None = 0.3, **details: Any) -> str:
    """Give a step's line of metrics.jsonl."""
    epoch, step = divmod(global_step - 1, STEPS_PER_EPOCH)
    content = {
        "kind": "step",
        "epoch": epoch + 1,
        "step": step + 1,
        "global_step": global_step,
        "loss": loss,
        "lr": 0.0005,
        "samples_per_second": None if global_step == 1 else 75.2,
        "waiting_for_data": None if global_step == 1 else 0.03,
        "time": 1795392000.0 + global_step,
    }
    return json.dumps(content | details) + "\n"


def epoch_line(epoch: int, roc_auc: float | None = 0.9, *, best: bool = True) -> str:
    """Give an epoch's line of metrics.jsonl."""
    validation = {} if roc_auc is None else {"roc_auc_macro": roc_auc, "accuracy": 0.7}
    content = {
        "kind": "epoch",
        "epoch": epoch,
        "global_step": epoch * STEPS_PER_EPOCH,
        "loss": 0.31,
        "lr": 0.0005,
        "samples_per_second": 74.1,
        "waiting_for_data": 0.03,
        "seconds": 12.3,
        "validation": validation,
        "best": best,
        "time": 1795392000.0 + epoch * STEPS_PER_EPOCH,
    }
    return json.dumps(content) + "\n"


def write_course(folder: Path, epochs: int = 10, seed: int = 1) -> None:
    """Write metrics.jsonl of a run that was not disturbed."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    lines = []
    for epoch in range(1, epochs + 1):
        for step in range((epoch - 1) * STEPS_PER_EPOCH + 1, epoch * STEPS_PER_EPOCH + 1):
            loss = 0.15 + 0.5 * float(np.exp(-step / 60)) + float(generator.normal(0, 0.02))
            lines.append(step_line(step, loss))
        lines.append(epoch_line(epoch, 0.95 - 0.3 / epoch))
    (folder / "metrics.jsonl").write_text("".join(lines))


def make_predictions(
    class_names: Sequence[str] = GENRES, *, clips: int = 80, labels_each: int = 1, seed: int = 1
) -> Predictions:
    """Give scores that are mostly right; each clip has labels_each of the classes."""
    generator = np.random.default_rng(seed)
    labels = np.zeros((clips, len(class_names)), dtype=np.int32)
    for clip in range(clips):
        for label in range(labels_each):
            labels[clip, (clip + label) % len(class_names)] = 1
    scores = 1 / (1 + np.exp(2 - 3 * labels - generator.normal(0, 1.2, labels.shape)))
    names = [class_names[clip % len(class_names)] for clip in range(clips)]
    ids = tuple(f"{name}/{name}.{clip:05}.wav" for clip, name in enumerate(names))
    return Predictions(
        ids, tuple(f"/data/{each}" for each in ids), labels, scores, tuple(class_names)
    )


def write_run(folder: Path, *, seed: int = 1, **details: Any) -> Path:
    """Write everything that a finished training leaves."""
    write_description(folder, **details)
    write_course(folder, seed=seed)
    names = details.get("class_names", GENRES)
    write_predictions(make_predictions(names, seed=seed), folder / "predictions.csv")
    return folder
