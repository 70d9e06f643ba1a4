"""Where the time of a step goes."""

import json
from pathlib import Path
from typing import Any

import mindspore.profiler
import pytest
from mindspore.profiler import ProfilerActivity

from fcn4_dist.errors import StoppedError
from fcn4_dist.training.profiling import operator_times, split_of_step, start_profiler
from fcn4_dist.training.stepping import StepTimes
from tests.training.running import trainer_of


def test_a_profile_has_a_timeline_and_the_parts_of_a_step(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer_of(shards, tmp_path, device_target="CPU", profile=3, time_shift=0.3).run()
    output = capsys.readouterr().out
    assert "profile of 3 steps, milliseconds a step" in output
    folder = tmp_path / "run/profile"
    split = json.loads((folder / "split.json").read_text())
    seconds = split["seconds_a_step"]
    assert list(seconds) == ["waiting for the shards", "augmentation", "step", "besides", "all"]
    assert all(part > 0 for part in seconds.values())
    (timeline,) = folder.glob("*/ASCEND_PROFILER_OUTPUT/trace_view.json")
    assert str(timeline) in output
    operators = split["operator_seconds_a_step"]
    # The convolution of the first block is in "Custom".
    assert {"Custom", "Conv2D", "Conv2DBackpropFilter", "BatchNormGrad", "Adam"} <= set(operators)
    assert 0 < sum(operators.values()) < seconds["step"]


def test_a_profile_in_a_folder_with_an_earlier_one_is_of_this_start(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Behind any other by its name.
    earlier = tmp_path / "earlier/run/profile/z_ascend_ms/ASCEND_PROFILER_OUTPUT"
    trainer = trainer_of(shards, tmp_path / "earlier", device_target="CPU", profile=2)
    earlier.mkdir(parents=True)
    (earlier / "trace_view.json").write_text("[]")
    trainer.run()
    assert str(earlier) not in capsys.readouterr().out
    split = json.loads((tmp_path / "earlier/run/profile/split.json").read_text())
    assert split["operator_seconds_a_step"]


def test_a_stopped_run_does_not_spend_its_last_seconds_on_a_profile(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter([False, False, False, True])
    options = {"device_target": "CPU", "profile": 5}
    with pytest.raises(StoppedError):
        trainer_of(shards, tmp_path, lambda: next(answers), **options).run()
    assert "profile of" not in capsys.readouterr().out


def test_a_run_that_ends_before_a_profile_says_so(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer_of(shards, tmp_path, batch_size=8, epoch_size=1, device_target="CPU", profile=3).run()
    assert "nothing was profiled" in capsys.readouterr().out
    assert not (tmp_path / "run/profile/split.json").exists()


def test_on_ascend_mindspore_is_asked_for_the_card_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Any] = []

    class Profile:
        def __init__(self, **options: Any) -> None:
            asked.append(options)

        def start(self) -> None:
            asked.append("start")

    monkeypatch.setattr(mindspore.profiler, "profile", Profile)
    start_profiler(tmp_path, "Ascend")
    start_profiler(tmp_path, "CPU")
    assert [each["activities"] for each in asked[::2]] == [
        [ProfilerActivity.CPU, ProfilerActivity.NPU],
        [ProfilerActivity.CPU],
    ]
    assert not any(each["start_profile"] for each in asked[::2])
    assert asked[1::2] == ["start", "start"]


def test_steps_of_a_queue_are_parted_without_waiting() -> None:
    assert split_of_step(StepTimes(2, None, 0.2, 3.0), 4.0) == {
        "augmentation": 0.1,
        "step": 1.5,
        "besides": 0.5,
        "all": 2.0,
    }


def test_operators_are_summed_by_kind(tmp_path: Path) -> None:
    row = {"ph": "M", "name": "process_name", "pid": 2, "args": {"name": "CPU OP"}}
    other = {"ph": "M", "name": "process_name", "pid": 3, "args": {"name": "Scope Layer"}}
    events: list[dict[str, Any]] = [row, other]
    for name, pid in [("a/Conv2D-op0", 2), ("b/Conv2D-op11", 2), ("c/Adam-op0", 2), ("a", 3)]:
        events.append({"ph": "X", "name": name, "pid": pid, "dur": "1500.000"})
    timeline = tmp_path / "trace_view.json"
    timeline.write_text(json.dumps(events))
    assert operator_times(timeline) == pytest.approx({"Conv2D": 0.003, "Adam": 0.0015})
