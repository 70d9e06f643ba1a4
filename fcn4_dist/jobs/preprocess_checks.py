"""What would stop a preprocess job, or leave useless shards, known before a clip is decoded."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fcn4_dist.audio import FeatureParameters, empty_bands
from fcn4_dist.audio.headers import seconds_of
from fcn4_dist.clips import Collection, Split, annotations_file, split_clips
from fcn4_dist.cluster.device import check_mindspore
from fcn4_dist.config import Settings, check_new_features
from fcn4_dist.errors import InputError, SettingsError
from fcn4_dist.files import check_writable
from fcn4_dist.findings import Finding, Level
from fcn4_dist.jobs.shards import check_window
from fcn4_dist.processes import usable_cores
from fcn4_dist.records.obstacles import check_names
from fcn4_dist.terminal import say, warn
from fcn4_dist.versions import check_extra

# Some wait for a disk; but each takes memory of its own.
_PROCESSES_PER_CORE = 16
_CLIPS_LOOKED_AT = 50


def check_preprocessing(settings: Settings) -> None:
    """Look at all but the collection.

    Raises:
        InputError: At the first thing that is wrong.
    """
    if settings.get_mindrecord:
        check_mindspore()
    check_extra("ascend")
    parameters = FeatureParameters.from_settings(settings)
    check_window(parameters, settings.window_seconds)
    if settings.get_npy:
        check_new_features(settings)
        _check_bands(parameters)
    most = _PROCESSES_PER_CORE * usable_cores()
    if settings.processes > most:
        raise InputError(
            f"processes {settings.processes} are too many for the {usable_cores()} cores here: "
            f"give at most {most}, or 0 for one each"
        )
    if settings.get_mindrecord:
        check_names(Path(settings.mr_path), settings.set_names)
    check_writable(annotations_file(settings).parent, "info_path")
    for name in ("npy_path", "mr_path"):
        check_writable(Path(getattr(settings, name)), name)


def with_audio(collection: Collection, settings: Settings) -> Collection:
    """Leave out the clips whose audio is not there, where it is to be read."""
    if not (settings.get_npy and collection.missing):
        return collection
    clips = tuple(clip for clip in collection.clips if clip.id not in collection.missing)
    return replace(collection, clips=clips)


def check_split(collection: Collection, settings: Settings) -> Split:
    """Try the split: one that cannot be is better known before hours of decoding than after.

    What is skipped, and what is a copy, is not known yet, so it is made once more later.

    Returns:
        The split.

    Raises:
        InputError: If there is no such split.
    """
    split = split_clips(collection.clips, {}, settings, collection.folds)
    roles = Counter(split.roles.values())
    if roles["train"] < settings.batch_per_rank:
        warn(
            f"the training set will have {roles['train']} clips, fewer than a batch of "
            f"{settings.batch_per_rank} (batch_size, accumulation_steps): train with a smaller one"
        )
    return split


def check_lengths(collection: Collection, settings: Settings) -> None:
    """Say so if a window is longer than the clips: silence would be most of what is learnt from.

    The heads of some files, spread over the collection, are read, and no audio.
    """
    clips = collection.clips[:: -(-len(collection.clips) // _CLIPS_LOOKED_AT)]
    lengths = [seconds for clip in clips if (seconds := seconds_of(clip.path))]
    if lengths and max(lengths) < settings.window_seconds:
        warn(
            f"{len(lengths)} of the clips were looked at, and all are shorter than a window of "
            f"{settings.window_seconds:g} s (the longest has {max(lengths):.2f} s); silence fills "
            "the rest: give a shorter --window_seconds"
        )


def tell_findings(findings: Sequence[Finding]) -> None:
    """Say what was found of a collection, its warnings as such."""
    for finding in findings:
        tell = warn if finding.level is Level.WARNING else say
        tell(str(finding))


def _check_bands(parameters: FeatureParameters) -> None:
    if empty := empty_bands(parameters):
        raise SettingsError(
            "n_mels",
            f"{parameters.n_mels} leaves {empty} mel bands between the frequencies of an FFT of "
            f"{parameters.n_fft} samples, which stay silent: give fewer, or a larger --n_fft",
        )
