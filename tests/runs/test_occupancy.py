"""One folder, one job: results are neither replaced nor mixed."""

import threading
import time
from pathlib import Path

import pytest

from fcn4_dist.errors import InputError
from fcn4_dist.runs.occupancy import (
    check_goes_on,
    check_unoccupied,
    find_course,
    in_turn,
    kept_to_this_job,
)
from tests.reports.run_folders import epoch_line, step_line, write_description, write_run


def test_what_has_left_no_results_keeps_nobody_out(tmp_path: Path) -> None:
    check_unoccupied(tmp_path / "none")
    write_description(tmp_path)
    for name in ("metrics.jsonl", "settings.yaml", "rank_0.log", "report.html"):
        (tmp_path / name).touch()
    check_unoccupied(tmp_path, "train")
    check_goes_on(tmp_path, None, save_step=1)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("metrics.jsonl", "a training"),
        ("predictions.csv", "the table of several folds"),
        ("metrics.json", "the table of several folds"),
        ("cross_validation.json", "a cross-validation"),
    ],
)
def test_results_are_not_replaced(tmp_path: Path, name: str, what: str) -> None:
    (tmp_path / name).write_text("some\n")
    with pytest.raises(InputError, match=f"run_dir {tmp_path} holds {what}, whose results"):
        check_unoccupied(tmp_path)
    assert (tmp_path / name).read_text() == "some\n"


def test_a_training_goes_on_in_its_own_folder_alone(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    check_goes_on(tmp_path / "run", "3f2a9c4e", save_step=5)
    check_goes_on(tmp_path / "new", "3f2a9c4e", save_step=5)
    with pytest.raises(InputError, match="holds another training than the one that is to go on"):
        check_goes_on(tmp_path / "run", "0000", save_step=5)
    write_description(tmp_path / "eval", command="eval")
    (tmp_path / "eval" / "predictions.csv").touch()
    with pytest.raises(InputError, match="holds an evaluation that ended before its metrics"):
        check_goes_on(tmp_path / "eval", "3f2a9c4e", save_step=5)


@pytest.mark.parametrize(
    ("steps", "epochs", "has_saved"),
    [
        (5, "", False),
        # It may have died in its first save.
        (9, "", False),
        (10, "", True),
        (3, epoch_line(1), True),
    ],
)
def test_a_run_that_has_had_checkpoints_does_not_begin_anew_over_its_metrics(
    tmp_path: Path, steps: int, epochs: str, has_saved: bool
) -> None:
    lines = "".join(map(step_line, range(1, steps + 1))) + epochs
    (tmp_path / "metrics.jsonl").write_text(lines)
    if not has_saved:
        check_goes_on(tmp_path, None, save_step=5)
        return
    with pytest.raises(InputError, match=f"a training of {steps} steps, of which no checkpoint"):
        check_goes_on(tmp_path, None, save_step=5)


def test_the_metrics_of_a_run_are_found_where_they_are_and_are_no_other_runs(
    tmp_path: Path,
) -> None:
    for name, run_id in (("moved", "3f2a"), ("other", "0000"), ("damaged", "3f2a")):
        write_run(tmp_path / name, run_id=run_id)
    (tmp_path / "damaged" / "run.json").write_text("{")
    folders = [tmp_path / name for name in ("none", "other", "damaged", "moved")]
    assert find_course("3f2a", folders) == tmp_path / "moved"
    assert find_course("3f2a", folders[:-1]) is None


def test_two_jobs_do_not_write_to_one_folder(tmp_path: Path) -> None:
    with kept_to_this_job(tmp_path):
        for check in (check_unoccupied, lambda folder: check_goes_on(folder, "3f2a", 1)):
            with pytest.raises(InputError, match=r"another job \(process \d+ on .*\) writes to"):
                check(tmp_path)
        with pytest.raises(InputError, match="wait for it"), kept_to_this_job(tmp_path):
            pass
    check_unoccupied(tmp_path)
    with kept_to_this_job(tmp_path):
        pass


def test_what_keeps_a_folder_is_named_by_its_setting(tmp_path: Path) -> None:
    held = kept_to_this_job(tmp_path, "mr_path")
    with held, pytest.raises(InputError, match="another folder with --mr_path"):
        kept_to_this_job(tmp_path, "mr_path").__enter__()


def test_jobs_that_share_a_folder_work_in_it_one_after_the_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order, begun = [], threading.Event()

    def wait_and_work() -> None:
        begun.set()
        with in_turn(tmp_path):
            order.append("second")

    with in_turn(tmp_path):
        other = threading.Thread(target=wait_and_work)
        other.start()
        begun.wait()
        time.sleep(0.1)
        order.append("first")
    other.join()

    assert order == ["first", "second"]
    assert "waiting for another job (process " in capsys.readouterr().out
    assert not list(tmp_path.iterdir())
