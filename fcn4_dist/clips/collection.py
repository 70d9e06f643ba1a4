"""What a collection is: its classes, and its clips with their labels."""

from dataclasses import dataclass
from pathlib import Path

ROLES = ("train", "val", "test")
"""What a set of clips is for, in the order of the names of the sets."""


@dataclass(frozen=True)
class Clip:
    """One clip of a collection.

    Attributes:
        id: Path below the collection's folder, with slashes; always valid Unicode. It stays the
            same from here to the predictions file.
        path: The audio file.
        labels: Names of its classes.
        role: What the published split says it is for, one of ``ROLES``; "" if that leaves it out,
            or if there is none.
        group: What it shares with clips that must be on its side of a split (artist, song); "" if
            that is not known.
    """

    id: str
    path: Path
    labels: tuple[str, ...]
    role: str = ""
    group: str = ""


@dataclass(frozen=True)
class Collection:
    """The classes and clips of a collection.

    Attributes:
        class_names: Names of the classes, in the order of the label columns.
        clips: The clips, sorted by id.
        remarks: Sentences about what is unusual, though no reason to refuse it.
    """

    class_names: tuple[str, ...]
    clips: tuple[Clip, ...]
    remarks: tuple[str, ...] = ()

    @property
    def has_published_split(self) -> bool:
        """Whether the collection itself says what its clips are for."""
        return any(clip.role for clip in self.clips)
