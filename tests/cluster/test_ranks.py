"""The collectives and the training step, on three real workers started once for all."""

import subprocess
import sys
from typing import Any

import mindspore as ms
import mindspore.dataset as ds
import numpy as np
import pytest
from mindspore.device_context.ascend import op_precision

from fcn4_dist.cluster import ranks
from fcn4_dist.cluster.ranks import Ranks, join_ranks, use_threads
from tests.cluster.conftest import RANKS, Answers


@pytest.fixture
def answers(answers_of_ranks: Answers) -> Answers:
    return answers_of_ranks


def test_every_rank_knows_how_many_there_are(answers: Answers) -> None:
    assert [answer["world_size"] for answer in answers] == [RANKS] * RANKS


def test_gather_puts_the_ranks_in_order_on_every_rank(answers: Answers) -> None:
    expected = [[[0, 0]], [[1, 10]], [[2, 20]]]
    assert [answer["gathered"] for answer in answers] == [expected] * RANKS


def test_mean_averages_each_named_array_over_the_ranks(answers: Answers) -> None:
    assert [answer["mean"] for answer in answers] == [{"a": [[1, 1]], "b": 2}] * RANKS


def test_broadcast_gives_rank_0s_numbers_to_all(answers: Answers) -> None:
    assert [answer["broadcast"] for answer in answers] == [[5]] * RANKS


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


CHOICE = ("set_device", "Ascend")
EXACT = [
    ("precision_mode", "must_keep_origin_dtype"),
    ("conv_allow_hf32", False),
    ("matmul_allow_hf32", False),
]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What MindSpore is told, in order; no function of it that needs a card is called."""
    calls: list[tuple[Any, ...]] = []

    def note(owner: Any, name: str, answer: Any = None) -> None:
        def called(*given: Any, **_: Any) -> Any:
            calls.append((name, *given))
            return answer

        monkeypatch.setattr(owner, name, called)

    for name in ("set_device", "set_deterministic", "set_auto_parallel_context"):
        note(ms, name)
    for name, _ in EXACT:
        note(op_precision, name)
    note(ranks, "init")
    monkeypatch.setattr(ranks, "get_rank", lambda: 1)
    monkeypatch.setattr(ranks, "get_group_size", lambda: 2)
    monkeypatch.delenv("MS_ROLE", raising=False)
    return calls


@pytest.mark.parametrize("launched", [False, True], ids=["single card", "launched"])
@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ({}, []),
        ({"exact_float32": True}, EXACT),
        ({"deterministic": True}, [("set_deterministic", True)]),
        ({"exact_float32": True, "deterministic": True}, [*EXACT, ("set_deterministic", True)]),
    ],
    ids=["nothing", "exact", "deterministic", "both"],
)
def test_how_ascend_computes_is_settled_behind_its_choice_and_before_ranks_meet(
    launched: bool,
    wishes: dict[str, bool],
    expected: list[tuple[Any, ...]],
    told: list[tuple[Any, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ranks, "launched", lambda: launched)
    joined = join_ranks("Ascend", 0, **wishes)
    choice, *rest = told
    assert choice[:2] == CHOICE
    assert rest[: len(expected)] == expected
    assert rest[len(expected) :][:1] == ([("init",)] if launched else [])
    assert joined.size == (2 if launched else 1)


def test_the_cpu_is_told_nothing_of_it(told: list[tuple[Any, ...]]) -> None:
    join_ranks("CPU", 0, exact_float32=True, deterministic=True)
    assert told == [("set_device", "CPU", 0)]


def test_mindspore_itself_tells_hccl_to_be_deterministic() -> None:
    # It can be told once in a process.
    program = (
        "import os, mindspore; mindspore.set_deterministic(True); "
        "print(os.environ['HCCL_DETERMINISTIC'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["true"], done.stderr
