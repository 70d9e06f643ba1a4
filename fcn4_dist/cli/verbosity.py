"""The flags ``--quiet`` and ``--verbose``, which every command has."""

import argparse
import logging
from typing import Any

from fcn4_dist import log
from fcn4_dist.errors import InputError


def add_verbosity(parser: argparse.ArgumentParser) -> None:
    """Add the flags; what they ask for is seen to while they are parsed, wherever they stand."""
    for name, verbosity, meaning in (
        ("--quiet", log.Verbosity.QUIET, "print warnings, errors and the result, nothing else"),
        ("--verbose", log.Verbosity.VERBOSE, "print more: all settings, checks, file by file"),
    ):
        parser.add_argument(
            name, action=_Show, nargs=0, const=verbosity, default=argparse.SUPPRESS, help=meaning
        )


class _Show(argparse.Action):
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
