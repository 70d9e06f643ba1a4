"""Rows of text files that name clips."""

import csv
import io
import posixpath
from pathlib import Path

from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError

Row = tuple[int, list[str]]
"""Number of a row, as a spreadsheet counts, and its fields."""


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
        InputError: If the file is missing, cannot be read, or holds no row below a header.
    """
    try:
        data = path.read_bytes()
        text = io.StringIO(data.decode("utf-8-sig"), newline="")
        rows = [
            (number, fields)
            for number, fields in enumerate(csv.reader(text, delimiter=delimiter), start=1)
            if fields
        ]
    except FileNotFoundError as error:
        raise InputError(
            f"the annotations file {path} is missing: name it with --info_path and --info_name"
        ) from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}, line {line}, is not UTF-8 text: save it as UTF-8") from error
    except (OSError, csv.Error) as error:
        raise InputError(f"cannot read the annotations file {path}: {error}") from error
    if len(rows) < 2:
        raise InputError(
            f"{path} holds no row below a header: name another file with --info_path and "
            "--info_name"
        )
    return rows[0][1], rows[1:]


def locate(audio_path: Path, written: str) -> tuple[str, Path]:
    """Give the id and the audio file of a clip from its path as a row has it.

    Args:
        audio_path: Folder the path begins at, unless it is absolute.
        written: The path, with slashes.
    """
    # ./a.wav and a.wav are one clip.
    clip_id = written if written.startswith("/") else posixpath.normpath(written)
    return clip_id, audio_path / clip_id
