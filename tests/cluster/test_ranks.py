"""The collectives and the training step, on three real workers started once for all tests."""

import json
import shlex
from pathlib import Path
from typing import Any

import mindspore as ms
import mindspore.dataset as ds
import numpy as np
import pytest

from fcn4_dist.cluster.launch import plan_launch
from fcn4_dist.cluster.ranks import Ranks, use_threads
from fcn4_dist.cluster.supervision import run_launch
from fcn4_dist.cluster.topology import local_topology

RANKS = 3
PROGRAM = Path(__file__).with_name("collectives_program.py")

Answers = list[dict[str, Any]]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """What each rank answered, by rank."""
    folder = tmp_path_factory.mktemp("collectives")
    launch = plan_launch([str(PROGRAM), str(folder)], local_topology(RANKS), folder / "logs")
    exit_code = run_launch(launch)
    logs = "\n".join(launch.log_of(rank).read_text() for rank in range(RANKS))
    assert exit_code == 0, f"{shlex.join(launch.command)}\n{logs}"
    return [json.loads((folder / f"answers_{rank}.json").read_text()) for rank in range(RANKS)]


def test_every_rank_knows_how_many_there_are(answers: Answers) -> None:
    assert [answer["world_size"] for answer in answers] == [RANKS] * RANKS


def test_gather_puts_the_ranks_in_order_on_every_rank(answers: Answers) -> None:
    expected = [[[0, 0]], [[1, 10]], [[2, 20]]]
    assert [answer["gathered"] for answer in answers] == [expected] * RANKS


def test_mean_averages_each_named_array_over_the_ranks(answers: Answers) -> None:
    assert [answer["mean"] for answer in answers] == [{"a": [[1, 1]], "b": 2}] * RANKS


def test_broadcast_gives_rank_0s_numbers_and_text_to_all(answers: Answers) -> None:
    assert [answer["broadcast"] for answer in answers] == [[5]] * RANKS
    assert [answer["text"] for answer in answers] == ["Für Elise ♫"] * RANKS
    assert [answer["no text"] for answer in answers] == [""] * RANKS


def test_ranks_that_agree_go_on(answers: Answers) -> None:
    assert [answer["agreement"] for answer in answers] == ["agreed"] * RANKS


def test_a_rank_that_differs_is_named_on_every_rank(answers: Answers) -> None:
    for answer in answers:
        assert answer["disagreement"].startswith(
            f"rank 1 and rank 0 do not agree on the hash ({2**59 + 1} and {2**59})"
        )


def test_weights_and_losses_are_the_same_bits_on_every_rank(answers: Answers) -> None:
    first = answers[0]["training"]
    for answer in answers[1:]:
        assert answer["training"]["weights"] == first["weights"]
        assert answer["training"]["losses"] == first["losses"]


def test_the_wish_of_one_rank_to_stop_reaches_all_ranks_at_the_same_step(
    answers: Answers,
) -> None:
    for answer in answers:
        assert answer["training"]["ranks asked to stop"] == [0, 1, 0]


def test_gradients_and_loss_are_the_mean_over_the_ranks_shares(answers: Answers) -> None:
    alone = answers[0]["alone"]
    together = answers[0]["training"]
    assert together["losses"][0] == pytest.approx(np.mean([a["loss"] for a in alone]), rel=1e-6)
    for name, moments in together["first moments"].items():
        expected = np.mean([a["first moments"][name] for a in alone], axis=0)
        np.testing.assert_allclose(moments, expected, rtol=1e-4, atol=1e-8)


def test_an_error_of_rank_0_alone_is_raised_on_every_rank(answers: Answers) -> None:
    assert [answer["error of rank 0"] for answer in answers] == ["the file is gone"] * RANKS


def test_batch_norm_statistics_are_each_ranks_own(answers: Answers) -> None:
    assert answers[0]["training"]["statistics"] != answers[1]["training"]["statistics"]


