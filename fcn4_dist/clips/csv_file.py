"""Any collection at all: a CSV file of paths and labels."""

import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fcn4_dist.clips.checks import errors_about, remarks_about
from fcn4_dist.clips.collection import Clip, Collection, Dataset
from fcn4_dist.clips.names import damage_in, looking_alike, told_apart
from fcn4_dist.clips.rows import annotations_file, locate, other_separator, read_rows
from fcn4_dist.config import Settings, nearest_name
from fcn4_dist.config.data import MOST_FOLDS
from fcn4_dist.findings import Finding, Level, as_shown, refuse_errors

_COLUMNS = ("path", "labels", "split", "fold", "group")
_REQUIRED = ("path", "labels")
_ROLE_OF_WORD = {
    "": "",
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}
_LONGEST_COLUMN = 40
_OTHER_SEPARATORS = re.compile("[;,\t]")
# A column of whole numbers that has empty cells is one of 1.0, 2.0 to pandas.
_WHOLE_NUMBER = re.compile(r"(\d{1,9})(\.0)?", re.ASCII)


def read_csv(settings: Settings) -> Collection:
    """Read a collection from a CSV file, without a look into the audio.

    The file is comma-separated, with a header that names the columns ``path``, ``labels``
    (separated by ``|``) and, if wanted, ``split``, ``fold`` and ``group``, in any order. Blanks
    around a field or a label do not count. Where clips have folds, ``split`` can only set a test
    apart; a row with neither is in no set.

    Args:
        settings: They name the file, and the folder that paths begin at which are not absolute.

    Returns:
        The collection, its classes sorted by name.

    Raises:
        InputError: If the file is missing, cannot be read as a table, or has other columns.
    """
    file = annotations_file(settings)
    header, rows = read_rows(file, ",")
    columns = [name.strip() for name in header]
    refuse_errors(_wrong_columns(file, columns))
    whole = [
        _Row(line, dict(zip(columns, fields, strict=True)))
        for line, fields in rows
        if len(fields) == len(columns) and list(map(str.strip, fields)) != columns
    ]
    clips = [row.clip(Path(settings.audio_path)) for row in whole if row.field("path")]
    names = sorted({name for clip in clips for name in clip.labels})
    findings = [
        *errors_about(
            f"{file} has rows that do not have the {len(columns)} fields of its header",
            [
                f"line {line} ({len(fields)} field{'s' * (len(fields) != 1)})"
                for line, fields in rows
                if len(fields) != len(columns)
            ],
            "mend or remove them; a field with a comma needs quotes",
        ),
        *errors_about(
            f"{file} has its header again among its rows",
            [f"line {line}" for line, fields in rows if list(map(str.strip, fields)) == columns],
            "remove it there",
        ),
        *_wrong_rows(file, whole),
        *_wrong_labels(file, whole, set(names)),
        *_wrong_folds(file, whole),
        *_wrong_groups(file, whole),
    ]
    folds = sorted({clip.fold for clip in clips if clip.fold is not None})
    return Collection(tuple(names), tuple(clips), tuple(findings), tuple(folds))


@dataclass(frozen=True)
class _Row:
    line: int
    fields: Mapping[str, str]

    def field(self, name: str) -> str:
        return self.fields.get(name, "").strip()

    @property
    def written_labels(self) -> list[str]:
        return self.fields["labels"].split("|")

    @property
    def labels(self) -> set[str]:
        return {label.strip() for label in self.written_labels if label.strip()}

    @property
    def split(self) -> str:
        return self.field("split").lower()

    @property
    def role(self) -> str:
        return _ROLE_OF_WORD.get(self.split, "")

    @property
    def fold(self) -> int | None:
        number = _WHOLE_NUMBER.fullmatch(self.field("fold"))
        if not number or self.role == "test" or int(number[1]) > MOST_FOLDS:
            return None
        return int(number[1])

    def clip(self, audio_path: Path) -> Clip:
        return Clip(
            *locate(audio_path, self.fields["path"]),
            labels=tuple(sorted(self.labels)),
            role=self.role if self.fold is None else "",
            group=self.field("group"),
            fold=self.fold,
            line=self.line,
        )


def _wrong_columns(file: Path, columns: list[str]) -> list[Finding]:
    names = f"name its columns {', '.join(_COLUMNS)}, separated by commas"
    if other := other_separator(columns, ",", _REQUIRED):
        return [Finding(Level.ERROR, f"{file} is separated by {other}", names)]
    unknown = [
        f"{name!r}{nearest_name(name[:_LONGEST_COLUMN], _COLUMNS)}"
        if name
        else "one without a name"
        for name in dict.fromkeys(columns)
        if name not in _COLUMNS
    ]
    return [
        *errors_about(f"{file} has unknown columns", unknown, names),
        *errors_about(
            f"{file} lacks columns",
            [name for name in _REQUIRED if name not in columns],
            "its header must name path and labels",
        ),
        *errors_about(
            f"{file} names columns twice in its header",
            [name for name, count in Counter(columns).items() if count > 1],
            "leave one of each",
        ),
    ]


