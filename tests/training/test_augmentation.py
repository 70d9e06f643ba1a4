"""Changing samples on the fly."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fcn4_dist.config import Settings
from fcn4_dist.pipeline import Batch, Windowing, partner_batches, read_batches, training_batches
from fcn4_dist.records import ClipRows, RecordSet, read_manifest
from fcn4_dist.training.augmentation import Augmentation

EVERYTHING: dict[str, Any] = {
    "mixup": 0.4,
    "freq_mask": 8,
    "time_mask": 0.3,
    "time_shift": 0.5,
    "label_smoothing": 0.1,
    "window_seconds": 1.3,
}


@pytest.fixture(scope="module")
def clips(shards: Path) -> RecordSet:
    """The training set of the real clips: 16 of 1.5 s."""
    return read_manifest(shards).record_set("train", shards)


def augmentation(clips: RecordSet, **changes: Any) -> Augmentation:
    return Augmentation(Settings(**{"window_seconds": 1.5, **changes}), clips)


def read(clips: RecordSet, *indices: int) -> Batch:
    (batch,) = read_batches(clips, [np.array(indices)])
    return replace(batch, features=batch.features.copy(), labels=batch.labels.copy())


def epoch_of(clips: RecordSet, ranks: int, epoch: int, seed: int = 1) -> dict[str, Batch]:
    """What all ranks see in an epoch, by clip: global batches of 4."""
    changed = augmentation(clips, seed=seed, **EVERYTHING)
    samples = {}
    for rank in range(ranks):
        share = {"seed": seed, "epoch": epoch}
        own = training_batches(16, 4 // ranks, rank, ranks, **share)
        others = partner_batches(16, 4 // ranks, rank, ranks, **share)
        for batch, partners in zip(
            read_batches(clips, own), read_batches(clips, others), strict=True
        ):
            batch = changed(batch, epoch, partners)
            for row, clip_id in enumerate(batch.ids):
                features, labels = batch.features[row : row + 1], batch.labels[row : row + 1]
                samples[clip_id] = Batch((clip_id,), batch.rows[row : row + 1], features, labels)
    return samples


def test_without_any_of_it_a_batch_stays_what_it_is(clips: RecordSet) -> None:
    batch = read(clips, 0, 1)
    assert augmentation(clips)(batch, 1) is batch


@pytest.mark.parametrize("ranks", [2, 4])
def test_a_sample_is_the_same_on_any_number_of_ranks(clips: RecordSet, ranks: int) -> None:
    alone, shared = epoch_of(clips, 1, 3), epoch_of(clips, ranks, 3)
    assert set(alone) == set(shared)
    for clip_id, sample in alone.items():
        np.testing.assert_array_equal(sample.features, shared[clip_id].features)
        np.testing.assert_array_equal(sample.labels, shared[clip_id].labels)


def test_a_sample_is_another_one_in_each_epoch_and_with_each_seed(clips: RecordSet) -> None:
    one, later, other = epoch_of(clips, 1, 1), epoch_of(clips, 1, 2), epoch_of(clips, 1, 1, seed=2)
    for clip_id, sample in one.items():
        assert not np.array_equal(sample.features, later[clip_id].features)
        assert not np.array_equal(sample.features, other[clip_id].features)


def test_a_window_is_cut_out_of_what_sounds_of_the_clip(clips: RecordSet) -> None:
    first = clips.clips[0]
    short = replace(first, status="padded", seconds=1.1)
    changed = augmentation(replace(clips, clips=(short,)), window_seconds=1.0)
    windowing = Windowing(clips.parameters, 1.0)
    whole = read(clips, 0).features[0]
    starts = set()
    for epoch in range(1, 40):
        window = changed(read(clips, 0), epoch).features[0]
        assert window.shape == (1, 32, windowing.frames)
        places = [
            start
            for start in range(whole.shape[-1] - windowing.frames + 1)
            if np.array_equal(whole[..., start : start + windowing.frames], window)
        ]
        assert len(places) == 1
        starts.update(places)
    assert min(starts) == 0
    assert max(starts) == windowing.last_starts(ClipRows.of([short]))[0] > 5


def test_a_shifted_clip_is_rolled_along_time_within_the_limit(clips: RecordSet) -> None:
    changed = augmentation(clips, time_shift=0.1)
    limit = round(0.1 * 12000 / 96)
    whole = read(clips, 3).features[0]
    shifts = set()
    for epoch in range(1, 60):
        shifted = changed(read(clips, 3), epoch).features[0]
        (shift,) = [
            shift
            for shift in range(-limit, limit + 1)
            if np.array_equal(np.roll(whole, shift, axis=-1), shifted)
        ]
        shifts.add(shift)
    assert len(shifts) > limit


@given(freq_mask=st.integers(0, 40), time_mask=st.floats(0, 1.5), epoch=st.integers(1, 99))
@hypothesis_settings(max_examples=25)
def test_masks_hide_whole_bands_and_frames_behind_the_mean_and_nothing_else(
    clips: RecordSet, freq_mask: int, time_mask: float, epoch: int
) -> None:
    whole = read(clips, 5).features[0, 0]
    changed = augmentation(clips, freq_mask=freq_mask, time_mask=time_mask)
    masked = changed(read(clips, 5), epoch).features[0, 0]
    hidden = masked != whole
    bands, frames = hidden.all(axis=1), hidden.all(axis=0)
    assert (hidden == (bands[:, np.newaxis] | frames)).all() or not hidden.any()
    assert np.unique(masked[hidden]).size <= 1
    np.testing.assert_array_equal(masked[hidden], np.full(hidden.sum(), whole.mean()))
    if not frames.all():
        assert bands.sum() <= 2 * freq_mask
    if not bands.all():
        assert frames.sum() <= 2 * round(time_mask * 125)


def test_mixup_blends_features_and_labels_at_one_share(clips: RecordSet) -> None:
    changed = augmentation(clips, mixup=0.4)
    # Two clips of different classes.
    own, partner = read(clips, 0), read(clips, 15)
    assert not np.array_equal(own.labels, partner.labels)
    blended = changed(read(clips, 0), 1, read(clips, 15))
    share = float(blended.labels[0, own.labels[0].argmax()])
    assert 0 < share < 1
    np.testing.assert_allclose(
        blended.labels, share * own.labels + (1 - share) * partner.labels, atol=1e-6
    )
    np.testing.assert_allclose(
        blended.features, share * own.features + (1 - share) * partner.features, atol=1e-3
    )


def test_the_shares_of_mixup_are_of_the_beta_distribution(clips: RecordSet) -> None:
    changed = augmentation(clips, mixup=0.4)
    ids = tuple(map(str, range(4000)))
    shares = changed._shares(ids, 1)
    assert shares.mean() == pytest.approx(0.5, abs=0.03)
    # Of Beta(a, a) it is 1 / (4 (2 a + 1)).
    assert shares.var() == pytest.approx(1 / 7.2, rel=0.05)


def test_label_smoothing_draws_labels_to_one_half(clips: RecordSet) -> None:
    batch = augmentation(clips, label_smoothing=0.1)(read(clips, 0), 1)
    np.testing.assert_allclose(np.unique(batch.labels), [0.05, 0.95])
    assert batch.labels.dtype == np.float32
