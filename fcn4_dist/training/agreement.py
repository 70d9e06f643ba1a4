"""Whether all ranks have come to the same weights."""

import hashlib

import numpy as np
from mindspore import nn

from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.errors import Fcn4DistError
from fcn4_dist.terminal import warn

_FURTHEST_APART = 1e-3
"""Share of a weight's norm that it may differ by from rank to rank where numbers do not repeat."""


def check_equal_weights(network: nn.Cell, ranks: Ranks, *, repeatable: bool) -> None:
    """Make sure that the weights of all ranks are the same after training.

    Args:
        network: The trained network.
        ranks: This rank; every one has to call this.
        repeatable: Whether the device gives the same bits each time. Where it does not, each rank
            may add a small all-reduce in an order of its own: HCCL has algorithms in which each
            adds up what all have sent.

    Raises:
        Fcn4DistError: On every rank, if they are not.
    """
    what = "weights after training"
    if repeatable:
        ranks.check_agreement({what: hash_of_weights(network)})
        return
    hashes = ranks.all_gather(hash_of_weights(network))
    norms = ranks.all_gather(_norms_of_weights(network))
    apart = float((np.ptp(norms, axis=0) / np.maximum(norms.max(axis=0), 1e-30)).max())
    if apart > _FURTHEST_APART or not np.isfinite(apart):
        sentence = f"the ranks' {what} are apart by {apart:.1g} of their norm"
        ranks.refuse(Fcn4DistError(f"{sentence}: try the cards with 'fcn4-dist doctor --run'"))
    if len(set(hashes)) > 1 and ranks.is_main:
        warn(
            f"the ranks' {what} are apart by {apart:.1g} of their norm, as numbers do not repeat "
            "without --deterministic; the checkpoint holds those of rank 0"
        )


def hash_of_weights(network: nn.Cell) -> str:
    """Give a text that is the same where all weights are, to the bit."""
    digest = hashlib.sha256()
    for parameter in sorted(network.trainable_params(), key=lambda each: each.name):
        digest.update(parameter.asnumpy().tobytes())
    return digest.hexdigest()[:15]


def _norms_of_weights(network: nn.Cell) -> np.ndarray:
    weights = sorted(network.trainable_params(), key=lambda each: each.name)
    return np.array([np.linalg.norm(each.asnumpy()) for each in weights], np.float32)
