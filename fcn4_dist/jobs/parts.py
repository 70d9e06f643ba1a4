"""Parts of a preprocess job, which start by themselves and meet in the folders that all see.

A part leaves the index of its features below ``npy_path``, and its shards, each with its receipt,
in ``mr_path``. Which parts belong together is written in both folders by the first of them.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fcn4_dist import documents
from fcn4_dist.audio import (
    ClipFeature,
    FeatureIndex,
    FeatureParameters,
    discard_feature_index,
)
from fcn4_dist.clips import Clip, Collection
from fcn4_dist.config import Settings
from fcn4_dist.config.declaration import Affects
from fcn4_dist.errors import InputError
from fcn4_dist.runs.occupancy import in_turn
from fcn4_dist.text import span

FEATURES_NAME, SHARDS_NAME = ".parts_of_features.json", ".parts_of_shards.json"
"""Where is written, in the folder of features and in that of shards, which parts go together."""

_NOT_COMPARED = ("get_mindrecord", "clip_timeout")
"""Settings of which each part may have its own value."""


@dataclass(frozen=True)
class Part:
    """One of the parts of a job.

    Attributes:
        number: Its number, from 1.
        parts: How many there are.
    """

    number: int
    parts: int

    def __str__(self) -> str:
        return f"part {self.number} of {self.parts}"

    @property
    def flag(self) -> str:
        """What a command is given to do it."""
        return f"--part {self.number}/{self.parts}"

    @property
    def key(self) -> str:
        """What its files have in their names."""
        return f"{self.number}-of-{self.parts}"

    @property
    def lock_name(self) -> str:
        """Name of the file by which two runs of this part take turns."""
        return f".part-{self.key}.lock"

    def share(self, clips: Sequence[Clip]) -> Sequence[Clip]:
        """Give its clips."""
        return clips[self.number - 1 :: self.parts]

    def index_file(self, npy_path: Path) -> Path:
        """Name the index of its features."""
        return npy_path / "parts" / f"{self.key}.json"


def parts_of(numbers: Sequence[int], parts: int) -> str:
    """Name parts: "part 3 of 8", "parts 1 to 3 of 8"."""
    return f"part{'s' * (len(numbers) > 1)} {span(numbers)} of {parts}"


@dataclass(frozen=True)
class Agreement(documents.Document):
    """What the parts of a job have in common.

    Attributes:
        parts: How many there are.
        settings: What decides the features, or the shards.
        clips: SHA-256 of the clips, for shards with their labels and sets.
    """

    format = 1
    mend = "remove it to begin anew"

    parts: documents.Positive
    settings: Mapping[str, documents.Value]
    clips: documents.Sha256


def about_features(parts: int, collection: Collection, settings: Settings) -> Agreement:
    """Say what parts have in common that make features."""
    values = {"dataset": settings.dataset, **FeatureParameters.from_settings(settings).as_dict()}
    return Agreement(parts, values, _hash(clip.id for clip in collection.clips))


def about_shards(parts: int, collection: Collection, settings: Settings) -> Agreement:
    """Say what parts have in common that write shards."""
    plain = settings.as_dict()
    values = {
        name: plain[name]
        for name, setting in settings.declarations.items()
        if "preprocess" in setting.commands
        and name not in _NOT_COMPARED
        and not setting.is_path
        and setting.affected(settings) is not Affects.WORK
    }
    rows = ((c.id, c.labels, c.role, c.group, c.fold) for c in collection.clips)
    return Agreement(parts, values, _hash([collection.class_names, *rows]))


def agree(
    file: Path, finished: Path, mine: Agreement, name: str, clear: Callable[[], None]
) -> None:
    """Work in a folder with the other parts of a job, or begin there.

    Args:
        file: Where the agreement is kept, in that folder.
        finished: The file that is written when all parts are done.
        mine: What the parts of this job have in common.
        name: What this part is called.
        clear: Removes what another job has left, before this one begins.

    Raises:
        InputError: If parts of another job have begun in this folder and are not done.
    """
    with in_turn(file.parent, f"{file.name}.lock"):
        there = agreed(file)
        if there == mine:
            return
        if there is not None and not finished.exists():
            raise InputError(
                f"{name} does not go with the parts that have begun in {file.parent}: "
                f"{_difference(mine, there)}; give all parts the same settings and the same "
                f"collection, or remove {file} to begin anew with these"
            )
        clear()
        documents.write(file, mine)


def agreed(file: Path) -> Agreement | None:
    """Read what the parts that have begun in a folder have in common; None if there are none.

    Raises:
        InputError: If that cannot be read.
    """
    return documents.read(file, Agreement) if file.exists() else None


def check_agreed(there: Agreement, mine: Agreement, folder: Path) -> None:
    """Refuse to join parts of another job.

    Args:
        there: What the parts have in common.
        mine: What they would have by the settings that are given.
        folder: Where they are.

    Raises:
        InputError: Saying what differs.
    """
    if there != mine:
        raise InputError(
            f"these settings are not those of the parts in {folder}: {_difference(mine, there)}; "
            "give the settings and the collection that they had"
        )


def discard_indexes(npy_path: Path) -> None:
    """Remove the index of the features, and those of all parts."""
    discard_feature_index(npy_path)
    for index in npy_path.glob("parts/*-of-*.json"):
        index.unlink(missing_ok=True)


def join_indexes(
    npy_path: Path, collection: Collection, parameters: FeatureParameters, parts: int
) -> list[int]:
    """Write the index of all features, if each part has left that of its own.

    Args:
        npy_path: Folder of the features.
        collection: The clips of all parts.
        parameters: How the features are computed.
        parts: How many parts there are.

    Returns:
        Numbers of the parts whose features are missing, or of other clips or parameters.
    """
    features: list[ClipFeature] = []
    missing = []
    for part in (Part(number, parts) for number in range(1, parts + 1)):
        try:
            index = documents.read(part.index_file(npy_path), FeatureIndex)
        except InputError:
            missing.append(part.number)
            continue
        share = part.share(collection.clips)
        own = len(share) == len(index.clips) and index.parameters == parameters
        if own and all(a.id == b.id for a, b in zip(share, index.clips, strict=True)):
            features += index.clips
        else:
            missing.append(part.number)
    if not missing:
        features.sort(key=lambda clip: clip.id)
        FeatureIndex(parameters, tuple(features)).write(npy_path)
    return missing


def _hash(rows: Any) -> str:
    digest = hashlib.sha256()
    for row in rows:
        # Whatever is in a name, this is ASCII or printed letters.
        digest.update(f"{row!r}\n".encode())
    return digest.hexdigest()


def _difference(mine: Agreement, there: Agreement) -> str:
    if mine.parts != there.parts:
        return f"it is one of {mine.parts}, they are of {there.parts}"
    for name in {**mine.settings, **there.settings}:
        here, other = mine.settings.get(name), there.settings.get(name)
        if here != other:
            return f"{name} is {here} here and {other} there"
    return "its collection has other clips, labels or sets"
