"""What is decided about a training where nobody has: pure functions of what there is.

The learning rate's schedule, the weight decay, the average of weights and windows that are shorter
than clips are the recipe of docs/measurements.md, which helps small collections most.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from fcn4_dist.config import Settings
from fcn4_dist.model import least_frames

_RECIPE = {
    "lr_schedule": "cosine",
    "weight_decay": 0.05,
    "ema_decay": 0.98,
    # Of a small set a checkpoint is soon made again, and larger than the music.
    "keep_checkpoint_max": 2,
}
_WINDOW_SECONDS = 7.28
_WINDOWS_OF_A_CLIP, _WINDOWS_OF_A_SONG = 4, 8
_MANY_CLIPS = 2000
_SHARE_OF_A_SHORT_CLIP = 0.8
_VALIDATION_CLIPS_OF_A_CLASS = 2
_FEWEST_STEPS_OF_AN_EPOCH = 10
_SMALLEST_BATCH, _BATCH, _LARGEST_BATCH = 4, 16, 32
_EPOCHS, _FEWEST_EPOCHS, _MOST_EPOCHS = 40, 10, 100
_FEWEST_STEPS, _MOST_STEPS = 400, 4000
_VALIDATIONS = 20
_SECONDS_FOR_WIDTH = 180.0
_WIDTHS = (1.0, 0.5, 0.25)
# Seconds of audio that one core trains on in a second, at full width and at a quarter, are 45 and
# 350 (docs/measurements.md, the recipe); layers cost as their width, or as its square.
_COST_OF_SQUARE, _COST_OF_WIDTH = 0.01435, 0.00785
_COST_OF_A_CARD = 1 / 4600
"""Seconds for a second of audio, as the documented trainer tells of the first 910: expected."""
_COST_OF_SCORING = 1 / 3
# For a step and for the checkpoint of an epoch, at full width: all weights, however little audio.
_COST_OF_STEP, _COST_OF_SAVING = 0.3, 0.8
_SECONDS_TO_START = 15.0


@dataclass(frozen=True)
class Facts:
    """What decisions are made of.

    Attributes:
        training: Clips to train on.
        validation: Clips to validate on.
        seconds: How long clips are, ascending; empty if that is not known.
        cores: Cores of the CPU that can be used.
        cards: Ascend cards that can be used; 0 for a training on the CPU.
    """

    training: int
    validation: int
    seconds: Sequence[float]
    cores: int
    cards: int


def decide_val_ratio(clips_of_classes: Sequence[int]) -> float:
    """Choose the share of a random split that goes to validation.

    Args:
        clips_of_classes: How many clips each class has.

    Returns:
        A fifth; of classes of few clips more, for two of each where half of them stay.
    """
    usual: float = Settings.val_ratio
    few = median(clips_of_classes) if clips_of_classes else math.inf
    return max(usual, min(0.5, round(_VALIDATION_CLIPS_OF_A_CLASS / few, 2)))


def decide_windows(
    settings: Settings, clips: int, seconds: Sequence[float], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Choose the length of the network's input, and how much of each clip the shards keep.

    Args:
        settings: The settings; those of the features are used.
        clips: Number of clips of the collection.
        seconds: How long clips are, ascending; empty if that is not known.
        given: Settings that were given.

    Returns:
        The settings that were not.
    """
    usual = median(seconds) if seconds else _WINDOW_SECONDS * _WINDOWS_OF_A_CLIP
    usual = given.get("clip_seconds") or usual
    is_long = usual >= 2 * _WINDOW_SECONDS
    window = _WINDOW_SECONDS if is_long else _hundredths(_SHARE_OF_A_SHORT_CLIP * usual)
    window = given.get("window_seconds", max(least_seconds(settings), min(_WINDOW_SECONDS, window)))
    windows = min(
        usual // window, _WINDOWS_OF_A_CLIP if clips > _MANY_CLIPS else _WINDOWS_OF_A_SONG
    )
    # A rest of some seconds would be a window more for evaluation.
    clip = windows * window if windows >= _WINDOWS_OF_A_CLIP else _hundredths(usual)
    decided = {"window_seconds": window, "clip_seconds": clip if clip > window else 0.0}
    return _but(decided, given)


def least_seconds(settings: Settings) -> float:
    """Give the shortest window that the network can take, in whole hundredths of a second."""
    least = least_frames() * settings.hop_length / settings.sample_rate
    return math.ceil(100 * least) / 100


