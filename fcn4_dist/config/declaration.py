"""How a setting is declared: meaning, limits, what it affects; and how text becomes its value."""

import dataclasses
import sys
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any

from fcn4_dist.config.forms import Form, as_chosen, expanded, fault_of, shown
from fcn4_dist.errors import SettingsError

COMMANDS = ("synth", "preprocess", "train", "eval")

_TRUE_WORDS = ("true", "yes", "on", "1")
_FALSE_WORDS = ("false", "no", "off", "0")


class Affects(Enum):
    """What another value of a setting changes.

    From it follow what a run has to have in common with the one it goes on with, what a
    cross-validation sets in each fold and what may change between two starts of it, and which
    compiled graph is the same.
    """

    INPUT = "which clips, features and weights go in; a checkpoint tells, or holds, them itself"
    FOLD = "which split, shards and checkpoints of several a single job is for"
    RESULT = "the weights and scores that come out"
    GLOBAL_BATCH = "clips in a step of all ranks, whose number a checkpoint tells itself"
    LENGTH = "how long training goes on, and which of its checkpoints is called the best"
    COMPUTATION = "the compiled graph and the last bits of its numbers, but not what it computes"
    WORK = "where, how fast and how patiently the work is done, but not what comes of it"


@dataclass(frozen=True)
class Setting:
    """What is known of one setting besides its value.

    Attributes:
        name: The key in YAML and, behind ``--``, the flag.
        kind: ``bool``, ``int``, ``float``, ``str`` or ``tuple`` (of names).
        default: Value when it is given nowhere.
        commands: The commands on which it has an effect.
        meaning: One line for people.
        affects: What another value changes; a function of all settings (by attribute) where
            another setting decides that. Unless it is said, the result: that is the safe side.
        group: Title of the settings it stands among.
        unit: Unit of the value, "" for none.
        minimum: Smallest allowed value; None for no limit.
        maximum: Largest allowed value; None for no limit.
        above: The value must be larger than this; None for no limit.
        below: The value must be smaller than this; None for no limit.
        choices: Allowed values; empty for any.
        chosen_elsewhere: Whether the allowed values are known to a later room only, which hands
            them to :func:`~fcn4_dist.config.load_settings`.
        optional: Whether it may be left empty ("", null).
        of_shards: Whether train and eval find it in the shards' manifest if it is not given.
        form: What its text is, if it is one.
        keywords: Values that are no name of a file all the same.
        earlier_names: What it was called in earlier versions; still understood.
    """

    name: str
    kind: type
    default: Any
    commands: tuple[str, ...]
    meaning: str
    affects: "Affects | Callable[[Any], Affects]" = Affects.RESULT
    group: str = ""
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()
    chosen_elsewhere: bool = False
    optional: bool = False
    of_shards: bool = False
    form: Form = Form.TEXT
    keywords: tuple[str, ...] = ()
    earlier_names: tuple[str, ...] = ()

    @property
    def is_path(self) -> bool:
        """Whether it names a file or folder, relative to the working directory."""
        return self.form is Form.PATH

    def affected(self, settings: Any) -> Affects:
        """Say what another value would change, the other settings being as they are.

        Args:
            settings: All settings, by attribute.
        """
        return self.affects if isinstance(self.affects, Affects) else self.affects(settings)

    def parse(self, raw: object) -> Any:
        """Turn what YAML or a flag gave into a value of the right type, a choice in its own case.

        Args:
            raw: Text, or from YAML also a list of texts, or None for nothing.

        Returns:
            The value, of the setting's kind.

        Raises:
            SettingsError: If it cannot be one.
        """
        if raw is None and self.optional:
            return ""
        try:
            value = _CONVERTERS[self.kind](raw)
        except (ValueError, TypeError) as error:
            raise self._error(f"must be {_KIND_NAMES[self.kind]}, got {shown(raw)}") from error
        if isinstance(value, str):
            value = as_chosen(value, (*self.choices, *self.keywords))
        if not self.is_path or value in self.keywords:
            return value
        try:
            return expanded(value)
        except ValueError as error:
            raise self._error(f"cannot be {shown(value)}: {error}") from error

    def check(self, value: object) -> None:
        """Check type and limits of a value.

        Args:
            value: The value to hold against the declaration.

        Raises:
            SettingsError: If the type is wrong or the value impossible.
        """
        if not _is_a(value, self.kind):
            raise self._error(f"must be {_KIND_NAMES[self.kind]}, got {shown(value)}")
        if isinstance(value, int | float):
            self._check_number(value)
        if self.kind in (str, tuple) and not value and not self.optional:
            raise self._error("must not be empty")
        self.check_choice(value, self.choices)
        texts = value if isinstance(value, tuple) else [value]
        for text in filter(lambda text: isinstance(text, str), texts):
            if fault := fault_of(text, self.form):
                raise self._error(f"must {fault}, got {shown(text)}")

    def check_choice(self, value: object, choices: Sequence[str]) -> None:
        """Refuse a value that is none of those allowed; of no choices, any is."""
        if choices and value not in choices:
            raise self._error(f"must be one of {', '.join(choices)}, got {shown(value)}")

    def _check_number(self, value: float) -> None:
        # Compared, because math.isfinite cannot take a whole number of 400 digits.
        if not -sys.float_info.max <= value <= sys.float_info.max:
            raise self._error(f"must be a finite number, got {shown(value)}")
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise self._error(f"must be a number of 64 bits, got {shown(value)}")
        if self.above is not None and value <= self.above:
            raise self._error(f"must be above {self.above:g}, got {shown(value)}")
        if self.below is not None and value >= self.below:
            raise self._error(f"must be below {self.below:g}, got {shown(value)}")
        if self.minimum is not None and value < self.minimum:
            raise self._error(f"must be at least {self.minimum:.12g}, got {shown(value)}")
        if self.maximum is not None and value > self.maximum:
            raise self._error(f"must be at most {self.maximum:.12g}, got {shown(value)}")

    def _error(self, problem: str) -> SettingsError:
        return SettingsError(self.name, problem)


