"""The whole job on real clips: preprocess, two workers train, one to four workers score."""

import csv
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from fcn4_dist.checkpoints.content import read_checkpoint
from fcn4_dist.cli import main
from fcn4_dist.config import load_settings
from fcn4_dist.evaluation import compute_metrics, read_predictions
from fcn4_dist.log import as_shown
from fcn4_dist.runs.folder import choose_run_folder

CLASSES = ["dog_bark", "rain", "rooster"]
# 21 clips of 1.5 s: 13 for training, 8 for validation. A batch size of 3 gives 3 batches, which
# neither 2 workers nor the number of clips divides. A clip has two windows, which overlap.
SETTINGS = """
num_classes: 3
window_seconds: 1.3
clip_seconds: 1.5
hop_length: 96
val_ratio: 0.36
width: 0.05
device_target: CPU
batch_size: 3
epoch_size: 2
save_step: 1
num_consumer: 3
audio_path: clips
info_path: data
npy_path: data/npy
mr_path: data/mindrecord
checkpoint_path: weight
"""


@dataclass(frozen=True)
class Job:
    """A finished job.

    Attributes:
        folder: Where it was started, with its audio.
        training_output: What the two-worker training printed.
        left: Names of what lay in the folder at its end.
        modes: What each file or folder that it made lets whom do, under an umask of 0002.
    """

    folder: Path
    training_output: str
    left: frozenset[str]
    modes: dict[Path, str]

    def predictions(self, run: str, of: str = "predictions") -> bytes:
        """The predictions file of an evaluation, of clips or of windows."""
        return (self.folder / "runs" / run / f"{of}.csv").read_bytes()


