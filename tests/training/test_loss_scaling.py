"""A loss scale that follows overflows, and steps that are skipped for them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from fcn4_dist.cluster.launch import plan_launch
from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.cluster.supervision import run_launch
from fcn4_dist.cluster.topology import local_topology
from fcn4_dist.errors import Fcn4DistError
from fcn4_dist.model.cpu_fcn4 import CpuFcn4
from fcn4_dist.model.fcn4 import Fcn4
from fcn4_dist.training.loss_scaling import LARGEST_SCALE, DynamicLossScale
from fcn4_dist.training.step import TrainingStep, step_controls
from tests.training.running import trainer_of
from tests.training.test_step import BATCH, LinearNetwork

PROGRAM = Path(__file__).with_name("overflow_program.py")
CONTROLS = step_controls(learning_rate=0.01, ema_share=0.5)
OVERFLOW = "overflow"

Batches = Sequence[int | str]


def batch(number: int | str) -> tuple[np.ndarray, np.ndarray]:
    """Four clips; those of an overflow hold one that is larger than float32 bears squared."""
    random = np.random.default_rng(0 if number == OVERFLOW else int(number))
    features = random.normal(size=(4, 1, 32, 170)).astype(np.float32)
    if number == OVERFLOW:
        features[1] = 1e30
    return features, np.eye(4, 3, dtype=np.float32)


def trained(
    batches: Batches, *, dynamic: bool, network_class: type[Fcn4] = Fcn4, accumulation: int = 1
) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    """Train with all there is; give what each step told, and the state in the end."""
    ms.set_seed(7)
    network, average = (network_class(3, (4, 6, 8, 10)).set_train(True) for _ in range(2))
    scale: float | DynamicLossScale = DynamicLossScale(network, 1024.0) if dynamic else 1024.0
    step = TrainingStep(network, Ranks(0, 1), scale, 0.1, average, accumulation)
    step.start_average()
    step.start()
    told = []
    for number in batches:
        parts = [map(Tensor, np.split(array, accumulation)) for array in batch(number)]
        *others, last = zip(*parts, strict=True)
        for part in others:
            step.accumulate(*part)
        told.append(step(*last, CONTROLS).asnumpy())
    return told, {parameter.name: parameter.asnumpy() for parameter in step.state()}


@pytest.mark.parametrize(
    ("network_class", "accumulation"),
    [
        (Fcn4, 1),
        pytest.param(Fcn4, 2, marks=pytest.mark.slow),
        pytest.param(CpuFcn4, 2, marks=pytest.mark.slow),
    ],
)
def test_a_step_that_overflows_changes_nothing_but_the_scale(
    network_class: type[Fcn4], accumulation: int
) -> None:
    options: dict[str, Any] = {"network_class": network_class, "accumulation": accumulation}
    told, state = trained((OVERFLOW, 1, 2, OVERFLOW, OVERFLOW, 3), dynamic=True, **options)
    plain_told, plain = trained((1, 2, 3), dynamic=False, **options)
    assert [(each[2] > 0, each[3]) for each in told] == [
        (True, 1024), (False, 512), (False, 512), (True, 512), (True, 256), (False, 128),
    ]  # fmt: skip
    assert float(state.pop("loss_scale")) == 128
    assert int(state.pop("loss_scale.clean_steps")) == 1
    # The factor of a power of two leaves no trace: all is as with a fixed one, without the batch.
    assert state.keys() == plain.keys()
    assert [name for name in plain if state[name].tobytes() != plain[name].tobytes()] == []
    assert [told[number][0] for number in (1, 2, 5)] == [each[0] for each in plain_told]


def test_statistics_that_overflow_unseen_by_the_loss_are_an_overflow() -> None:
    class Blind(nn.Cell):
        """Its batch-norm sees what its logits do not depend on."""

        def __init__(self) -> None:
            super().__init__()
            self.linear, self.bn = LinearNetwork(), nn.BatchNorm1d(2)

        def construct(self, features: Tensor) -> Tensor:
            seen = self.bn(features * 1e30)
            return self.linear(features) + 0 * seen.clip(-1, 1)

    network = Blind().set_train(True)
    step = TrainingStep(network, Ranks(0, 1), DynamicLossScale(network, 8.0))
    features = Tensor(np.random.default_rng(1).normal(size=(3, 2)).astype(np.float32))
    before = network.bn.moving_variance.asnumpy().copy()
    assert step(features, BATCH[1], CONTROLS).asnumpy()[2] == 1
    np.testing.assert_array_equal(network.bn.moving_variance.asnumpy(), before)


def test_the_scale_is_halved_by_overflows_and_doubled_by_clean_steps_in_a_row() -> None:
    network = LinearNetwork()
    scale = DynamicLossScale(network, 4.0, growth_interval=3)
    step = TrainingStep(network, Ranks(0, 1), scale)
    features, labels = BATCH
    too_large = Tensor(features.asnumpy() * np.inf)
    by_chance = (np.random.default_rng(3).random(15) < 0.3).tolist()
    # Down to the smallest, and up to the largest.
    for first, overflows in ((4.0, [True] * 4 + by_chance), (LARGEST_SCALE / 2, [False] * 7)):
        scale.scale.set_data(Tensor(np.float32(first)))
        scale.clean_steps.set_data(Tensor(np.float32(0)))
        expected, clean = first, 0
        for overflow in overflows:
            told = step(too_large if overflow else features, labels, CONTROLS).asnumpy()
            assert (told[2] > 0, told[3]) == (overflow, expected)
            clean = 0 if overflow else clean + 1
            if overflow:
                expected = max(expected / 2, 1.0)
            elif clean == 3:
                expected, clean = min(expected * 2, LARGEST_SCALE), 0


def test_a_scale_below_one_is_not_raised_by_an_overflow() -> None:
    network = LinearNetwork()
    scale = DynamicLossScale(network, 0.25)
    step = TrainingStep(network, Ranks(0, 1), scale)
    step(Tensor(np.full((3, 2), np.inf, np.float32)), BATCH[1], CONTROLS)
    assert scale.scale.asnumpy() == 0.25


@pytest.fixture(scope="module")
def of_ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two workers ended with, of which the second has overflowed."""
    folder = tmp_path_factory.mktemp("overflow")
    launch = plan_launch([str(PROGRAM), str(folder)], local_topology(2), folder / "logs")
    assert run_launch(launch) == 0
    return [json.loads((folder / f"rank_{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["plain", "accumulated", "sync_bn, buckets"])
def test_an_overflow_on_one_rank_is_a_step_skipped_on_all(
    of_ranks: list[dict[str, Any]], variant: str
) -> None:
    for of_rank in of_ranks:
        with_overflows, without = of_rank[variant]["with"], of_rank[variant]["without"]
        assert with_overflows["overflows"] == [False, True, False, True]
        assert with_overflows["scales"] == [1024, 1024, 512, 512]
        assert without["overflows"] == [False, False]
        assert with_overflows["state"] == without["state"]
    first, second = (of_rank[variant]["with"]["weights"] for of_rank in of_ranks)
    assert first == second


def test_a_run_that_overflows_at_the_smallest_scale_ends_with_its_step_and_clips(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = trainer_of(
        shards, tmp_path, loss_scaling="dynamic", loss_scale=4.0, device_target="CPU", save_step=1
    )
    run_step = trainer.stepper._run_step

    def run_too_large(batch: Any, position: Any) -> Any:
        if position.global_step > 2:
            batch.features[:] = 1e30
        return run_step(batch, position)

    monkeypatch.setattr(trainer.stepper, "_run_step", run_too_large)
    with pytest.raises(Fcn4DistError) as caught:
        trainer.run()
    ids = ", ".join(trainer.data.global_batch_ids(trainer.position))
    assert str(caught.value).startswith(
        "numbers overflow even at the smallest loss scale, 1, at epoch 2, step 1, a batch of "
        f"{ids} (all in "
    )
    assert "lower --lr; go on from " in str(caught.value)
    lines = map(json.loads, (tmp_path / "run/metrics.jsonl").read_text().splitlines())
    steps = [line for line in lines if line["kind"] == "step"]
    assert [line["loss_scale"] for line in steps] == [4, 4, 4, 2, 1]
    assert [line["skipped"] for line in steps] == [False, False, True, True, True]
