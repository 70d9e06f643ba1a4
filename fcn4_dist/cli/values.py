"""What may stand behind a flag, and how often."""

import argparse
import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fcn4_dist import log
from fcn4_dist.config.forms import Form, expanded, fault_of, shown
from fcn4_dist.errors import InputError

MOST_WORKERS = 1024
"""On a host: more than any has cards or cores."""
MOST_NODES = 4096
_MOST_PARTS = 100_000


class Once(argparse.Action):
    """Keeps the value of a flag, and refuses a second one instead of dropping the first."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Keep the value.

        Raises:
            InputError: If there is one already.
        """
        # In the namespace, as the flags of launch may stand in two places.
        given = vars(namespace).setdefault("given", set())
        if option_string and self.dest in given:
            raise InputError(f"{option_string} is given twice: leave one of them out")
        given.add(self.dest)
        setattr(namespace, self.dest, values)


class Later(argparse.Action):
    """Keeps the last value of a setting, as scripts put what is to win behind what they have.

    What it puts aside is in ``overridden`` of the namespace, for a word about it.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Keep the value."""
        earlier = getattr(namespace, self.dest, values)
        if earlier != values:
            vars(namespace).setdefault("overridden", []).append((self.dest, earlier))
        setattr(namespace, self.dest, values)


class Show(argparse.Action):
    """Has the terminal show more, or less."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Set it.

        Raises:
            InputError: If the opposite was asked for before.
        """
        usual = log.terminal_shows(logging.INFO) and not log.terminal_shows(logging.DEBUG)
        if not usual and log.terminal_shows(logging.DEBUG) != (self.const == logging.DEBUG):
            raise InputError("--quiet and --verbose contradict each other: leave one of them out")
        log.show(self.const)


def file_path(text: str) -> Path:
    """Read the path of a file or folder, with ``~`` and variables.

    Raises:
        argparse.ArgumentTypeError: If it cannot be one.
    """
    try:
        path = expanded(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if fault := fault_of(path, Form.PATH) if path else "not be empty":
        raise argparse.ArgumentTypeError(f"a path must {fault}, got {shown(path)}")
    return Path(path)


def found_path(text: str) -> Path:
    """Read the path of a file or folder as a shell's pattern gives it.

    What is called so is meant, whatever is in its name: "Ke$ha.mp3" names no variable. What is
    not there is read as :func:`file_path` reads it.

    Raises:
        argparse.ArgumentTypeError: If it cannot be one.
    """
    return Path(text) if os.path.lexists(text) else file_path(text)


def beginning_of_names(text: str) -> str:
    """Read what the names of files begin with.

    Raises:
        argparse.ArgumentTypeError: If it cannot be that.
    """
    if fault := fault_of(text, Form.BEGINNING) if text else "not be empty":
        raise argparse.ArgumentTypeError(f"must {fault}, got {shown(text)}")
    return text


def whole_number(maximum: int, minimum: int | None = None) -> Callable[[str], int]:
    """Give what reads a whole number within limits; without a minimum, that is seen later."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(
                f"must be a whole number, got {shown(text)}"
            ) from error
        if value > maximum:
            raise argparse.ArgumentTypeError(f"must be at most {maximum}, got {shown(value)}")
        if minimum is not None and value < minimum:
            raise argparse.ArgumentTypeError(f"must be at least {minimum}, got {shown(value)}")
        return value

    return read


def part_of_parts(text: str) -> tuple[int, int]:
    """Read which part of how many something is, as "3/8", from 1 on.

    Raises:
        argparse.ArgumentTypeError: If it is none.
    """
    form = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
    number, parts = map(int, form.groups()) if form else (0, 0)
    if not 1 <= number <= parts <= _MOST_PARTS:
        raise argparse.ArgumentTypeError(
            f"must be i/n with i from 1 to n, like 3/8, got {shown(text)}"
        )
    return number, parts
