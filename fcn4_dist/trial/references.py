"""What the operators of FCN-4's graphs give, computed by NumPy in float64.

Gradients are those of ``sum(output * upstream)``. Nothing here is fast, and nothing is MindSpore's.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

Array = np.ndarray
_CHANNELS_FIRST = (0, 2, 3)


def convolution(x: Array, weight: Array, upstream: Array) -> tuple[Array, Array, Array]:
    """Convolve by 3x3 with 'same' padding.

    Args:
        x: (batch, inputs, height, width).
        weight: (outputs, inputs, 3, 3).
        upstream: (batch, outputs, height, width).

    Returns:
        The output, and the gradients by ``x`` and ``weight``.
    """
    patches = _patches(x)
    turned = weight[:, :, ::-1, ::-1]
    return (
        np.einsum("bihwkl,oikl->bohw", patches, weight),
        np.einsum("bohwkl,oikl->bihw", _patches(upstream), turned),
        np.einsum("bihwkl,bohw->oikl", patches, upstream),
    )


def batch_norm(
    x: Array, gamma: Array, beta: Array, upstream: Array, epsilon: float = 1e-5
) -> tuple[Array, Array, Array, Array]:
    """Normalise each channel by the batch's statistics.

    Args:
        x: (batch, channels, height, width).
        gamma: (channels,).
        beta: (channels,).
        upstream: Of the shape of ``x``.
        epsilon: What is added to the variance.

    Returns:
        The output, and the gradients by ``x``, ``gamma`` and ``beta``.
    """
    deviation = np.sqrt(x.var(_CHANNELS_FIRST, keepdims=True) + epsilon)
    normal = (x - x.mean(_CHANNELS_FIRST, keepdims=True)) / deviation
    by_gamma = (upstream * normal).sum(_CHANNELS_FIRST)
    by_beta = upstream.sum(_CHANNELS_FIRST)
    values = x.size / x.shape[1]
    through = (_of_channels(by_beta) + normal * _of_channels(by_gamma)) / values
    by_x = _of_channels(gamma) / deviation * (upstream - through)
    return _of_channels(gamma) * normal + _of_channels(beta), by_x, by_gamma, by_beta


def normalisation(
    x: Array, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float = 1e-5
) -> tuple[Array]:
    """Normalise each channel by given statistics, as batch-norm does in evaluation."""
    scale = gamma / np.sqrt(variance + epsilon)
    return (_of_channels(scale) * (x - _of_channels(mean)) + _of_channels(beta),)


def max_pool(x: Array, upstream: Array, pool: tuple[int, int]) -> tuple[Array, Array]:
    """Take the largest value of each window; windows do not overlap, and no two values are equal.

    Args:
        x: (batch, channels, height, width), height and width multiples of the pool's.
        upstream: Of the output's shape.
        pool: Height and width of a window.

    Returns:
        The output, and the gradient by ``x``.
    """
    batch, channels, height, width = x.shape
    rows, columns = pool
    windows = (batch, channels, height // rows, rows, width // columns, columns)
    largest = x.reshape(windows).max((3, 5), keepdims=True)
    chosen = x.reshape(windows) == largest
    by_x = chosen * upstream[:, :, :, np.newaxis, :, np.newaxis]
    return largest[:, :, :, 0, :, 0], by_x.reshape(x.shape)


def largest_of_map(x: Array, upstream: Array) -> tuple[Array, Array]:
    """Take the largest value of each channel; no two values are equal.

    Args:
        x: (batch, channels, height, width).
        upstream: (batch, channels).

    Returns:
        The output, and the gradient by ``x``.
    """
    _, _, height, width = x.shape
    output, by_x = max_pool(x, upstream[:, :, np.newaxis, np.newaxis], (height, width))
    return output[:, :, 0, 0], by_x


def relu(x: Array, upstream: Array) -> tuple[Array, Array]:
    """Cut off what is negative; give the output, and the gradient by ``x``."""
    return np.maximum(x, 0), upstream * (x > 0)


def dense(
    x: Array, weight: Array, bias: Array, upstream: Array
) -> tuple[Array, Array, Array, Array]:
    """Multiply by a matrix, and add a bias.

    Args:
        x: (batch, inputs).
        weight: (outputs, inputs).
        bias: (outputs,).
        upstream: (batch, outputs).

    Returns:
        The output, and the gradients by ``x``, ``weight`` and ``bias``.
    """
    return x @ weight.T + bias, upstream @ weight, upstream.T @ x, upstream.sum(0)


def cross_entropy(logits: Array, labels: Array, upstream: Array) -> tuple[Array, Array]:
    """Give the mean binary cross-entropy of logits, and its gradient by them."""
    losses = np.logaddexp(0, logits) - labels * logits
    by_logits = (1 / (1 + np.exp(-logits)) - labels) / logits.size
    return losses.mean(), upstream * by_logits


def adam_step(
    weight: Array, gradient: Array, learning_rate: float, loss_scale: float
) -> tuple[Array, Array, Array]:
    """Take the first step of Adam (Kingma and Ba, ICLR 2015), as MindSpore has it.

    Returns:
        The weight, and both moments.
    """
    gradient = gradient / loss_scale
    first, second = 0.1 * gradient, 0.001 * gradient**2
    rate = learning_rate * np.sqrt(0.001) / 0.1
    return weight - rate * first / (np.sqrt(second) + 1e-8), first, second


def _patches(x: Array) -> Array:
    """Give the 3x3 neighbourhood of each place, zeros around: (..., height, width, 3, 3)."""
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)])
    return sliding_window_view(padded, (3, 3), axis=(2, 3))  # type: ignore[call-overload]


def _of_channels(values: Array) -> Array:
    return values[np.newaxis, :, np.newaxis, np.newaxis]
