"""Rows of text files that name clips."""

import csv
import io
import os
import posixpath
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.files import read_whole

Row = tuple[int, list[str]]
"""The line at which a row begins, and its fields."""

_MOST_BYTES = 1 << 32
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "|"}


def annotations_file(settings: Settings) -> Path:
    """Give the annotations file that the settings name."""
    return Path(settings.info_path) / settings.info_name


def read_rows(path: Path, delimiter: str) -> tuple[list[str], list[Row]]:
    """Read a file of rows below a header, in UTF-8 with or without a byte order mark.

    Args:
        path: The file.
        delimiter: What separates two fields.

    Returns:
        The header's fields, and the rows that are not blank.

    Raises:
        InputError: If the file is missing, cannot be read, holds no row below a header, or has a
            quote without its partner, which would swallow what follows.
    """
    try:
        data = read_whole(path, _MOST_BYTES)
    except FileNotFoundError as error:
        raise InputError(
            f"the annotations file {path} is missing: name it with --info_path and --info_name"
        ) from error
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"cannot read the annotations file {path}: {reason}") from error
    rows = list(_records(path, _decoded(path, data), delimiter))
    if len(rows) < 2:
        raise InputError(
            f"{path} holds no row below a header: name another file with --info_path and "
            "--info_name"
        )
    return rows[0][1], rows[1:]


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
    return clip_id, audio_path / clip_id


def _decoded(path: Path, data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data:
        line = data.count(b"\n", 0, max(data.find(b"\0"), 0)) + 1
        raise InputError(
            f"{path}, line {line}, holds zero bytes, as UTF-16 text and damaged files do: save it "
            "as UTF-8"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}, line {line}, is not UTF-8 text: save it as UTF-8") from error


def _records(path: Path, text: str, delimiter: str) -> Iterator[Row]:
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for line in io.StringIO(text, newline=""):
            taken.append(line)
            yield line

    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    begin, columns, quoted = 1, 0, '"' in text
    try:
        for fields in reader:
            columns = columns or len(fields)
            is_odd = quoted and "".join(taken).count('"') % 2
            if is_odd or (len(taken) > 1 and _swallows(fields, columns, delimiter)):
                raise _lonely_quote(path, begin)
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
