"""The command verify on what a run left: whether its files are of one run."""

import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fcn4_dist.cli import main


@pytest.fixture(scope="module")
def earlier_runs(real_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs that an earlier version left: a training, its evaluation, a cross-validation."""
    folder = tmp_path_factory.mktemp("earlier")
    with tarfile.open(real_clips.parent / "earlier" / "job.tar.xz") as archive:
        members = [member for member in archive if member.name.startswith(("./runs/", "runs/"))]
        archive.extractall(folder, members, filter="data")
    return folder / "runs"


@pytest.fixture
def runs(earlier_runs: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(earlier_runs, tmp_path / "runs"))


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str]) -> Callable[[Path], tuple[int, str]]:
    """Verify a folder; gives the exit code, and what was said."""

    def verify(folder: Path) -> tuple[int, str]:
        capsys.readouterr()
        code = main(["verify", str(folder)])
        output = capsys.readouterr()
        return code, output.out + output.err

    return verify


Verify = Callable[[Path], tuple[int, str]]


@pytest.mark.parametrize("run", ["train", "eval", "cv"])
def test_what_a_run_left_is_of_one_run(runs: Path, verify: Verify, run: str) -> None:
    code, said = verify(runs / run)
    assert (code, said.endswith("of one run, as far as they tell\n")) == (0, True)


@pytest.mark.parametrize(
    ("source", "target", "told"),
    [
        ("cv/predictions.csv", "eval", "gives other scores than"),
        ("cv/metrics.json", "eval", "gives other scores than"),
        ("cv/predictions.csv", "train", "says of the best epoch"),
        ("cv/fold-1/eval/run.json", "eval", "metrics.json is of the checkpoint"),
        ("cv/fold-1/eval/run.json", "eval", "predictions.csv is of other clips than"),
        ("train/metrics.jsonl", "eval", "metrics.jsonl is of a training, and of none"),
    ],
)
def test_a_file_of_another_run_is_told(
    runs: Path, verify: Verify, source: str, target: str, told: str
) -> None:
    shutil.copy(runs / source, runs / target)
    code, said = verify(runs / target)
    assert (code, "Traceback" in said) == (2, False)
    assert told in said


@pytest.mark.parametrize("run", ["train", "eval"])
def test_a_score_or_a_label_that_was_changed_is_told(runs: Path, verify: Verify, run: str) -> None:
    path = runs / run / "predictions.csv"
    heading, first, *rest = path.read_text().splitlines()
    for changed in (
        first.replace(",0.", ",0.9", 1),
        first.replace(",dog_bark,", ",rooster,"),
        "",
    ):
        assert changed != first
        path.write_text("\n".join([heading, *([changed] if changed else []), *rest]) + "\n")
        code, said = verify(runs / run)
        assert code == 2
        assert f"{path} " in said


def test_the_course_of_a_run_with_epochs_of_another_length_is_told(
    runs: Path, verify: Verify
) -> None:
    path = runs / "train/metrics.jsonl"
    path.write_text(path.read_text().replace('"epoch": 2, "step": 1', '"epoch": 1, "step": 3'))
    code, said = verify(runs / "train")
    assert code == 2
    assert f"{path} is of epochs of other lengths than {runs / 'train/run.json'} says" in said


def test_a_page_of_another_run_is_told(runs: Path, verify: Verify) -> None:
    for run in ("train", "eval"):
        assert main(["report", str(runs / run)]) == 0
        assert verify(runs / run)[0] == 0
    pages = [runs / run / "report.html" for run in ("train", "eval")]
    contents = [page.read_bytes() for page in pages]
    for page, content in zip(pages, reversed(contents), strict=True):
        page.write_bytes(content)
        code, said = verify(page.parent)
        assert code == 2
        assert f"{page} does not show the " in said


def test_metrics_that_cannot_be_read_are_refused(runs: Path, verify: Verify) -> None:
    path = runs / "eval/metrics.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"accuracy": "good"}))
    code, said = verify(runs / "eval")
    assert code == 2
    assert f"{path} is damaged at accuracy" in said
