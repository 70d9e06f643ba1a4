"""Trains two workers on batches of which some overflow, on rank 1 alone.

What each worker of it ends with goes to ``rank_<r>.json``.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from fcn4_dist.cluster.device import prepare_environment

prepare_environment("CPU")

import mindspore as ms  # noqa: E402
import numpy as np  # noqa: E402
from mindspore import Tensor  # noqa: E402

from fcn4_dist.cluster.ranks import Ranks, join_ranks  # noqa: E402
from fcn4_dist.model.build import build_fcn4  # noqa: E402
from fcn4_dist.training.agreement import hash_of_weights  # noqa: E402
from fcn4_dist.training.loss_scaling import DynamicLossScale  # noqa: E402
from fcn4_dist.training.step import TrainingStep, step_controls  # noqa: E402

CONTROLS = step_controls(learning_rate=0.01)
OVERFLOWING = -1


def main(folder: Path) -> None:
    ranks = join_ranks("CPU", 0)
    variants: dict[str, dict[str, Any]] = {
        "plain": {},
        "accumulated": {"accumulation": 2},
        "sync_bn, buckets": {"batch_norm_ranks": ranks.size, "all_reduce_buckets": 3},
    }
    answers = {
        name: {
            "with": train(ranks, (1, OVERFLOWING, 2, OVERFLOWING), **options),
            "without": train(ranks, (1, 2), **options),
        }
        for name, options in variants.items()
    }
    (folder / f"rank_{ranks.rank}.json").write_text(json.dumps(answers))


def train(
    ranks: Ranks, batches: tuple[int, ...], batch_norm_ranks: int = 1, **options: Any
) -> dict[str, Any]:
    ms.set_seed(1)
    network = build_fcn4(3, 0.02, batch_norm_ranks=batch_norm_ranks).set_train(True)
    step = TrainingStep(network, ranks, DynamicLossScale(network, 1024.0), 0.1, **options)
    parts = step.accumulation
    labels = np.split(np.eye(4, 3, dtype=np.float32), parts)
    told = []
    for number in batches:
        random = np.random.default_rng([abs(number), ranks.rank])
        features = random.normal(size=(4, 1, 32, 170)).astype(np.float32)
        if number == OVERFLOWING and ranks.rank == 1:
            # With accumulation, in the first of its parts.
            features[0] = 1e30
        *others, last = zip(np.split(features, parts), labels, strict=True)
        for part in others:
            step.accumulate(*map(Tensor, part))
        told.append(step(*map(Tensor, last), CONTROLS).asnumpy().tolist())
    state = step.state()
    hashes = {
        each.name: hashlib.sha256(each.asnumpy().tobytes()).hexdigest()
        for each in state
        if not each.name.startswith("loss_scale")
    }
    return {
        "overflows": [each[2] > 0 for each in told],
        "scales": [each[3] for each in told],
        "state": hashes,
        "weights": hash_of_weights(network),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
