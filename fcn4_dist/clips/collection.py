"""What a collection is, and what each kind of collection tells of itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fcn4_dist.config import Settings
from fcn4_dist.findings import Finding, as_shown
from fcn4_dist.text import span

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
        fold: Number of the published fold it is in; None if there are none.
        line: Of the annotations file that names it; 0 for none.
    """

    id: str
    path: Path
    labels: tuple[str, ...]
    role: str = ""
    group: str = ""
    fold: int | None = None
    line: int = field(default=0, compare=False)

    @property
    def place(self) -> str:
        """Its id, with the line that names it."""
        return f"{as_shown(self.id)} in line {self.line}" if self.line else self.id


@dataclass(frozen=True)
class Collection:
    """The classes and clips of a collection.

    Attributes:
        class_names: Names of the classes, in the order of the label columns.
        clips: The clips.
        findings: What is wrong with it (errors) or unusual (warnings).
        folds: Numbers of its published folds, or of its published splits, of which the reader took
            the one that ``fold`` names; in their order.
        missing: Ids of the clips whose audio is not there, where it was looked for.
    """

    class_names: tuple[str, ...]
    clips: tuple[Clip, ...]
    findings: tuple[Finding, ...] = ()
    folds: tuple[int, ...] = ()
    missing: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def has_splits(self) -> bool:
        """Whether its folds are published splits, each with sets of its own."""
        return bool(self.folds) and all(clip.fold is None for clip in self.clips)


def fold_title(fold: int, folds: Sequence[int], *, are_splits: bool) -> str:
    """Name a published fold or split for people: "published fold 3 of 1 to 10"."""
    return f"published {'split' if are_splits else 'fold'} {fold} of {span(folds)}"


@dataclass(frozen=True)
class PublishedScore:
    """A score to compare with: of what, how high, and who says so."""

    network: str
    score: str
    source: str


@dataclass(frozen=True)
class About:
    """What docs/collections.md tells of a collection besides how it is read; all in Markdown.

    Attributes:
        licence: Under which licences the audio and the labels are.
        where: Where one gets it, and how much it is.
        clips: How many clips of what length there are, and of how many classes.
        unpacked: The folder one gets by unpacking it, as commands name it.
        flags: What a command needs besides its folder.
        leave_out: What of it is not read, and may be left out.
        folds: How its published folds or splits are numbered; "" if there are none.
        defects: What is known to be wrong with it, and what is done about that.
        published: Scores that others have published on its split.
        modelzoo: What the ModelZoo's copy for it claims, and on what split.
        ours: What was measured with this package, and by which command; "" if nothing was.
    """

    licence: str
    where: str
    clips: str = ""
    unpacked: str = ""
    flags: str = ""
    leave_out: str = ""
    folds: str = ""
    defects: str = ""
    published: tuple[PublishedScore, ...] = ()
    modelzoo: str = ""
    ours: str = ""


@dataclass(frozen=True)
class Dataset:
    """One kind of collection, as its module declares it; ``registry.DATASETS`` lists them.

    Attributes:
        name: What ``--dataset`` calls it.
        title: What it is, in a few words.
        on_disk: What is expected on disk, in Markdown.
        read: Reads the collection that the settings name. It raises InputError where there is
            nothing to read; what is wrong otherwise is in the collection's findings.
        how_to_get: For one whose ``read`` lists the folder ``audio_path``: what to do where that
            is not the folder. "" for one that is read from a file of annotations.
        metadata: For one whose labels are in a file of its own folder: the path of that file below
            it. The folder is ``audio_path``, or one in it; the file may be below ``info_path``.
        class_names: Names of the classes, where they are always the same.
        published_split: What its published split is, in a few words; "" if there is none.
        published_by_default: Whether ``split: auto`` means the published split.
        first_fold: Number of its first published fold or split, which is taken unless ``fold`` says
            another.
        random_costs: What a random split does to scores, where a published one exists: a clause
            behind "a random split of it …".
        group_is: What clips of a group share, in the plural ("artists", "recordings").
        subsets: Values of ``subset``: parts of it that can be read alone.
        classes_of: Value of ``tag_list`` -> names of its classes, where there are several lists
            that are always the same.
        tag_lists: Values of ``tag_list``: which of its labels are the classes; the first is usual.
        about: What docs/collections.md tells of it.
        with_roles: Gives clips the roles of the published split, where ids alone tell them.
        recognises: Says whether the collection at a path is of this kind, by a look at names; a
            kind that others are told apart from says yes to none.
    """

    name: str
    title: str
    on_disk: str
    read: Callable[[Settings], Collection]
    how_to_get: str = ""
    metadata: str = ""
    class_names: tuple[str, ...] = ()
    published_split: str = ""
    published_by_default: bool = False
    first_fold: int = 1
    random_costs: str = ""
    group_is: str = "groups of clips"
    subsets: tuple[str, ...] = ()
    classes_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tag_lists: tuple[str, ...] = ()
    about: About | None = None
    with_roles: Callable[[Collection], Collection] = lambda collection: collection
    recognises: Callable[[Path], bool] = lambda path: False

    @property
    def lists_audio(self) -> bool:
        """Whether it is read from the folder of the audio.

        Then preprocess writes the annotations file, which is read where the audio is not at hand.
        """
        return bool(self.how_to_get)
