"""The first block in one pass: what a plain computation of every value gives, in float64."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from scipy.signal import correlate2d

from fcn4_dist.model import POOLS, first_block

BANDS, FRAMES = POOLS[0]
shapes = array_shapes(min_dims=4, max_dims=4).map(
    lambda n: (n[0], n[1], n[2] + BANDS - 1, 3 * n[3] + FRAMES)
)
"""Of (batch, channels, n_mels, frames), all that leave something behind the pool."""


@dataclass
class Example:
    """A batch, parameters of the block, and a gradient by its output."""

    features: np.ndarray
    weight: np.ndarray
    gamma: np.ndarray
    beta: np.ndarray
    gradient: np.ndarray


def example(shape: tuple[int, int, int, int], seed: int = 0) -> Example:
    random = np.random.default_rng(seed)
    batch, channels, bands, frames = shape

    def normal(*shape: int) -> np.ndarray:
        return random.normal(size=shape).astype(np.float32)

    return Example(
        # Log-mel spectrograms are far from zero, and their values belong together.
        features=(normal(batch, 1, bands, frames).cumsum(axis=3) / 4 - 20).astype(np.float32),
        weight=normal(channels, 1, 3, 3),
        gamma=normal(channels),
        beta=normal(channels),
        gradient=normal(batch, channels, bands // BANDS, frames // FRAMES),
    )


def in_one_pass(
    given: Example, mean: np.ndarray, variance: np.ndarray, patches: np.ndarray
) -> list[np.ndarray]:
    """Give the output and the gradients by weight, gamma and beta."""
    own = given.features, given.weight, given.gamma
    pooled, chosen = first_block.forward(*own, given.beta, mean, variance)
    return [
        pooled,
        *first_block.backward(*own, mean, variance, patches, chosen, given.gradient),
    ]


def plainly(
    given: Example, statistics: tuple[np.ndarray, np.ndarray] | None = None
) -> list[np.ndarray]:
    """Give the same of every value of the convolution, by the chain rule."""
    features, weight = given.features[:, 0].astype(float), given.weight[:, 0].astype(float)
    x = np.stack([[correlate2d(each, k, mode="same") for k in weight] for each in features])
    mean, variance = statistics or (x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3)))
    gamma, beta, mean, deviation = (
        values[:, None, None]
        for values in (given.gamma, given.beta, mean, np.sqrt(variance + 1e-5))
    )
    normal = (x - mean) / deviation
    y = np.maximum(normal * gamma + beta, 0)
    pooled, dy = np.zeros(given.gradient.shape), np.zeros_like(y)
    for place in np.ndindex(pooled.shape):
        top, left = place[2] * BANDS, place[3] * FRAMES
        pool = y[place[0], place[1], top : top + BANDS, left : left + FRAMES]
        pooled[place] = pool.max()
        if pool.max() > 0:
            band, frame = np.unravel_index(pool.argmax(), pool.shape)
            dy[place[0], place[1], top + band, left + frame] = given.gradient[place]
    over = {"axis": (0, 2, 3), "keepdims": True}
    dx = dy * gamma / deviation
    if statistics is None:
        dx = (dy - dy.mean(**over) - normal * (dy * normal).mean(**over)) * gamma / deviation
    by_weight = [
        sum(correlate2d(np.pad(features[s], 1), dx[s, c], mode="valid") for s in range(len(x)))
        for c in range(len(weight))
    ]
    by_gamma, by_beta = (dy * normal).sum(axis=(0, 2, 3)), dy.sum(axis=(0, 2, 3))
    return [pooled, np.stack(by_weight)[:, None], by_gamma, by_beta]


def assert_close(found: list[np.ndarray], expected: list[np.ndarray], size: np.ndarray) -> None:
    for each, plain in zip(found, expected, strict=True):
        assert each.dtype == np.float32
        assert each.shape == plain.shape
        # Sums that nearly cancel are as exact as what they are of.
        np.testing.assert_allclose(
            each, plain, atol=1e-5 * max(np.abs(plain).max(), np.abs(size).max())
        )


@given(shapes, st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_outputs_and_gradients_are_those_of_a_plain_computation(
    shape: tuple[int, int, int, int], seed: int
) -> None:
    given_ = example(shape, seed)
    found = in_one_pass(given_, *first_block.statistics(given_.features, given_.weight))
    assert_close(found, plainly(given_), given_.features)


@given(shapes, st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_given_statistics_are_used_and_no_gradient_flows_through_them(
    shape: tuple[int, int, int, int], seed: int
) -> None:
    given_ = example(shape, seed)
    statistics = given_.beta * 3, np.abs(given_.gamma) + np.float32(0.5)
    found = in_one_pass(given_, *statistics, np.zeros((10, 9), np.float32))
    assert_close(found, plainly(given_, statistics), given_.features)


def test_statistics_are_exact_where_the_mean_is_large() -> None:
    given_ = example((2, 3, 20, 60))
    features = given_.features * np.float32(0.01) + 300
    x = [
        correlate2d(each[0], k[0], "same") for k in given_.weight for each in features.astype(float)
    ]
    x = np.reshape(x, (3, -1))
    mean, variance, _ = first_block.statistics(features, given_.weight)
    np.testing.assert_allclose(mean, x.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(variance, x.var(axis=1), rtol=1e-6)


def test_of_equal_values_the_first_gets_the_gradient() -> None:
    silence = np.zeros((1, 1, 8, 16), np.float32)
    one = np.ones(1, np.float32)
    weight = np.ones((1, 1, 3, 3), np.float32)
    pooled, chosen = first_block.forward(silence, weight, one, one, 0 * one, one)
    assert (pooled == 1).all()
    assert (chosen == 0).all()


def test_bits_are_the_same_on_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    given_ = example((3, 5, 24, 160))
    found = []
    for cores in (1, 2, 3):
        monkeypatch.setattr(first_block, "usable_cores", lambda cores=cores: cores)
        statistics = first_block.statistics(given_.features, given_.weight)
        found.append(b"".join(each.tobytes() for each in in_one_pass(given_, *statistics)))
    assert len(set(found)) == 1


def test_weights_that_are_no_numbers_are_seen_in_the_output() -> None:
    given_ = example((1, 2, 8, 16))
    given_.weight[1] = np.nan
    pooled, *gradients = in_one_pass(
        given_, *first_block.statistics(given_.features, given_.weight)
    )
    assert np.isfinite(pooled[:, 0]).all()
    assert np.isnan(pooled[:, 1]).all()
    assert np.isnan(gradients[0][1]).all()
