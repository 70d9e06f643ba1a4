"""What a text that people give may be: printable, the name of a file, a path with ~ and variables.

Limits of Linux (limits.h, path_resolution(7)): 255 bytes in a name, 4096 in a path with the zero
behind it.
"""

import os
import re
from collections.abc import Iterable
from enum import Enum
from pathlib import Path

from fcn4_dist.text import is_unseen

LONGEST_NAME = 255
"""Bytes of the name of a file."""
LONGEST_PATH = 4095 - LONGEST_NAME - 1
"""Bytes of the path of a folder, in which a file is to have a name."""
LONGEST_BEGINNING = 200
"""Bytes of what the names of several files begin with: a step, a set, an ending come behind it."""
LONGEST_TEXT = 1 << 16
"""Characters of any text: the names of a thousand classes."""

_SHOWN = 80
_BYTES = frozenset(map(chr, range(0xDC80, 0xDD00)))
_VARIABLE = re.compile(r"\$(?:\$|(\w+)|\{(\w+)\})", re.ASCII)


class Form(Enum):
    """What the text of a setting is."""

    TEXT = "any printable text"
    BEGINNING = "what the names of files begin with"
    FILE = "a file in a folder that another setting names"
    PATH = "a file or folder, relative to the working directory, with ~ and variables"


def fault_of(text: str, form: Form = Form.TEXT) -> str:
    """Say why a text cannot be what it is to be, as the end of "it must …"; "" if it can.

    Args:
        text: The text, in which ~ and variables have been replaced.
        form: What it is to be.
    """
    # The name of a file may hold any bytes; those that are not UTF-8 are surrogates here.
    allowed = _BYTES if form in (Form.FILE, Form.PATH) else frozenset()
    if any(is_unseen(each) and each not in allowed for each in text):
        return "hold no control characters, and none that cannot be seen"
    if len(text) > LONGEST_TEXT:
        return f"have at most {LONGEST_TEXT} characters"
    if form is Form.TEXT or not text:
        return ""
    if text != text.strip():
        way = " (where they belong to it, ./ in front or / behind)" if form is Form.PATH else ""
        return f"have no blanks around it{way}"
    if text.startswith("~"):
        return "not begin with ~ (./~ names what is really called so)"
    if form is Form.BEGINNING:
        return _fault_of_beginning(text)
    if len(os.fsencode(text)) > LONGEST_PATH:
        return f"have at most {LONGEST_PATH} bytes, so that files can be in it"
    if any(len(os.fsencode(part)) > LONGEST_NAME for part in text.split("/")):
        return f"have at most {LONGEST_NAME} bytes between two slashes"
    if form is Form.FILE and text.split("/")[-1] in ("", ".", ".."):
        return "name a file"
    return ""


def expanded(text: str) -> str:
    """Replace ``~`` and variables in a path, as a shell does.

    A path that begins with ``./`` stays as it is, and ``$$`` stands for ``$``. What is there under
    the name as it was given, like ``A$AP.mp3``, is meant where nothing else is.

    Args:
        text: What was given.

    Raises:
        ValueError: If there is no such user or variable, as a sentence that begins with it.
    """
    if text.startswith("./"):
        return text
    first, slash, rest = text.partition("/")
    beginning = ""
    if first.startswith("~"):
        beginning = os.path.expanduser(first)
        if beginning == first:
            raise ValueError(f"{first} is no user's folder (./{first} is what is really called so)")
        beginning, text = beginning + slash, rest
    as_given = beginning + text
    try:
        path = beginning + _VARIABLE.sub(_value_of, text)
    except ValueError:
        if os.path.lexists(as_given):
            return as_given
        raise
    return as_given if os.path.lexists(as_given) and not os.path.lexists(path) else path


def unexpanded(path: str | Path) -> str:
    """Write a path so that :func:`expanded` gives it back."""
    text = str(path)
    return text if text.startswith("./") else text.replace("$", "$$")


def as_chosen(text: str, choices: Iterable[str]) -> str:
    """Give the choice that a text is but for its case, or else the text as it is."""
    return {choice.lower(): choice for choice in choices}.get(text.lower(), text)


def shown(value: object) -> str:
    """Give a value as a sentence can hold it: printable, and without the middle of a long one."""
    try:
        text = repr(value)
    except ValueError:
        # Python does not write out whole numbers of more than 4300 digits.
        return "a number of thousands of digits"
    if len(text) <= _SHOWN:
        return text
    half = _SHOWN // 2
    return f"{text[:half]} … {text[-half:]} ({len(text)} characters)"


def _fault_of_beginning(text: str) -> str:
    if "/" in text:
        return "be a name, not a path"
    if text.startswith(("-", ".")):
        return "not begin with a dash, which programs take for a flag, or a point, which hides it"
    if any(each in text for each in "*?"):
        return "not hold * or ?, which shells take for any letters"
    if not text.isprintable():
        return "hold no letters that cannot be told from others"
    if len(text.encode()) > LONGEST_BEGINNING:
        return f"have at most {LONGEST_BEGINNING} bytes, as the names of files begin with it"
    return ""


def _value_of(match: re.Match[str]) -> str:
    name = match[1] or match[2]
    if name is None:
        return "$"
    value = os.environ.get(name, "")
    if not value:
        raise ValueError(f"the variable {name} is not set ($$ stands for the letter $)")
    return value
