"""The annotations file: the labels of every clip.

The form is that of MagnaTagATune's ``annotations_final.csv``: tab-separated, every field quoted,
the columns ``clip_id``, one 0/1 column for each tag, and ``mp3_path``, the path of the clip below
audio_path. For a folder of classes this package writes the file itself.
"""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fcn4_dist.clips.folder import FolderCollection
from fcn4_dist.errors import InputError
from fcn4_dist.files import write_text

_FIRST_COLUMN, _LAST_COLUMN = "clip_id", "mp3_path"


@dataclass(frozen=True)
class Annotations:
    """Labels of clips.

    Attributes:
        class_names: Names of the classes, in the order of the label columns.
        ids: Ids of the clips.
        labels: int32 0/1 of shape (clips, classes).
    """

    class_names: tuple[str, ...]
    ids: tuple[str, ...]
    labels: np.ndarray


def write_annotations_of_folder(collection: FolderCollection, path: Path) -> None:
    """Write the annotations file of a folder of classes.

    Args:
        collection: The classes and clips.
        path: File to write. One that holds the same classes is replaced.

    Raises:
        InputError: If the file is there already and speaks of other classes.
    """
    if path.exists() and _read_header(path) != collection.class_names:
        raise InputError(
            f"{path} is there already and does not hold the classes of audio_path: name another "
            "file with --info_name, so that it is not overwritten"
        )
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow([_FIRST_COLUMN, *collection.class_names, _LAST_COLUMN])
    for number, (clip_id, _, class_name) in enumerate(collection.clips, start=1):
        flags = [int(class_name == name) for name in collection.class_names]
        writer.writerow([number, *flags, clip_id])
    write_text(path, text.getvalue())


def read_annotations(path: Path, num_classes: int) -> Annotations:
    """Read an annotations file.

    Args:
        path: Tab-separated, quoted file, as described above.
        num_classes: How many tag columns it must have.

    Raises:
        InputError: If it is missing, malformed, or has another number of tags.
    """
    rows = _read_rows(path)
    class_names = _tags_of_header(path, rows[0]) if rows else ()
    if len(class_names) != num_classes:
        raise InputError(
            f"{path} has {len(class_names)} tag columns, num_classes is {num_classes}: give "
            f"--num_classes {max(1, len(class_names))}, or name another file with --info_name"
        )
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != num_classes + 2 or not set(row[1:-1]) <= {"0", "1"}:
            raise InputError(
                f"{path}, row {number}: expected clip_id, {num_classes} tags of 0 or 1, and "
                f"mp3_path; got {len(row)} fields"
            )
    _check_ids(path, [row[-1] for row in rows[1:]])
    labels = np.array([row[1:-1] for row in rows[1:]], dtype=np.int32)
    return Annotations(
        class_names, tuple(row[-1] for row in rows[1:]), labels.reshape(-1, num_classes)
    )


def _check_ids(path: Path, ids: list[str]) -> None:
    row_of: dict[str, int] = {}
    for number, clip_id in enumerate(ids, start=2):
        if clip_id in row_of:
            raise InputError(
                f"{path}, row {number}: {clip_id} has row {row_of[clip_id]} already: leave one row "
                "for each clip"
            )
        row_of[clip_id] = number


def _read_header(path: Path) -> tuple[str, ...] | None:
    rows = _read_rows(path)
    return _tags_of_header(path, rows[0]) if rows else None


def _read_rows(path: Path) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            return list(csv.reader(file, delimiter="\t"))
    except FileNotFoundError as error:
        raise InputError(
            f"the annotations file {path} is missing: run preprocess with --get_npy 1, or name it "
            "with --info_path and --info_name"
        ) from error
    except (OSError, csv.Error) as error:
        raise InputError(f"cannot read the annotations file {path}: {error}") from error


def _tags_of_header(path: Path, header: list[str]) -> tuple[str, ...]:
    if len(header) < 3 or header[0] != _FIRST_COLUMN or header[-1] != _LAST_COLUMN:
        raise InputError(
            f"{path} does not begin with the columns {_FIRST_COLUMN}, the tags, {_LAST_COLUMN}, "
            "separated by tabs: it is not an annotations file"
        )
    return tuple(header[1:-1])
