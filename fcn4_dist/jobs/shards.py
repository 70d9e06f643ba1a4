"""Opening the shards a job reads, with every check that can be made before it starts."""

from pathlib import Path

from fcn4_dist.config import Settings
from fcn4_dist.model import check_input_size
from fcn4_dist.records import (
    Manifest,
    RecordSet,
    check_against_settings,
    check_shards,
    read_manifest,
    set_of_file,
)


def open_shards(settings: Settings, filename: str) -> tuple[Manifest, RecordSet]:
    """Read the manifest and hold it against the settings.

    Args:
        settings: The settings of the job.
        filename: One shard of the set wanted.

    Returns:
        The manifest, and the set.

    Raises:
        InputError: If the manifest is missing, knows no such set, or does not match the settings,
            or if its windows are too small for the network.
    """
    folder = Path(settings.shard_folder)
    manifest = read_manifest(folder)
    check_against_settings(manifest, settings)
    check_input_size(manifest.parameters.n_mels, manifest.parameters.frames)
    return manifest, manifest.record_set(set_of_file(filename), folder)


def check_every_shard(record_set: RecordSet) -> None:
    """Hold the bytes of every shard of a set against the manifest."""
    check_shards(record_set, range(len(record_set.shards)))
