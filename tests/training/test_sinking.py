"""Steps that a card takes on batches of a queue of its own.

MindSpore's data sinking is for Ascend. Here it is replaced by what its documentation says of it:
each call takes ``sink_size`` rows of the data set, computes with each, and gives the last result.
"""

import json
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mindspore import JitConfig, Tensor
from mindspore.dataset import Dataset

from fcn4_dist.config import Settings
from fcn4_dist.errors import Fcn4DistError, SettingsError, StoppedError
from fcn4_dist.training.plan import TrainingPlan
from fcn4_dist.training.sinking import steps_per_call
from fcn4_dist.training.stepping import Outcome
from tests.training.running import trainer_of, weights_of

Asked = list[dict[str, Any]]


def stand_in(calls: Asked) -> Callable[..., Callable[[], Tensor]]:
    """Give what takes the place of ``ms.data_sink``, and notes what it is asked for."""

    def data_sink(
        fn: Callable[..., Tensor], dataset: Dataset, sink_size: int, jit_config: JitConfig
    ) -> Callable[[], Tensor]:
        calls.append(
            {
                "columns": dataset.get_col_names(),
                "rows": dataset.get_dataset_size(),
                "shapes": dataset.output_shapes(),
                "types": [np.dtype(each).name for each in dataset.output_types()],
                "sink_size": sink_size,
                "jit_level": jit_config.jit_config_dict["jit_level"],
            }
        )
        rows = dataset.create_tuple_iterator(num_epochs=1)
        compiled = ms.jit(fn)

        def sink_process() -> Tensor:
            for _ in range(sink_size):
                told = compiled(*next(rows))
            return told

        return sink_process

    return data_sink


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What MindSpore was asked for."""
    calls: Asked = []
    monkeypatch.setattr(ms, "data_sink", stand_in(calls))
    return calls


def lines_of(folder: Path, kind: str) -> list[dict[str, Any]]:
    lines = map(json.loads, (folder / "run/metrics.jsonl").read_text().splitlines())
    return [line for line in lines if line["kind"] == kind]


def run_in_this_process(
    shards: Path, folder: Path, sink_size: int
) -> tuple[dict[str, np.ndarray], list[list[float]]]:
    """Train; give all that training changes, and the figures of each step."""
    calls: Asked = []
    ms.data_sink = stand_in(calls)
    varied = {"time_shift": 0.3, "lr_schedule": "cosine", "ema_decay": 0.9, "mixup": 0.2}
    varied |= {"loss_scaling": "dynamic"}
    trainer = trainer_of(shards, folder, sink_size=sink_size, **varied)
    trainer.run()
    assert len(calls) == bool(sink_size)
    names = ("global_step", "lr", "loss", "loss_scale", "skipped")
    steps = [[line[name] for name in names] for line in lines_of(folder, "step")]
    return weights_of(trainer), steps


def test_the_run_is_that_of_single_steps(shards: Path, tmp_path: Path) -> None:
    # In processes of their own, like jobs: in one that has derived a loss of another shape before,
    # MindSpore has been seen to double the gradients, which Adam hides but in its moments.
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        runs = [
            pool.submit(run_in_this_process, shards, tmp_path / str(size), size) for size in (0, 3)
        ]
        (single, single_steps), (sunk, sunk_steps) = (run.result() for run in runs)
    assert len(single_steps) == 8
    np.testing.assert_allclose(sunk_steps, single_steps, rtol=1e-5)
    # It is another graph, so the last bits may be others.
    for name, values in single.items():
        np.testing.assert_allclose(sunk[name], values, rtol=1e-4, atol=1e-5, err_msg=name)
    assert list((tmp_path / "3/weight").glob("*-2_4.ckpt"))


def test_mindspore_is_asked_for_whole_batches_and_the_numbers_of_their_steps(
    shards: Path, tmp_path: Path, asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer_of(shards, tmp_path, sink_size=3, jit_level="O1").run()
    assert asked == [
        {
            "columns": ["features", "labels", "controls"],
            "rows": 8,
            "shapes": [[4, 1, 32, 188], [4, 3], [3]],
            "types": ["float32"] * 3,
            "sink_size": 2,
            "jit_level": "O1",
        }
    ]
    assert "sink_size is 2 instead of 3, so that the 4 steps" in capsys.readouterr().out


def test_what_mindspore_takes_for_the_card_is_left_to_it(
    shards: Path, tmp_path: Path, asked: Asked
) -> None:
    trainer_of(shards, tmp_path, sink_size=4).run()
    assert [(call["sink_size"], call["jit_level"]) for call in asked] == [(4, "")]


def test_stopping_and_saving_come_within_the_steps_of_a_call(
    shards: Path, tmp_path: Path, asked: Asked
) -> None:
    answers = iter([False, False, True])
    trainer = trainer_of(shards, tmp_path, lambda: next(answers), sink_size=2, save_step=1)
    with pytest.raises(StoppedError, match="epoch 2, step 2"):
        trainer.run()
    names = sorted(file.name for file in (tmp_path / "weight").glob("*_*.ckpt"))
    assert names == [f"MusicTagger-{place}.ckpt" for place in ("1_2", "1_4", "2_2")]


def test_an_error_of_the_shards_is_told_as_it_is(
    shards: Path, tmp_path: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_batches(*_: Any) -> Any:
        yield from ()
        raise Fcn4DistError("the shards do not hold the clips their manifest says")

    monkeypatch.setattr("fcn4_dist.training.data.read_batches", read_batches)
    with pytest.raises(Fcn4DistError, match="the shards do not hold the clips"):
        trainer_of(shards, tmp_path, sink_size=2).run()


def test_a_step_that_diverges_in_the_middle_of_a_call_is_named(
    shards: Path, tmp_path: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = trainer_of(shards, tmp_path, sink_size=4)
    take = trainer.stepper.take

    def take_and_lose(*arguments: Any) -> Any:
        taken = take(*arguments)
        first, second, _, last = taken.outcomes
        object.__setattr__(taken, "outcomes", (first, second, Outcome(float("nan")), last))
        return taken

    monkeypatch.setattr(trainer.stepper, "take", take_and_lose)
    with pytest.raises(Fcn4DistError, match="the loss is nan at epoch 1, step 3"):
        trainer.run()
    assert [line["step"] for line in lines_of(tmp_path, "step")] == [1, 2]
    assert [line["step"] for line in lines_of(tmp_path, "stopped")] == [3]


@given(st.integers(1, 60), st.integers(1, 40), st.integers(0, 200))
def test_epochs_and_what_is_left_of_one_are_whole_calls(
    limit: int, steps_per_epoch: int, done: int
) -> None:
    plan = TrainingPlan(steps_per_epoch, 9, 1, steps_done=done)
    steps = steps_per_call(limit, plan)
    assert 1 <= steps <= limit
    assert steps_per_epoch % steps == 0
    assert (-done % steps_per_epoch) % steps == 0


def test_the_cpu_has_no_queue() -> None:
    assert Settings(device_target="CPU", sink_size=5).sink_in_use == 0
    assert Settings(device_target="Ascend", sink_size=5).sink_in_use == 5


def test_accumulated_batches_are_handed_over_by_the_host() -> None:
    with pytest.raises(SettingsError, match="sink_size"):
        Settings(sink_size=5, accumulation_steps=2)
