"""What features and shards will need of the disks they are written to, said before the work."""

import math
import os
import shutil
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from fcn4_dist.audio import FeatureCache, FeatureParameters
from fcn4_dist.clips import Collection
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.records.layout import ShardFormat
from fcn4_dist.refusals import size_text
from fcn4_dist.text import count


@dataclass(frozen=True)
class _Need:
    """What is to be written, and where.

    Attributes:
        what: "features" or "shards".
        setting: That names the folder.
        folder: The folder, which need not exist yet.
        size: Bytes, at most.
        files: Pattern of the files of that kind, which need not be written, or are replaced.
    """

    what: str
    setting: str
    folder: Path
    size: int
    files: str

    @property
    def existing(self) -> Path:
        """The folder, or the first above it that exists."""
        above = (self.folder, *self.folder.absolute().parents)
        return next(each for each in above if each.exists())

    def missing(self) -> int:
        """Count the bytes that are not there already."""
        # The blocks of a file, as shards have holes.
        there = (512 * os.stat(file).st_blocks for file in self.folder.glob(self.files))
        return max(0, self.size - sum(there))


def check_room_ahead(collection: Collection, settings: Settings, folds: int = 1) -> str:
    """See whether all that a preprocess job will write fits its disks, which may be one.

    Args:
        collection: Its clips.
        settings: The job's settings.
        folds: How many folds keep shards of all clips below ``mr_path``.

    Returns:
        What is needed, and what is free.

    Raises:
        InputError: If it does not fit.
    """
    clips = len(collection.clips)
    disks: dict[int, list[_Need]] = defaultdict(list)
    for need in _needs(clips, collection, settings, folds):
        disks[os.stat(need.existing).st_dev].append(need)
    said = []
    for needs in disks.values():
        needed, free = sum(need.size for need in needs), shutil.disk_usage(needs[0].existing).free
        # What is there is counted only where it matters: there may be a million files.
        if needed > free and (missing := sum(need.missing() for need in needs)) > free:
            raise _refusal(clips, needs, missing, free, settings)
        sizes = " and ".join(
            f"{size_text(need.size)} for {need.what} in {need.folder}" for need in needs
        )
        said.append(f"{sizes}, where {size_text(free)} are free")
    return f"{count(clips, 'clip')} will need up to {'; '.join(said)}"


def _needs(clips: int, collection: Collection, settings: Settings, folds: int) -> list[_Need]:
    cache = FeatureCache(Path(settings.npy_path), FeatureParameters.from_settings(settings))
    mr_path = Path(settings.mr_path)
    shards = ShardFormat(cache, mr_path, collection.class_names, settings.feature_dtype)
    features = 4 * math.prod(cache.parameters.shape) * clips
    needs = []
    if settings.get_npy:
        files = f"{cache.folder.name}/*/*.npy"
        needs.append(_Need("features", "npy_path", Path(settings.npy_path), features, files))
    if settings.get_mindrecord:
        what, setting = (
            ("shards", "mr_path") if folds == 1 else (f"shards of {folds} folds", "run_dir")
        )
        size = folds * shards.bytes_of_clips(clips)
        needs.append(_Need(what, setting, mr_path, size, "*.mindrecord*"))
    return needs


def _refusal(
    clips: int, needs: list[_Need], missing: int, free: int, settings: Settings
) -> InputError:
    whats = " and ".join(f"the {need.what}" for need in needs)
    mends = [
        "make room",
        f"name another folder with {' or '.join(f'--{it.setting}' for it in needs)}",
    ]
    if "shards" in whats and settings.feature_dtype == "float32":
        mends.append("halve the shards with --feature_dtype float16")
    if settings.clip_seconds > settings.window_seconds:
        mends.append("keep less of each clip with --clip_seconds")
    return InputError(
        f"{whats} of {count(clips, 'clip')} need {size_text(missing)}, and {needs[0].existing} has "
        f"{size_text(free)} left: {', '.join(mends[:-1])}, or {mends[-1]}"
    )