@pytest.fixture(scope="module")
def job(real_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Job:
    folder = tmp_path_factory.mktemp("job")
    shutil.copytree(real_clips, folder / "clips")
    (folder / "job.yaml").write_text(SETTINGS)
    umask = os.umask(0o002)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        config = ["--config", "job.yaml"]
        assert main(["preprocess", *config]) == 0
        assert main(["launch", "--device_num", "2", "train", *config, "--run_dir", "runs/t2"]) == 0
        for ranks in (1, 2, 3):
            evaluate(ranks)
        assert main(["report", "runs/t2", "runs/e1", "--output", "runs/report.html"]) == 0
    os.umask(umask)
    made = [path for name in ("data", "runs", "weight") for path in (folder / name).rglob("*")]
    modes = {path: stat.filemode(path.stat().st_mode) for path in made}
    left = frozenset(path.name for path in folder.iterdir())
    lines = (folder / "runs/t2/rank_0.log").read_text().splitlines()
    return Job(folder, "\n".join(map(as_shown, lines)), left, modes)


def evaluate(ranks: int) -> None:
    """Score the validation set on some workers."""
    evaluation = ["eval", "--config", "job.yaml", "--run_dir", f"runs/e{ranks}"]
    assert main(["launch", "--device_num", str(ranks), *evaluation]) == 0


def checkpoints_in(folder: Path) -> list[str]:
    """Names of the checkpoints of steps in a folder."""
    return sorted(path.name for path in folder.glob("*-*_*.ckpt"))


def run_alone(job: Job, *arguments: str) -> str:
    """Run a command in a process of its own: a device is set up once in a process."""
    result = subprocess.run(
        [sys.executable, "-m", "fcn4_dist", *arguments],
        cwd=job.folder,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.parametrize("of", ["predictions", "window_predictions"])
def test_predictions_are_equal_to_the_last_bit_on_one_to_three_workers(job: Job, of: str) -> None:
    assert len({job.predictions(f"e{ranks}", of) for ranks in (1, 2, 3)}) == 1


@pytest.mark.slow
def test_predictions_are_equal_to_the_last_bit_on_four_workers(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(job.folder)
    evaluate(4)
    for of in ("predictions", "window_predictions"):
        assert job.predictions("e4", of) == job.predictions("e1", of)


def test_a_clips_score_is_the_mean_of_its_windows(job: Job) -> None:
    clips = list(csv.DictReader(job.predictions("e2").decode().splitlines()))
    windows = list(
        csv.DictReader(job.predictions("e2", "window_predictions").decode().splitlines())
    )
    assert len(windows) == 2 * len(clips) == 16
    for clip, first, second in zip(clips, windows[::2], windows[1::2], strict=True):
        assert (first["id"], second["id"]) == (f"{clip['id']}@0.00", f"{clip['id']}@0.20")
        assert first["labels"] == second["labels"] == clip["labels"]
        for name in CLASSES:
            mean = (float(first[name]) + float(second[name])) / 2
            assert float(clip[name]) == pytest.approx(mean, rel=1e-15)
            assert first[name] != second[name]


def test_windows_have_metrics_of_their_own(job: Job) -> None:
    rows = csv.DictReader(job.predictions("e2", "window_predictions").decode().splitlines())
    correct = [max(CLASSES, key=lambda name: float(row[name])) == row["labels"] for row in rows]
    metrics = json.loads((job.folder / "runs/e2/metrics.json").read_text())
    assert metrics["windows"]["windows"] == 16
    assert metrics["windows"]["accuracy"] == np.mean(correct)


def test_a_run_leaves_what_it_was_and_what_happened(job: Job) -> None:
    folder = job.folder / "runs/t2"
    run = json.loads((folder / "run.json").read_text())
    assert (run["command"], run["world_size"], run["global_batch"]) == ("train", 2, 6)
    assert run["data"]["sets"]["val"]["clips"] == 8
    assert sum(run["data"]["sets"]["train"]["by_class"].values()) == 13
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["step", "step", "epoch"] * 2
    assert lines[2]["loss"] == pytest.approx((lines[0]["loss"] + lines[1]["loss"]) / 2)
    assert list((folder / "tensorboard").iterdir())
    best = max((line for line in lines if line["kind"] == "epoch"), key=_validation_auc)
    predictions = read_predictions(folder / "predictions.csv")
    metrics = compute_metrics(predictions.labels, predictions.scores, predictions.class_names)
    assert metrics.roc_auc_macro == _validation_auc(best)


def test_nothing_is_left_where_the_user_stands_but_what_was_asked_for(job: Job) -> None:
    assert job.left == {"clips", "data", "job.yaml", "runs", "weight"}
    assert {path.name for path in (job.folder / "runs/t2").iterdir()} == {
        "command.txt",
        "metrics.jsonl",
        "msrun.log",
        "predictions.csv",
        "rank_0.log",
        "rank_1.log",
        "run.json",
        "scheduler.log",
        "settings.yaml",
        "tensorboard",
    }


def test_everything_that_a_job_makes_is_open_to_those_to_whom_the_umask_opens_it(job: Job) -> None:
    assert len(job.modes) > 70
    closed = {
        path for path, mode in job.modes.items() if mode[1:] not in ("rw-rw-r--", "rwxrwxr-x")
    }
    assert not closed


def _validation_auc(line: dict[str, Any]) -> float:
    return line["validation"]["roc_auc_macro"]


def test_the_last_line_of_a_training_names_the_best_epoch_and_its_scores(job: Job) -> None:
    # MindSpore's own lines, which the terminal does not show, begin with a bracket.
    last = [line for line in job.training_output.splitlines() if line[:1] != "["][-1]
    assert re.match(r"best epoch: [12] \(.*MusicTagger-best.ckpt\), macro ROC-AUC 0\.\d{4}, ", last)


def test_every_validation_clip_is_scored_exactly_once(job: Job) -> None:
    manifest = json.loads((job.folder / "data/mindrecord/manifest.json").read_text())
    expected = [clip["id"] for clip in manifest["clips"] if clip["set"] == "val"]
    rows = list(csv.DictReader(job.predictions("e3").decode().splitlines()))
    assert len(expected) == 8
    assert [row["id"] for row in rows] == expected


def test_the_metrics_are_scikit_learns_of_the_predictions_file(job: Job) -> None:
    rows = list(csv.DictReader(job.predictions("e2").decode().splitlines()))
    scores = np.array([[float(row[name]) for name in CLASSES] for row in rows])
    labels = np.array([CLASSES.index(row["labels"]) for row in rows])
    metrics = json.loads((job.folder / "runs/e2/metrics.json").read_text())
    one_hot = np.eye(3)[labels]
    assert metrics["roc_auc_macro"] == pytest.approx(
        roc_auc_score(one_hot, scores, average="macro"), abs=1e-12
    )
    assert metrics["accuracy"] == accuracy_score(labels, scores.argmax(axis=1))
    assert metrics["clips"] == 8


def test_scores_say_what_they_were_computed_in(job: Job) -> None:
    metrics = json.loads((job.folder / "runs/e2/metrics.json").read_text())
    told = {name: metrics[name] for name in ("device", "precision", "repeatable")}
    assert told == {"device": "CPU", "precision": "float32", "repeatable": True}


def test_checkpoints_are_named_by_epoch_and_step_and_carry_what_evaluation_needs(job: Job) -> None:
    names = checkpoints_in(job.folder / "weight")
    assert names == [f"MusicTagger-{epoch}_{step}.ckpt" for epoch in (1, 2) for step in (1, 2)]
    description = read_checkpoint(job.folder / "weight" / names[-1]).description
    assert description is not None
    assert description.class_names == tuple(CLASSES)
    assert (description.epoch, description.step, description.global_step) == (2, 2, 4)
    assert description.global_batch == 6
    assert description.parameters.hop_length == 96


def test_training_says_what_it_does_before_the_silence_of_compiling(job: Job) -> None:
    output = job.training_output
    assert "training 13 clips, CPU workers: 2; 2 epochs of 2 steps of 6 clips" in output
    assert "1 clip is left out of each epoch" in output
    assert "warning: only 2 steps an epoch" in output
    end_of_first_epoch = output.index("training: 2/4 steps  epoch 1/2  step 2/2  mean loss ")
    assert output.index("compiling the training step") < end_of_first_epoch
    assert re.search(r"samples/s  \d+% waiting for data  left 0:0", output[end_of_first_epoch:])


def test_the_resolved_settings_lie_beside_every_result(job: Job) -> None:
    for folder in ("runs/t2", "runs/e1", "runs/e3"):
        text = (job.folder / folder / "settings.yaml").read_text()
        assert "batch_size: 3  " in text
        assert "# job.yaml, line 9" in text
    assert (job.folder / "data/mindrecord/preprocess_settings.yaml").exists()
    assert (job.folder / "data/npy/preprocess_settings.yaml").exists()


def test_one_worker_alone_runs_the_same_commands(job: Job) -> None:
    config = ["--config", "job.yaml", "--checkpoint_path", "alone", "--prefix", "Alone"]
    run_alone(job, "train", *config, "--save_step", "3", "--run_dir", "runs/t1")
    assert checkpoints_in(job.folder / "alone") == [
        "Alone-1_3.ckpt",
        "Alone-1_4.ckpt",
        "Alone-2_2.ckpt",
        "Alone-2_4.ckpt",
    ]
    named = ["--model_name", "Alone-1_3.ckpt", "--run_dir", "runs/e_alone"]
    output = run_alone(job, "eval", *config, *named)
    assert "Alone-1_3.ckpt (epoch 1, step 3)" in output
    assert "macro ROC-AUC" in output


def test_a_global_batch_and_its_statistics_are_the_same_on_one_worker_and_on_two(
    job: Job,
) -> None:
    flags = ["--config", "job.yaml", "--batch_size", "6", "--epoch_size", "1"]
    run_alone(job, "train", *flags, "--checkpoint_path", "one", "--run_dir", "runs/one")
    one = read_checkpoint(job.folder / "one/MusicTagger-1_1.ckpt").values
    two = read_checkpoint(job.folder / "weight/MusicTagger-1_1.ckpt").values
    # The first layer sees the clips alone, so its mean over a global batch is that of the shares;
    # later layers see what each rank's own batch-norm made of them.
    np.testing.assert_allclose(one["bn1.moving_mean"], two["bn1.moving_mean"], rtol=1e-4, atol=1e-4)
    assert not np.allclose(two["bn1.moving_mean"], 0, atol=1e-2)


def test_training_goes_on_from_pre_trained_weights(job: Job) -> None:
    shutil.copytree(job.folder / "weight", job.folder / "from_weights")
    arguments = ["--config", "job.yaml", "--checkpoint_path", "from_weights", "--pre_trained", "1"]
    arguments += ["--model_name", "MusicTagger-2_2.ckpt", "--lr", "1e-12", "--epoch_size", "1"]
    # Keeping one checkpoint of this run must not cost what was there before.
    arguments += ["--keep_checkpoint_max", "1", "--save_step", "3"]
    before = read_checkpoint(job.folder / "weight/MusicTagger-2_2.ckpt").values
    output = run_alone(job, "train", *arguments, "--run_dir", "runs/pre_trained")
    assert "weights from" in output
    assert "from_weights holds 4 checkpoints of an earlier run; they stay" in output
    assert checkpoints_in(job.folder / "from_weights") == [
        "MusicTagger-1_1.ckpt",
        "MusicTagger-1_2.ckpt",
        "MusicTagger-1_4.ckpt",
        "MusicTagger-2_1.ckpt",
        "MusicTagger-2_2.ckpt",
    ]
    after = read_checkpoint(job.folder / "from_weights/MusicTagger-1_4.ckpt").values
    np.testing.assert_allclose(after["conv4.weight"], before["conv4.weight"], atol=1e-8)


@pytest.mark.parametrize(
    ("command", "flags", "sentence"),
    [
        ("train", ["--hop_length", "256"], "hop_length 96 instead of 256; give --hop_length 96"),
        ("eval", ["--model_name", "MusicTagger-9_9.ckpt"], "holds MusicTagger-1_1.ckpt, Music"),
        ("train", ["--checkpoint_path", "job.yaml"], "checkpoint_path job.yaml cannot be written"),
    ],
)
def test_one_worker_alone_refuses_what_a_launch_refuses_before_work(
    job: Job,
    command: str,
    flags: list[str],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(job.folder)
    assert main([command, "--config", "job.yaml", *flags]) == 2
    assert sentence in capsys.readouterr().err


def test_a_damaged_checkpoint_ends_an_evaluation_before_it_starts(
    job: Job, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(job.folder)
    Path("broken").mkdir()
    Path("broken/MusicTagger-1_1.ckpt").write_bytes(b"cut off")
    flags = ["--config", "job.yaml", "--checkpoint_path", "broken", "--run_dir", "runs/broken"]
    assert main(["launch", "--device_num", "2", "eval", *flags]) == 2
    assert "the folder holds MusicTagger-1_1.ckpt, none of them whole" in capfd.readouterr().err
    flags += ["--model_name", "MusicTagger-1_1.ckpt"]
    assert main(["launch", "--device_num", "2", "eval", *flags]) == 2
    assert "MusicTagger-1_1.ckpt cannot be used as a checkpoint: it" in capfd.readouterr().err
    assert not Path("runs/broken").exists()


def test_preprocessing_that_cannot_succeed_leaves_the_shards_that_are_there(
    job: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(job.folder)
    shutil.copytree("data", "second")
    before = {path: path.read_bytes() for path in Path("second/mindrecord").iterdir()}
    next(Path("second/npy").rglob("*.npy")).unlink()
    paths = ["--npy_path", "second/npy", "--mr_path", "second/mindrecord"]
    assert main(["preprocess", "--config", "job.yaml", "--get_npy", "0", *paths]) == 2
    assert "cannot read the feature" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in Path("second/mindrecord").iterdir()} == before


def test_two_jobs_of_one_second_have_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = load_settings()
    folders = {choose_run_folder(loaded, "train").settings.run_dir for _ in range(5)}
    assert len(folders) == 5
    assert all(Path(folder).is_dir() for folder in folders)


def test_windows_too_short_for_the_pools_are_refused_when_preprocessing(
    job: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(job.folder)
    assert main(["preprocess", "--config", "job.yaml", "--hop_length", "256"]) == 2
    assert "a window of 61 frames is too short for FCN-4" in capsys.readouterr().err


def test_ctrl_c_in_training_on_one_worker_ends_with_a_word_and_exit_code_130(job: Job) -> None:
    command = [sys.executable, "-m", "fcn4_dist", "train", "--config", "job.yaml"]
    command += ["--epoch_size", "100000", "--save_step", "100000", "--checkpoint_path", "stopped"]
    training = subprocess.Popen(
        command, cwd=job.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert training.stdout is not None
    assert any("training: " in line for line in iter(training.stdout.readline, ""))
    training.send_signal(signal.SIGINT)
    _, errors = training.communicate(timeout=60)
    assert training.returncode == 130
    assert errors.endswith("fcn4-dist: interrupted\n")
