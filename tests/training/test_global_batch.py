"""The same global batches on one, two and four real workers: what is equal, and what is not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fcn4_dist.cluster.launch import plan_launch
from fcn4_dist.cluster.supervision import run_launch
from fcn4_dist.cluster.topology import local_topology

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).with_name("global_batch_program.py")
STEPS = 20

Answers = list[dict[str, Any]]
Training = Callable[[int], Answers]

many_workers = pytest.mark.parametrize("workers", [2, 4])


@pytest.fixture(scope="module")
def training(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Training:
    """Give what each rank of a number of workers ended with; each number is started once."""
    done: dict[int, Answers] = {}

    def run(workers: int) -> Answers:
        folder = tmp_path_factory.mktemp(f"workers_{workers}")
        launch = plan_launch(
            [str(PROGRAM), str(shards), str(folder)], local_topology(workers), folder / "logs"
        )
        assert run_launch(launch) == 0
        return [json.loads((folder / f"rank_{r}.json").read_text()) for r in range(workers)]

    def cached(workers: int) -> Answers:
        if workers not in done:
            done[workers] = run(workers)
        return done[workers]

    return cached


def losses(answers: Answers, variant: str) -> np.ndarray:
    """Losses of all steps, as rank 0 saw them."""
    found = np.array(answers[0][variant]["losses"])
    assert found.shape == (STEPS,)
    return found


def statistics(parameters: dict[str, list[float]]) -> dict[str, np.ndarray]:
    """Moving statistics of all batch-norm layers."""
    return {name: np.array(value) for name, value in parameters.items() if ".moving_" in name}


@many_workers
def test_with_sync_bn_the_number_of_workers_changes_no_loss(
    training: Training, workers: int
) -> None:
    alone = losses(training(1), "sync_bn")
    np.testing.assert_allclose(losses(training(workers), "sync_bn"), alone, rtol=1e-4)
    assert alone[-4:].mean() < 0.8 * alone[:4].mean()


@many_workers
def test_where_the_first_block_pools_first_a_loss_is_that_of_the_plain_network(
    training: Training, workers: int
) -> None:
    pooled, plain = (
        losses(training(workers), variant) for variant in ("sync_bn, pool_first", "sync_bn")
    )
    np.testing.assert_allclose(pooled, plain, rtol=1e-4)


@many_workers
def test_with_sync_bn_every_rank_has_the_statistics_of_one_worker_alone(
    training: Training, workers: int
) -> None:
    alone = statistics(training(1)[0]["sync_bn"]["parameters"])
    assert len(alone) == 8
    first = training(workers)[0]["sync_bn"]["parameters"]
    for answer in training(workers):
        assert answer["sync_bn"]["parameters"] == first
    for name, values in statistics(first).items():
        scale = np.abs(alone[name]).max()
        np.testing.assert_allclose(values, alone[name], rtol=1e-4, atol=1e-4 * scale)


@many_workers
def test_without_sync_bn_each_rank_normalises_by_its_own_share(
    training: Training, workers: int
) -> None:
    alone = losses(training(1), "own statistics")
    apart = losses(training(workers), "own statistics")
    assert np.abs(apart / alone - 1).max() > 0.01
    first, second, *_ = training(workers)
    assert statistics(first["own statistics"]["parameters"])["bn1.moving_mean"].tolist() != (
        statistics(second["own statistics"]["parameters"])["bn1.moving_mean"].tolist()
    )


@many_workers
def test_nothing_but_batch_norm_depends_on_the_number_of_workers(
    training: Training, workers: int
) -> None:
    alone = losses(training(1), "fixed statistics")
    np.testing.assert_allclose(losses(training(workers), "fixed statistics"), alone, rtol=1e-4)
    assert alone[-4:].mean() < 0.9 * alone[:4].mean()


@many_workers
def test_a_step_of_several_batches_is_that_of_one_large_batch(
    training: Training, workers: int
) -> None:
    at_once = losses(training(1), "fixed statistics")
    np.testing.assert_allclose(losses(training(workers), "accumulated"), at_once, rtol=1e-5)


def test_one_worker_alone_has_the_plain_batch_norm_with_sync_bn_too(training: Training) -> None:
    (alone,) = training(1)
    assert alone["sync_bn"] == alone["own statistics"]
