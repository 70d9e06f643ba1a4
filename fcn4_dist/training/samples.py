"""This rank's share of the samples, in order, as the network is to see them."""

import time
from collections.abc import Iterator

from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.config import Settings
from fcn4_dist.pipeline import (
    Batch,
    Windowing,
    partner_batches,
    read_batches,
    training_batches,
)
from fcn4_dist.records import RecordSet
from fcn4_dist.training.augmentation import Augmentation


class Samples:
    """Reads and augments.

    Args:
        settings: The settings of the run.
        record_set: The training set.
        ranks: This rank.

    Attributes:
        augmenting: Seconds that augmentation has taken so far.
        shape: Of what the network sees at once, (batch, 1, n_mels, frames).
    """

    def __init__(self, settings: Settings, record_set: RecordSet, ranks: Ranks) -> None:
        self._settings, self._record_set, self._ranks = settings, record_set, ranks
        self._augmentation = Augmentation(settings, record_set)
        self.augmenting = 0.0
        parameters = record_set.parameters
        frames = Windowing(parameters, settings.window_seconds).frames
        self.shape = (settings.batch_size, 1, parameters.n_mels, frames)

    def of_epoch(self, epoch: int, done: int) -> Iterator[Batch]:
        """Give this rank's share of each step of an epoch.

        Args:
            epoch: The epoch, from 1.
            done: Steps of it that are left out, because they were taken before.
        """
        share = (
            len(self._record_set),
            self._settings.batch_per_rank,
            self._ranks.rank,
            self._ranks.size,
        )
        place = {"seed": self._settings.seed, "epoch": epoch}
        batches = read_batches(self._record_set, training_batches(*share, **place)[done:])
        if not self._augmentation.blends:
            yield from (self._augmented(batch, epoch) for batch in batches)
            return
        partners = read_batches(self._record_set, partner_batches(*share, **place)[done:])
        for batch, others in zip(batches, partners, strict=True):
            yield self._augmented(batch, epoch, others)

    def _augmented(self, batch: Batch, epoch: int, partners: Batch | None = None) -> Batch:
        begun = time.monotonic()
        augmented = self._augmentation(batch, epoch, partners)
        self.augmenting += time.monotonic() - begun
        return augmented
