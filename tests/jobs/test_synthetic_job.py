"""The quickstart's job: it learns what there is to learn, and no more."""

import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from fcn4_dist.cli import main

REPOSITORY = Path(__file__).parents[2]
CONFIG = str(REPOSITORY / "configs/quickstart.yaml")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def quickstart() -> str:
    """Run the quickstart twice; give what the second run printed."""
    for _ in range(2):
        result = subprocess.run(
            ["bash", "scripts/quickstart.sh"], cwd=REPOSITORY, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def scores(folder: Path) -> dict[str, float]:
    """The metrics an evaluation wrote."""
    return json.loads((folder / "metrics.json").read_text())


def test_the_quickstart_learns_the_made_genres(quickstart: str) -> None:
    assert scores(REPOSITORY / "quickstart/eval")["roc_auc_macro"] >= 0.90


def test_the_quickstart_prints_each_command_before_it_runs(quickstart: str) -> None:
    commands = [line for line in quickstart.splitlines() if line.startswith("$ ")]
    assert commands == [
        "$ fcn4-dist synth --config configs/quickstart.yaml --clips_per_class 30 "
        "--synth_seconds 10",
        "$ bash scripts/run_preprocess.sh configs/quickstart.yaml",
        "$ bash scripts/run_distribute_train.sh 2 configs/quickstart.yaml "
        "--run_dir quickstart/train",
        "$ bash scripts/run_distribute_eval.sh 2 configs/quickstart.yaml --run_dir quickstart/eval",
        "$ fcn4-dist report quickstart/train --output quickstart/report.html",
    ]


def test_the_quickstart_reuses_its_environment_and_ends_with_scores_and_paths(
    quickstart: str,
) -> None:
    assert "using the environment in .venv" in quickstart
    assert quickstart.index("macro ROC-AUC") < quickstart.index("quickstart/eval/predictions.csv")


def test_with_shuffled_labels_the_same_job_scores_like_chance(
    quickstart: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shuffle_clips_among_classes(REPOSITORY / "quickstart/genres_original", tmp_path / "clips")
    monkeypatch.chdir(tmp_path)
    paths = {
        "audio_path": "clips",
        "info_path": ".",
        "npy_path": "npy",
        "mr_path": "mindrecord",
        "checkpoint_path": "weight",
    }
    flags = ["--config", CONFIG]
    flags += [word for name, value in paths.items() for word in (f"--{name}", value)]
    assert main(["preprocess", *flags]) == 0
    assert main(["launch", "--device_num", "2", "train", *flags, "--run_dir", "train"]) == 0
    assert main(["launch", "--device_num", "2", "eval", *flags, "--run_dir", "eval"]) == 0
    # Sixty clips leave the mean of ten classes' AUC a standard deviation of about 0.04.
    assert 0.36 < scores(tmp_path / "eval")["roc_auc_macro"] < 0.64


def shuffle_clips_among_classes(source: Path, target: Path) -> None:
    clips = sorted(source.glob("*/*.wav"))
    folders = [clip.parent.name for clip in clips]
    random.Random(1).shuffle(folders)
    for clip, folder in zip(clips, folders, strict=True):
        (target / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(clip, target / folder)
