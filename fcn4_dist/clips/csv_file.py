"""Any collection at all: a CSV file of paths and labels."""

from collections.abc import Mapping
from pathlib import Path

from fcn4_dist.clips.checks import errors_about
from fcn4_dist.clips.collection import Clip, Collection, Dataset
from fcn4_dist.clips.rows import annotations_file, locate, read_rows
from fcn4_dist.config import Settings, nearest_name
from fcn4_dist.findings import Finding, Level, refuse_errors

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


def read_csv(settings: Settings) -> Collection:
    """Read a collection from a CSV file, without a look at the audio.

    The file is comma-separated, with a header that names the columns ``path``, ``labels``
    (separated by ``|``) and, if wanted, ``split`` and ``group``, in any order.

    Args:
        settings: They name the file, and the folder that paths begin at which are not absolute.

    Returns:
        The collection, its classes sorted by name.

    Raises:
        InputError: If the file is missing, or has other columns.
    """
    file = annotations_file(settings)
    header, rows = read_rows(file, ",")
    columns = [name.strip() for name in header]
    _check_columns(file, columns)
    whole = [
        (number, dict(zip(columns, fields, strict=True)))
        for number, fields in rows
        if len(fields) == len(columns)
    ]
    clips = [_clip(row, Path(settings.audio_path)) for _, row in whole if row["path"].strip()]
    names = sorted({name for clip in clips for name in clip.labels})
    findings = [
        *errors_about(
            f"{file} has rows that do not have the {len(columns)} fields of its header",
            [f"row {number}" for number, fields in rows if len(fields) != len(columns)],
            "mend or remove them; a field with a comma needs quotes",
        ),
        *errors_about(
            f"{file} has rows without a path",
            [f"row {number}" for number, row in whole if not row["path"].strip()],
            "name an audio file in each",
        ),
        *errors_about(
            f"{file} has rows with a missing or empty label",
            [
                f"row {number} ({row['path']})"
                for number, row in whole
                if not all(label.strip() for label in row["labels"].split("|"))
            ],
            "give each clip its labels, separated by |",
        ),
        *errors_about(
            f"{file} has rows with an unknown split",
            [
                f"{row['split']!r} in row {number}"
                for number, row in whole
                if _split_word(row) not in _ROLE_OF_WORD
            ],
            "write train, val or test, or leave it empty for clips in none of them",
        ),
    ]
    return Collection(tuple(names), tuple(clips), tuple(findings))


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
    findings = []
    for name in columns:
        if name not in _COLUMNS:
            problem = f"{file} has the unknown column {name!r}{nearest_name(name, _COLUMNS)}"
            mend = f"name its columns {', '.join(_COLUMNS)}, separated by commas"
            findings.append(Finding(Level.ERROR, problem, mend))
    for name in _REQUIRED:
        if name not in columns:
            mend = "its header must name path and labels"
            findings.append(Finding(Level.ERROR, f"{file} has no column {name}", mend))
    if len(set(columns)) < len(columns):
        problem = f"{file} names a column twice in its header"
        findings.append(Finding(Level.ERROR, problem, "leave one of each"))
    refuse_errors(findings)


CSV = Dataset(
    name="csv",
    title="any other collection",
    on_disk="a comma-separated file `info_path/info_name` with the columns below, and the audio",
    read=read_csv,
    published_split="the column `split`",
    published_by_default=True,
)
