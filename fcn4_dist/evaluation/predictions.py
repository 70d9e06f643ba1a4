"""Predictions: the scores of every clip, and the file that holds them."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from fcn4_dist.errors import InputError
from fcn4_dist.files import read_whole, write_atomically
from fcn4_dist.text import csv_line, text_of_cell

PREDICTIONS_NAME = "predictions.csv"

_FIRST_COLUMNS = ["id", "path", "labels"]
_MOST_BYTES = 1 << 32
_ROWS_AT_ONCE = 1000
_LABEL = re.compile(r"(?:[^|\\]|\\.)+", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True)
class Predictions:
    """Scores of clips.

    Attributes:
        ids: Ids of the clips, in the order of the manifest.
        paths: Their audio files.
        labels: int32 0/1 of shape (clips, classes).
        scores: float64 probabilities of shape (clips, classes).
        class_names: Names of the classes.
    """

    ids: tuple[str, ...]
    paths: tuple[str, ...]
    labels: np.ndarray
    scores: np.ndarray
    class_names: tuple[str, ...]


def write_predictions(
    predictions: Predictions, path: Path, goes_on: Callable[[str], None] = lambda doing: None
) -> None:
    r"""Write a CSV file: id, path, labels separated by ``|``, and the score of each class.

    Within a label, ``|`` and ``\`` have a ``\`` before them, so that labels are told apart whatever
    they are. A text that a spreadsheet would take for a formula has an apostrophe before it. Scores
    are written with all their digits, so that equal files mean equal bits.

    Args:
        predictions: What to write.
        path: The file, which is whole or not there.
        goes_on: Told again and again what is done, since millions of clips take minutes.
    """
    with write_atomically(path) as file:
        _write_lines(file, [csv_line([*_FIRST_COLUMNS, *predictions.class_names])])
        for first in range(0, len(predictions.ids), _ROWS_AT_ONCE):
            goes_on(f"writing {path}")
            _write_lines(file, _lines(predictions, slice(first, first + _ROWS_AT_ONCE)))


def _lines(predictions: Predictions, of: slice) -> Iterator[str]:
    escaped = [name.replace("\\", r"\\").replace("|", r"\|") for name in predictions.class_names]
    names = np.array(escaped, dtype=object)
    for clip_id, source, labels, scores in zip(
        predictions.ids[of],
        predictions.paths[of],
        predictions.labels[of],
        predictions.scores[of],
        strict=True,
    ):
        label = "|".join(names[labels.astype(bool)])
        yield csv_line([clip_id, source, label, *scores.tolist()])


def _write_lines(file: BinaryIO, lines: Iterable[str]) -> None:
    # File names that are not UTF-8 reach us as surrogates and leave as the bytes they were.
    file.write("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))


def read_predictions(path: Path) -> Predictions:
    """Read what :func:`write_predictions` wrote; the scores come back to the bit.

    Args:
        path: The file.

    Raises:
        InputError: If it cannot be read, or is no such file.
    """
    try:
        text = read_whole(path, _MOST_BYTES).decode("utf-8", "surrogateescape")
        heading, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        class_names = tuple(map(text_of_cell, heading[len(_FIRST_COLUMNS) :]))
        if heading[: len(_FIRST_COLUMNS)] != _FIRST_COLUMNS or not class_names or not rows:
            raise ValueError("not its columns")
        column = {name: number for number, name in enumerate(class_names)}
        labels = np.zeros((len(rows), len(class_names)), dtype=np.int32)
        for number, row in enumerate(rows):
            for label in _LABEL.findall(text_of_cell(row[2])):
                labels[number, column[_ESCAPED.sub(r"\1", label)]] = 1
        scores = np.array([row[len(_FIRST_COLUMNS) :] for row in rows], dtype=np.float64)
        if scores.shape != labels.shape:
            raise ValueError("not a score for each class")
        if len(column) < len(class_names) or ((scores < 0) | (scores > 1)).any():
            raise ValueError("not a probability for each class")
    except OSError as error:
        raise InputError(f"cannot read the predictions {path}: {error.strerror}") from error
    except (ValueError, KeyError, IndexError, csv.Error) as error:
        raise InputError(
            f"{path} holds no predictions as eval writes them: run eval again, or name its folder"
        ) from error
    ids, paths = (tuple(text_of_cell(row[place]) for row in rows) for place in (0, 1))
    return Predictions(ids, paths, labels, scores, class_names)
