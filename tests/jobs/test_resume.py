"""Real training runs that end early and are resumed: to the bit what a single run would be."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fcn4_dist.checkpoints.content import read_checkpoint
from fcn4_dist.cli import main
from fcn4_dist.config import LoadedSettings, Settings
from fcn4_dist.runs.folder import save_settings
from tests.jobs.recorded_training import (
    RecordedTraining,
    assert_same_values,
    assert_went_on_as_if_nothing_had_happened,
)
from tests.sealing import change_sealed


@pytest.fixture(scope="module")
def killed(resumable: Settings, tmp_path_factory: pytest.TempPathFactory) -> RecordedTraining:
    """A run whose rank 0 was killed before its 15th step, in the middle of epoch 2."""
    training = RecordedTraining(tmp_path_factory.mktemp("killed"), resumable)
    output = training.run(
        "--resume", "auto", accident=("before a step", 14), seconds_a_step=0.05, expected=1
    )
    assert f"nothing to go on from in {training.checkpoints.path}: a new run begins" in output
    assert len(training.steps()) == 14
    assert [path.name for path in training.checkpoints.files()] == [
        "MusicTagger-2_1.ckpt",
        "MusicTagger-2_4.ckpt",
    ]
    return training


def test_a_killed_rank_ends_the_job_within_ten_seconds_and_leaves_no_process(
    killed: RecordedTraining,
) -> None:
    died = (killed.records_folder / "accident").stat().st_mtime
    assert 0 < killed.ended - died < 10
    assert "rank 0 was killed by SIGKILL; it used up to 0." in killed.output
    assert list(killed.processes()) == []


def copy_of(training: RecordedTraining, folder: Path) -> RecordedTraining:
    """Give a run of the same settings that finds the same checkpoints."""
    copy = RecordedTraining(folder, training.settings)
    shutil.copytree(training.checkpoints.path, copy.checkpoints.path)
    return copy


def test_a_resumed_run_is_one_that_never_stopped_to_the_bit(
    killed: RecordedTraining, undisturbed: RecordedTraining, tmp_path: Path
) -> None:
    resumed = copy_of(killed, tmp_path)
    output = resumed.run("--resume", "auto")
    assert f"goes on from {resumed.checkpoints.file(2, 4)}: epoch 2, step 4 of 8" in output
    assert [step.number for step in resumed.steps()] == list(range(13, 25))
    assert_went_on_as_if_nothing_had_happened(resumed, undisturbed)
    assert killed.steps() == undisturbed.steps()[:14]


@pytest.mark.slow
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_taken(
    killed: RecordedTraining, undisturbed: RecordedTraining, tmp_path: Path
) -> None:
    resumed = copy_of(killed, tmp_path)
    newest = resumed.checkpoints.file(2, 4)
    newest.write_bytes(newest.read_bytes()[:-1])
    output = resumed.run("--resume", "auto")
    assert f"warning: {newest} is passed over: it breaks off" in output
    assert f"goes on from {resumed.checkpoints.file(2, 1)}: epoch 2, step 1 of 8" in output
    assert_went_on_as_if_nothing_had_happened(resumed, undisturbed)


@pytest.mark.slow
def test_a_finished_run_has_nothing_left_to_train(
    undisturbed: RecordedTraining, tmp_path: Path
) -> None:
    finished = copy_of(undisturbed, tmp_path)
    before = {path: path.read_bytes() for path in finished.checkpoints.path.glob("*.ckpt")}
    output = finished.run("--resume", "auto", ranks=1)
    assert "the run has had all its 3 epochs: nothing is left to train" in output
    assert finished.steps() == []
    assert {path: path.read_bytes() for path in finished.checkpoints.path.glob("*.ckpt")} == before


@pytest.mark.slow
def test_on_another_number_of_workers_the_epoch_goes_on_with_the_clips_that_are_left(
    resumable: Settings, tmp_path: Path
) -> None:
    settings = replace(resumable, sync_bn=True, epoch_size=2, keep_checkpoint_max=9)
    two = RecordedTraining(tmp_path, settings)
    two.run()
    of_two = list(zip(two.steps(0), two.steps(1), strict=True))
    resumed_from = two.checkpoints.file(2, 4)
    two.run("--resume", str(resumed_from), "--checkpoint_path", str(tmp_path / "one"), ranks=1)
    of_one = two.steps()
    assert [step.number for step in of_one] == [13, 14, 15, 16]
    for (first, second), alone in zip(of_two[12:], of_one, strict=True):
        assert alone.ids == first.ids + second.ids
        # Sums over a batch are taken in another order.
        assert float.fromhex(alone.loss) == pytest.approx(float.fromhex(first.loss), rel=1e-3)
    before = [clip for pair in of_two[8:12] for step in pair for clip in step.ids]
    after = [clip for step in of_one for clip in step.ids]
    assert len(set(before + after)) == len(before + after) == 16


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--lr", "0.02"], "lr 0.01 instead of 0.02"),
        (["--seed", "7"], "seed 1 instead of 7"),
        (["--width", "0.06"], "width 0.05 instead of 0.06"),
        (["--sync_bn", "True"], "sync_bn False instead of True"),
        (["--device_num", "3"], "3 ranks cannot share evenly"),
        (["--data_dir", "other shards"], "was trained on other shards"),
        (["--resume", "nowhere"], "nowhere"),
        (["--resume", "job.yaml"], "job.yaml cannot be used as a checkpoint"),
    ],
)
def test_what_could_not_go_on_unchanged_is_refused_before_anything_starts(
    killed: RecordedTraining,
    flags: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if "--data_dir" in flags:
        shutil.copytree(killed.settings.mr_path, "other shards")
        other = Path("other shards/manifest.json")
        change_sealed(other, lambda manifest: manifest["split"].update(seed=2))
    loaded = LoadedSettings(replace(killed.settings, run_dir=str(tmp_path)), {})
    save_settings(loaded).rename("job.yaml")
    resume = ["--config", "job.yaml", "--run_dir", "run", "--resume", "auto"]
    ranks = [] if "--device_num" in flags else ["--device_num", "2"]
    assert main(["launch", *ranks, "train", *resume, *flags]) == 2
    assert sentence in capfd.readouterr().err
    assert not Path("run").exists()


def test_the_best_and_the_last_checkpoint_can_be_named_for_evaluation(
    undisturbed: RecordedTraining, tmp_path: Path
) -> None:
    settings = replace(undisturbed.settings, run_dir=str(tmp_path))
    config = ["--config", str(save_settings(LoadedSettings(settings, {})))]
    runs = ["--run_dir", str(tmp_path / "best")], ["--run_dir", str(tmp_path / "last")]
    best, last = (
        subprocess.run(
            [sys.executable, "-m", "fcn4_dist", "eval", *config, "--model_name", name, *run],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for name, run in zip(("best", "last"), runs, strict=True)
    )
    assert "MusicTagger-best.ckpt (epoch " in best
    assert "MusicTagger-3_8.ckpt (epoch 3, step 8)" in last


@pytest.mark.slow
def test_a_best_checkpoint_that_a_death_has_forestalled_is_made_up_for(
    resumable: Settings, undisturbed: RecordedTraining, tmp_path: Path
) -> None:
    training = RecordedTraining(tmp_path, resumable)
    training.run(accident=("before the best is kept", 0), expected=1)
    assert not training.checkpoints.best_file.exists()
    training.run("--resume", "auto")
    assert_went_on_as_if_nothing_had_happened(training, undisturbed)
    best = read_checkpoint(training.checkpoints.best_file)
    assert_same_values(best.values, read_checkpoint(undisturbed.checkpoints.best_file).values)


def test_a_validation_that_fails_costs_no_epoch(
    resumable: Settings, undisturbed: RecordedTraining, tmp_path: Path
) -> None:
    training = RecordedTraining(tmp_path, resumable)
    output = training.run(accident=("at the first import", 0), expected=1)
    path, description = training.newest()
    assert (path.name, description.metrics) == ("MusicTagger-1_8.ckpt", {})
    assert (
        "the validation after epoch 1 failed (libgomp.so.1.0.0: cannot allocate memory in static "
        f"TLS block); the epoch is in {path}: --resume auto makes up for the validation and goes "
        "on, with --val_interval 0 without any"
    ) in output
    assert "validation after epoch 1: " in training.run("--resume", "auto")
    assert len(training.steps()) == 16
    assert_went_on_as_if_nothing_had_happened(training, undisturbed)
    assert training.newest()[1].metrics == undisturbed.newest()[1].metrics


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "epoch"),
    [
        ("in the validation", 2),
        ("after the epoch's line", 1),
        # Nothing is left to train, but a validation.
        ("after the epoch's line", 3),
        ("in the validation", 3),
    ],
)
def test_a_validation_that_was_killed_is_made_up_for(
    resumable: Settings, undisturbed: RecordedTraining, tmp_path: Path, place: str, epoch: int
) -> None:
    training = RecordedTraining(tmp_path, resumable)
    training.run(accident=(place, epoch - 1), expected=1)
    assert (training.newest()[1].epoch, training.newest()[1].metrics) == (epoch, {})
    assert f"validation after epoch {epoch}: " in training.run("--resume", "auto")
    assert_same_values(training.last_values(), undisturbed.last_values())
    assert training.history() == undisturbed.history()
    (_, description), (_, expected) = training.newest(), undisturbed.newest()
    assert (description.metrics, description.best) == (expected.metrics, expected.best)
    best = read_checkpoint(training.checkpoints.best_file)
    assert_same_values(best.values, read_checkpoint(undisturbed.checkpoints.best_file).values)
