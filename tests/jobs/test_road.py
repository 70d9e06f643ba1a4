"""One command from a folder of music to a tagger: what it decides, makes and says."""

import json
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import soundfile

from fcn4_dist.cli import main
from fcn4_dist.clips.synthetic.collection import render_clip
from fcn4_dist.clips.synthetic.instruments import SAMPLE_RATE
from fcn4_dist.cluster.launch import PROGRAM
from fcn4_dist.config import load_settings
from fcn4_dist.errors import StoppedError
from fcn4_dist.evaluation import compute_metrics, read_predictions
from fcn4_dist.jobs import road
from fcn4_dist.runs.reading import read_run
from tests.collections_made import make_esc50
from tests.small_clips import publish_as_esc50

TINY = ["--hop_length", "96", "--n_mels", "32", "--width", "0.02"]


@pytest.fixture(scope="module")
def place(real_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("road")
    shutil.copytree(real_clips, folder / "Björk's music")
    for number in range(6):
        (folder / f"Björk's music/rain/broken {number}.wav").write_bytes(b"RIFF")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@dataclass(frozen=True)
class Taken:
    """A road that has been taken: the folder of the run, what was printed, the program's name."""

    run: Path
    output: str


@pytest.fixture(scope="module")
def taken(place: Path) -> Taken:
    words = ["train", "Björk's music", *TINY, "--epoch_size", "2", "--run_dir", "a run"]
    done = fcn4_dist(place, words)
    assert done.returncode == 0, done.stdout + done.stderr
    return Taken(place / "a run", done.stdout)


def fcn4_dist(folder: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, PROGRAM, *words], cwd=folder, capture_output=True, text=True
    )


