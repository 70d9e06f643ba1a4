"""Predictions: the scores of every clip, and the file that holds them."""

import csv
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np

from fcn4_dist.errors import InputError
from fcn4_dist.evaluation.metrics import Metrics, compute_metrics
from fcn4_dist.files import open_file, write_atomically
from fcn4_dist.text import csv_line, text_of_cell

PREDICTIONS_NAME = "predictions.csv"

_FIRST_COLUMNS = ["id", "path", "labels"]
_MOST_BYTES = 1 << 32
_ROWS_AT_ONCE = 1000
_LABEL = re.compile(r"(?:[^|\\]|\\.)+", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_NUMBERS = msgspec.json.Decoder(list[float])


@dataclass(frozen=True)
class Predictions:
    """Scores of clips.

    Attributes:
        ids: Ids of the clips, in the order of the manifest.
        paths: Their audio files.
        labels: int8 0/1 of shape (clips, classes).
        scores: float64 probabilities of shape (clips, classes).
        class_names: Names of the classes.
    """

    ids: tuple[str, ...]
    paths: tuple[str, ...]
    labels: np.ndarray
    scores: np.ndarray
    class_names: tuple[str, ...]

    @cached_property
    def metrics(self) -> Metrics:
        """What they come to, computed once; see :func:`compute_metrics` for errors."""
        return compute_metrics(self.labels, self.scores, self.class_names)


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
    """Read what :func:`write_predictions` wrote, row by row; the scores come back to the bit.

    Args:
        path: The file.

    Raises:
        InputError: If it cannot be read, or is no such file.
    """
    try:
        with open_file(path, _MOST_BYTES) as file:
            return _read(TextIOWrapper(file, "utf-8", "surrogateescape", newline=""))
    except OSError as error:
        raise InputError(f"cannot read the predictions {path}: {error.strerror}") from error
    except (ValueError, KeyError, IndexError, StopIteration, csv.Error) as error:
        raise InputError(
            f"{path} holds no predictions as eval writes them: run eval again, or name its folder"
        ) from error


def _read(lines: Iterable[str]) -> Predictions:
    rows = csv.reader(lines, strict=True)
    heading = next(rows)
    class_names = tuple(map(text_of_cell, heading[len(_FIRST_COLUMNS) :]))
    column = {name: number for number, name in enumerate(class_names)}
    if heading[: len(_FIRST_COLUMNS)] != _FIRST_COLUMNS or not 0 < len(column) == len(class_names):
        raise ValueError("not its columns")
    ids, paths = [], []
    # Both grow in place: millions of rows are never there twice, nor as Python's numbers.
    labels, scores = bytearray(), array("d")
    for clip_id, source, label, *cells in rows:
        ids.append(text_of_cell(clip_id))
        paths.append(text_of_cell(source))
        of_clip = bytearray(len(class_names))
        for name in _LABEL.findall(text_of_cell(label)):
            of_clip[column[_ESCAPED.sub(r"\1", name)]] = 1
        labels += of_clip
        scores.extend(_numbers(cells))
        if len(cells) != len(class_names) or len(scores) != len(labels):
            raise ValueError("not a score for each class")
    shape = (len(ids), len(class_names))
    found = np.frombuffer(scores).reshape(shape)
    if not ids or ((found < 0) | (found > 1)).any():
        raise ValueError("not a probability for each class")
    return Predictions(
        tuple(ids), tuple(paths), np.frombuffer(labels, np.int8).reshape(shape), found, class_names
    )


def _numbers(cells: Sequence[str]) -> list[float]:
    try:
        # Exact as Python's own, at a fifth of its time; of JSON's numbers, as repr writes them.
        return _NUMBERS.decode(f"[{','.join(cells)}]")
    except msgspec.DecodeError:
        return list(map(float, cells))