def decide_training(facts: Facts, settings: Settings, given: Mapping[str, Any]) -> dict[str, Any]:
    """Choose batch, epochs, schedule and width.

    Args:
        facts: What there is.
        settings: The settings, windows decided.
        given: Settings that were given.

    Returns:
        The settings that were not.
    """
    ranks = count_ranks(facts, settings, given)
    decided: dict[str, Any] = dict(_RECIPE)
    decided["batch_size"] = max(1, _batch(facts.training, ranks) // settings.accumulation_steps)
    taken = replace(settings, **_but(decided, given))
    steps = max(1, facts.training // (taken.batch_per_rank * ranks))
    decided["epoch_size"] = _epochs(steps)
    epochs = given.get("epoch_size", decided["epoch_size"])
    decided["warmup_epochs"] = round(0.05 * epochs, 2)
    decided["val_interval"] = max(1, epochs // _VALIDATIONS)
    decided["width"] = 1.0
    if not facts.cards:
        decided["width"] = _width(facts, replace(settings, **_but(decided, given)))
    return _but(decided, given)


def count_ranks(facts: Facts, settings: Settings, given: Mapping[str, Any]) -> int:
    """Choose how many cards to train on: no more than leave an epoch enough steps.

    The CPU gets one worker, which uses all cores.
    """
    batch = settings.batch_size if "batch_size" in given else _SMALLEST_BATCH
    batch *= settings.accumulation_steps
    enough = facts.training // (batch * _FEWEST_STEPS_OF_AN_EPOCH)
    return max(1, min(facts.cards, enough))


def estimate_seconds(facts: Facts, settings: Settings, ranks: int) -> float:
    """Estimate how long training and scoring take.

    Args:
        facts: What there is.
        settings: The settings, all decided.
        ranks: Workers that train.
    """
    clip = max(settings.clip_seconds, settings.window_seconds)
    trained = settings.epoch_size * facts.training * settings.window_seconds
    validations = 1 + settings.epoch_size // (settings.val_interval or settings.epoch_size + 1)
    scored = validations * facts.validation * clip * _COST_OF_SCORING
    width = settings.width
    started = 2 * _SECONDS_TO_START
    if facts.cards:
        return started + (trained + scored) * _COST_OF_A_CARD * width / ranks
    cost = (trained + scored) * (_COST_OF_SQUARE * width**2 + _COST_OF_WIDTH * width)
    steps = settings.epoch_size * (facts.training // settings.batch_per_rank)
    cost += (steps * _COST_OF_STEP + settings.epoch_size * _COST_OF_SAVING) * width**2
    # Not all of it is shared out among the cores.
    return started + cost / facts.cores**0.8


def _batch(clips: int, ranks: int) -> int:
    """Choose the largest batch of a rank that leaves enough steps, and few clips left over."""
    share = clips // ranks
    if share >= 50 * _LARGEST_BATCH:
        return _LARGEST_BATCH
    least = max(1, min(_SMALLEST_BATCH, share))
    sizes = range(least, max(least, min(_BATCH // ranks, share)) + 1)
    enough = [size for size in sizes if share // size >= _FEWEST_STEPS_OF_AN_EPOCH]
    if enough:
        whole = [size for size in enough if clips % (size * ranks) <= 0.1 * clips]
        return max(whole or enough)
    whole = [size for size in sizes if clips % (size * ranks) <= 0.15 * clips]
    return min(whole or sizes)


def _epochs(steps: int) -> int:
    """Choose the epochs, given the steps of one."""
    if _EPOCHS * steps < _FEWEST_STEPS:
        return min(_MOST_EPOCHS, math.ceil(_FEWEST_STEPS / steps))
    return max(_FEWEST_EPOCHS, min(_EPOCHS, _MOST_STEPS // steps))


def _width(facts: Facts, settings: Settings) -> float:
    """Choose the widest network that is trained in a few minutes, or else the narrowest."""
    for width in _WIDTHS:
        if estimate_seconds(facts, replace(settings, width=width), 1) <= _SECONDS_FOR_WIDTH:
            return width
    return _WIDTHS[-1]


def _but(decided: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in decided.items() if name not in given}


def _hundredths(seconds: float) -> float:
    return math.floor(100 * seconds) / 100
