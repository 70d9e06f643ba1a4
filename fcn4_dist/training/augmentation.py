"""Changing samples on the fly: windows, time shift, SpecAugment, mixup, label smoothing.

All that is random about a sample is drawn from (seed, epoch, id), so that it is the same on any
number of ranks, in any batch, and after a resume.
"""

import hashlib
from dataclasses import replace

import numpy as np

from fcn4_dist.config import Settings
from fcn4_dist.pipeline import Batch, Windowing
from fcn4_dist.records import RecordSet

_MASKS = 2


class Augmentation:
    """What the settings ask for; without any of it, batches stay as they are.

    Args:
        settings: The settings of the run.
        record_set: The clips.
    """

    def __init__(self, settings: Settings, record_set: RecordSet) -> None:
        parameters = record_set.parameters
        windowing = Windowing(parameters, settings.window_seconds)
        seconds_a_frame = parameters.hop_length / parameters.sample_rate
        self._seed, self._mixup = settings.seed, settings.mixup
        self._label_smoothing = settings.label_smoothing
        self._frames = windowing.frames
        self._crops = self._frames < parameters.frames
        self._last_starts = windowing.last_starts(record_set.clips)
        self._time_shift = round(settings.time_shift / seconds_a_frame)
        self._freq_mask = min(settings.freq_mask, parameters.n_mels)
        self._time_mask = min(round(settings.time_mask / seconds_a_frame), self._frames)

    @property
    def blends(self) -> bool:
        """Whether samples need partners."""
        return self._mixup > 0

    def __call__(self, batch: Batch, epoch: int, partners: Batch | None = None) -> Batch:
        """Change a batch; its arrays may be changed in place.

        Args:
            batch: Clips as the shards keep them.
            epoch: The epoch, from 1.
            partners: The clips that those of the batch are blended with, if :attr:`blends`.

        Returns:
            Samples as the network is to see them, of one window each.
        """
        augmented = self._augmented(batch, epoch)
        if partners is not None:
            _blend(augmented, self._augmented(partners, epoch), self._shares(batch.ids, epoch))
        if self._label_smoothing:
            smoothed = augmented.labels * (1 - self._label_smoothing) + self._label_smoothing / 2
            augmented = replace(augmented, labels=smoothed.astype(np.float32))
        return augmented

    def _augmented(self, batch: Batch, epoch: int) -> Batch:
        if not (self._crops or self._time_shift or self._freq_mask or self._time_mask):
            return batch
        features = batch.features
        if self._crops:
            features = np.empty((*features.shape[:-1], self._frames), np.float32)
        last_starts = self._last_starts[batch.rows].tolist()
        clips = zip(batch.ids, last_starts, batch.features, features, strict=True)
        for clip_id, last_start, kept, feature in clips:
            draw = sample_generator(self._seed, epoch, clip_id)
            if self._crops:
                start = int(draw.integers(last_start + 1))
                np.copyto(feature, kept[..., start : start + self._frames])
            if self._time_shift:
                shift = int(draw.integers(-self._time_shift, self._time_shift + 1))
                np.copyto(feature, np.roll(feature, shift, axis=-1))
            self._mask(feature[0], draw)
        return replace(batch, features=features)

    def _mask(self, spectrogram: np.ndarray, draw: np.random.Generator) -> None:
        """Hide bands and frames behind the mean, of shape (n_mels, frames).

        Source: Park et al., SpecAugment, Interspeech 2019 (without time warping).
        """
        if not (self._freq_mask or self._time_mask):
            return
        mean = spectrogram.mean()
        for rows, most in ((spectrogram, self._freq_mask), (spectrogram.T, self._time_mask)):
            for _ in range(_MASKS):
                length = int(draw.integers(most + 1))
                start = int(draw.integers(len(rows) - length + 1))
                rows[start : start + length] = mean

    def _shares(self, ids: tuple[str, ...], epoch: int) -> np.ndarray:
        """Draw how much of itself each sample keeps.

        Source: Zhang et al., mixup: Beyond Empirical Risk Minimization, ICLR 2018.
        """
        # A stream of its own: mixup does not change what else is drawn for a sample.
        draws = [sample_generator(self._seed, epoch, f"mixup {clip_id}") for clip_id in ids]
        return np.array([draw.beta(self._mixup, self._mixup) for draw in draws], np.float32)


def sample_generator(seed: int, epoch: int, clip_id: str) -> np.random.Generator:
    """Make the generator of all that is random about a sample in an epoch.

    Args:
        seed: Seed of the run.
        epoch: The epoch, from 1.
        clip_id: Id of the clip.
    """
    digest = hashlib.blake2b(clip_id.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return np.random.default_rng([seed, epoch, int.from_bytes(digest, "little")])


def _blend(batch: Batch, partners: Batch, shares: np.ndarray) -> None:
    """Blend a batch with its partners, in place."""
    for own, partner in ((batch.features, partners.features), (batch.labels, partners.labels)):
        kept = shares.reshape(-1, *[1] * (own.ndim - 1))
        own *= kept
        partner *= 1 - kept
        own += partner
