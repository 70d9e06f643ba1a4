"""Trainings of other shapes, types and kinds in one process: each is what it is alone."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mindspore import Parameter, Tensor, nn

from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.training.step import TrainingStep, step_controls

PROGRAM = Path(__file__).with_name("trainings_program.py")
CASES: list[dict[str, Any]] = [
    {"compiled": compiled, "batch": batch, "window": window, "settings": others}
    for compiled, batch, window, others in (
        (False, 3, (24, 160), {"num_classes": 2, "width": 0.05}),
        (True, 2, (40, 331), {"num_classes": 5, "width": 0.05}),
        (False, 2, (40, 331), {"num_classes": 2, "width": 0.05, "fused_first_block": False}),
        (True, 5, (32, 188), {"num_classes": 1, "width": 0.1, "accumulation_steps": 2}),
        (False, 2, (40, 331), {"num_classes": 4, "width": 0.05, "accumulation_steps": 3}),
        (False, 6, (24, 170), {"num_classes": 7, "width": 0.1, "ema_decay": 0.9}),
        (True, 3, (24, 170), {"num_classes": 3, "width": 0.05, "mixed_precision": True}),
        (True, 4, (24, 160), {"num_classes": 2, "width": 0.1, "loss_scaling": "dynamic"}),
    )
]


class LinearNetwork(nn.Cell):
    """Has gradients that NumPy knows."""

    def __init__(self, weight: np.ndarray) -> None:
        super().__init__()
        self.weight = Parameter(Tensor(weight), name="weight")

    def construct(self, features: Tensor) -> Tensor:
        return features.matmul(self.weight)


@settings(max_examples=4)
@given(st.lists(st.tuples(*[st.integers(1, 8)] * 3, st.integers(1, 3)), min_size=2, max_size=5))
def test_the_first_moments_are_a_tenth_of_the_gradients_whatever_was_trained_before(
    shapes: list[tuple[int, int, int, int]],
) -> None:
    random = np.random.default_rng(len(shapes))

    def normal(*shape: int) -> np.ndarray:
        return random.normal(size=shape).astype(np.float32)

    weights = [normal(inputs, classes) for _, inputs, classes, _ in shapes]
    # All are there before the first is trained.
    steps = [
        TrainingStep(LinearNetwork(weight), Ranks(), 1024.0, accumulation=accumulation)
        for weight, (*_, accumulation) in zip(weights, shapes, strict=True)
    ]
    for step, weight, (batch, inputs, classes, parts) in zip(steps, weights, shapes, strict=True):
        features = normal(parts, batch, inputs)
        labels = random.integers(0, 2, (parts, batch, classes)).astype(np.float32)
        batches = [tuple(map(Tensor, each)) for each in zip(features, labels, strict=True)]
        for each in batches[:-1]:
            step.accumulate(*each)
        step(*batches[-1], step_controls(learning_rate=0.0))
        chances = 1 / (1 + np.exp(-(features @ weight).astype(np.float64)))
        gradient = np.einsum("pbi,pbc->ic", features, chances - labels) / labels.size
        moment = step.optimizer.moment1[0].asnumpy()
        np.testing.assert_allclose(moment, 0.1 * gradient, rtol=1e-4, atol=1e-7)


@pytest.mark.slow
def test_losses_weights_and_moments_are_those_of_a_process_for_each_to_the_bit(
    tmp_path: Path,
) -> None:
    def trained(name: str, cases: list[dict[str, Any]]) -> list[dict[str, np.ndarray]]:
        file = tmp_path / name / "cases.json"
        file.parent.mkdir()
        file.write_text(json.dumps(cases))
        subprocess.run([sys.executable, PROGRAM, file], check=True, timeout=500)
        return [dict(np.load(file.with_name(f"outcome_{i}.npz"))) for i in range(len(cases))]

    with ThreadPoolExecutor(2) as processes:
        together = processes.submit(trained, "together", CASES)
        alone = processes.map(lambda i: trained(str(i), [CASES[i]]), range(len(CASES)))
        for case, outcome, (expected,) in zip(CASES, together.result(), alone, strict=True):
            assert outcome.keys() == expected.keys()
            for name, values in expected.items():
                np.testing.assert_array_equal(outcome[name], values, f"{name} of {case}")
            assert expected["moment1.conv1.weight"].any()
