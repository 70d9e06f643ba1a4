"""Opening the shards a job reads, with every check that can be made before it starts."""

from collections.abc import Iterator
from pathlib import Path

from fcn4_dist.audio import FeatureParameters
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.findings import Finding, Level, refuse_errors
from fcn4_dist.model import check_input_size
from fcn4_dist.records import (
    Manifest,
    RecordSet,
    check_against_settings,
    manifest_faults,
    read_manifest,
    set_of_file,
)

_TRAINING, _VALIDATION, _TEST = "training set", "validation set", "test set"
LARGEST_SAMPLE_MB = 32
"""MindRecord keeps a sample in one page of 32 MiB."""


def open_shards(command: str, settings: Settings) -> tuple[Manifest, RecordSet]:
    """Read the manifest and hold it against the settings.

    Args:
        command: "train" for the training set, "eval" for the one that is scored.
        settings: The settings of the job.

    Returns:
        The manifest, and the set.

    Raises:
        InputError: If the manifest is missing, contradicts itself, knows no such set, or does not
            match the settings, if its windows are too small for the network, or if a set is to be
            used for what it is not for.
    """
    folder = Path(settings.shard_folder)
    manifest = read_manifest(folder)
    refuse_errors(manifest_faults(manifest, folder))
    check_against_settings(manifest, settings)
    check_window(manifest.parameters, settings.window_seconds)
    filename = settings.train_filename if command == "train" else settings.val_filename
    record_set = manifest.record_set(set_of_file(filename), folder)
    refuse_errors(role_findings(command, settings, manifest))
    return manifest, record_set


def find_validation_set(settings: Settings, manifest: Manifest) -> RecordSet | None:
    """Give the validation set for scores while training.

    Returns:
        The set; None if the settings want no validation, or the shards hold no such set.
    """
    name = set_of_file(settings.val_filename)
    if not settings.val_interval or name not in manifest.sets:
        return None
    return manifest.record_set(name, Path(settings.shard_folder))


def role_findings(command: str, settings: Settings, manifest: Manifest) -> Iterator[Finding]:
    """Hold the sets that a job names against what they are for, by their order in the manifest.

    Args:
        command: "train" or "eval".
        settings: The settings of the job.
        manifest: Of its shards.

    Yields:
        An error where clips that are to be scored would be trained on, or where scores of trained
        clips would choose the best epoch; a warning where a score is not what it may be taken for.
    """
    roles = dict(zip(manifest.sets, (_TRAINING, _VALIDATION, _TEST), strict=False))
    trained, scored = set_of_file(settings.train_filename), set_of_file(settings.val_filename)
    folder = settings.shard_folder
    if command == "eval":
        if roles.get(scored) == _TRAINING:
            yield Finding(
                Level.WARNING,
                f"{settings.val_filename} is of the training set of {folder}: its scores tell what "
                "was learnt by heart",
                "name another set's shard with --val_filename for scores of new clips",
                check="sets",
            )
        return
    if roles.get(trained, _TRAINING) != _TRAINING:
        yield Finding(
            Level.ERROR,
            f"train_filename {settings.train_filename} is of the {roles[trained]} "
            f"of {folder}, whose clips are for scores",
            f"give --train_filename {manifest.sets[next(iter(roles))][0].file}",
            check="sets",
        )
    elif not settings.val_interval:
        return
    elif roles.get(scored) == _TRAINING:
        yield Finding(
            Level.ERROR,
            f"val_filename {settings.val_filename} is of the training set of {folder}, whose "
            "scores would choose the best epoch",
            "name a shard of the validation set with --val_filename, or give --val_interval 0",
            check="sets",
        )
    elif roles.get(scored) == _TEST:
        yield Finding(
            Level.WARNING,
            f"val_filename {settings.val_filename} is of the test set of {folder}: a score of the "
            "best epoch on clips that have chosen it flatters",
            "name a shard of the validation set with --val_filename",
            check="sets",
        )


def check_window(parameters: FeatureParameters, window_seconds: float) -> None:
    """Refuse windows the network or a MindRecord page cannot take.

    Args:
        parameters: Feature parameters of the shards, made or to be made.
        window_seconds: Length of the network's input.

    Raises:
        InputError: Naming the settings to change.
    """
    seconds_a_frame = parameters.hop_length / parameters.sample_rate
    frames = parameters.frames_in(window_seconds)
    check_input_size(parameters.n_mels, frames, seconds_a_frame)
    megabytes = 4 * parameters.n_mels * parameters.frames / 1e6
    if megabytes > LARGEST_SAMPLE_MB:
        raise InputError(
            f"{parameters.clip_seconds:g} s of a clip make features of {megabytes:.0f} MB, and a "
            f"MindRecord page holds {LARGEST_SAMPLE_MB} MB: lower --clip_seconds, or "
            "--window_seconds where that is 0"
        )
