"""Scores and trains on few real clips, from one to one more than there are workers.

What each worker saw goes to ``rank_<r>.json``.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from fcn4_dist.cluster.device import prepare_environment

prepare_environment("CPU")

import mindspore as ms  # noqa: E402
import numpy as np  # noqa: E402
from mindspore import Tensor  # noqa: E402

from fcn4_dist.cluster.ranks import Ranks, join_ranks  # noqa: E402
from fcn4_dist.config import Settings  # noqa: E402
from fcn4_dist.errors import InputError  # noqa: E402
from fcn4_dist.evaluation.scoring import score_clips  # noqa: E402
from fcn4_dist.model.fcn4 import Fcn4  # noqa: E402
from fcn4_dist.pipeline import read_batches, training_batches  # noqa: E402
from fcn4_dist.records import RecordSet, read_manifest  # noqa: E402
from fcn4_dist.training.plan import plan_training  # noqa: E402
from fcn4_dist.training.step import TrainingStep, step_controls  # noqa: E402

ALONE = Ranks(0, 1)


def main(shards: Path, folder: Path) -> None:
    ranks = join_ranks("CPU", 0)
    clips = read_manifest(shards).record_set("train", shards)
    ms.set_seed(1)
    network = Fcn4(3, (2, 3, 4, 5))
    answers: dict[str, Any] = {"scored": [], "alone": [], "trained": {}}
    for count in range(1, ranks.size + 2):
        for batch_size in (1, 2):
            few = first_clips(clips, count)
            answers["scored"].append(scores(network, few, batch_size, ranks))
            answers["alone"].append(scores(network, few, batch_size, ALONE))
    step = TrainingStep(network.set_train(True), ranks, loss_scale=1.0)
    for count in range(1, ranks.size + 2):
        answers["trained"][count] = train(step, first_clips(clips, count), ranks)
    (folder / f"rank_{ranks.rank}.json").write_text(json.dumps(answers))


def first_clips(clips: RecordSet, count: int) -> RecordSet:
    return replace(clips, clips=clips.clips[:count])


def scores(network: Fcn4, clips: RecordSet, batch_size: int, ranks: Ranks) -> Any:
    """Scores by id, as they would be written; None on all ranks but rank 0."""
    scored = score_clips(network, clips, clips.parameters.clip_seconds, batch_size, ranks)
    if scored is None:
        return None
    predictions = scored.clips
    assert predictions.ids == tuple(clip.id for clip in clips.clips)
    return [
        [clip, *row] for clip, row in zip(predictions.ids, predictions.scores.tolist(), strict=True)
    ]


def train(step: TrainingStep, clips: RecordSet, ranks: Ranks) -> Any:
    """Ids of this rank's batches of one clip in two epochs; or why there are none."""
    try:
        plan = plan_training(len(clips), Settings(batch_size=1, epoch_size=2), ranks.size)
    except InputError as error:
        return str(error)
    ids = []
    for epoch in range(1, plan.epochs + 1):
        batches = training_batches(plan.clips, 1, ranks.rank, ranks.size, seed=1, epoch=epoch)
        for batch in read_batches(clips, batches):
            inputs = Tensor(batch.features), Tensor(batch.labels)
            told = step(*inputs, step_controls(learning_rate=0.001))
            loss = float(told.asnumpy()[0])
            assert np.isfinite(loss)
            ids.append(batch.ids[0])
    return ids


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
