"""Trains on global batches of 8 real clips, whatever the number of workers.

What each worker of it ends with goes to ``rank_<r>.json``.
"""

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
from fcn4_dist.model.build import build_fcn4  # noqa: E402
from fcn4_dist.model.fcn4 import Fcn4  # noqa: E402
from fcn4_dist.pipeline import read_batches, training_batches  # noqa: E402
from fcn4_dist.records import RecordSet, read_manifest  # noqa: E402
from fcn4_dist.training.step import TrainingStep, step_controls  # noqa: E402

GLOBAL_BATCH = 8
EPOCHS = 10
CONTROLS = step_controls(learning_rate=0.0005)
WIDTH = 0.04


def main(shards: Path, folder: Path) -> None:
    ranks = join_ranks("CPU", 0)
    clips = read_manifest(shards).record_set("train", shards)
    answers = {
        "sync_bn": train(build(batch_norm_ranks=ranks.size), clips, ranks),
        "sync_bn, pool_first": train(build(ranks.size, pool_first=True), clips, ranks),
        "own statistics": train(build(batch_norm_ranks=1), clips, ranks),
        "fixed statistics": train(with_fixed_statistics(build(batch_norm_ranks=1)), clips, ranks),
    }
    if ranks.size > 1:
        # One worker alone takes the large batch, which they are held against.
        accumulated = with_fixed_statistics(build(batch_norm_ranks=1))
        answers["accumulated"] = train(accumulated, clips, ranks, accumulation=2)
    (folder / f"rank_{ranks.rank}.json").write_text(json.dumps(answers))


def build(batch_norm_ranks: int, *, pool_first: bool = False) -> Fcn4:
    ms.set_seed(1)
    network = build_fcn4(3, WIDTH, batch_norm_ranks=batch_norm_ranks, pool_first=pool_first)
    return network.set_train(True)


def with_fixed_statistics(network: Fcn4) -> Fcn4:
    """Let batch-norm in training do what it does in inference."""
    for cell in network.cells():
        if isinstance(cell, nn.BatchNorm2d):
            cell.set_train(False)
    return network


def train(network: Fcn4, clips: RecordSet, ranks: Ranks, accumulation: int = 1) -> dict[str, Any]:
    step = TrainingStep(network, ranks, loss_scale=1024.0, accumulation=accumulation)
    losses = []
    for epoch in range(1, EPOCHS + 1):
        batches = training_batches(
            len(clips),
            GLOBAL_BATCH // ranks.size,
            ranks.rank,
            ranks.size,
            seed=1,
            epoch=epoch,
        )
        for batch in read_batches(clips, batches):
            features, labels = (
                [Tensor(part) for part in np.split(array, accumulation)]
                for array in (batch.features, batch.labels)
            )
            for others in zip(features[:-1], labels[:-1], strict=True):
                step.accumulate(*others)
            losses.append(float(step(features[-1], labels[-1], CONTROLS).asnumpy()[0]))
    parameters = {each.name: each.asnumpy().tolist() for each in network.get_parameters()}
    return {"losses": losses, "parameters": parameters}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
