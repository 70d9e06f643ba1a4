"""What a run left, read back."""

import json
from pathlib import Path

import pytest

from fcn4_dist.errors import InputError
from fcn4_dist.runs.reading import read_run
from tests.reports.run_folders import (
    GENRES,
    epoch_line,
    make_predictions,
    step_line,
    write_description,
    write_run,
)


def test_everything_of_a_finished_run_is_read(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", skipped=[("a.wav", "/data/a.wav", "too short")])
    record = read_run(folder)
    assert record.description and record.course and record.predictions
    assert record.description.data.class_names == GENRES
    assert record.description.data.sets["val"].clips == 80
    assert record.description.data.sets["train"].hours == 3.6917
    assert record.description.data.skipped[0].reason == "too short"
    assert record.description.settings["lr"] == 0.0005
    assert len(record.course.steps) == 200
    assert [epoch.epoch for epoch in record.course.epochs] == list(range(1, 11))
    assert record.course.best is record.course.epochs[-1]
    assert record.course.stop is None and record.course.unreadable == 0
    assert record.predictions.ids == make_predictions().ids


def test_the_best_epoch_is_the_last_that_was_better(tmp_path: Path) -> None:
    lines = [epoch_line(1), epoch_line(2, 0.95), epoch_line(3, 0.93, best=False)]
    (tmp_path / "metrics.jsonl").write_text("".join(lines))
    course = read_run(tmp_path).course
    assert course and course.best and course.best.epoch == 2


def test_the_torn_last_line_of_a_killed_run_is_left_out(tmp_path: Path) -> None:
    whole = step_line(1) + step_line(2)
    for cut in range(1, len(step_line(3)) - 2):
        (tmp_path / "metrics.jsonl").write_text(whole + step_line(3)[:cut])
        course = read_run(tmp_path).course
        assert course and len(course.steps) == 2
        assert course.unreadable == 1


@pytest.mark.parametrize("line", ["[]", "7", '{"kind": "step"}', '{"kind": "epoch", "epoch": 1}'])
def test_a_line_that_is_none_of_ours_is_counted(tmp_path: Path, line: str) -> None:
    (tmp_path / "metrics.jsonl").write_text(f"{line}\n{step_line(1)}")
    course = read_run(tmp_path).course
    assert course and len(course.steps) == course.unreadable == 1


def test_kinds_of_later_versions_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"kind": "note", "text": "x"}\n' + step_line(1))
    course = read_run(tmp_path).course
    assert course and len(course.steps) == 1 and course.unreadable == 0


def test_what_is_no_finite_number_is_none(tmp_path: Path) -> None:
    lines = [step_line(1, None), step_line(2, float("nan")), step_line(3, float("inf"))]
    (tmp_path / "metrics.jsonl").write_text("".join(lines))
    course = read_run(tmp_path).course
    assert course and [step.loss for step in course.steps] == [None] * 3


def test_a_stop_says_where_and_why(tmp_path: Path) -> None:
    stop = {"kind": "stopped", "epoch": 1, "step": 2, "global_step": 2}
    stop |= {"reason": "the loss is NaN", "ids": ["a.wav", "b.wav"]}
    (tmp_path / "metrics.jsonl").write_text(step_line(1) + json.dumps(stop) + "\n")
    course = read_run(tmp_path).course
    assert course and course.stop
    assert (course.stop.step, course.stop.reason) == (2, "the loss is NaN")
    assert course.stop.ids == ("a.wav", "b.wav")


def test_a_run_that_has_just_begun_is_a_run(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").touch()
    course = read_run(tmp_path).course
    assert course and not course.steps and not course.epochs


@pytest.mark.parametrize("place", ["", "none", "notes.txt"])
def test_a_folder_without_a_run_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "notes.txt").touch()
    folder = tmp_path / place
    with pytest.raises(InputError) as refusal:
        read_run(folder)
    assert str(refusal.value) == (
        f"{folder} holds no run: none of run.json, metrics.jsonl and predictions.csv is there; "
        "name the folder of a train or eval job (its run_dir)"
    )


def test_a_description_of_another_format_is_refused(tmp_path: Path) -> None:
    write_description(tmp_path, format=2)
    with pytest.raises(InputError, match=r"run\.json has format 2, this version reads 1: move"):
        read_run(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 1, "data": 3}'])
def test_a_description_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(InputError, match=r"run\.json .*: move it away to get a report without it"):
        read_run(tmp_path)


@pytest.mark.parametrize("name", ["run.json", "metrics.jsonl", "predictions.csv"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match=f"cannot read .*{name}: Is a directory"):
        read_run(tmp_path)
