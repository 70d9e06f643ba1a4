"""Real training runs that end before their last epoch: by patience, and by diverging."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.config import LoadedSettings, Settings
from fcn4_dist.runs.folder import choose_run_folder, save_settings


@pytest.fixture
def settings(preprocessed: Settings, tmp_path: Path) -> Settings:
    """Settings of a tiny run: 30 epochs of 4 steps of 4 clips."""
    folders = {"checkpoint_path": str(tmp_path / "weight"), "run_dir": str(tmp_path / "run")}
    return replace(
        preprocessed, device_target="CPU", width=0.05, batch_size=4, epoch_size=30, **folders
    )


def run(settings: Settings, *arguments: str) -> "subprocess.CompletedProcess[str]":
    config = save_settings(choose_run_folder(LoadedSettings(settings, {}), "train"))
    command = [sys.executable, "-m", "fcn4_dist", *arguments, "--config", str(config)]
    return subprocess.run(command, capture_output=True, text=True)


def history(settings: Settings) -> list[dict[str, object]]:
    lines = (Path(settings.run_dir) / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_patience_ends_a_run_on_all_workers_and_a_resume_trains_no_further(
    settings: Settings,
) -> None:
    settings = replace(settings, patience=2, batch_size=2)
    ended = run(settings, "launch", "--device_num", "2", "train")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    epochs = [line for line in history(settings) if line["kind"] == "epoch"]
    best = max(epoch["epoch"] for epoch in epochs if epoch["best"])
    assert len(epochs) == best + 2 < 30
    assert "ended early: 2 validations (patience) have not been better" in ended.stdout
    assert f"best epoch: {best} " in ended.stdout.splitlines()[-1]
    resumed = run(settings, "train", "--resume", "auto")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "ended early: 2 validations" in resumed.stdout
    assert f"best epoch: {best} " in resumed.stdout.splitlines()[-1]
    assert [line for line in history(settings) if line["kind"] == "epoch"] == epochs


@pytest.mark.parametrize(
    ("lr", "what"),
    [
        # ReLU turns what is no number into 0: the loss alone would not tell.
        (1e30, r"conv1\.weight is no longer finite"),
        (1e37, r"the loss is (?:nan|inf)"),
    ],
)
def test_a_run_that_diverges_names_the_step_its_clips_and_the_last_good_checkpoint(
    settings: Settings, shards: Path, lr: float, what: str
) -> None:
    diverged = run(replace(settings, lr=lr, save_step=1), "train")
    assert diverged.returncode == 1
    (error,) = [line for line in diverged.stderr.splitlines() if line.startswith("fcn4-dist: ")]
    found = re.search(what + r" at epoch 1, step (\d), a batch of (.*) \(all", error)
    assert found, error
    step, ids = int(found[1]), found[2].split(", ")
    stop = history(settings)[-1]
    assert (stop["kind"], stop["epoch"], stop["step"], stop["ids"]) == ("stopped", 1, step, ids)
    known = {clip["id"] for clip in json.loads((shards / "manifest.json").read_text())["clips"]}
    assert len(set(ids) & known) == 4
    before = CheckpointFolder.from_settings(settings).file(1, step - 1)
    assert f"go on from {before}, the last good one, with --resume" in error


def test_weights_that_are_no_numbers_are_found_before_they_are_validated(
    settings: Settings,
) -> None:
    spoilt = run(replace(settings, lr=1e30), "train")
    assert spoilt.returncode == 1
    assert "conv1.weight is no longer finite at epoch 1, step 4, a batch of " in spoilt.stderr


def test_no_checkpoint_holds_weights_that_are_not_finite(settings: Settings) -> None:
    # Decayed by more than float32 holds.
    spoilt = run(replace(settings, lr=3e38, weight_decay=1.0, save_step=1), "train")
    assert spoilt.returncode == 1
    assert re.search(r" is no longer finite at epoch 1, step 1, a batch of ", spoilt.stderr)
    assert "there is no checkpoint yet" in spoilt.stderr
    assert CheckpointFolder.from_settings(settings).files() == []
