"""What the readers of published collections have in common: their folder, tables and counts."""

import os
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from fcn4_dist.clips.checks import errors_about, remarks_about
from fcn4_dist.clips.folder import list_audio, unicode_text
from fcn4_dist.clips.rows import other_separator, read_rows
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.findings import Finding, Level, refuse_errors
from fcn4_dist.text import count


@dataclass(frozen=True)
class TableRow:
    """A row of a table: the line at which it begins, and its fields by the names of columns."""

    line: int
    fields: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.fields[column].strip()

    @property
    def place(self) -> str:
        """Where it is, for a sentence."""
        return f"line {self.line}"


def find_below(path: Path, name: str) -> Path | None:
    """Find the folder that holds a file or folder: a path, or one right below it.

    Args:
        path: Where to look.
        name: What the folder holds, with slashes: "meta/esc50.csv".

    Returns:
        The folder, the path itself if that holds it, else the first one by name; None if none does.

    Raises:
        InputError: If the path cannot be listed.
    """
    if os.path.exists(path / name):
        return path
    try:
        below = sorted(os.listdir(path)) if os.path.isdir(path) else []
    except OSError as error:
        raise InputError(
            f"cannot list the folder {path} ({error.strerror}): make it readable, or name another "
            "folder with --audio_path"
        ) from error
    return next((path / each for each in below if os.path.exists(path / each / name)), None)


def holds(*names: str) -> Callable[[Path], bool]:
    """Make what recognises a collection: a folder with all of these, or one right below it."""

    def recognises(path: Path) -> bool:
        return os.path.isdir(path) and all(find_below(path, name) for name in names)

    return recognises


def find_root(settings: Settings, name: str, title: str) -> Path:
    """Find the folder of a collection by what it holds.

    Args:
        settings: They name where to look: ``audio_path``, then ``info_path``.
        name: What it holds, with slashes: "meta/esc50.csv".
        title: What the collection is called.

    Raises:
        InputError: If it is in neither.
    """
    for path in (Path(settings.audio_path), Path(settings.info_path)):
        if root := find_below(path, name):
            return root
    raise InputError(
        f"audio_path {settings.audio_path} holds no {name} of {title}: name the folder that its "
        "archives were unpacked to with --audio_path (what is not audio may be below --info_path)"
    )


def read_table(
    path: Path, delimiter: str, columns: Sequence[str], *, several: bool = False
) -> list[TableRow]:
    """Read a table of a collection as it was published.

    Args:
        path: The file.
        delimiter: What separates two fields.
        columns: Those that it must have; others are read, too.
        several: Whether a row may have any number of fields in the last of them, behind which there
            is no other; they are given as they were separated.

    Raises:
        InputError: If it is missing, lacks columns, or has rows of more or fewer fields.
    """
    header, rows = read_rows(path, delimiter)
    names = [name.strip() for name in header]
    if several:
        # Programs for tables give the other fields a column without a name.
        while names and not names[-1]:
            names.pop()
        last = len(names) - 1
        rows = [(line, [*row[:last], delimiter.join(row[last:])]) for line, row in rows]
    missing = [name for name in columns if name not in names]
    other = other_separator(names, delimiter, tuple(columns)) if missing else ""
    refuse_errors(
        [
            *errors_about(
                f"{path} lacks columns{f', as it is separated by {other}' if other else ''}",
                missing,
                "name the file as it was published",
            ),
            *errors_about(
                f"{path} has rows that do not have the {len(names)} fields of its header",
                [
                    f"line {line} ({count(len(row), 'field')})"
                    for line, row in rows
                    if len(row) != len(names)
                ],
                "get the file again",
            ),
        ]
    )
    return [TableRow(line, dict(zip(names, row, strict=True))) for line, row in rows]


def unnamed_audio(folder: Path, audio_path: Path, known: Set[Path], where: str) -> list[Finding]:
    """Say which audio files below a folder are not named by a table.

    Args:
        folder: The folder.
        audio_path: What their ids begin at.
        known: Those that are named.
        where: What names them, for the sentence.
    """
    extra = [path for path in list_audio(folder) if path not in known]
    return remarks_about(
        f"{folder} holds audio files that {where} does not name",
        [unicode_text(path.relative_to(audio_path)) for path in extra],
        "they are ignored",
    )


def held_against_published(
    counts: Mapping[str, int], published: Mapping[str, int], title: str, where: Path
) -> list[Finding]:
    """Say where a collection has other numbers of clips than were published.

    Args:
        counts: What is there, by name of a set, fold or class.
        published: How many there should be, by the same names.
        title: What the collection is called.
        where: The folder or file that was counted.
    """
    unlike = [
        f"{counts.get(name, 0)} of {number} {name}"
        for name, number in published.items()
        if counts.get(name, 0) != number
    ]
    return remarks_about(
        f"{title} is not whole in {where}, or is more than what was published",
        unlike,
        "what is there is used",
        Level.WARNING,
        shown=12,
    )
