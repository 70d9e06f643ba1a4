"""Over which folds a cross-validation is, as what its steps are given shows."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from fcn4_dist import documents
from fcn4_dist.cli import main
from fcn4_dist.clips import Collection
from fcn4_dist.config import load_settings
from fcn4_dist.evaluation import write_predictions
from fcn4_dist.jobs import cross_validation, preprocess_steps
from fcn4_dist.runs.cross_validation import CrossValidationRecord, read_cross_validation
from tests.evaluation.test_folds import predictions
from tests.small_clips import REAL_CLIPS, publish_as_esc50


@dataclass
class Steps:
    """What cross-validate has asked for; its steps do nothing but leave what is looked for."""

    share_clips: bool = False
    titles: list[str] = field(default_factory=list)
    arguments: list[list[str]] = field(default_factory=list)

    def run(self, title: str, arguments: list[str], log: Path) -> int:
        self.titles.append(title)
        self.arguments.append(arguments)
        number = 1 if self.share_clips else len(self.titles)
        if "train" in arguments:
            (log.parent / "weight").mkdir(parents=True)
            (log.parent / "weight/MusicTagger-1_1.ckpt").touch()
        elif "eval" in arguments:
            write_predictions(predictions(number), log.parent / "eval/predictions.csv")
        return 0

    def given(self, name: str) -> list[str]:
        """The values of a flag, of all steps that have it."""
        return [each[each.index(name) + 1] for each in self.arguments if name in each]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    found = Steps()
    monkeypatch.setattr(cross_validation, "StepRunner", lambda progress: found)
    return found


@pytest.fixture
def esc50(tmp_path: Path) -> Path:
    """Real clips of ESC-50 in its published form, but in folds 1, 2 and 4."""
    return publish_as_esc50(tmp_path / "esc50")


def command(folder: Path, *further: str, dataset: str = "esc50") -> list[str]:
    given = ["--dataset", dataset, "--audio_path", str(folder), "--device_target", "CPU"]
    return ["cross-validate", *given, "--run_dir", str(folder.parent / "cv"), *further]


def test_published_folds_are_taken_as_they_are_numbered(
    steps: Steps, esc50: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(esc50)) == 0
    assert steps.titles[::3] == [
        f"published fold {fold} of 1, 2, 4: preprocess" for fold in (1, 2, 4)
    ]
    assert steps.given("--fold") == ["1", "2", "4"]
    assert not steps.given("--val_filename")
    cv = esc50.parent / "cv"
    assert sorted(path.name for path in cv.glob("fold-*")) == ["fold-1", "fold-2", "fold-4"]
    saved = load_settings(cv / "settings.yaml").settings
    assert (saved.split, saved.num_classes, saved.model_name) == ("published", 3, "last")
    out = capsys.readouterr().out
    assert "Scores of 3 published folds:" in out
    assert [line.split()[0] for line in out.splitlines() if line.startswith("fold-")] == [
        "fold-1", "fold-2", "fold-4",
    ]  # fmt: skip
    assert main(["folds", str(cv)]) == 0
    assert "Scores of 3 published folds:" in capsys.readouterr().out


def test_one_that_was_begun_goes_on_as_it_was_begun(
    steps: Steps, esc50: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(esc50)) == 0
    shutil.rmtree(esc50.parent / "cv/fold-2/eval")
    assert main(["folds", str(esc50.parent / "cv")]) == 2
    assert "published fold 2 of 1, 2, 4 in " in capsys.readouterr().err
    begun = len(steps.titles)
    shutil.rmtree(esc50.parent / "cv/fold-2/weight")
    assert main(command(esc50)) == 0
    assert steps.titles[begun] == "published fold 2 of 1, 2, 4: preprocess"
    assert "published fold 4 of 1, 2, 4 is finished" in capsys.readouterr().out
    assert main(command(esc50, "--split", "kfold")) == 2
    assert "other settings (split published instead of kfold)" in capsys.readouterr().err


def test_drawn_folds_of_an_earlier_version_go_on_although_others_are_published(
    steps: Steps, esc50: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(esc50, "--split", "kfold", "--folds", "2")) == 0
    assert steps.titles[0] == "fold 1 of 2: preprocess"
    assert steps.given("--fold") == ["1", "2"]
    path = esc50.parent / "cv/cross_validation.json"
    record = json.loads(path.read_text())
    assert record["settings"]["split"] == "kfold"
    path.write_text(json.dumps({name: record[name] for name in ("format", "settings")}))
    capsys.readouterr()
    assert main(command(esc50, "--folds", "2")) == 0
    assert "fold 2 of 2 is finished" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("dataset", "flags", "sentence"),
    [
        (
            "esc50",
            ["--folds", "5"],
            "--folds: the collection has the published folds 1, 2, 4: leave out folds to take "
            "these, or give --split kfold to draw 5",
        ),
        ("folder", ["--split", "published"], "has no published folds: leave it out, and folds"),
        ("esc50", ["--split", "random"], "--split: a cross-validation sees to it in each fold"),
        ("esc50", ["--split", "kfold", "--folds", "8"], "cannot split 21 clips into 8 folds"),
        ("esc50", ["--fold", "2"], "--fold: a cross-validation sees to it in each fold"),
    ],
)
def test_what_contradicts_the_published_folds_is_refused_before_work(
    steps: Steps, esc50: Path, dataset: str, flags: list[str], sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    folder = esc50 if dataset == "esc50" else REAL_CLIPS
    run_dir = ["--run_dir", str(esc50.parent / "cv")]
    assert main([*command(folder, dataset=dataset), *run_dir, *flags]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
    assert not steps.titles
    assert not (esc50.parent / "cv").exists()


def test_the_number_of_folds_may_be_given_as_it_was_published(steps: Steps, esc50: Path) -> None:
    assert main(command(esc50, "--folds", "3")) == 0
    assert len(steps.titles) == 9


def test_what_a_settings_file_says_of_one_job_does_not_keep_from_published_folds(
    steps: Steps, esc50: Path
) -> None:
    config = esc50.parent / "one.yaml"
    config.write_text("split: random\nfold: 4\n")
    assert main(command(esc50, "--config", str(config))) == 0
    assert steps.given("--fold") == ["1", "2", "4"]


@pytest.fixture
def five_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the collection have published splits 0 to 4, each with sets of its own."""
    read = preprocess_steps.read_collection

    def with_splits(*given: object, **named: object) -> Collection:
        collection = read(*given, **named)  # type: ignore[arg-type]
        roles: Sequence[str] = ("train", "train", "val", "test")
        clips = tuple(
            replace(clip, fold=None, role=roles[number % 4])
            for number, clip in enumerate(collection.clips)
        )
        return replace(collection, clips=clips, folds=(0, 1, 2, 3, 4))

    monkeypatch.setattr(preprocess_steps, "read_collection", with_splits)