def test_synchronised_batch_norm_normalises_by_the_statistics_of_all_ranks(
    answers: Answers,
) -> None:
    of_ranks = [answer["batch-norm"] for answer in answers]
    whole = np.concatenate([np.array(rank["share"]) for rank in of_ranks]).astype(np.float64)
    mean = whole.mean(axis=(0, 2, 3))
    gamma = beta = np.array([0.5, 1, 2])
    normal = (whole - mean[:, None, None]) / np.sqrt(whole.var(axis=(0, 2, 3)) + 1e-5)[
        :, None, None
    ]
    outputs = np.concatenate([np.array(rank["in training"]) for rank in of_ranks])
    # In float32 values around 1000 are 6e-5 apart.
    expected = normal * gamma[:, None, None] + beta[:, None, None]
    np.testing.assert_allclose(outputs, expected, atol=5e-4)
    for rank in of_ranks:
        np.testing.assert_allclose(rank["moving mean"], 0.1 * mean, rtol=1e-6)
        unbiased = whole.var(axis=(0, 2, 3), ddof=1)
        np.testing.assert_allclose(rank["moving variance"], 0.9 + 0.1 * unbiased, rtol=1e-4)


def test_the_gradient_of_synchronised_batch_norm_is_that_of_the_global_batch(
    answers: Answers,
) -> None:
    of_ranks = [answer["gradients of batch-norm"]["share"] for answer in answers]
    whole = answers[0]["gradients of batch-norm"]["whole"]
    by_x = np.concatenate([rank["x"] for rank in of_ranks])
    np.testing.assert_allclose(by_x, whole["x"], rtol=1e-4, atol=1e-6)
    for name in ("gamma", "beta"):
        summed = np.sum([rank[name] for rank in of_ranks], axis=0)
        np.testing.assert_allclose(summed, whole[name], rtol=1e-4, atol=1e-5)


def test_synchronised_batch_norm_in_inference_is_the_plain_one_to_the_bit(
    answers: Answers,
) -> None:
    for answer in answers:
        assert answer["batch-norm"]["in inference"] == answer["batch-norm"]["plain in inference"]


def test_parameters_keep_their_names_with_sync_bn(answers: Answers) -> None:
    plain, *others = answers[0]["names with sync_bn"]
    assert "bn4.moving_variance" in plain
    assert others == [plain] * 3


def test_training_changes_the_weights(answers: Answers) -> None:
    losses = answers[0]["training"]["losses"]
    assert len(set(losses)) == len(losses)


def test_a_rank_alone_gets_back_what_it_gives() -> None:
    alone = Ranks(0, 1)
    array = np.float32([1, 2])
    np.testing.assert_array_equal(alone.all_gather(array), [array])
    np.testing.assert_array_equal(alone.all_reduce_mean({"a": array})["a"], array)
    np.testing.assert_array_equal(alone.broadcast(array), array)
    assert alone.broadcast("text") == "text"
    alone.check_agreement({"steps": 1})


Asked = list[tuple[str, int]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    calls: Asked = []

    def noting(name: str) -> Any:
        return lambda threads: calls.append((name, threads))

    monkeypatch.setattr(ms.runtime, "dispatch_threads_num", noting("operators"))
    monkeypatch.setattr(ds.config, "set_num_parallel_workers", noting("readers"))
    return calls


@pytest.mark.parametrize(
    ("device", "calls"),
    [("Ascend", [("operators", 6), ("readers", 3)]), ("CPU", [("readers", 3)])],
)
def test_mindspore_is_asked_for_as_many_as_are_set(asked: Asked, device: str, calls: Asked) -> None:
    use_threads(device, 6, 3)
    assert asked == calls


@pytest.mark.parametrize("device", ["Ascend", "CPU"])
def test_what_is_not_set_is_left_to_mindspore(asked: Asked, device: str) -> None:
    use_threads(device, 0, 0)
    assert asked == []
