"""The whole job on real clips: preprocess, two workers train, one to three workers score."""

import csv
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from fcn4_dist.checkpoints.content import read_checkpoint
from fcn4_dist.cli import main

CLASSES = ["dog_bark", "rain", "rooster"]
# 21 clips of 1.5 s: 13 for training, 8 for validation. A batch size of 3 gives 3 batches, which
# neither 2 workers nor the number of clips divides.
SETTINGS = """
num_classes: 3
window_seconds: 1.5
hop_length: 96
val_ratio: 0.36
width: 0.05
device_target: CPU
batch_size: 3
epoch_size: 2
num_consumer: 3
audio_path: clips
info_path: data
npy_path: data/npy
mr_path: data/mindrecord
checkpoint_path: weight
"""


@dataclass(frozen=True)
class Job:
    """A finished job: its folder, and what the two-worker training printed."""

    folder: Path
    training_output: str

    def predictions(self, run: str) -> bytes:
        """The predictions file of an evaluation."""
        return (self.folder / "runs" / run / "predictions.csv").read_bytes()


@pytest.fixture(scope="module")
def job(real_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Job:
    folder = tmp_path_factory.mktemp("job")
    shutil.copytree(real_clips, folder / "clips")
    (folder / "job.yaml").write_text(SETTINGS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        config = ["--config", "job.yaml"]
        assert main(["preprocess", *config]) == 0
        assert main(["launch", "--device_num", "2", "train", *config, "--run_dir", "runs/t2"]) == 0
        for ranks in ("1", "2", "3"):
            evaluation = ["eval", *config, "--run_dir", f"runs/e{ranks}"]
            assert main(["launch", "--device_num", ranks, *evaluation]) == 0
    return Job(folder, (folder / "runs/t2/rank_0.log").read_text())


def test_predictions_are_equal_to_the_last_bit_on_one_two_and_three_workers(job: Job) -> None:
    assert job.predictions("e1") == job.predictions("e2") == job.predictions("e3")


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


def test_checkpoints_are_named_by_epoch_and_step_and_carry_what_evaluation_needs(job: Job) -> None:
    names = sorted(path.name for path in (job.folder / "weight").iterdir())
    assert names == ["MusicTagger-1_2.ckpt", "MusicTagger-2_2.ckpt"]
    description = read_checkpoint(job.folder / "weight" / names[1]).description
    assert description is not None
    assert description.class_names == tuple(CLASSES)
    assert (description.epoch, description.step, description.global_step) == (2, 2, 4)
    assert description.global_batch == 6
    assert description.parameters.hop_length == 96


def test_training_says_what_it_does_before_the_silence_of_compiling(job: Job) -> None:
    output = job.training_output
    assert "training 13 clips on 2 CPU workers: 2 epochs of 2 steps of 6 clips" in output
    assert "1 clips are left out of each epoch" in output
    assert "warning: only 2 steps an epoch" in output
    assert output.index("compiling the training step") < output.index("epoch 1/2: 2/2 steps")
    assert "samples/s" in output


def test_the_resolved_settings_lie_beside_every_result(job: Job) -> None:
    for folder in ("runs/t2", "runs/e1", "runs/e3"):
        text = (job.folder / folder / "settings.yaml").read_text()
        assert "batch_size: 3  " in text
        assert "# job.yaml, line 8" in text
    assert (job.folder / "data/mindrecord/preprocess_settings.yaml").exists()
    assert (job.folder / "data/npy/preprocess_settings.yaml").exists()


def test_one_worker_alone_runs_the_same_commands(
    job: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(job.folder)
    config = ["--config", "job.yaml", "--checkpoint_path", "alone", "--prefix", "Alone"]
    assert main(["train", *config, "--save_step", "3", "--run_dir", "runs/t1"]) == 0
    assert sorted(path.name for path in (job.folder / "alone").iterdir()) == [
        "Alone-1_3.ckpt",
        "Alone-1_4.ckpt",
        "Alone-2_2.ckpt",
        "Alone-2_4.ckpt",
    ]
    monkeypatch.chdir(job.folder)
    named = ["--model_name", "Alone-1_3.ckpt", "--run_dir", "runs/e_alone"]
    assert main(["eval", *config, *named]) == 0
    output = capsys.readouterr().out
    assert "Alone-1_3.ckpt (epoch 1, step 3)" in output
    assert "macro ROC-AUC" in output


def test_training_goes_on_from_pre_trained_weights(
    job: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(job.folder)
    shutil.copytree("weight", "from_weights")
    arguments = ["--config", "job.yaml", "--checkpoint_path", "from_weights", "--pre_trained", "1"]
    arguments += ["--model_name", "MusicTagger-2_2.ckpt", "--lr", "1e-12", "--epoch_size", "1"]
    before = read_checkpoint(job.folder / "weight/MusicTagger-2_2.ckpt").values
    assert main(["train", *arguments, "--run_dir", "runs/pre_trained"]) == 0
    assert "weights from" in capsys.readouterr().out
    after = read_checkpoint(job.folder / "from_weights/MusicTagger-1_4.ckpt").values
    np.testing.assert_allclose(after["conv4.weight"], before["conv4.weight"], atol=1e-8)


@pytest.mark.parametrize(
    ("command", "flags", "sentence"),
    [
        ("train", ["--hop_length", "256"], "hop_length 96 instead of 256; give --hop_length 96"),
        ("eval", ["--num_classes", "10"], "num_classes 3 instead of 10"),
        ("train", ["--batch_size", "14"], "an epoch has no step: 13 training clips"),
        ("eval", ["--val_filename", "test.mindrecord0"], "knows no set 'test', only train, val"),
        ("eval", ["--model_name", "MusicTagger-9_9.ckpt"], "holds MusicTagger-1_2.ckpt, Music"),
        ("train", ["--checkpoint_path", "job.yaml"], "checkpoint_path job.yaml cannot be written"),
        ("train", ["--run_dir", "job.yaml/x"], "job.yaml is a file): name another folder with"),
        ("train", ["--pre_trained", "1", "--model_name", "x.ckpt"], "there is no checkpoint"),
    ],
)
def test_settings_that_do_not_fit_the_shards_are_refused_before_work(
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


def test_a_damaged_shard_is_refused_before_work(
    job: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(job.folder)
    shutil.copytree("data/mindrecord", "damaged")
    shard = Path("damaged/val.mindrecord1")
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    assert main(["eval", "--config", "job.yaml", "--data_dir", "damaged"]) == 2
    assert "val.mindrecord1 is not the file the manifest was written for" in capsys.readouterr().err


def test_windows_too_short_for_the_pools_are_refused_when_preprocessing(
    job: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(job.folder)
    assert main(["preprocess", "--config", "job.yaml", "--hop_length", "256"]) == 2
    assert "a window of 71 frames is too short for FCN-4" in capsys.readouterr().err
