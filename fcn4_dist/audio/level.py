"""How loud audio is, and what is said of audio in which there is nothing to hear."""

from collections.abc import Iterator
from typing import Annotated

import numpy as np
from msgspec import Meta

LOWEST_DBFS = -200.0
"""The level of what has no sound at all, whose logarithm there is none of."""
LOUDEST_SINE_DBFS = -3.01
"""The level of a sine that reaches full scale; music is above it only where it is clipped."""
Level = Annotated[float, Meta(ge=LOWEST_DBFS, le=100)]

CANCELS = "its channels cancel when mixed"
DEAD_CHANNEL = "a channel of it is silent"
LAST_BIT = "nothing in it but the last bit of its samples"
CONTRADICTS = "its header contradicts itself or its size"
REMARKS = (CANCELS, DEAD_CHANNEL, LAST_BIT, CONTRADICTS)
"""What may be unusual about a file and how it sounds."""

_BLOCK_SECONDS = 0.4
_EDGE_SECONDS = 0.02
_CANCELLED = 0.01
"""Power of the mix, as a share of what channels that have nothing in common would leave."""
_DEAD = 1e-7
"""Power of a channel, as a share of the loudest one's; and of a full scale."""


def level_dbfs(waveform: np.ndarray, sample_rate: int) -> float:
    """Measure how loud the loudest 0.4 s of a waveform are.

    It is the RMS of a block, without its mean, which is nothing to hear. Blocks of 0.4 s are what
    ITU-R BS.1770 measures loudness in, and of which it leaves out as silent those below -70; its
    weighting of frequencies, which changes music by a few dB, is not applied. The first and
    the last 20 ms do not count: there a constant sets in, which resampling makes ring.

    Args:
        waveform: float32 samples of shape (n,).
        sample_rate: Their rate, in Hz.

    Returns:
        dBFS, where a sine at full scale has -3.01; at least :data:`LOWEST_DBFS`; to two digits.
    """
    length = max(1, round(_BLOCK_SECONDS * sample_rate))
    edge = round(_EDGE_SECONDS * sample_rate)
    if len(waveform) > 10 * edge:
        waveform = waveform[edge : len(waveform) - edge]
    # What is behind the last whole block is measured with what is before it.
    whole = len(waveform) // length * length
    blocks = [waveform[:whole].reshape(-1, length)]
    if whole < len(waveform):
        blocks.append(waveform[-length:][np.newaxis])
    power = max((_largest_power(block) for block in blocks if block.size), default=0.0)
    return round(max(LOWEST_DBFS, 10 * float(np.log10(max(power, 1e-30)))), 2)


class Mixer:
    """Mixes channels to mono, block by block, and notices what gets lost by that.

    Args:
        channels: How many there are.
        step: The smallest difference of two samples, where that can be heard; 0.0 where not.
    """

    def __init__(self, channels: int, step: float = 0.0) -> None:
        self._step = step
        self._channel_powers = np.zeros(channels)
        self._mixed_power = 0.0
        self._frames = 0
        self._lowest, self._highest = np.inf, -np.inf

    def __call__(self, block: np.ndarray) -> np.ndarray:
        """Mix a block, float32 of shape (frames, channels), to its mean: (frames,)."""
        # Not by a matrix product, whose last bits depend on where in memory a block lies.
        first, *others = block.T
        mono = first
        if others:
            mono = first + others[0]
            for channel in others[1:]:
                mono += channel
            mono *= np.float32(1 / block.shape[1])
            self._channel_powers += [float(channel.dot(channel)) for channel in block.T]
            self._mixed_power += float(mono.dot(mono))
        self._frames += len(block)
        if self._step and len(block):
            self._lowest = min(self._lowest, mono.min())
            self._highest = max(self._highest, mono.max())
        return mono

    def remarks(self) -> Iterator[str]:
        """Give those of :data:`REMARKS` that hold of what has been mixed."""
        channels = len(self._channel_powers)
        loudest = self._channel_powers.max()
        if loudest > _DEAD * self._frames:
            if self._mixed_power < _CANCELLED * self._channel_powers.sum() / channels**2:
                yield CANCELS
            if self._channel_powers.min() < _DEAD * loudest:
                yield DEAD_CHANNEL
        if 0 < self._highest - self._lowest <= 2 * self._step:
            yield LAST_BIT


def _largest_power(blocks: np.ndarray) -> float:
    # In whatever order a library adds, the two digits that are kept are the same.
    sound = blocks - blocks.mean(axis=1, keepdims=True)
    energies = np.einsum("ij,ij->i", sound, sound, dtype=np.float64)
    return float(energies.max()) / blocks.shape[1]
