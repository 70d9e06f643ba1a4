"""Rows of text files that name clips."""

import csv
import io
import os
import posixpath
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.files import open_file

Row = tuple[int, list[str]]
"""The line at which a row begins, and its fields."""

_MOST_BYTES = 1 << 32
_LONGEST_FIELD, _LONGEST_PROSE = 1 << 17, 1 << 20
_NAME_IT = "name the file with --info_path and --info_name"
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "|"}


def annotations_file(settings: Settings) -> Path:
    """Give the annotations file that the settings name."""
    return Path(settings.info_path) / settings.info_name


def read_rows(path: Path, delimiter: str, mend: str = _NAME_IT) -> tuple[list[str], list[Row]]:
    """Read a file of rows below a header, in UTF-8 with or without a byte order mark.

    Args:
        path: The file.
        delimiter: What separates two fields.
        mend: What to do where it is missing or empty.

    Returns:
        The header's fields, and the rows that are not blank.

    Raises:
        InputError: If the file is missing, cannot be read, holds no row below a header, or has a
            quote without its partner, which would swallow what follows.
    """
    rows = list(iter_rows(path, delimiter, mend))
    if len(rows) < 2:
        raise InputError(f"{path} holds no row below a header: {mend}")
    return rows[0][1], rows[1:]


def iter_rows(
    path: Path, delimiter: str, mend: str = _NAME_IT, *, prose: bool = False
) -> Iterator[Row]:
    """Give the rows of such a file one by one, as those of a large one need not be kept whole.

    Args:
        path: The file.
        delimiter: What separates two fields.
        mend: What to do where it is missing.
        prose: Whether fields may be long texts of several lines, in which commas prove nothing.

    Raises:
        InputError: As :func:`read_rows` does, but for a file without a row.
    """
    # The limit is of the whole program, and others may rely on a larger one: fields that are too
    # long for names are refused by their lines.
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_PROSE))
    try:
        with open_file(path, _MOST_BYTES) as file:
            yield from _records(path, _decoded(path, file), delimiter, prose)
    except FileNotFoundError as error:
        raise InputError(f"the annotations file {path} is missing: {mend}") from error
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"cannot read the annotations file {path}: {reason}") from error


def other_separator(header: list[str], delimiter: str, names: tuple[str, ...]) -> str:
    """Say by what the names of columns are separated instead; "" if that is not known.

    Args:
        header: The fields of the header, as ``delimiter`` separates them.
        delimiter: What should separate them.
        names: Of columns that the file has to have.
    """
    if {name.strip() for name in header}.issuperset(names):
        return ""
    for other, called in _SEPARATORS.items():
        found = {name.strip(' "') for field in header for name in field.split(other)}
        if other != delimiter and found.issuperset(names):
            return called
    return ""


def locate(audio_path: Path, written: str, *, exact: bool = False) -> tuple[str, Path]:
    """Give the id and the audio file of a clip from its path as a row has it.

    Args:
        audio_path: Folder the path begins at, unless it is absolute.
        written: The path, with slashes. Blanks around it do not count, and a file of that name in
            another Unicode form, as other systems write it, is the one that is meant; but a file
            of the very name goes before.
        exact: Whether the path is a name that was read from a disk.
    """
    path = written if exact else written.strip()
    # ./a.wav and a.wav are one clip.
    clip_id = path if path.startswith("/") else posixpath.normpath(path)
    if not exact and (path != written or not path.isascii()):
        forms = unicodedata.normalize("NFC", clip_id), unicodedata.normalize("NFD", clip_id)
        for name in (written, clip_id, *forms):
            if os.path.isfile(audio_path / name):
                return clip_id, audio_path / name
    # As audio_path / clip_id, in half the time: there are millions.
    return clip_id, Path(os.path.join(audio_path, clip_id))


def _decoded(path: Path, file: Iterable[bytes]) -> Iterator[str]:
    """Give the lines of a file, whichever way they end."""
    for number, line in enumerate(file, start=1):
        if b"\0" in line or (number == 1 and line.startswith((b"\xff\xfe", b"\xfe\xff"))):
            raise InputError(
                f"{path}, line {number}, holds zero bytes, as UTF-16 text and damaged files do: "
                "save it as UTF-8"
            )
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"{path}, line {number}, is not UTF-8 text: save it as UTF-8"
            ) from error
        yield from io.StringIO(text, newline="") if "\r" in text else (text,)


def _records(path: Path, lines: Iterable[str], delimiter: str, prose: bool) -> Iterator[Row]:
    taken: list[str] = []

    def taking() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    reader = csv.reader(taking(), delimiter=delimiter, strict=True)
    begin, columns = 1, 0
    try:
        for fields in reader:
            columns = columns or len(fields)
            is_odd = sum(line.count('"') for line in taken) % 2
            swallows = len(taken) > 1 and not prose and _swallows(fields, columns, delimiter)
            if is_odd or swallows:
                raise _lonely_quote(path, begin)
            if not prose and len(longest := max(fields, key=len, default="")) > _LONGEST_FIELD:
                raise InputError(
                    f"cannot read {path}, line {begin}: a field of it has {len(longest)} "
                    f"characters, {_LONGEST_FIELD} are the most"
                )
            if fields:
                yield begin, fields
            begin = reader.line_num + 1
            taken.clear()
    except csv.Error as error:
        if '"' in "".join(taken):
            raise _lonely_quote(path, begin) from error
        raise InputError(f"cannot read {path}, line {begin}: {error}") from error


def _swallows(fields: list[str], columns: int, delimiter: str) -> bool:
    """Tell whether a field holds a line of as many fields as the header has."""
    return any(
        field.count(delimiter) >= columns - 1 and ("\n" in field or "\r" in field)
        for field in fields
    )


def _lonely_quote(path: Path, line: int) -> InputError:
    return InputError(
        f'{path}, line {line}, holds a quote (") without its partner, which swallows what follows: '
        "close or remove it; within a quoted field, write two of them for one"
    )