def _wrong_rows(file: Path, rows: list[_Row]) -> list[Finding]:
    return [
        *errors_about(
            f"{file} has rows with a quote behind a blank, which begins no quoted field",
            [
                f"line {row.line}"
                for row in rows
                if any(
                    cell[:1].isspace() and cell.strip()[:1] == '"' for cell in row.fields.values()
                )
            ],
            "remove the blank",
        ),
        *errors_about(
            f"{file} has rows without a path",
            [f"line {row.line}" for row in rows if not row.field("path")],
            "name an audio file in each",
        ),
        *errors_about(
            f"{file} has rows with an unknown split",
            [
                f"{row.field('split')!r} in line {row.line}"
                for row in rows
                if row.split not in _ROLE_OF_WORD
            ],
            "write train, val or test, or leave it empty for clips in none of them",
        ),
    ]


def _wrong_labels(file: Path, rows: list[_Row], names: set[str]) -> list[Finding]:
    several = {name for name in names if _is_several(name, names)}
    return [
        *errors_about(
            f"{file} has rows with a missing or empty label",
            [
                f"line {row.line} ({as_shown(row.field('path'))})"
                for row in rows
                if not all(label.strip() for label in row.written_labels)
            ],
            "give each clip its labels, separated by |",
        ),
        *errors_about(
            f"{file} has labels that are several of its labels in one",
            [
                f"{label!r} in line {row.line}"
                for row in (rows if several else ())
                for label in sorted(several & row.labels)
            ],
            "separate them by |",
        ),
        *remarks_about(
            f"{file} has labels with blanks around them",
            [
                f"{label!r} in line {row.line}"
                for row in rows
                for label in row.written_labels
                if label != label.strip()
            ],
            "the blanks do not count",
        ),
    ]


def _is_several(name: str, names: set[str]) -> bool:
    parts = [part.strip() for part in _OTHER_SEPARATORS.split(name)]
    return len(parts) > 1 and names.issuperset(parts)


def _wrong_folds(file: Path, rows: list[_Row]) -> list[Finding]:
    written = [(row.field("fold"), row) for row in rows if row.field("fold")]
    no_numbers = [row for _, row in written if row.fold is None and row.role != "test"]
    numbers = {row.fold for _, row in written} - {None}
    findings = errors_about(
        f"{file} has rows whose fold is no whole number from 0 to {MOST_FOLDS}",
        [f"{row.field('fold')!r} in line {row.line}" for row in no_numbers],
        "write the number of its fold, or leave it empty for clips in none",
    )
    if len(numbers) == 1 and not no_numbers:
        problem = f"{file} has no fold but {numbers.pop()}, without which nothing is left to learn"
        findings.append(Finding(Level.ERROR, problem, "number two or more folds, or none"))
    return [
        *findings,
        *errors_about(
            f"{file} has folds, and rows whose split says otherwise",
            [
                f"{row.field('split')!r} in line {row.line}"
                for row in rows
                if written
                and (row.role == "val" or (row.role == "train" and not row.field("fold")))
            ],
            "write test or nothing there: the fold that --fold names is for validation, and the "
            "others are for training",
        ),
        *remarks_about(
            f"{file} has folds with a decimal point",
            [f"{fold!r} in line {row.line}" for fold, row in written if "." in fold],
            "they are read as whole numbers",
        ),
    ]


def _wrong_groups(file: Path, rows: list[_Row]) -> list[Finding]:
    lines: dict[str, int] = {}
    for row in rows:
        lines.setdefault(row.field("group"), row.line)
    alike = [same for same in looking_alike(lines) if len({name.casefold() for name in same}) > 1]
    return [
        *errors_about(
            f"{file} has groups whose names look damaged",
            [
                f"{name!r} in line {line} ({damage_in(name)})"
                for name, line in lines.items()
                if damage_in(name)
            ],
            "mend the names",
        ),
        *errors_about(
            f"{file} has groups whose names look the same, but for blanks or letters of another "
            "form",
            [
                " and ".join(
                    f"{shown} in line {lines[name]}"
                    for name, shown in zip(same, told_apart(same), strict=True)
                )
                for same in alike
            ],
            "give each group one name, as clips of one group are on one side of a split",
        ),
    ]


CSV = Dataset(
    name="csv",
    title="any other collection",
    on_disk="a comma-separated file `info_path/info_name` with the columns below, and the audio",
    read=read_csv,
    published_split="the column `fold`, or `split`",
    published_by_default=True,
    recognises=os.path.isfile,
)
