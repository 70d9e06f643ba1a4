"""The command report."""

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fcn4_dist.cli import main
from tests.reports.run_folders import write_run


def test_the_page_is_beside_the_first_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = (write_run(tmp_path / name) for name in ("first", "second"))
    assert main(["report", str(first)]) == 0
    assert last_line(capsys) == f"report of 1 run: {first / 'report.html'}"
    alone = (first / "report.html").read_bytes()
    assert main(["report", str(first), str(second)]) == 0
    assert last_line(capsys) == f"report of 2 runs: {first / 'comparison.html'}"
    assert (first / "report.html").read_bytes() == alone
    assert not (second / "report.html").exists()


def test_without_a_folder_it_is_about_the_newest_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report"]) == 2
    assert "there is no run in runs: name the folder of one" in capsys.readouterr().err
    older, newer = (write_run(tmp_path / "runs" / name) for name in ("older", "newer"))
    os.utime(older / "run.json", (1000, 1000))
    assert main(["report"]) == 0
    assert "the newest run: runs/newer" in capsys.readouterr().out
    assert (newer / "report.html").is_file()
    # What a program reads has no such line.
    assert main(["report", "--format", "csv"]) == 0
    assert capsys.readouterr().out.startswith("run,")


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.splitlines()[-1]


def test_predictions_that_give_other_scores_than_the_run_had_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(write_run(tmp_path / "run"))]) == 0
    told = capsys.readouterr().out
    assert "the page shows what does not fit: " in told
    assert "predictions.csv gives other scores than" in told


def test_the_page_goes_where_it_is_wanted(tmp_path: Path) -> None:
    run, output = write_run(tmp_path / "run"), tmp_path / "pages" / "of" / "run.html"
    assert main(["report", str(run), "--output", str(output)]) == 0
    assert output.read_bytes().startswith(b"<!DOCTYPE html>")
    assert not (run / "report.html").exists()


def test_scores_are_printed_as_a_table_and_no_page_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [
        str(write_run(tmp_path / name, seed=seed, settings={"lr": lr, "processes": seed}))
        for seed, name, lr in ((1, "R&B", 0.0005), (2, "hip_hop", 0.001))
    ]
    assert main(["report", *runs, "--format", "LaTeX"]) == 0
    shown = capsys.readouterr()
    assert "the table shows what does not fit" in shown.err
    settings, scores, differences = shown.out.rstrip().split("\n\n")
    assert settings.split("\n") == [
        "% Settings that differ",
        r"\begin{tabular}{lll}",
        r"\toprule",
        r"setting & R\&B & hip\_hop \\",
        r"\midrule",
        r"lr & 0.0005 & 0.001 \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]
    assert r"clips & 80 & 80 \\" in scores
    assert differences.startswith("% Differences of the same clips [95% interval]\n")
    assert "best validation" not in shown.out
    assert main(["report", *runs, "--format", "text"]) == 0
    assert "best validation" in capsys.readouterr().out
    assert main(["report", *runs, "--format", "csv"]) == 0
    one, two, difference = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (one["run"], two["run"], one["lr"], two["lr"]) == ("R&B", "hip_hop", "0.0005", "0.001")
    assert one["scores_of"] == "validation set, epoch 10 (best)"
    assert "processes" not in one
    assert (difference["run"], difference["minus"]) == ("hip_hop", "R&B")
    expected = float(two["accuracy"]) - float(one["accuracy"])
    assert float(difference["accuracy"]) == pytest.approx(expected)
    assert not list(tmp_path.glob("*/*.html"))


def test_a_run_without_predictions_has_no_scores_in_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run")
    (run / "predictions.csv").unlink()
    assert main(["report", str(run), "--format", "markdown"]) == 0
    shown = capsys.readouterr()
    assert shown.err == "warning: run has no scores: there is no predictions.csv\n"


def test_a_folder_without_a_run_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run")
    assert main(["report", str(run), str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"fcn4-dist: error: {tmp_path} holds no run: none of run.json, ")
    assert error.count("\n") == 1
    assert not (run / "report.html").exists()


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("", "is a folder: name a file"),
        ("run/run.json", "run.json is there, and is another kind of file, which would be lost"),
        ("scores.TeX", "is for a page of HTML: for a table, give --format latex instead"),
        ("run/run.json/page.html", "run.json is a file): name another folder with --output"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused(
    tmp_path: Path, output: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run")
    assert main(["report", str(run), "--output", str(tmp_path / output)]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_a_package_that_is_not_installed_is_named(
    tmp_path: Path,
    package: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = write_run(tmp_path / "run")
    monkeypatch.setattr("fcn4_dist.versions.find_spec", lambda name: name != package or None)
    assert main(["report", str(run)]) == 2
    assert f"{package} is not installed in this Python: pip install" in capsys.readouterr().err


def test_the_command_does_without_mindspore_and_without_a_window(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    program = (
        "import sys\n"
        "from fcn4_dist.cli import main\n"
        "code = main(['report', *sys.argv[1:]])\n"
        "sys.exit(f\"{code} {'mindspore' in sys.modules}\")"
    )
    command = [sys.executable, "-c", program, str(run)]
    variables = {**os.environ, "MPLBACKEND": "none that is known"}
    result = subprocess.run(command, capture_output=True, text=True, env=variables)
    assert result.stderr.strip() == "0 False"
