"""Which rank reads which clips, and when.

The order of samples is decided here by index alone, before anything is read: a permutation made
from (seed, epoch), cut into global batches, of which each rank takes its share. The same global
batch size therefore gives the same batches on any number of ranks.
"""

import numpy as np

# Keeps the numbers drawn for partners apart from those of the order.
_PARTNERS = 1


def training_batches(
    clips: int, batch_size: int, rank: int, world_size: int, *, seed: int, epoch: int
) -> list[np.ndarray]:
    """Decide what one rank reads in one epoch of training.

    What is left after the last full global batch is not read in this epoch.

    Args:
        clips: Number of clips in the training set.
        batch_size: Clips in a batch of one rank.
        rank: This rank, from 0.
        world_size: Number of ranks.
        seed: Seed of the run.
        epoch: The epoch, from 1.

    Returns:
        The rank's batches, each an array of batch_size indices of clips; on every rank the same
        number of them.
    """
    return _rank_share(_order(clips, seed, epoch), batch_size, rank, world_size)


def partner_batches(
    clips: int, batch_size: int, rank: int, world_size: int, *, seed: int, epoch: int
) -> list[np.ndarray]:
    """Decide which other clip each clip of :func:`training_batches` is blended with.

    The partners are the same permutation, read from another place on, so that who is whose does
    not depend on the number of ranks, and nobody is blended with itself but a single clip.

    Returns:
        As :func:`training_batches`, of the same arguments, with the partner in each clip's place.
    """
    order = _order(clips, seed, epoch)
    distance = int(np.random.default_rng([seed, epoch, _PARTNERS]).integers(1, max(clips, 2)))
    return _rank_share(np.roll(order, -distance), batch_size, rank, world_size)


def evaluation_batches(clips: int, batch_size: int, rank: int, world_size: int) -> list[np.ndarray]:
    """Decide what one rank scores: every clip is in exactly one batch of exactly one rank.

    Batches are cut by global index and go whole to ranks, in turn, so that a clip's neighbours,
    on which the last bits of its score depend, are the same on any number of ranks.

    Args:
        clips: Number of clips in the set.
        batch_size: Clips in a batch; only the last batch of all may be shorter.
        rank: This rank, from 0.
        world_size: Number of ranks.

    Returns:
        The rank's batches, each an array of indices of clips; maybe none.
    """
    starts = range(rank * batch_size, clips, world_size * batch_size)
    return [np.arange(start, min(start + batch_size, clips)) for start in starts]


def _order(clips: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(clips)


def _rank_share(order: np.ndarray, batch_size: int, rank: int, world_size: int) -> list[np.ndarray]:
    steps = len(order) // (batch_size * world_size)
    batches = order[: steps * batch_size * world_size].reshape(steps, world_size, batch_size)
    return list(batches[:, rank])
