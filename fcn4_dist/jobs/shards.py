"""Opening the shards a job reads, with every check that can be made before it starts."""

from pathlib import Path

from fcn4_dist.audio import FeatureParameters
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.findings import refuse_errors
from fcn4_dist.model import check_input_size
from fcn4_dist.records import (
    Manifest,
    RecordSet,
    check_against_settings,
    manifest_faults,
    read_manifest,
    set_of_file,
)

LARGEST_SAMPLE_MB = 32
"""MindRecord keeps a sample in one page of 32 MiB."""


def open_shards(settings: Settings, filename: str) -> tuple[Manifest, RecordSet]:
    """Read the manifest and hold it against the settings.

    Args:
        settings: The settings of the job.
        filename: One shard of the set wanted.

    Returns:
        The manifest, and the set.

    Raises:
        InputError: If the manifest is missing, contradicts itself, knows no such set, or does not
            match the settings, or if its windows are too small for the network.
    """
    folder = Path(settings.shard_folder)
    manifest = read_manifest(folder)
    refuse_errors(manifest_faults(manifest, folder))
    check_against_settings(manifest, settings)
    check_window(manifest.parameters, settings.window_seconds)
    return manifest, manifest.record_set(set_of_file(filename), folder)


def find_validation_set(settings: Settings, manifest: Manifest) -> RecordSet | None:
    """Give the validation set for scores while training.

    Returns:
        The set; None if the settings want no validation, or the shards hold no such set.
    """
    name = set_of_file(settings.val_filename)
    if not settings.val_interval or name not in manifest.sets:
        return None
    return manifest.record_set(name, Path(settings.shard_folder))


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
