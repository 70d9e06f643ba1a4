"""Any collection at all: a CSV file of paths and labels."""

from collections.abc import Mapping
from pathlib import Path

from fcn4_dist.clips.checks import finding
from fcn4_dist.clips.collection import Clip, Collection
from fcn4_dist.clips.rows import locate, read_rows
from fcn4_dist.config import nearest_name
from fcn4_dist.errors import InputError

_COLUMNS = ("path", "labels", "split", "group")
_REQUIRED = ("path", "labels")
_ROLE_OF_WORD = {
    "": "",
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}


def read_csv(file: Path, audio_path: Path) -> tuple[Collection, list[str]]:
    """Read a collection from a CSV file, without a look at the audio.

    Args:
        file: Comma-separated, with a header that names the columns ``path``, ``labels``
            (separated by ``|``) and, if wanted, ``split`` and ``group``, in any order.
        audio_path: Folder that paths begin at which are not absolute.

    Returns:
        The collection, its classes sorted by name, and what is wrong with it.

    Raises:
        InputError: If the file is missing, or has other columns.
    """
    header, rows = read_rows(file, ",")
    columns = [name.strip() for name in header]
    _check_columns(file, columns)
    whole = [
        (number, dict(zip(columns, fields, strict=True)))
        for number, fields in rows
        if len(fields) == len(columns)
    ]
    clips = [_clip(row, audio_path) for _, row in whole if row["path"].strip()]
    names = sorted({name for clip in clips for name in clip.labels})
    problems = [
        *finding(
            f"{file} has rows that do not have the {len(columns)} fields of its header",
            [f"row {number}" for number, fields in rows if len(fields) != len(columns)],
            "mend or remove them; a field with a comma needs quotes",
        ),
        *finding(
            f"{file} has rows without a path",
            [f"row {number}" for number, row in whole if not row["path"].strip()],
            "name an audio file in each",
        ),
        *finding(
            f"{file} has rows with a missing or empty label",
            [
                f"row {number} ({row['path']})"
                for number, row in whole
                if not all(label.strip() for label in row["labels"].split("|"))
            ],
            "give each clip its labels, separated by |",
        ),
        *finding(
            f"{file} has rows with an unknown split",
            [
                f"{row['split']!r} in row {number}"
                for number, row in whole
                if _split_word(row) not in _ROLE_OF_WORD
            ],
            "write train, val or test, or leave it empty for clips in none of them",
        ),
    ]
    return Collection(tuple(names), tuple(clips)), problems


def _clip(row: Mapping[str, str], audio_path: Path) -> Clip:
    return Clip(
        *locate(audio_path, row["path"]),
        labels=tuple(sorted({label for label in row["labels"].split("|") if label.strip()})),
        role=_ROLE_OF_WORD.get(_split_word(row), ""),
        group=row.get("group", "").strip(),
    )


def _split_word(row: Mapping[str, str]) -> str:
    return row.get("split", "").strip().lower()


def _check_columns(file: Path, columns: list[str]) -> None:
    problems = [
        f"{file} has the unknown column {name!r}{nearest_name(name, _COLUMNS)}: name its columns "
        f"{', '.join(_COLUMNS)}, separated by commas"
        for name in columns
        if name not in _COLUMNS
    ]
    problems += [
        f"{file} has no column {name}: its header must name path and labels"
        for name in _REQUIRED
        if name not in columns
    ]
    if len(set(columns)) < len(columns):
        problems.append(f"{file} names a column twice in its header: leave one of each")
    if problems:
        raise InputError("\n".join(problems))