def test_a_dry_run_says_what_is_decided_and_writes_nothing(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(place.rglob("*"))

    assert main(["train", "Björk's music", "--dry_run", "--epoch_size", "7"]) == 0

    told = capsys.readouterr().out
    for line in (
        "classes  3: dog_bark, rain, rooster",
        "clips    27 of 1.5 s",
        "sets     19 to train, 8 to validate",
        "epochs   7 of 3 steps, 21 in all",
        "--epoch_size",
    ):
        assert line in told
    assert sorted(place.rglob("*")) == before


def test_a_dry_run_says_what_is_missing_of_a_published_collection(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_esc50(tmp_path / "ESC-50-master")
    (tmp_path / "ESC-50-master/audio/1-10000-A-0.wav").unlink()
    assert main(["train", str(tmp_path / "ESC-50-master"), "--dry_run"]) == 0
    told = capsys.readouterr().out
    assert "100 to train, 25 to validate" in told
    assert "esc50 names audio files that are missing: 1, like audio/1-10000-A-0.wav" in told


@pytest.mark.usefixtures("place")
def test_classes_by_a_pattern_are_decided_upon_as_those_of_folders(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pattern = r"(?P<animal>dog|rooster)|(?P<weather>rain)"

    assert main(["train", "Björk's music", "--dry_run", "--label_pattern", pattern]) == 0

    told = capsys.readouterr().out
    assert "labels in names, by label_pattern" in told
    assert "classes  2: animal, weather" in told


@pytest.mark.parametrize(
    ("flags", "sets"),
    [
        ([], ["12 to train, 9 to validate", "published fold 1 of 1, 2, 4"]),
        (["--fold", "4"], ["15 to train, 6 to validate", "published fold 4 of 1, 2, 4"]),
        (["--split", "kfold", "--folds", "3", "--fold", "3"], ["  fold 3 of 3"]),
    ],
)
def test_published_folds_are_in_the_plan(
    tmp_path: Path, flags: list[str], sets: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = publish_as_esc50(tmp_path / "esc50")
    assert main(["train", str(folder), "--dry_run", *flags]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("sets ")]
    assert all(part in line for part in sets)


def test_a_published_test_set_is_in_the_plan(
    real_clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        f"{path},{path.parent.name},{'test' if number % 3 == 0 else 'train'}"
        for number, path in enumerate(sorted(real_clips.glob("*/*.ogg")))
    ]
    table = tmp_path / "clips.csv"
    table.write_text("\n".join(["path,labels,split", *rows]) + "\n")
    assert main(["train", str(table), "--dry_run"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "11 to train, 3 to validate, 7 to test published, without validation, which is" in told


def test_the_road_leads_to_a_tagger_its_scores_and_a_page(taken: Taken, place: Path) -> None:
    run = taken.run

    scored = read_predictions(run / "eval/predictions.csv")
    assert set(scored.class_names) == {"dog_bark", "rain", "rooster"}
    assert (run / "weight/MusicTagger-best.ckpt").exists()
    assert (run / "report.html").exists()
    assert read_run(run).course
    assert json.loads((run / "road.json").read_text())["done"] == ["preprocess", "train", "eval"]
    # The music is as it was.
    assert {path.suffix for path in (place / "Björk's music").rglob("*.*")} == {".ogg", ".wav"}
    assert {path.name for path in place.iterdir()} == {"Björk's music", "a run", "runs"}


def test_for_clips_that_were_skipped_it_decides_anew(taken: Taken) -> None:
    assert "decided anew, as clips were skipped: batch_size 4 instead of 6" in taken.output


def test_it_ends_with_three_commands_that_can_be_copied(taken: Taken) -> None:
    commands = [shlex.split(line.split(":", 1)[1]) for line in next_lines(taken.output)]

    assert [command[:2] for command in commands] == [
        ["fcn4-dist", "tag"],
        ["fcn4-dist", "export"],
        ["fcn4-dist", "train"],
    ]
    tag, _, longer = commands
    assert Path(tag[2]).is_file() and tag[2].startswith("Björk's music/")
    assert longer[2] == "Björk's music"
    assert longer[longer.index("--epoch_size") + 1] == "4"
    assert longer[longer.index("--n_mels") + 1] == "32"


def test_what_is_finished_is_not_done_again(
    taken: Taken, capsys: pytest.CaptureFixture[str]
) -> None:
    page = taken.run / "report.html"
    page.unlink()
    made = {path: path.stat().st_mtime_ns for path in taken.run.rglob("*.ckpt")}

    # However the music is named.
    assert (
        main(["train", "./../" + taken.run.parent.name + "/Björk's music", "--run_dir", "a run"])
        == 0
    )

    assert page.exists()
    assert {path: path.stat().st_mtime_ns for path in taken.run.rglob("*.ckpt")} == made
    assert len(next_lines(capsys.readouterr().out)) == 3


def test_going_on_it_begins_with_the_checkpoint_that_it_was_to_begin_with(
    taken: Taken, place: Path
) -> None:
    music, named = Path("Björk's music"), {"run_dir": "from another"}
    given = dict(zip([word[2:] for word in TINY[::2]], TINY[1::2], strict=True)) | named
    checkpoint = str(taken.run / "weight/MusicTagger-best.ckpt")
    road._begin(music, load_settings(None, given | {"resume": checkpoint}, of_shards=True))
    gone_on = road._go_on(music, load_settings(None, named, of_shards=True))
    assert gone_on is not None
    assert gone_on.loaded.settings.resume == checkpoint
    shutil.rmtree(place / "from another")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["Björk's music", "--run_dir", "a run", "--lr", "1"], "a run with other settings (lr "),
        (["a run", "--run_dir", "a run"], "holds a run on"),
        (["Björk's music", "--data_dir", "x"], "--data_dir is of shards that are there"),
        (["Björk's music", "--run_dir", "Björk's music/run"], "lies in the music"),
        (["Björk's music", "--dry_run", "--batch_size", "500"], "an epoch has no step"),
        (["Björk's music", "--dry_run", "--device", "ascend"], "this machine shows no Ascend card"),
        (["Björk's music", "--dry_run", "--resume", "x.ckpt"], "x.ckpt cannot be used as a che"),
        (["Björk's music", "--pre_trained", "1"], "there is no checkpoint weight/"),
        (["--dry_run"], "--dry_run is for music"),
    ],
)
def test_what_does_not_go_together_is_refused(
    taken: Taken, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *words]) == 2

    refused = capsys.readouterr().err
    assert sentence in refused
    assert refused.count("\n") == 1


def test_from_within_the_music_the_command_to_type_is_told(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place / "Björk's music")

    assert main(["train", "."]) == 2

    assert f"change to the folder above, {place}, and give" in capsys.readouterr().err


def test_launch_refuses_music(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["launch", "--device_num", "2", "train", "Björk's music"]) == 2

    assert "launch starts workers on shards" in capsys.readouterr().err


@pytest.mark.slow
def test_sixty_made_songs_give_a_tagger_and_commands_that_work_as_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for genre in ("classical", "jazz", "metal", "reggae"):
        folder = tmp_path / "my $ music" / genre
        folder.mkdir(parents=True)
        for index in range(15):
            clip = render_clip(genre, 8.0, 3, index)
            soundfile.write(folder / f"{index}.wav", clip, SAMPLE_RATE)

    done = fcn4_dist(tmp_path, ["train", "my $ music", "--width", "0.1", "--epoch_size", "10"])

    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = (tmp_path / "runs").glob("train-*")
    found = read_predictions(run / "eval/predictions.csv")
    accuracy = compute_metrics(found.labels, found.scores, tuple(found.class_names)).accuracy
    assert accuracy is not None and accuracy >= 0.6
    tag, export, longer = (line.split(":", 1)[1] for line in next_lines(done.stdout))
    program = f'fcn4-dist() {{ {sys.executable} {PROGRAM} "$@"; }}'
    typed = "\n".join(["set -e", program, tag, export, f"{longer} --dry_run"])
    told = subprocess.run(["bash", "-c", typed], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr
    assert (run / "fcn4.onnx").exists()
    for shown in ("classical", "largest difference of a logit", "epochs   20 of"):
        assert shown in told.stdout


@pytest.mark.slow
def test_interrupted_it_goes_on_where_it_was(place: Path) -> None:
    # However long this process is held up, the training does not end by itself.
    words = ["train", "Björk's music", *TINY, "--epoch_size", "1000000", "--run_dir", "stopped"]
    process = subprocess.Popen(
        [sys.executable, PROGRAM, *words], cwd=place, stdout=subprocess.PIPE, text=True
    )
    while not list((place / "stopped/weight").glob("*.ckpt")):
        assert process.poll() is None
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate()
    assert process.returncode == 130
    assert "to go on: fcn4-dist train" in told

    steps = len(read_run(place / "stopped").course.steps)  # type: ignore[union-attr]
    again = subprocess.Popen(
        [sys.executable, PROGRAM, "train", "Björk's music", "--run_dir", "stopped"],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while len(read_run(place / "stopped").course.steps) <= steps:  # type: ignore[union-attr]
        assert again.poll() is None
        time.sleep(0.2)
    again.send_signal(signal.SIGTERM)
    told, _ = again.communicate()
    assert again.returncode == StoppedError.exit_code, told


@pytest.mark.slow
def test_a_second_one_in_the_same_folder_waits_and_does_nothing_again(place: Path) -> None:
    words = [sys.executable, PROGRAM, "train", "Björk's music", *TINY, "--epoch_size", "1"]
    words += ["--run_dir", "both"]
    both = [subprocess.Popen(words, cwd=place, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate()[0] for process in both]

    assert [process.returncode for process in both] == [0, 0]
    assert sum("waiting for another job" in text for text in told) == 1
    for stage in ("1/4 features", "2/4 training", "3/4 scores"):
        assert "".join(told).count(stage) == 1


def next_lines(output: str) -> list[str]:
    lines = output.splitlines()
    return lines[lines.index("next, for example:") + 1 :]
