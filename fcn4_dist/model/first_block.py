"""The first block of FCN-4 on the CPU: convolution, batch-norm, ReLU and max-pool in one pass.

The block's input has one channel and its output an eighth of the convolution's values, so those,
500 MB in a batch of 8, are never stored. What training needs of them follows from the input's 3x3
patches: with their mean m and covariance C, a kernel w gives values of mean w.m and variance wCw,
and the gradient through the statistics is made of m and C again. Only the sum of patches that the
max-pool chose has to be gathered.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from fcn4_dist.model.geometry import POOLS
from fcn4_dist.processes import usable_cores

EPSILON = 1e-5
"""Added to the variance, as by ``nn.BatchNorm2d``."""

Floats = NDArray[np.float32]

_BANDS, _FRAMES = POOLS[0]
_TAPS = 9
# Where the ReLU gave zero, no patch gets a gradient.
_NONE = 255
# What overflows is seen in the loss and in the gradients, where it counts.
_QUIET: Any = np.errstate(over="ignore", invalid="ignore")


@_QUIET
def statistics(features: Floats, weight: Floats) -> tuple[Floats, Floats, Floats]:
    """Compute the mean and variance of the convolution's values without these.

    Args:
        features: (batch, 1, n_mels, frames).
        weight: Of the convolution, (channels, 1, 3, 3).

    Returns:
        Mean and biased variance of each channel, (channels,), and of the input's patches the mean
        and under it the covariance, (10, 9).
    """
    padded = _padded(features).astype(np.float64)
    bands, frames = features.shape[2:]
    places = [padded[:, i : i + bands, j : j + frames] for i in range(3) for j in range(3)]
    patches = np.empty((1 + _TAPS, _TAPS))
    patches[0] = [place.mean() for place in places]
    # Centred first: the mean of squares minus the squared mean would cancel.
    centred = [np.ravel(place - mean) for place, mean in zip(places, patches[0], strict=True)]
    for i in range(_TAPS):
        for j in range(i + 1):
            covariance = centred[i] @ centred[j] / features.size
            patches[1 + i, j] = patches[1 + j, i] = covariance
    kernels = _kernels(weight)
    variance = np.einsum("ci,ij,cj->c", kernels, patches[1:], kernels)
    return _floats(kernels @ patches[0]), _floats(variance), _floats(patches)


@_QUIET
def forward(
    features: Floats,
    weight: Floats,
    gamma: Floats,
    beta: Floats,
    mean: Floats,
    variance: Floats,
) -> tuple[Floats, NDArray[np.uint8]]:
    """Compute the block with given statistics.

    Args:
        features: (batch, 1, n_mels, frames).
        weight: Of the convolution, (channels, 1, 3, 3).
        gamma: Scale of batch-norm, (channels,).
        beta: Offset of batch-norm, (channels,).
        mean: Of the convolution's values, (channels,).
        variance: Of the convolution's values, the biased one, (channels,).

    Returns:
        The block's output, of :func:`output_shape`, and which place of its pool each value is
        from (255 where it is zero), of the same shape.
    """
    scale = gamma / _deviation(variance)
    # Batch-norm is part of the kernels.
    kernels, shifts = _floats(_kernels(weight) * scale[:, None]), _floats(beta - mean * scale)
    shape = output_shape(features.shape, weight.shape)
    pooled, chosen = np.empty(shape, np.float32), np.empty(shape, np.uint8)
    padded = _padded(features)
    _in_threads(
        lambda begin, end: _convolve_and_pool(padded, kernels, shifts, pooled, chosen, begin, end),
        shape[0] * shape[1],
    )
    return pooled, chosen


@_QUIET
def backward(
    features: Floats,
    weight: Floats,
    gamma: Floats,
    mean: Floats,
    variance: Floats,
    patches: Floats,
    chosen: NDArray[np.uint8],
    gradient: Floats,
) -> tuple[Floats, Floats, Floats]:
    """Derive by the block's parameters.

    Args:
        features: As given to :func:`forward`.
        weight: As given to :func:`forward`.
        gamma: As given to :func:`forward`.
        mean: As given to :func:`forward`.
        variance: As given to :func:`forward`.
        patches: As :func:`statistics` gave them; zeros if ``mean`` and ``variance`` are no
            function of the weights.
        chosen: As :func:`forward` gave it.
        gradient: By the block's output, of its shape.

    Returns:
        Gradients by ``weight``, ``gamma`` and ``beta``, of their shapes.
    """
    padded = _padded(features)
    sums = np.empty((len(gamma), _TAPS + 1))
    _in_threads(
        lambda begin, end: _sum_chosen_patches(padded, chosen, gradient, sums, begin, end),
        len(gamma),
    )
    by_patch, by_beta = sums[:, :_TAPS], sums[:, _TAPS]
    kernels, deviation = _kernels(weight), _deviation(variance)
    by_gamma = ((kernels * by_patch).sum(axis=1) - mean * by_beta) / deviation
    # What flows through the mean and the variance, both known from the patches.
    by_mean = by_beta[:, None] * patches[0]
    by_variance = (by_gamma / deviation)[:, None] * (kernels @ patches[1:])
    by_weight = (gamma / deviation)[:, None] * (by_patch - by_mean - by_variance)
    return _floats(by_weight).reshape(weight.shape), _floats(by_gamma), _floats(by_beta)


def output_shape(features: Sequence[int], weight: Sequence[int]) -> tuple[int, int, int, int]:
    """Give the shape of the block's output.

    Args:
        features: Shape of the input, (batch, 1, n_mels, frames).
        weight: Shape of the convolution's weight, (channels, 1, 3, 3).
    """
    return features[0], weight[0], features[2] // _BANDS, features[3] // _FRAMES


def _kernels(weight: Floats) -> NDArray[np.float64]:
    return weight.reshape(-1, _TAPS).astype(np.float64)


def _deviation(variance: Floats) -> NDArray[np.float64]:
    return np.sqrt(variance.astype(np.float64) + EPSILON)


def _floats(values: NDArray[np.float64]) -> Floats:
    return values.astype(np.float32)


def _padded(features: Floats) -> Floats:
    return np.pad(features[:, 0], ((0, 0), (1, 1), (1, 1)))


def _compiled(function: Callable) -> Callable:
    options = {"nogil": True, "fastmath": {"contract"}}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:
        # Neither the package's folder nor the user's can be written to.
        return numba.njit(**options)(function)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(usable_cores(), thread_name_prefix="first_block")


def _in_threads(work: Callable[[int, int], None], units: int) -> None:
    cores = usable_cores()
    edges = np.linspace(0, units, 4 * cores + 1).astype(int)
    list(_threads().map(work, edges[:-1].tolist(), edges[1:].tolist()))


@_compiled
def _convolve_and_pool(
    padded: Floats,
    kernels: Floats,
    shifts: Floats,
    pooled: Floats,
    chosen: NDArray[np.uint8],
    begin: int,
    end: int,
) -> None:
    channels = len(kernels)
    height, width = pooled.shape[2:]
    values = np.empty((_BANDS, width * _FRAMES), np.float32)
    for unit in range(begin, end):
        sample, channel = divmod(unit, channels)
        a, b, c, d, e, f, g, h, i = kernels[channel]
        shift = shifts[channel]
        for row in range(height):
            for band in range(_BANDS):
                y = row * _BANDS + band
                top, middle, low = padded[sample, y], padded[sample, y + 1], padded[sample, y + 2]
                for x in range(width * _FRAMES):
                    value = shift + a * top[x] + b * top[x + 1] + c * top[x + 2]
                    value += d * middle[x] + e * middle[x + 1] + f * middle[x + 2]
                    values[band, x] = value + g * low[x] + h * low[x + 1] + i * low[x + 2]
            for column in range(width):
                best = values[0, column * _FRAMES]
                place = 0
                for band in range(_BANDS):
                    for frame in range(_FRAMES):
                        value = values[band, column * _FRAMES + frame]
                        better = value > best
                        best = value if better else best
                        place = band * _FRAMES + frame if better else place
                # Not `best > 0`: what is no number has to stay so, to be seen.
                pooled[sample, channel, row, column] = np.float32(0) if best <= 0 else best
                chosen[sample, channel, row, column] = _NONE if best <= 0 else place


@_compiled
def _sum_chosen_patches(
    padded: Floats,
    chosen: NDArray[np.uint8],
    gradient: Floats,
    sums: NDArray[np.float64],
    begin: int,
    end: int,
) -> None:
    samples, _, height, width = chosen.shape
    for channel in range(begin, end):
        total = np.zeros(_TAPS + 1)
        for sample in range(samples):
            for row in range(height):
                part = np.zeros(_TAPS + 1, np.float32)
                for column in range(width):
                    place = chosen[sample, channel, row, column]
                    if place == _NONE:
                        continue
                    share = gradient[sample, channel, row, column]
                    y = row * _BANDS + place // _FRAMES
                    x = column * _FRAMES + place % _FRAMES
                    for i in range(3):
                        for j in range(3):
                            part[3 * i + j] += share * padded[sample, y + i, x + j]
                    part[_TAPS] += share
                total += part
        sums[channel] = total
