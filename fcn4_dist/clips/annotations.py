"""The annotations file: the labels of every clip.

The form is that of MagnaTagATune's ``annotations_final.csv``: tab-separated, every field quoted,
the columns ``clip_id``, one 0/1 column for each tag, and ``mp3_path``, the path of the clip below
audio_path. For a folder of classes this package writes the file itself.
"""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

import numpy as np

from fcn4_dist.clips.checks import (
    check_names_of_columns,
    classes_without_clips,
    errors_about,
    remarks_about,
)
from fcn4_dist.clips.collection import Clip, Collection
from fcn4_dist.clips.rows import Row, locate, other_separator, read_rows
from fcn4_dist.errors import InputError
from fcn4_dist.files import write_text
from fcn4_dist.findings import Finding, counted, refuse_errors
from fcn4_dist.text import cell_of, text_of_cell

_FIRST_COLUMN, _LAST_COLUMN = "clip_id", "mp3_path"
_FLAGS = {"0": "0", "1": "1"}
# What pandas and spreadsheets make of them.
_FLAGS_OF_OTHERS = _FLAGS | dict.fromkeys(("0.0", "false"), "0")
_FLAGS_OF_OTHERS |= dict.fromkeys(("1.0", "true"), "1")


@dataclass(frozen=True)
class Annotations:
    """What an annotations file says.

    Attributes:
        file: The file.
        tags: Names of the tag columns.
        paths: Path of each clip, as written.
        lines: Line of the file that names each clip.
        flags: uint8 0/1 of shape (clips, tags).
        findings: Errors if names look damaged, or rows could not be read; remarks.
        exact: Whether its names are those of files on a disk, to the last blank.
    """

    file: Path
    tags: tuple[str, ...]
    paths: tuple[str, ...]
    lines: tuple[int, ...]
    flags: np.ndarray
    findings: tuple[Finding, ...]
    exact: bool

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
        of_classes = self.flags[:, columns].tolist()
        for path, line, flags in zip(self.paths, self.lines, of_classes, strict=True):
            clip_id, file = locate(audio_path, path, exact=self.exact)
            clips.append(Clip(clip_id, file, tuple(compress(class_names, flags)), line=line))
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
    writer.writerow([_FIRST_COLUMN, *map(cell_of, collection.class_names), _LAST_COLUMN])
    for number, clip in enumerate(collection.clips, start=1):
        flags = [int(name in clip.labels) for name in collection.class_names]
        writer.writerow([number, *flags, cell_of(clip.id)])
    write_text(path, text.getvalue())


def read_annotations(path: Path, *, exact: bool = False) -> Annotations:
    """Read an annotations file.

    Args:
        path: Tab-separated, quoted file, as described above.
        exact: Whether :func:`write_annotations` wrote it of a folder of classes, whose names it
            gives to the last blank; otherwise blanks around names do not count.

    Raises:
        InputError: If it is missing, or is no annotations file.
    """
    header, rows = read_rows(path, "\t")
    tags = _tags_of_header(path, header, exact)
    whole: list[Row] = []
    malformed, translated = [], []
    for line, fields in rows:
        if problem := _problem_of(fields, header):
            malformed.append(f"line {line} ({problem})")
            continue
        if not _FLAGS.keys() >= set(fields[1:-1]):
            other = next(cell for cell in fields[1:-1] if cell not in _FLAGS)
            translated.append(f"{other!r} in line {line}")
            fields[1:-1] = map(_flag_of, fields[1:-1])
        whole.append((line, fields))
    findings = [
        *check_names_of_columns(tags, str(path)),
        *errors_about(
            f"{path} has rows that are not clip_id, {len(tags)} tags of 0 or 1, and mp3_path",
            malformed,
            "mend or remove them",
        ),
        *remarks_about(
            f"{path} has rows that write 0 and 1 in other ways",
            translated,
            "they are read as 0 and 1",
        ),
        *_blanks_around(path, header[1:-1], exact),
    ]
    # One conversion of all digits: millions of cells one by one would take seconds.
    digits = "".join("".join(fields[1:-1]) for _, fields in whole).encode("ascii")
    flags = (np.frombuffer(digits, dtype=np.uint8) - ord("0")).reshape(-1, len(tags))
    paths = tuple(text_of_cell(fields[-1]) if exact else fields[-1] for _, fields in whole)
    lines = tuple(line for line, _ in whole)
    return Annotations(path, tags, paths, lines, flags, tuple(findings), exact)


def _problem_of(fields: list[str], header: list[str]) -> str:
    if fields == header:
        return "the header again"
    if len(fields) != len(header):
        return f"{len(fields)} field{'s' * (len(fields) != 1)}"
    if not fields[-1].strip():
        return "no path"
    if _FLAGS.keys() >= set(fields[1:-1]):
        return ""
    wrong = (place for place, cell in enumerate(fields[1:-1], 1) if not _flag_of(cell))
    return next((f"{fields[place]!r} for {header[place]!r}" for place in wrong), "")


def _flag_of(cell: str) -> str:
    return _FLAGS_OF_OTHERS.get(cell.strip().lower(), "")


def _blanks_around(path: Path, names: list[str], exact: bool) -> list[Finding]:
    return remarks_about(
        f"{path} has tags with blanks around them",
        [repr(name) for name in names if name != name.strip()],
        "the blanks are a part of their names" if exact else "the blanks do not count",
    )


def _check_replaceable(collection: Collection, path: Path) -> None:
    there = read_annotations(path, exact=True)
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
            f"{path} gives clips other labels than audio_path does: {counted(differing)}; give "
            "--get_npy 0 to use it with the features there are, or name another file with "
            "--info_name, so that it is not overwritten"
        )


def _tags_of_header(path: Path, header: list[str], exact: bool) -> tuple[str, ...]:
    ends = [name.strip() for name in (header[0], header[-1])]
    if len(header) < 3 or ends != [_FIRST_COLUMN, _LAST_COLUMN]:
        other = other_separator(header, "\t", (_FIRST_COLUMN, _LAST_COLUMN))
        raise InputError(
            f"{path} does not begin with the columns {_FIRST_COLUMN}, the tags, {_LAST_COLUMN}, "
            f"separated by tabs{f' but by {other}' if other else ''}: name another file with "
            "--info_name"
        )
    tags = [text_of_cell(tag) if exact else tag.strip() for tag in header[1:-1]]
    if not all(tag.strip() for tag in tags):
        raise InputError(f"{path}, line 1, has a column without a name: name it, or remove it")
    if repeated := [tag for tag, count in Counter(tags).items() if count > 1]:
        raise InputError(
            f"{path}, line 1, has several columns of one name: {counted(repeated)}; leave one of "
            "each"
        )
    return tuple(tags)