@pytest.mark.usefixtures("five_splits")
def test_published_splits_are_scored_on_their_test_sets_by_the_best_checkpoint(
    steps: Steps, esc50: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps.share_clips = True
    assert main(command(esc50)) == 0
    assert steps.titles[0] == "published split 0 of 0 to 4: preprocess"
    assert steps.given("--fold") == ["0", "1", "2", "3", "4"]
    assert steps.given("--val_filename") == ["test.mindrecord0"] * 5
    cv = esc50.parent / "cv"
    assert load_settings(cv / "settings.yaml").settings.model_name == "best"
    # A clip may be in the test sets of several splits.
    assert "Scores of 5 published splits:" in capsys.readouterr().out
    assert json.loads((cv / "metrics.json").read_text())["clips"] == 60
    assert read_cross_validation(cv).has_splits
    assert main(["folds", *(f"{cv}/fold-{fold}/eval" for fold in range(5))]) == 2
    assert "or the folder of the whole cross-validation" in capsys.readouterr().err


def test_a_record_that_names_no_folds_is_of_drawn_ones(tmp_path: Path) -> None:
    documents.write(tmp_path / "record.json", CrossValidationRecord({"folds": 3}))
    record = documents.read(tmp_path / "record.json", CrossValidationRecord)
    assert record.folds == (1, 2, 3)
    assert record.title(2) == "fold 2 of 3"