@dataclass(frozen=True)
class _Unexplained:
    default: Any
    details: dict[str, Any]

    def means(self, meaning: str) -> Any:
        """Complete the declaration: give the field of the settings dataclass."""
        return dataclasses.field(default=self.default, metadata=self.details | {"meaning": meaning})


def setting(
    commands: str,
    default: Any,
    affects: Affects | Callable[[Any], Affects] = Affects.RESULT,
    **details: Any,
) -> _Unexplained:
    """Declare a field of a group of settings: ``setting("train", 1).means("...")``.

    Args:
        commands: The commands on which it has an effect, with spaces between.
        default: Value when it is given nowhere.
        affects: What another value changes.
        details: What else :class:`Setting` knows.
    """
    return _Unexplained(
        default, {"commands": tuple(commands.split()), "affects": affects, **details}
    )


@cache
def declared_settings(table: type) -> dict[str, Setting]:
    """Read the declarations of a settings dataclass, by name, in the order of its groups.

    A class that declares settings says in ``TITLE`` which group they are.
    """
    kinds = typing.get_type_hints(table)
    groups = {
        name: vars(owner)["TITLE"]
        for owner in table.__mro__
        if "TITLE" in vars(owner)
        for name in owner.__annotations__
    }
    return {
        field.name: Setting(
            name=field.name,
            kind=_plain_kind(kinds[field.name]),
            default=field.default,
            group=groups[field.name],
            **field.metadata,
        )
        for field in dataclasses.fields(table)
    }


def _plain_kind(hint: Any) -> type:
    return tuple if isinstance(hint, types.GenericAlias) else hint


def _is_a(value: object, kind: type) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is tuple:
        return isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    return isinstance(value, kind)


def _to_bool(raw: object) -> bool:
    word = _to_str(raw).strip().lower()
    if word in _TRUE_WORDS:
        return True
    if word in _FALSE_WORDS:
        return False
    raise ValueError(word)


def _to_str(raw: object) -> str:
    if not isinstance(raw, str):
        raise TypeError(raw)
    return raw


def _to_names(raw: object) -> tuple[str, ...]:
    if isinstance(raw, str):
        items: list[object] = list(raw.strip().strip("[]").split(","))
    elif isinstance(raw, list):
        items = raw
    else:
        raise ValueError(raw)
    names = tuple(_to_str(item).strip().strip("'\"") for item in items)
    if not all(names):
        raise ValueError(raw)
    return names


_CONVERTERS: dict[type, Callable[[object], Any]] = {
    bool: _to_bool,
    int: lambda raw: int(_to_str(raw)),
    # There is no zero below zero.
    float: lambda raw: float(_to_str(raw)) + 0.0,
    str: _to_str,
    tuple: _to_names,
}
_KIND_NAMES = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "text",
    tuple: "a list of names",
}
