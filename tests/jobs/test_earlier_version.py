"""What version 0.1.0 has written goes on working; tests/data/earlier says how it was made."""

import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fcn4_dist.checkpoints.content import read_checkpoint
from fcn4_dist.cli import main
from fcn4_dist.evaluation import read_predictions

FOLDER_THEN = "/tmp/earlier-job"
CLIPS_PER_CLASS = 4


@pytest.fixture(scope="module")
def job(real_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the job, as if it had been made here; tests write to new names in it."""
    folder = tmp_path_factory.mktemp("earlier")
    with tarfile.open(real_clips.parent / "earlier" / "job.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    for path in folder.rglob("*"):
        if path.suffix in (".yaml", ".json", ".csv", ".txt") and path.name != "manifest.json":
            path.write_text(path.read_text().replace(FOLDER_THEN, str(folder)))
    for clips in real_clips.iterdir():
        (folder / "clips" / clips.name).mkdir(parents=True)
        for clip in sorted(clips.iterdir())[:CLIPS_PER_CLASS]:
            shutil.copy(clip, folder / "clips" / clips.name)
    return folder


@pytest.fixture(autouse=True)
def _in_the_folder(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(job)


def run_alone(*arguments: str) -> str:
    """Run a command in a process of its own: a device is set up once in a process."""
    command = [sys.executable, "-m", "fcn4_dist", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_shards_are_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "data/mindrecord"]) == 0
    assert "12 clips" in capsys.readouterr().out


def test_shards_and_a_checkpoint_give_the_scores_they_gave() -> None:
    run_alone("eval", "--config", "job.yaml", "--run_dir", "runs/eval_now")
    then, now = (
        read_predictions(Path(f"runs/{run}/predictions.csv")) for run in ("eval", "eval_now")
    )
    assert (now.ids, now.class_names) == (then.ids, then.class_names)
    np.testing.assert_array_equal(now.labels, then.labels)
    np.testing.assert_allclose(now.scores, then.scores, rtol=1e-5)
    metrics = json.loads(Path("runs/eval_now/metrics.json").read_text())
    for name, value in json.loads(Path("runs/eval/metrics.json").read_text()).items():
        if isinstance(value, float):
            assert metrics[name] == pytest.approx(value)


def test_features_are_used_without_being_computed_again() -> None:
    features = sorted(Path("data/npy").rglob("*.npy"))
    written = [path.stat().st_mtime_ns for path in features]
    assert main(["preprocess", "--config", "job.yaml", "--mr_path", "shards_now"]) == 0
    assert sorted(Path("data/npy").rglob("*.npy")) == features
    assert [path.stat().st_mtime_ns for path in features] == written
    then, now = (
        json.loads((Path(folder) / "manifest.json").read_text())
        for folder in ("data/mindrecord", "shards_now")
    )
    assert {clip.pop("level_dbfs") for clip in now["clips"]} == {None}
    assert now["clips"] == then["clips"]
    assert main(["verify", "shards_now"]) == 0


@pytest.mark.parametrize(
    "checkpoint",
    [
        pytest.param("MusicTagger-1_2.ckpt", id="the end of an epoch", marks=pytest.mark.slow),
        pytest.param("MusicTagger-2_1.ckpt", id="the middle of an epoch"),
    ],
)
def test_a_run_goes_on_and_ends_in_the_weights_it_ended_in(checkpoint: str, job: Path) -> None:
    run = shutil.copytree("runs/train", f"runs/from_{checkpoint}")
    weights = Path(f"weight_from_{checkpoint}")
    flags = ["--config", "job.yaml", "--run_dir", run, "--checkpoint_path", str(weights)]
    resume = ["--resume", f"weight/{checkpoint}"]
    output = run_alone("launch", "--device_num", "2", "train", *flags, *resume)
    assert f"goes on from {job}/weight/{checkpoint}" in output
    then, now = (
        read_checkpoint(folder / "MusicTagger-3_2.ckpt") for folder in (Path("weight"), weights)
    )
    # The bits are the machine's, whose vector units decide in which order it adds.
    assert now.values.keys() == then.values.keys()
    for name, value in then.values.items():
        np.testing.assert_allclose(now.values[name], value, rtol=1e-3, atol=1e-5, err_msg=name)
    assert losses(Path(run)) == pytest.approx(losses(Path("runs/train")), rel=1e-4)


def test_a_run_goes_on_from_the_end_of_an_epoch_on_another_number_of_workers() -> None:
    flags = ["--config", "job.yaml", "--run_dir", "runs/alone", "--checkpoint_path", "weight_alone"]
    output = run_alone("train", *flags, "--resume", "weight/MusicTagger-1_2.ckpt")
    assert "batch_size is 4 instead of 2" in output
    # Those of the first two steps stand in the checkpoint.
    assert list(losses(Path("runs/alone"))) == [1, 2, 3, 4, 5, 6]
    assert main(["checkpoints", "verify", "weight_alone"]) == 0


def losses(run: Path) -> dict[int, float]:
    """Read the loss of each step from metrics.jsonl."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return {line["global_step"]: line["loss"] for line in lines if line["kind"] == "step"}


@pytest.mark.parametrize(
    "network", [["--checkpoint", "weight"], ["--model", "fcn4.onnx"]], ids=["checkpoint", "ONNX"]
)
def test_songs_get_the_tags_they_got(
    network: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tag", "clips/rain", *network, "--json"]) == 0
    now = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    then = [json.loads(line) for line in Path("tags.jsonl").read_text().splitlines()]
    assert [scores_of(song) for song in now] == [
        pytest.approx(scores_of(song), abs=1e-5) for song in then
    ]


def scores_of(song: dict[str, Any]) -> dict[str, float]:
    """The scores of a song and of each of its windows, by name."""
    windows = np.ravel(song["windows"]["scores"])
    return song["scores"] | {f"{song['path']} {place}": each for place, each in enumerate(windows)}


def test_checkpoints_are_listed_and_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["checkpoints", "list", "weight"]) == 0
    listed = capsys.readouterr().out
    assert all(path.name in listed for path in Path("weight").iterdir())
    assert main(["checkpoints", "verify", "weight"]) == 0


def test_a_page_shows_its_runs() -> None:
    assert main(["report", "runs/train", "runs/eval", "--output", "report.html"]) == 0
    page = Path("report.html").read_text()
    assert "runs/train" in page and "runs/eval" in page
    metrics = json.loads(Path("runs/eval/metrics.json").read_text())
    assert f"{metrics['roc_auc_macro']:.4f}" in page


def test_a_cross_validation_is_known_to_be_finished() -> None:
    then = json.loads(Path("runs/cv/metrics.json").read_text())
    Path("runs/cv/metrics.json").unlink()
    output = run_alone("cross-validate", "--config", "job.yaml", "--run_dir", "runs/cv")
    assert "fold 1 of 2 is finished" in output and "fold 2 of 2 is finished" in output
    now = json.loads(Path("runs/cv/metrics.json").read_text())
    of_then = {name: now["mean"][name] for name in then["mean"]}
    assert of_then == pytest.approx(then["mean"])
    assert now["accuracy"] == then["accuracy"]
