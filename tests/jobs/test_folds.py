"""The commands folds and cross-validate."""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from sklearn.metrics import accuracy_score

from fcn4_dist import documents
from fcn4_dist.cli import main
from fcn4_dist.config import Settings, load_settings
from fcn4_dist.evaluation import read_predictions, write_predictions
from fcn4_dist.runs.cross_validation import CrossValidationRecord
from tests.evaluation.test_folds import predictions, write
from tests.jobs.recorded_training import wait_until

SETTINGS = """
num_classes: 3
window_seconds: 1.5
hop_length: 96
num_consumer: 1
processes: 1
device_target: CPU
width: 0.05
batch_size: 2
epoch_size: 2
folds: 2
"""


def test_folds_are_shown_each_by_itself_their_mean_and_spread_and_all_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [str(folder) for folder in write(tmp_path, predictions(1), predictions(2))]
    assert main(["folds", *folders, "--output", str(tmp_path / "all")]) == 0
    title, *lines = capsys.readouterr().out.splitlines()
    assert title == "Scores of 2 folds:"
    assert lines[0].split()[:4] == ["fold", "clips", "macro", "ROC-AUC"]
    assert [line.split()[:2] for line in lines[2:4]] == [["fold-1", "12"], ["fold-2", "12"]]
    assert lines[4].startswith("mean ± standard deviation  ")
    assert any(line.startswith("macro ROC-AUC ") and "clips 24" in line for line in lines)
    metrics = json.loads((tmp_path / "all/metrics.json").read_text())
    assert [fold["folder"] for fold in metrics["folds"]] == folders
    pooled = read_predictions(tmp_path / "all/predictions.csv")
    assert len(pooled.ids) == metrics["clips"] == 24
    assert metrics["mean"]["accuracy"] == pytest.approx(
        np.mean([fold["accuracy"] for fold in metrics["folds"]])
    )


