"""Scoring a set of clips on one rank or many, with the same bits on any number."""

import numpy as np
from mindspore import Tensor, nn
from scipy.special import expit

from fcn4_dist.cluster.worker import Worker
from fcn4_dist.evaluation.predictions import Predictions
from fcn4_dist.pipeline import evaluation_batches, pad_batch, read_batches
from fcn4_dist.records import RecordSet
from fcn4_dist.terminal import Progress


def score_clips(
    network: nn.Cell,
    record_set: RecordSet,
    batch_size: int,
    worker: Worker,
    *,
    visible: bool = True,
) -> Predictions | None:
    """Score every clip of a set exactly once.

    Args:
        network: Gives logits of shape (batch, classes).
        record_set: The clips.
        batch_size: Clips in a batch of one rank.
        worker: This rank; all ranks have to call this.
        visible: Whether rank 0 shows its progress.

    Returns:
        The predictions, in the order of the manifest, on rank 0; None on the others.
    """
    network.set_train(False)
    clips, classes = len(record_set), len(record_set.class_names)
    batches = evaluation_batches(clips, batch_size, worker.rank, worker.world_size)
    # Every rank hands in as many batches as rank 0 has, the missing ones as zeros.
    turns = len(evaluation_batches(clips, batch_size, 0, worker.world_size))
    logits = np.zeros((turns, batch_size, classes), dtype=np.float32)
    with Progress("scoring", clips, "clips", visible=visible and worker.is_main) as progress:
        reader = read_batches(record_set, batches)
        for turn in range(turns):
            worker.heartbeat.at(f"scoring batch {turn + 1} of {turns}", unhurried=turn == 0)
            if turn < len(batches):
                features = pad_batch(next(reader).features, batch_size)
                logits[turn] = network(Tensor(features)).asnumpy()
            progress.advance(min(batch_size * worker.world_size, clips - progress.done))
    worker.heartbeat.at("handing its scores to rank 0")
    gathered = worker.gather(logits)
    if not worker.is_main:
        return None
    # Rank r's turn t is the global batch t * world_size + r; padding is at the very end.
    in_order = gathered.swapaxes(0, 1).reshape(-1, classes)[:clips]
    return Predictions(
        ids=tuple(clip.id for clip in record_set.clips),
        paths=tuple(clip.source for clip in record_set.clips),
        labels=record_set.labels,
        # In float64 a sigmoid does not round confident scores to equal ones.
        scores=expit(in_order.astype(np.float64)),
        class_names=record_set.class_names,
    )
