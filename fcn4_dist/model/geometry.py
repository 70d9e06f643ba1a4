"""Sizes of FCN-4 (Choi, Fazekas, Sandler, ISMIR 2016), known without building it."""

import math

from fcn4_dist.errors import InputError
from fcn4_dist.findings import Finding, Level

POOLS = ((2, 4), (4, 5), (3, 8))
"""Max-pools (mel bands, frames) behind the first three layers."""

_LARGEST_MAP = 4096
"""Frames that CANN documents for the input of a convolution, see docs/operator_types.md."""

_CHANNELS = (128, 384, 768, 2048)


def channels(width: float) -> tuple[int, int, int, int]:
    """Give the output channels of the four layers.

    Args:
        width: Factor on the published 128, 384, 768, 2048; every layer keeps at least one.
    """
    first, second, third, fourth = (max(1, round(count * width)) for count in _CHANNELS)
    return first, second, third, fourth


def parameter_shapes(num_classes: int, width: float) -> dict[str, tuple[int, ...]]:
    """Give the shape of every parameter by its name, which is that of the ModelZoo's FCN-4.

    Args:
        num_classes: Number of genres or tags.
        width: Factor on the channels.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    inputs = 1
    for number, outputs in enumerate(channels(width), start=1):
        shapes[f"conv{number}.weight"] = (outputs, inputs, 3, 3)
        for part in ("moving_mean", "moving_variance", "gamma", "beta"):
            shapes[f"bn{number}.{part}"] = (outputs,)
        inputs = outputs
    return shapes | {"dense.weight": (num_classes, inputs), "dense.bias": (num_classes,)}


def check_input_size(n_mels: int, frames: int, seconds_a_frame: float) -> None:
    """Refuse an input that the pools reduce to nothing.

    Args:
        n_mels: Mel bands of the input.
        frames: Frames of the input.
        seconds_a_frame: Hop between two frames, in seconds.

    Raises:
        InputError: If it is too small, naming the settings to change.
    """
    least_bands, least_frames = _pooled()
    if n_mels < least_bands:
        raise InputError(
            f"n_mels {n_mels} is too small for FCN-4, whose pools need {least_bands} mel bands: "
            f"give --n_mels {least_bands} or more"
        )
    if frames < least_frames:
        raise InputError(
            f"a window of {frames} frames is too short for FCN-4, whose pools need {least_frames}: "
            f"give --window_seconds {least_frames * seconds_a_frame:.2f} or more, or lower "
            "--hop_length"
        )


def least_frames() -> int:
    """Give the frames of the shortest input that the pools leave something of."""
    return _pooled()[1]


def check_documented_size(
    n_mels: int, frames: int, seconds_a_frame: float, generation: str
) -> Finding | None:
    """Hold an input against the sizes that CANN documents for training.

    Args:
        n_mels: Mel bands of the input.
        frames: Frames of the input.
        seconds_a_frame: Hop between two frames, in seconds.
        generation: Of the cards, such as "910".

    Returns:
        A warning; None where nothing is known to be wrong.
    """
    if frames > _LARGEST_MAP:
        problem = (
            f"a window of {frames} frames is longer than the {_LARGEST_MAP} that CANN documents "
            "for convolutions"
        )
        change = (
            f"at most {(_LARGEST_MAP - 1) * seconds_a_frame:.2f}, or with a longer --hop_length"
        )
    else:
        bands, width = (
            size // pooled for size, pooled in zip((n_mels, frames), _pooled(), strict=True)
        )
        if generation != "910" or width > 1 or bands == 1:
            return None
        problem = (
            f"a window of {frames} frames leaves the last convolution a single one, for which CANN "
            "documents no gradient on the first 910"
        )
        change = f"{2 * _pooled()[1] * seconds_a_frame:.2f} or more"
    mend = f"if compiling fails, preprocess with --window_seconds of {change}"
    return Finding(Level.WARNING, problem, mend, "window")


def _pooled() -> tuple[int, int]:
    bands, frames = map(math.prod, zip(*POOLS, strict=True))
    return bands, frames
