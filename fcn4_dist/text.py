"""Text from anywhere, made fit to be shown and to be copied.

Names of files, texts of other hosts and messages of libraries may hold what steers a terminal,
what is not seen, and line breaks that look like another line of ours.
"""

import json
import re
import shlex
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

_LONGEST = 160
_LONGEST_LIST = 20
_TO_QUOTE = re.compile('[",\r\n]')
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Also in the full width of East Asia.
_LIKE_A_FORMULA = re.compile("'*[-=+@\t\r\n\uff1d\uff0b\uff0d\uff20]")
# Persian, Indian scripts and emoji are spelt with them.
_JOINERS = "\u200c\u200d"


class Lines(str):
    """A text whose line breaks and tabs are meant, as those of a table are; any other is a line."""

    __slots__ = ()

    def __str__(self) -> str:
        """Stay what it is, also as the text of an error."""
        return self


def cleaned(text: str) -> str:
    r"""Write out what steers a terminal or is not seen, as its escape: ``\x1b``, ``\u200b``.

    Args:
        text: Any text; of :class:`Lines` the line breaks and tabs stay.

    Returns:
        The text; what can be seen is as it was.
    """
    if text.isprintable():
        return text
    kept = "\t\n" if isinstance(text, Lines) else ""
    shown = "".join(
        ascii(letter)[1:-1] if is_unseen(letter) and letter not in kept else letter
        for letter in text
    )
    return Lines(shown) if kept else shown


def is_unseen(letter: str) -> bool:
    """Tell whether a character steers, or is neither seen nor a part of how a word is spelt."""
    return unicodedata.category(letter) in _UNSEEN and letter not in _JOINERS


def shorten(text: str) -> str:
    """Cut out the middle of a long text, since the end tells paths apart."""
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return f"{text[:half]} … {text[-half:]}"


def count(number: int, noun: str) -> str:
    """Write a number of things: "1 clip", "2 clips", "3 classes"."""
    ending = "" if number == 1 else "es" if noun.endswith(("s", "x", "sh", "tch")) else "s"
    return f"{number} {noun}{ending}"


def unlike(first: Sequence[str], second: Sequence[str]) -> tuple[str, str]:
    """Write two lists that differ: short ones whole, else how long they are and where they part."""
    if max(len(first), len(second)) <= _LONGEST_LIST:
        return ", ".join(first), ", ".join(second)
    pairs = zip(first, second, strict=False)
    place = next((n for n, (one, other) in enumerate(pairs) if one != other), None)
    if place is None:
        return str(len(first)), str(len(second))
    here = f"of which number {place + 1} is"
    return f"{len(first)}, {here} {first[place]}", f"{len(second)}, {here} {second[place]}"


def span(numbers: Sequence[int]) -> str:
    """Write whole numbers in their order: "1 to 10", "0, 2, 5", "0 to 7, 9", of many the first."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    pieces = [
        piece
        for run in runs
        for piece in ([f"{run[0]} to {run[-1]}"] if len(run) > 2 else map(str, run))
    ]
    more = f", … ({len(numbers)} in all)" if len(pieces) > _LONGEST_LIST else ""
    return ", ".join(pieces[:_LONGEST_LIST]) + more


def named(noun: str, numbers: Sequence[int]) -> str:
    """Name some of several by their numbers, in their order: "node 3", "nodes 1 to 127"."""
    return f"{noun}{'s' * (len(numbers) > 1)} {span(numbers)}"


def json_text(value: Any, encoding: str = "utf-8", **options: Any) -> str:
    """Write a value as JSON: letters of any script as they are, what is not seen as its escape.

    Args:
        value: What JSON can hold.
        encoding: Of the stream it goes to; what that lacks is an escape, too.
        options: Of :func:`json.dumps`.
    """
    text = json.dumps(value, ensure_ascii=False, **options)
    with suppress(UnicodeEncodeError):
        text.encode(encoding)
        if all(map(str.isprintable, text.split("\n"))):
            return text
    return json.dumps(value, **options)


def shell_word(text: str) -> str:
    """Quote a text as one word of a command that is to be copied; it stays on its line."""
    if not any(map(is_unseen, text)):
        return shlex.quote(text)
    # As bash, zsh and ksh read it: a line break within plain quotes would be a line of its own.
    data = text.encode("utf-8", "surrogateescape")
    inner = "".join(
        chr(byte) if 0x20 <= byte < 0x7F and chr(byte) not in "'\\" else f"\\x{byte:02x}"
        for byte in data
    )
    return f"$'{inner}'"


def cell_of(text: str) -> str:
    """Write a text as a cell of a CSV file that no spreadsheet takes for a formula.

    One that begins as a formula does gets an apostrophe in front (OWASP, "CSV Injection"); so does
    one that has such apostrophes already, so that :func:`text_of_cell` gives back every text.
    """
    return f"'{text}" if _LIKE_A_FORMULA.match(text) else text


def csv_line(cells: Iterable[str | float]) -> str:
    """Write a line of a CSV file (RFC 4180), without its end: texts by :func:`cell_of`, numbers.

    Python's own writer leaves a carriage return without quotes, and readers end a line there.
    """
    return ",".join(map(_cell, cells))


def text_of_cell(cell: str) -> str:
    """Give the text of a cell that :func:`cell_of` has written."""
    return cell[1:] if cell.startswith("'") and _LIKE_A_FORMULA.match(cell) else cell


def as_bytes_or_escapes(error: UnicodeError) -> tuple[str | bytes, int]:
    """Encode what an encoding lacks: bytes of file names as they were, all else as its escape.

    For :func:`codecs.register_error`.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    end = error.start + 1
    letter = error.object[error.start : end]
    if "\udc80" <= letter <= "\udcff":
        return bytes([ord(letter) - 0xDC00]), end
    return ascii(letter)[1:-1], end


def shell_command(words: Iterable[str]) -> str:
    """Write a command as a shell reads it, on one line."""
    return " ".join(map(shell_word, words))


def _cell(value: str | float) -> str:
    if not isinstance(value, str):
        return repr(value)
    text = cell_of(value)
    return '"' + text.replace('"', '""') + '"' if _TO_QUOTE.search(text) else text
