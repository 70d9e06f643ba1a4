"""Whether shards are what their manifest and the settings say."""

from pathlib import Path

from fcn4_dist.audio import FeatureParameters
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.files import sha256_of
from fcn4_dist.records.manifest import Manifest, RecordSet


def check_against_settings(manifest: Manifest, settings: Settings) -> None:
    """Refuse shards made with other feature parameters or classes than the settings say.

    Raises:
        InputError: Naming every difference and the flags that end it.
    """
    wanted = FeatureParameters.from_settings(settings)
    differences = manifest.parameters.differences(wanted)
    if len(manifest.class_names) != settings.num_classes:
        differences.append(
            f"num_classes {len(manifest.class_names)} instead of {settings.num_classes}"
        )
    if differences:
        flags = " ".join("--" + " ".join(text.split()[:2]) for text in differences)
        raise InputError(
            f"the shards in {settings.shard_folder} were made with other settings: "
            f"{', '.join(differences)}; give {flags}, or run preprocess again"
        )


def check_shards(record_set: RecordSet) -> None:
    """Hold shards against the manifest: are they there, and are they the same bytes?

    Args:
        record_set: The set whose shards are checked.

    Raises:
        InputError: Naming the first file that is missing or differs.
    """
    for shard in record_set.shards:
        path = record_set.folder / shard.file
        _check_file(path, shard.sha256)
        _check_file(path.with_name(f"{shard.file}.db"), shard.index_sha256)


def _check_file(path: Path, sha256: str) -> None:
    if not path.is_file():
        raise InputError(f"{path} is missing, though the manifest names it: run preprocess again")
    if sha256_of(path) != sha256:
        raise InputError(
            f"{path} is not the file the manifest was written for (its SHA-256 differs): it was "
            "damaged or replaced; run preprocess again"
        )
