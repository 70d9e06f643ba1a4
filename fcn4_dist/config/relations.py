"""What settings may not be together: every relation between them, in this one place."""

import re
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from fcn4_dist.errors import SettingsError

if TYPE_CHECKING:
    from fcn4_dist.config.settings import Settings

_LARGEST_BATCH = 4e9
"""Bytes of a batch of features. Of a larger one, the first layer's output is beyond any card."""
_LARGEST_FILTERS = 2**26
"""Mel bands times samples of the FFT; the filters have half as many numbers."""


def check_relations(settings: "Settings", left_open: Collection[str] = ()) -> None:
    """Refuse settings that cannot be together, whatever the command.

    Args:
        settings: The settings.
        left_open: Those whose values do not count yet; what they are related to is not looked at.

    Raises:
        SettingsError: Naming the first of them that is to be changed.
    """
    for name, is_so, problem in _PROBLEMS:
        if is_so(settings):
            raise SettingsError(name, problem)
    for name, others, relation in _RELATIONS:
        if not {name, *others}.isdisjoint(left_open):
            continue
        if problem := relation(settings):
            raise SettingsError(name, problem)


def check_new_features(settings: "Settings") -> None:
    """Refuse features that are to be made and would be of no use.

    Not among the relations of all commands: what an earlier version has made of such settings is
    still scored, and trained on.

    Raises:
        SettingsError: Naming the setting to change.
    """
    if settings.hop_length > settings.n_fft:
        raise SettingsError(
            "hop_length",
            f"must be at most n_fft ({settings.n_fft}), or samples between two frames are in none, "
            f"got {settings.hop_length}",
        )
    if settings.n_mels * settings.n_fft > _LARGEST_FILTERS:
        raise SettingsError(
            "n_fft",
            f"{settings.n_fft} with n_mels {settings.n_mels} needs filters of "
            f"{2 * settings.n_mels * settings.n_fft / 1e9:.1f} GB: lower one of them",
        )


def _set_names(settings: "Settings") -> str:
    if len(settings.set_names) == 3 and len(set(settings.set_names)) == 3:
        return ""
    return f"must be two or three different names, got [{', '.join(settings.mr_name)}]"


def _fold(settings: "Settings") -> str:
    # A published fold is held against what is published.
    if settings.split != "kfold" or 1 <= settings.fold <= settings.folds:
        return ""
    return f"must be 1 to folds ({settings.folds}) in a kfold split, got {settings.fold}"


def _clip_seconds(settings: "Settings") -> str:
    if not 0 < settings.clip_seconds < settings.window_seconds:
        return ""
    return (
        f"must be 0 or at least window_seconds ({settings.window_seconds:g}), got "
        f"{settings.clip_seconds:g}"
    )


def _at_most(name: str, limit: str) -> Callable[["Settings"], str]:
    def relation(settings: "Settings") -> str:
        value, largest = getattr(settings, name), getattr(settings, limit)
        return f"must be at most {limit} ({largest:g}), got {value:g}" if value > largest else ""

    return relation


def _batch_size(settings: "Settings") -> str:
    frames = 1 + settings.window_seconds * settings.sample_rate / settings.hop_length
    size = 4.0 * settings.batch_size * settings.n_mels * frames
    if size <= _LARGEST_BATCH:
        return ""
    return (
        f"{settings.batch_size} makes a batch of {size / 1e9:.3g} GB, and more than "
        f"{_LARGEST_BATCH / 1e9:g} GB fit nowhere: lower it, or window_seconds"
    )


def _expression(name: str) -> Callable[["Settings"], str]:
    def relation(settings: "Settings") -> str:
        pattern = getattr(settings, name)
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            problem = f"{pattern!r} is not a regular expression ({error})"
            return f"{problem}: mend it, or leave out --{name}"
        return ""

    return relation


# The setting that is to be changed, the others that it is held against, and how.
_RELATIONS: tuple[tuple[str, tuple[str, ...], Callable[["Settings"], str]], ...] = (
    ("mr_name", (), _set_names),
    ("fold", ("folds",), _fold),
    ("clip_seconds", ("window_seconds",), _clip_seconds),
    ("freq_mask", ("n_mels",), _at_most("freq_mask", "n_mels")),
    ("time_mask", ("window_seconds",), _at_most("time_mask", "window_seconds")),
    ("time_shift", ("window_seconds",), _at_most("time_shift", "window_seconds")),
    ("warmup_epochs", ("epoch_size",), _at_most("warmup_epochs", "epoch_size")),
    ("batch_size", ("window_seconds", "sample_rate", "hop_length", "n_mels"), _batch_size),
    ("label_pattern", (), _expression("label_pattern")),
    ("group_pattern", (), _expression("group_pattern")),
)
_PROBLEMS: tuple[tuple[str, Callable[["Settings"], object], str], ...] = (
    (
        "sink_size",
        lambda settings: settings.sink_size and settings.accumulation_steps > 1,
        "and accumulation_steps are both given: choose one",
    ),
    (
        "patience",
        lambda settings: settings.patience and not settings.val_interval,
        "needs validations: give val_interval, too",
    ),
    (
        "val_pattern",
        lambda settings: settings.val_pattern and settings.split != "auto",
        "and split are both given: choose one of them",
    ),
    (
        "get_npy",
        lambda settings: not (settings.get_npy or settings.get_mindrecord),
        "and get_mindrecord are both off: nothing to do",
    ),
    (
        "resume",
        lambda settings: settings.resume and settings.pre_trained,
        "and pre_trained are both given: choose one of them",
    ),
)
