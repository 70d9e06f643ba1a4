"""The annotations file: the labels of every clip.

The form is that of MagnaTagATune's ``annotations_final.csv``: tab-separated, every field quoted,
the columns ``clip_id``, one 0/1 column for each tag, and ``mp3_path``, the path of the clip below
audio_path. For a folder of classes this package writes the file itself.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

import numpy as np

from fcn4_dist.clips.checks import classes_without_clips, errors_about, remarks_about
from fcn4_dist.clips.collection import Clip, Collection
from fcn4_dist.clips.rows import locate, read_rows
from fcn4_dist.errors import InputError
from fcn4_dist.files import write_text
from fcn4_dist.findings import Finding, counted, refuse_errors

_FIRST_COLUMN, _LAST_COLUMN = "clip_id", "mp3_path"


@dataclass(frozen=True)
class Annotations:
    """What an annotations file says.

    Attributes:
        file: The file.
        tags: Names of the tag columns.
        paths: Path of each clip, as written.
        flags: uint8 0/1 of shape (clips, tags).
        findings: An error if there are rows that could not be read.
    """

    file: Path
    tags: tuple[str, ...]
    paths: tuple[str, ...]
    flags: np.ndarray
    findings: tuple[Finding, ...]

    def collection(self, class_names: Sequence[str], audio_path: Path) -> Collection:
        """Make a collection of the clips, labelled with some of the tags.

        Args:
            class_names: The tags that are its classes.
            audio_path: Folder the paths begin at.

        Returns:
            The collection, with the findings of the file.
        """
        columns = [self.tags.index(name) for name in class_names]
        clips = []
        for path, flags in zip(self.paths, self.flags[:, columns].tolist(), strict=True):
            clips.append(Clip(*locate(audio_path, path), tuple(compress(class_names, flags))))
        unlabelled = [clip.id for clip in clips if not clip.labels]
        findings = [
            *self.findings,
            *remarks_about(
                f"{self.file} has clips without any of the {len(class_names)} classes",
                unlabelled,
                "they stay, with no label",
            ),
            *errors_about(
                f"{self.file} has classes without a clip",
                classes_without_clips(class_names, clips),
                "label clips with them, or leave them out",
            ),
        ]
        return Collection(tuple(class_names), tuple(clips), tuple(findings))


def write_annotations(collection: Collection, path: Path) -> None:
    """Write the annotations file of a collection.

    Args:
        collection: The classes and clips.
        path: File to write. One that says the same about the clips it shares is replaced.

    Raises:
        InputError: If the file is there already and speaks of other classes, or gives clips other
            labels, which is what is left of an edit by hand.
    """
    if path.exists():
        _check_replaceable(collection, path)
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow([_FIRST_COLUMN, *collection.class_names, _LAST_COLUMN])
    for number, clip in enumerate(collection.clips, start=1):
        flags = [int(name in clip.labels) for name in collection.class_names]
        writer.writerow([number, *flags, clip.id])
    write_text(path, text.getvalue())


def read_annotations(path: Path) -> Annotations:
    """Read an annotations file.

    Args:
        path: Tab-separated, quoted file, as described above.

    Raises:
        InputError: If it is missing, or is no annotations file.
    """
    header, rows = read_rows(path, "\t")
    tags = _tags_of_header(path, header)
    whole, malformed = [], []
    for number, fields in rows:
        if len(fields) == len(header) and set(fields[1:-1]) <= {"0", "1"} and fields[-1]:
            whole.append(fields)
        else:
            malformed.append(f"row {number} ({len(fields)} fields)")
    findings = errors_about(
        f"{path} has rows that are not clip_id, {len(tags)} tags of 0 or 1, and mp3_path",
        malformed,
        "mend or remove them",
    )
    # One conversion of all digits: millions of cells one by one would take seconds.
    digits = "".join("".join(fields[1:-1]) for fields in whole).encode("ascii")
    flags = (np.frombuffer(digits, dtype=np.uint8) - ord("0")).reshape(-1, len(tags))
    return Annotations(path, tags, tuple(fields[-1] for fields in whole), flags, tuple(findings))


def _check_replaceable(collection: Collection, path: Path) -> None:
    there = read_annotations(path)
    refuse_errors(there.findings)
    if there.tags != collection.class_names:
        raise InputError(
            f"{path} is there already and does not hold the classes of audio_path: name another "
            "file with --info_name, so that it is not overwritten"
        )
    labels_of = {clip.id: set(clip.labels) for clip in collection.clips}
    differing = [
        written
        for written, flags in zip(there.paths, there.flags.tolist(), strict=True)
        if written in labels_of and labels_of[written] != set(compress(there.tags, flags))
    ]
    if differing:
        raise InputError(
            f"{path} gives clips other labels than their folders do: {counted(differing)}; give "
            "--get_npy 0 to use it with the features there are, or name another file with "
            "--info_name, so that it is not overwritten"
        )


def _tags_of_header(path: Path, header: list[str]) -> tuple[str, ...]:
    if len(header) < 3 or header[0] != _FIRST_COLUMN or header[-1] != _LAST_COLUMN:
        raise InputError(
            f"{path} does not begin with the columns {_FIRST_COLUMN}, the tags, {_LAST_COLUMN}, "
            "separated by tabs: name another file with --info_name"
        )
    tags = header[1:-1]
    if repeated := sorted({tag for tag in tags if tags.count(tag) > 1}):
        raise InputError(
            f"{path} has several columns of one name: {counted(repeated)}; leave one of each"
        )
    return tuple(tags)
