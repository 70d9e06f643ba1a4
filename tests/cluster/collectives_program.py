"""What each worker of the collectives test runs; its answers go to ``answers_<rank>.json``."""

import json
import sys
from pathlib import Path
from typing import Any

from fcn4_dist.cluster.device import prepare_environment

prepare_environment("CPU")

import mindspore as ms  # noqa: E402
import numpy as np  # noqa: E402
from mindspore import Tensor, nn  # noqa: E402

from fcn4_dist.cluster.ranks import Ranks, join_ranks  # noqa: E402
from fcn4_dist.model.batch_norm import GlobalBatchNorm2d  # noqa: E402
from fcn4_dist.model.build import build_fcn4  # noqa: E402
from fcn4_dist.model.fcn4 import Fcn4  # noqa: E402
from fcn4_dist.training.step import TrainingStep, step_controls  # noqa: E402

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.cluster.peers_program import WORKS  # noqa: E402


def main(folder: Path) -> None:
    ranks = join_ranks("CPU", 0)
    rank = ranks.rank
    answers: dict[str, Any] = {
        "world_size": ranks.size,
        "gathered": ranks.all_gather(np.float32([[rank, 10 * rank]])).tolist(),
        "mean": means(ranks),
        "broadcast": ranks.broadcast(np.int32([rank + 5])).tolist(),
        "as peers": {name: work(ranks) for name, work in WORKS.items()},
        "training": train(ranks),
        "alone": [train_alone(share) for share in range(ranks.size)] if rank == 0 else [],
        "batch-norm": batch_norm(ranks),
        "gradients of batch-norm": batch_norm_gradients(ranks),
        "names with sync_bn": names_with_sync_bn(ranks),
    }
    (folder / f"answers_{rank}.json").write_text(json.dumps(answers))


def means(ranks: Ranks) -> dict[str, Any]:
    arrays = {"a": np.float32([[ranks.rank, 1]]), "b": np.float32(2 * ranks.rank)}
    return {name: mean.tolist() for name, mean in ranks.all_reduce_mean(arrays).items()}


def train(ranks: Ranks) -> dict[str, Any]:
    # Other initial weights on every rank, to see that rank 0's win.
    ms.set_seed(ranks.rank)
    network = Fcn4(3, (2, 3, 4, 5)).set_train(True)
    step = TrainingStep(network, ranks, loss_scale=1024.0)
    ranks.broadcast_parameters(step.state())
    random = np.random.default_rng(ranks.rank)
    losses, stops = [], []
    first: dict[str, Any] = {}
    for count in range(3):
        # The last rank is asked to stop in the second step.
        stop = count == 1 and ranks.rank == ranks.size - 1
        controls = step_controls(learning_rate=0.01, stop=stop)
        features = Tensor(random.normal(size=(2, 1, 24, 160)).astype(np.float32))
        told = step(features, Tensor(np.eye(2, 3, dtype=np.float32)), controls).asnumpy()
        losses.append(float(told[0]))
        stops.append(float(told[1]))
        # Adam's first moment is a tenth of the first gradient.
        first = first or {p.name: p.asnumpy().tolist() for p in step.optimizer.moment1}
    return {
        "first moments": first,
        "losses": losses,
        "ranks asked to stop": stops,
        "weights": {p.name: p.asnumpy().tolist() for p in network.trainable_params()},
        "statistics": network.bn1.moving_mean.asnumpy().tolist(),
    }


def train_alone(share: int) -> dict[str, Any]:
    """One step on one rank's share, from rank 0's weights, without any collective."""
    ms.reset_auto_parallel_context()
    ms.set_seed(0)
    network = Fcn4(3, (2, 3, 4, 5)).set_train(True)
    step = TrainingStep(network, Ranks(0, 1), loss_scale=1024.0)
    features = np.random.default_rng(share).normal(size=(2, 1, 24, 160)).astype(np.float32)
    labels = Tensor(np.eye(2, 3, dtype=np.float32))
    loss, _ = step(Tensor(features), labels, step_controls(learning_rate=0.01)).asnumpy()
    return {
        "loss": float(loss),
        "first moments": {p.name: p.asnumpy().tolist() for p in step.optimizer.moment1},
    }


def batch_norm(ranks: Ranks) -> dict[str, Any]:
    """Normalise this rank's share of a batch far from zero, in training and in inference."""
    random = np.random.default_rng(ranks.rank)
    share = random.normal(1000 + ranks.rank, 0.5, size=(2, 3, 4, 5)).astype(np.float32)
    synchronised = GlobalBatchNorm2d(3, ranks.size)
    for parameter in (synchronised.gamma, synchronised.beta):
        parameter.set_data(Tensor(np.float32([0.5, 1, 2])))
    in_training = synchronised.set_train(True)(Tensor(share)).asnumpy()
    in_inference = synchronised.set_train(False)(Tensor(share)).asnumpy()
    plain = nn.BatchNorm2d(3).set_train(False)
    ms.load_param_into_net(plain, synchronised.parameters_dict())
    return {
        "share": share.tolist(),
        "in training": in_training.tolist(),
        "moving mean": synchronised.moving_mean.asnumpy().tolist(),
        "moving variance": synchronised.moving_variance.asnumpy().tolist(),
        "in inference": in_inference.tolist(),
        "plain in inference": plain(Tensor(share)).asnumpy().tolist(),
    }


class WeightedSum(nn.Cell):
    """A loss whose gradient by the output of batch-norm is any that is wanted."""

    def __init__(self, batch_norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.batch_norm = batch_norm

    def construct(self, x: Tensor, weights: Tensor) -> Tensor:
        return (self.batch_norm(x) * weights).sum()


def batch_norm_gradients(ranks: Ranks) -> dict[str, Any]:
    """Gradients by this rank's share, and by the global batch on one worker alone."""
    random = np.random.default_rng(5)
    shape = (ranks.size, 2, 3, 4, 5)
    batches = random.normal(7, 2, size=shape).astype(np.float32)
    weights = random.normal(size=shape).astype(np.float32)
    mine = batches[ranks.rank], weights[ranks.rank]
    whole = (array.reshape(-1, 3, 4, 5) for array in (batches, weights))
    return {
        "share": gradients(GlobalBatchNorm2d(3, ranks.size), *mine),
        "whole": gradients(nn.BatchNorm2d(3), *whole),
    }


def gradients(batch_norm: nn.BatchNorm2d, x: np.ndarray, weights: np.ndarray) -> dict[str, Any]:
    batch_norm.gamma.set_data(Tensor(np.float32([0.5, 1, 2])))
    loss = WeightedSum(batch_norm).set_train(True)
    derive = ms.grad(loss, grad_position=0, weights=[batch_norm.gamma, batch_norm.beta])
    by_x, (by_gamma, by_beta) = derive(Tensor(x), Tensor(weights))
    found = {"x": by_x, "gamma": by_gamma, "beta": by_beta}
    return {name: gradient.asnumpy().tolist() for name, gradient in found.items()}


def names_with_sync_bn(ranks: Ranks) -> list[list[str]]:
    return [
        [parameter.name for parameter in network.get_parameters()]
        for network in (
            build_fcn4(3, 0.02, amp_level=level, batch_norm_ranks=number)
            for level in ("", "O2")
            for number in (1, ranks.size)
        )
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