def test_nothing_is_written_unless_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [str(folder) for folder in write(tmp_path / "folds", predictions(1), predictions(2))]
    monkeypatch.chdir(tmp_path)
    assert main(["folds", *folders]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["folds"]


def cross_validation(folder: Path, noise: float = 0.0, clips: int = 12, **settings: Any) -> str:
    """The folder of a finished cross-validation of three folds."""
    for fold in (1, 2, 3):
        found = predictions(fold, clips)
        added = noise * np.random.default_rng(fold).random(found.scores.shape)
        scores = np.clip(found.scores + added, 0, 1)
        write_predictions(
            replace(found, scores=scores), folder / f"fold-{fold}/eval/predictions.csv"
        )
    begun = Settings(folds=3, run_dir=str(folder)).as_dict() | {"device_num": None} | settings
    documents.write(folder / "cross_validation.json", CrossValidationRecord(begun))
    return str(folder)


def test_a_cross_validation_is_named_by_its_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = cross_validation(tmp_path / "cv")
    assert main(["folds", *(f"{folder}/fold-{fold}/eval" for fold in (1, 2, 3))]) == 0
    by_folds = capsys.readouterr().out
    assert main(["folds", folder]) == 0
    assert capsys.readouterr().out == by_folds
    assert [line.split()[0] for line in by_folds.splitlines()[3:6]] == [
        "fold-1",
        "fold-2",
        "fold-3",
    ]


def test_cross_validations_are_compared_with_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = (
        cross_validation(tmp_path / name, noise, lr=lr, processes=processes)
        for name, noise, lr, processes in (("plain", 0, 0.0005, 0), ("noisy", 0.4, 0.001, 4))
    )
    assert main(["folds", one, two]) == 0
    text = capsys.readouterr().out
    tables = [each.splitlines() for each in text.split("\n\n")]
    titles = [lines[0] for lines in tables]
    assert titles[:5] == [
        "Settings that differ:",
        "Mean ± standard deviation of 3 folds, mean difference [95% interval]:",
        "All 36 clips together [95% interval]:",
        "macro ROC-AUC of each fold:",
        "accuracy of each fold:",
    ]
    assert [line.split() for line in tables[0][1::2]] == [
        ["setting", "plain", "noisy"],
        ["lr", "0.0005", "0.001"],
    ]
    for lines in tables[1:5]:
        assert lines[1].endswith("noisy - plain")
    assert [line.split()[0] for line in tables[3][3:]] == ["fold-1", "fold-2", "fold-3"]
    assert "corrected for training sets that overlap" in titles[5]
    assert "and wide, as 3 folds are few" in titles[5]
    assert main(["folds", one, two, "--format", "CSV"]) == 0
    data = capsys.readouterr().out
    rows = list(csv.DictReader(io.StringIO(data)))
    assert [(row["cross_validation"], row["minus"], row["row"]) for row in rows] == [
        *(("plain", "", row) for row in ("fold", "fold", "fold", "mean", "all_clips")),
        *(("noisy", "", row) for row in ("fold", "fold", "fold", "mean", "all_clips")),
        ("noisy", "plain", "mean"),
        ("noisy", "plain", "all_clips"),
    ]
    means = [float(row["accuracy"]) for row in rows if row["row"] == "mean"]
    assert means[2] == pytest.approx(means[1] - means[0])
    assert float(rows[10]["accuracy_lower"]) < means[2] < float(rows[10]["accuracy_upper"])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda cv: shutil.rmtree(cv / "fold-2/eval"),
            "fold 2 of 3 in {cv} is not scored: let its cross-validate go on",
        ),
        (lambda cv: shutil.rmtree(cv / "fold-3"), "fold 3 of 3 in {cv} is not scored"),
        (lambda cv: (cv / "cross_validation.json").write_text("{"), "{cv}/cross_validation.json"),
    ],
)
def test_a_cross_validation_that_is_not_whole_is_refused(
    tmp_path: Path, change: Callable[[Path], object], sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    one, two = (cross_validation(tmp_path / name) for name in ("one", "two"))
    change(Path(two))
    assert main(["folds", one, two]) == 2
    error = capsys.readouterr().err
    assert sentence.format(cv=two) in error
    assert error.count("\n") == 1


def test_what_cannot_be_paired_is_shown_without_differences(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = cross_validation(tmp_path / "one")
    other = cross_validation(tmp_path / "other", clips=15)
    assert main(["folds", one, other, "--format", "markdown"]) == 0
    shown = capsys.readouterr()
    assert "no differences between other and one: 9 clips were scored in one of them" in shown.err
    assert "warning" not in shown.out
    assert "| accuracy | 0." in shown.out
    assert {line.split("|")[-2].strip() for line in shown.out.splitlines() if "0." in line} == {"—"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["one", "two/fold-1/eval"], "one is a cross-validation and "),
        (["one", "two", "--output", "all"], "--output is for the folds of one cross-validation"),
        (["one", "--format", "word"], "invalid choice: 'word'"),
    ],
)
def test_what_does_not_go_together_is_refused(
    tmp_path: Path, arguments: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        cross_validation(Path(name))
    assert main(["folds", *arguments]) == 2
    assert sentence in capsys.readouterr().err
    assert not Path("all").exists()


def test_a_cross_validation_made_by_hand_has_no_settings_to_show(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = (cross_validation(tmp_path / name) for name in ("one", "two"))
    (tmp_path / "two/cross_validation.json").unlink()
    assert main(["folds", one, two]) == 0
    assert "warning: the settings of two are not known" in capsys.readouterr().out


@pytest.fixture
def command(real_clips: Path, tmp_path: Path) -> list[str]:
    """A cross-validation of two folds of the real clips, by one worker or more."""
    config = tmp_path / "job.yaml"
    folders = {"audio_path": real_clips, "npy_path": tmp_path / "npy", "info_path": tmp_path}
    config.write_text(SETTINGS + "".join(f"{k}: {v}\n" for k, v in folders.items()))
    run_dir = ["--run_dir", str(tmp_path / "cv")]
    return [sys.executable, "-m", "fcn4_dist", "cross-validate", "--config", str(config), *run_dir]


def test_an_output_that_would_replace_a_fold_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [str(folder) for folder in write(tmp_path, predictions(1), predictions(2))]
    before = (tmp_path / "fold-1/predictions.csv").read_bytes()
    assert main(["folds", *folders, "--output", folders[0]]) == 2
    assert "is a fold, whose predictions would be lost" in capsys.readouterr().err
    assert (tmp_path / "fold-1/predictions.csv").read_bytes() == before


def run(command: list[str], *further: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*command, *further], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_every_clip_is_scored_once_by_a_network_that_has_not_seen_it(
    command: list[str], tmp_path: Path
) -> None:
    done = run(command, "--device_num", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    pooled = read_predictions(tmp_path / "cv/predictions.csv")
    assert len(set(pooled.ids)) == len(pooled.ids) == 21
    for fold in (1, 2):
        folder = tmp_path / f"cv/fold-{fold}"
        manifest = json.loads((folder / "mindrecord/manifest.json").read_text())
        sets = {name: {c["id"] for c in manifest["clips"] if c["set"] == name} for name in ("train", "val")}  # fmt: skip  # noqa: E501
        assert set(read_predictions(folder / "eval/predictions.csv").ids) == sets["val"]
        assert not sets["val"] & sets["train"]
    metrics = json.loads((tmp_path / "cv/metrics.json").read_text())
    expected = accuracy_score(pooled.labels.argmax(axis=1), pooled.scores.argmax(axis=1))
    assert metrics["accuracy"] == expected
    log = (tmp_path / "cv/fold-1/steps.log").read_text()
    assert "MusicTagger-2_2.ckpt (epoch 2, step 2)" in log
    # Settings are printed once, and a warning that all folds have, too.
    assert [done.stdout.count(text) for text in ("batch_size  ", "only 2 steps")] == [1, 1]
    assert len(done.stdout.splitlines()) < 60
    again = run(command, "--device_num", "2")
    assert again.returncode == 0
    assert "fold 1 of 2 is finished" in again.stdout
    assert "training" not in again.stdout
    other = run(command, "--device_num", "2", "--lr", "0.1")
    assert other.returncode == 2
    assert "other settings (lr 0.0005 instead of 0.1): name another folder" in other.stderr
    assert "device_num 2 instead of None" in run(command).stderr


@pytest.mark.slow
def test_one_that_is_stopped_goes_on_where_it_was(command: list[str], tmp_path: Path) -> None:
    command = [*command, "--epoch_size", "20", "--keep_checkpoint_max", "2"]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_until(lambda: any(tmp_path.glob("cv/fold-1/weight/MusicTagger-*_*.ckpt")))
    os.kill(started.pid, signal.SIGTERM)
    output, _ = started.communicate(timeout=60)
    assert started.returncode == 75, output
    folder = tmp_path / "cv"
    assert (
        f"fold 1: train ended with exit code 75; the same command with --run_dir {folder} goes on "
        "from there"
    ) in output
    done = run(command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "goes on from" in (folder / "fold-1/steps.log").read_text()
    assert (tmp_path / "cv/metrics.json").exists()


def test_a_step_that_fails_is_named_with_its_fold(command: list[str]) -> None:
    failed = run(command, "--silence_level", "0")
    assert failed.returncode == 2
    assert "fold 1: preprocess ended with exit code 2" in failed.stderr
    assert "fcn4-dist: error: fold 1 of 2: preprocess: " in failed.stderr


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--fold", "2"], "--fold: a cross-validation sees to it in each fold: leave it out"),
        (["--split", "random"], "--split: a cross-validation sees to it"),
        (["--checkpoint_path", "x"], "--checkpoint_path: a cross-validation sees to it"),
        (["--pre_trained", "True"], "--pre_trained: pre_trained does not go with a cross-"),
        (["--device_num", "0"], "--device_num must be at least 1, got 0"),
        (["--device_target", "Ascend"], "device_target is Ascend, and this machine shows no"),
        (["--n_fft", "64"], "hop_length must be at most n_fft (64)"),
    ],
)
def test_what_does_not_go_with_a_cross_validation_is_refused_before_work(
    command: list[str], flags: list[str], sentence: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert main([*command[3:], *flags]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "cv").exists()


@pytest.mark.slow
def test_what_a_settings_file_says_of_a_single_job_has_no_effect(
    command: list[str], tmp_path: Path
) -> None:
    config = tmp_path / "job.yaml"
    config.write_text(
        config.read_text()
        + "val_pattern: '*/5-*'\nget_mindrecord: 0\ndata_dir: x\nval_filename: test.mindrecord0\n"
    )
    # It ends where training begins, for want of clips.
    failed = run(command, "--batch_size", "1000")
    assert "fold 1: train ended with exit code 2" in failed.stderr
    assert (tmp_path / "cv/fold-1/mindrecord/manifest.json").exists()
    saved = load_settings(tmp_path / "cv/settings.yaml").settings
    assert (saved.split, saved.val_pattern, saved.data_dir) == ("kfold", "", "")
    assert (saved.val_filename, saved.model_name) == ("val.mindrecord0", "last")
    # Nothing is trained yet, so the mistake may be mended.
    assert "training clips are fewer" in run(command, "--batch_size", "2000").stderr


def test_a_folder_of_another_job_is_left_alone(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cv").mkdir()
    (tmp_path / "cv/settings.yaml").write_text("lr: 0.1\n")
    assert main(command[3:]) == 2
    assert "cv holds another job, or lacks its cross_validation.json" in capsys.readouterr().err
    assert (tmp_path / "cv/settings.yaml").read_text() == "lr: 0.1\n"


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_signal_to_the_command_alone_leaves_no_step_behind(
    how: signal.Signals, command: list[str], tmp_path: Path
) -> None:
    command = [*command, "--epoch_size", "5000", "--keep_checkpoint_max", "2"]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_until(lambda: any(tmp_path.glob("cv/fold-1/weight/MusicTagger-*_*.ckpt")))
    (step,) = psutil.Process(started.pid).children()
    started.send_signal(how)
    output, _ = started.communicate(timeout=60)
    psutil.wait_procs([step], timeout=10)
    assert not step.is_running()
    if how == signal.SIGINT:
        assert started.returncode == 130
        assert "fold 1: train ended with exit code 130; the same command" in output
