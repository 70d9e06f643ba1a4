"""What a run leaves to be looked at."""

import json
import math
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fcn4_dist.errors import Fcn4DistError
from fcn4_dist.runs.history import Epoch, Pace, RunHistory, Step, Stop

PACE = Pace(samples_per_second=75.5, waiting_for_data=0.25)


def lines(folder: Path) -> list[dict[str, object]]:
    text = (folder / "metrics.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def add_step(history: RunHistory, step: int, loss: float, lr: float, pace: Pace = PACE) -> None:
    history.add(Step(epoch=1, step=step, global_step=step, loss=loss, lr=lr, **asdict(pace)))


def add_epoch(history: RunHistory, steps: int, loss: float, lr: float, seconds: float) -> None:
    scores = {"roc_auc_macro": 0.75}
    line = Epoch(
        epoch=1, global_step=steps, loss=loss, lr=lr, **asdict(PACE), seconds=seconds,
        validation=scores, best=True,
    )  # fmt: skip
    history.add(line)


def write(history: RunHistory, steps: range, loss: float = 0.5) -> None:
    for step in steps:
        add_step(history, step, loss / step, 0.001)


def curve(folder: Path, name: str) -> list[tuple[int, float]]:
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return [(event.step, round(event.value, 6)) for event in events.Scalars(name)]


def test_each_step_and_each_epoch_is_a_line_that_is_on_disk_at_once(tmp_path: Path) -> None:
    history = RunHistory(tmp_path, 0)
    add_step(history, 1, 0.5, 0.001, Pace(None, None))
    add_step(history, 2, 0.25, 0.0005)
    add_epoch(history, 2, 0.375, 0.0005, 3.5)
    first, second, epoch = lines(tmp_path)
    assert all(line.pop("time") for line in (first, second, epoch))
    assert first == {
        "kind": "step", "epoch": 1, "step": 1, "global_step": 1, "loss": 0.5, "lr": 0.001,
        "samples_per_second": None, "waiting_for_data": None, "skipped": False,
        "loss_scale": None,
    }  # fmt: skip
    assert second["waiting_for_data"] == 0.25
    assert epoch == {
        "kind": "epoch", "epoch": 1, "global_step": 2, "loss": 0.375, "lr": 0.0005,
        "samples_per_second": 75.5, "waiting_for_data": 0.25, "seconds": 3.5,
        "validation": {"roc_auc_macro": 0.75}, "best": True,
    }  # fmt: skip
    history.close()


def test_tensorboard_reads_the_curves(tmp_path: Path) -> None:
    history = RunHistory(tmp_path, 0)
    write(history, range(1, 5))
    add_epoch(history, 4, 0.26, 0.001, 1.0)
    history.close()
    assert curve(tmp_path, "train/loss") == [(1, 0.5), (2, 0.25), (3, 0.166667), (4, 0.125)]
    assert curve(tmp_path, "train/samples_per_second") == [(step, 75.5) for step in range(1, 5)]
    assert curve(tmp_path, "validation/roc_auc_macro") == [(4, 0.75)]


def test_a_resumed_run_goes_on_with_the_lines_before_it_and_forgets_those_behind(
    tmp_path: Path,
) -> None:
    for folder in ("killed", "resumed"):
        (tmp_path / folder).mkdir()
    killed = RunHistory(tmp_path / "killed", 0)
    write(killed, range(1, 6), loss=0.5)
    killed.close()
    with (tmp_path / "killed" / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "step", "epo')
    resumed = RunHistory(tmp_path / "resumed", 3, tmp_path / "killed")
    assert resumed.losses_of(1) == [0.5, 0.25, 0.5 / 3]
    assert resumed.losses_of(2) == []
    write(resumed, range(4, 7), loss=8.0)
    resumed.close()
    assert [line["loss"] for line in lines(tmp_path / "resumed")] == [
        0.5, 0.25, 0.5 / 3, 2.0, 1.6, 8 / 6
    ]  # fmt: skip


def test_a_run_resumed_in_its_own_folder_leaves_one_history_and_one_curve(tmp_path: Path) -> None:
    for steps_done, steps, loss in ((0, range(1, 6), 0.5), (3, range(4, 7), 8.0)):
        history = RunHistory(tmp_path, steps_done, tmp_path if steps_done else None)
        write(history, steps, loss)
        history.close()
    assert [line["global_step"] for line in lines(tmp_path)] == [1, 2, 3, 4, 5, 6]
    assert [step for step, _ in curve(tmp_path, "train/loss")] == [1, 2, 3, 4, 5, 6]
    assert dict(curve(tmp_path, "train/loss"))[4] == 2.0


def test_a_new_run_in_the_same_folder_begins_anew(tmp_path: Path) -> None:
    for loss in (0.5, 8.0):
        history = RunHistory(tmp_path, 0)
        write(history, range(1, 3), loss)
        history.close()
    assert [line["loss"] for line in lines(tmp_path)] == [8.0, 4.0]
    assert curve(tmp_path, "train/loss") == [(1, 8.0), (2, 4.0)]


def test_a_full_disk_ends_in_a_sentence_with_whole_lines_and_nobody_waits(
    small_disk: Path,
) -> None:
    history = RunHistory(small_disk, 0)
    write(history, range(1, 3))
    filled = small_disk / "filling"
    with suppress(OSError), filled.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    sentence = r"(metrics\.jsonl|tensorboard) cannot be written, so training .*disk.* is full"
    with pytest.raises(Fcn4DistError, match=sentence):
        # The last block of the file has room for some lines.
        write(history, range(3, 100))
    history.close()
    steps = [line["global_step"] for line in lines(small_disk)]
    assert steps == list(range(1, len(steps) + 1))
    filled.unlink()
    again = RunHistory(small_disk, 2, small_disk)
    write(again, range(3, 5))
    again.close()
    assert [line["global_step"] for line in lines(small_disk)] == [1, 2, 3, 4]
    assert [step for step, _ in curve(small_disk, "train/loss")] == [1, 2, 3, 4]


def test_a_full_disk_under_the_event_file_is_told_once(small_disk: Path) -> None:
    history = RunHistory(small_disk, 0)
    with suppress(OSError), (small_disk / "filling").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    events = history._events
    assert events
    with pytest.raises(Fcn4DistError, match=r"tensorboard cannot be written, .* is full"):
        for step in range(1, 1000):
            history._plot("train", step, {"loss": 0.5}, flush=True)
    history.close()


def test_a_loss_that_is_no_number_is_null_and_the_stop_names_the_clips(tmp_path: Path) -> None:
    history = RunHistory(tmp_path, 0)
    add_step(history, 1, math.nan, 0.001)
    ids = ("a.wav", "b.wav")
    history.add(Stop(epoch=1, step=1, global_step=1, reason="the loss is nan", ids=ids))
    history.close()
    step, stop = lines(tmp_path)
    assert step["loss"] is None
    assert (stop["kind"], stop["ids"]) == ("stopped", ["a.wav", "b.wav"])
