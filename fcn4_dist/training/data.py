"""The training data of this rank: batches in order, as the network is to see them."""

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
from fcn4_dist.training.plan import Position


class TrainingData:
    """Reads this rank's share of the training set, and augments it.

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

    def batches(self, first: Position) -> Iterator[Batch]:
        """Give this rank's share of the global batches of an epoch.

        Args:
            first: The step of the first of them; those before in the epoch are left out.
        """
        share = (
            len(self._record_set),
            self._settings.batch_per_rank,
            self._ranks.rank,
            self._ranks.size,
        )
        order = {"seed": self._settings.seed, "epoch": first.epoch}
        done = first.step - 1
        batches = read_batches(self._record_set, training_batches(*share, **order)[done:])
        if not self._augmentation.blends:
            yield from (self._augmented(batch, first.epoch) for batch in batches)
            return
        partners = read_batches(self._record_set, partner_batches(*share, **order)[done:])
        for batch, others in zip(batches, partners, strict=True):
            yield self._augmented(batch, first.epoch, others)

    def global_batch_ids(self, position: Position) -> list[str]:
        """List the clips of a step, those of all ranks."""
        global_batch = self._settings.batch_per_rank * self._ranks.size
        (batch,) = training_batches(
            len(self._record_set),
            global_batch,
            0,
            1,
            seed=self._settings.seed,
            epoch=position.epoch,
        )[position.step - 1 : position.step]
        return [self._record_set.clips.ids[index] for index in batch]

    def _augmented(self, batch: Batch, epoch: int, partners: Batch | None = None) -> Batch:
        begun = time.monotonic()
        augmented = self._augmentation(batch, epoch, partners)
        self.augmenting += time.monotonic() - begun
        return augmented
