"""What the readers of published collections have in common: their folder, tables and counts."""

import os
import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from fcn4_dist.clips.checks import errors_about, remarks_about
from fcn4_dist.clips.folder import list_audio, unicode_text
from fcn4_dist.clips.rows import other_separator, read_rows
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.findings import Finding, Level, counted, refuse_errors
from fcn4_dist.text import count

NUMBERS = range(1 << 40)
"""Whole numbers, as far as ids go."""

# Of a column with empty cells, pandas makes decimals.
_WHOLE = re.compile(r"([0-9]{1,15})(?:\.0*)?")


@dataclass(frozen=True)
class TableRow:
    """A row of a table: the line at which it begins, and its fields by the names of columns."""

    line: int
    fields: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.fields[column].strip()

    def number(self, column: str) -> int:
        """Give a whole number, which a column that ``check_fields`` has passed has; -1 for none."""
        match = _WHOLE.fullmatch(self[column])
        return int(match[1]) if match else -1

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
    return next(iter(_all_below(path, name)), None)


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
        InputError: If it is in neither, or in several folders of one.
    """
    return _find_any(settings, (name,), title)[0]


def find_table(settings: Settings, layouts: Mapping[str, str], title: str) -> tuple[Path, Path]:
    """Find the table of a collection and the folder of its audio, which copies have elsewhere.

    Args:
        settings: They name where to look: ``audio_path``, and for the table then ``info_path``.
        layouts: Path of the table below the collection's folder -> that of the audio, as published
            first.
        title: What the collection is called.

    Returns:
        The table, and the folder of the audio, which is in ``audio_path`` if there is one.

    Raises:
        InputError: If there is no table, or there are several.
    """
    audio_path = Path(settings.audio_path)
    root, name = _find_any(settings, tuple(layouts), title)
    if not root.is_relative_to(audio_path):
        root_of_audio = find_below(audio_path, layouts[name])
        return root / name, root_of_audio / layouts[name] if root_of_audio else audio_path
    return root / name, root / layouts[name]


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
        InputError: If it is missing, lacks columns or has some twice, or has rows of more or fewer
            fields.
    """
    header, rows = read_rows(path, delimiter, "get the file again")
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
                f"{path} has several columns of one name",
                [name for name in columns if names.count(name) > 1],
                "leave one of each",
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


def check_fields(
    path: Path, rows: Sequence[TableRow], columns: Mapping[str, Container[int] | None]
) -> None:
    """Refuse a table with fields that are empty, or no such number as their column has.

    Args:
        path: The file, for the sentence.
        rows: Its rows.
        columns: Names of columns -> the whole numbers that they may hold; None for any text.

    Raises:
        InputError: Naming the lines.
    """
    refuse_errors(
        finding
        for column, known in columns.items()
        for finding in errors_about(
            f"{path} has fields in the column {column} that are "
            + ("empty" if known is None else "no number that it can hold"),
            [
                f"{row[column]!r} in {row.place}"
                for row in rows
                if (not row[column] if known is None else row.number(column) not in known)
            ],
            "get the file again, or mend its rows",
        )
    )


def numbered_classes(
    path: Path, rows: Sequence[TableRow], number: str, name: str, published: Sequence[str]
) -> tuple[str, ...]:
    """Give the classes that occur in a table that numbers them, in the order of their numbers.

    Args:
        path: The file, for the sentence.
        rows: Its rows.
        number: Name of the column of the numbers, which ``check_fields`` has passed.
        name: Name of the column of the names.
        published: Names of all classes, by their numbers.

    Raises:
        InputError: If a name is not that of its number.
    """
    refuse_errors(
        errors_about(
            f"{path} has other names in the column {name} than its {number} says",
            [
                f"{row[name]!r} in {row.place} (it is {published[row.number(number)]!r})"
                for row in rows
                if row[name] != published[row.number(number)]
            ],
            "get the file again, or mend its rows",
        )
    )
    return tuple(published[each] for each in sorted({row.number(number) for row in rows}))


def find_audio(folder: Path, names: Iterable[str]) -> tuple[dict[str, Path], list[Finding]]:
    """Find the audio files that a table names, also in another format or folder.

    Copies of a collection are converted, and sorted into folders, but keep the names of its files.

    Args:
        folder: Where to look, at any depth.
        names: Paths below the folder, as published.

    Returns:
        Name -> the file of that very name, else one that is called like it but for its folder and
        suffix, else where it should be; and a note about those that are elsewhere.
    """
    present = _audio_in(folder)
    known, by_stem = set(present), {path.stem: path for path in present}
    files = {name: folder / name for name in names}
    moved = {
        name: by_stem[path.stem]
        for name, path in files.items()
        if path not in known and path.stem in by_stem
    }
    return files | moved, remarks_about(
        f"{folder} holds audio files in another format or folder than published",
        [unicode_text(path.relative_to(folder)) for path in moved.values()],
        "they are read",
        Level.NOTE,
    )


def unnamed_audio(folder: Path, audio_path: Path, known: Set[Path], where: str) -> list[Finding]:
    """Say which audio files below a folder are not named by a table.

    Args:
        folder: The folder.
        audio_path: What their ids begin at.
        known: Those that are named.
        where: What names them, for the sentence.
    """
    extra = [path for path in _audio_in(folder) if path not in known]
    return remarks_about(
        f"{folder} holds audio files that {where} does not name",
        [unicode_text(path.relative_to(audio_path)) for path in extra],
        "they are ignored",
    )


def held_against_published(
    counts: Mapping[str, int], published: Mapping[str, int], title: str, where: Path
) -> list[Finding]:
    """Say that a collection has as many clips as were published, or where it has other numbers.

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
    if not unlike:
        whole = ", ".join(f"{number} {name}" for name, number in published.items())
        return [Finding(Level.NOTE, f"{title} has what was published: {whole}")]
    return remarks_about(
        f"{title} is not whole in {where}, or is more than what was published",
        unlike,
        "what is there is used",
        Level.WARNING,
        shown=12,
    )


def _find_any(settings: Settings, names: Sequence[str], title: str) -> tuple[Path, str]:
    for path in (Path(settings.audio_path), Path(settings.info_path)):
        for name in names:
            roots = _all_below(path, name)
            if len(roots) > 1:
                folders = counted([unicode_text(root) for root in roots])
                raise InputError(
                    f"{path} holds {name} of {title} in several folders: {folders}; name the one "
                    "that is meant with --audio_path"
                )
            if roots:
                return roots[0], name
    raise InputError(
        f"audio_path {settings.audio_path} holds no {names[0]} of {title}: name the folder that "
        "its archives were unpacked to with --audio_path (what is not audio may be below "
        "--info_path)"
    )


def _all_below(path: Path, name: str) -> list[Path]:
    if os.path.exists(path / name):
        return [path]
    try:
        below = sorted(os.listdir(path)) if os.path.isdir(path) else []
    except OSError as error:
        raise InputError(
            f"cannot list the folder {path} ({error.strerror}): make it readable, or name another "
            "folder with --audio_path"
        ) from error
    return [path / each for each in below if os.path.exists(path / each / name)]


def _audio_in(folder: Path) -> list[Path]:
    # Shards can be written where the audio is not.
    return list_audio(folder) if os.path.isdir(folder) else []
