"""What stands in a rank table: its JSON object, and the rules of single values in it."""

import ipaddress
import json
import re
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

from fcn4_dist.findings import Finding, Level

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LONGEST_SHOWN = 60
_MOST_BYTES = 1 << 26
_HIGHEST_PORT = 65535
_HIGHEST_NUMBER = 2**32 - 2
_PORTS = ("device_port", "device_vnic_port", "backup_device_port", "host_port")
CARD_ADDRESS_MEND = "write the one that 'hccn_tool -i N -ip -g' prints on that server"


@dataclass(frozen=True)
class Entry:
    """An object of a table, whose values are taken with a look at the rules of single values.

    Attributes:
        content: The JSON object.
        where: Its JSON path, like "server_list[1].device[0]"; "" for the whole table.
        findings: Where what is wrong with it goes.
    """

    content: dict[str, Any]
    where: str
    findings: list[Finding]

    def add(self, level: Level, key: str, problem: str, mend: str = "") -> None:
        """Add a finding about the value of a key; about the object itself if the key is ""."""
        place = key_path(self.where, key) if key else self.where
        self.findings.append(Finding(level, f"{place}: {problem}" if place else problem, mend))

    def error(self, key: str, problem: str, mend: str) -> None:
        """Add what HCCL refuses, or its documents rule out."""
        self.add(Level.ERROR, key, problem, mend)

    def warning(self, key: str, problem: str, mend: str) -> None:
        """Add what HCCL takes, and is probably not meant."""
        self.add(Level.WARNING, key, problem, mend)

    def optional_text(self, key: str) -> str | None:
        """Take a string: None if it is left out, or with an error if it is something else."""
        value = self.content.get(key)
        if isinstance(value, str):
            return value
        if key in self.content:
            quoted = f', write "{shown(value)}"' if type(value) is int else ""
            self.error(key, f"{shown(value)} is no string", f"HCCL takes strings only{quoted}")
        return None

    def text(self, key: str, mend: str) -> str | None:
        """Take a string that has to be there: None with an error if it is missing or empty."""
        text = self.optional_text(key)
        if key not in self.content:
            self.error(key, "the key is missing", mend)
        elif text == "":
            self.error(key, "the string is empty", mend)
        return text or None

    def number(self, key: str, mend: str) -> int | None:
        """Take a number, written as a string, that has to be there; None with an error."""
        text = self.text(key, mend)
        if text is None:
            return None
        if re.fullmatch(r"0|[1-9][0-9]{0,9}", text) and int(text) <= _HIGHEST_NUMBER:
            return int(text)
        problem = f"{shown(text)} is no whole number without sign and leading zeros"
        self.error(key, problem, mend)
        return None

    def addresses(self, key: str) -> tuple[Address, ...]:
        """Take network addresses, several being parted by commas; none if the key is left out."""
        found = []
        for text in filter(None, (self.optional_text(key) or "").split(",")):
            try:
                address = ipaddress.ip_address(text)
            except ValueError:
                self.error(key, f"{shown(text)} is no IP address", CARD_ADDRESS_MEND)
                continue
            if address.is_unspecified or address.is_multicast:
                self.error(key, f"{text} is the address of no card", "write the card's own")
            found.append(address)
        return tuple(found)

    def check_ports(self) -> None:
        """Check the ports a card may carry."""
        for key in _PORTS:
            text = self.optional_text(key)
            if text is None:
                continue
            if not re.fullmatch(r"[1-9][0-9]{0,4}", text) or int(text) > _HIGHEST_PORT:
                self.error(key, f"{shown(text)} is no port", f"write 1 to {_HIGHEST_PORT}")

    def objects(self, key: str, mend: str) -> list["Entry"]:
        """Take a list of objects that has to be there; those that are objects."""
        value = self.content.get(key)
        if key not in self.content:
            self.error(key, "the key is missing", mend)
        elif not isinstance(value, list):
            self.error(key, f"{shown(value)} is no list", mend)
        elif not value:
            self.error(key, "the list is empty", mend)
        found = []
        for index, item in enumerate(value if isinstance(value, list) else []):
            entry = Entry(item, f"{key_path(self.where, key)}[{index}]", self.findings)
            if isinstance(item, dict):
                found.append(entry)
            else:
                entry.error("", f"{shown(item)} is no JSON object", mend)
        return found


def shown(value: Any) -> str:
    """Show a JSON value in a sentence."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = json.dumps(value)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."


def key_path(where: str, key: str) -> str:
    """Extend a JSON path by a key."""
    name = key if re.fullmatch(r"[\w-]{1,64}", key, re.ASCII) else shown(key)
    return f"{where}.{name}" if where else name


def load_content(path: Path, findings: list[Finding]) -> dict[str, Any] | None:
    """Read the JSON object of a rank table.

    Args:
        path: The file.
        findings: Where errors go.

    Returns:
        The object; None if the file holds none.
    """
    _check_name(path, findings)
    try:
        content = _parse(_read_text(path))
        repeated = _repeated_keys(content, "")
        if not isinstance(content, dict):
            raise _NoTableError(
                f"the file holds {shown(content)}, and a rank table is a JSON object"
            )
    except RecursionError:
        problem = "the file is nested too deeply for a rank table"
        findings.append(Finding(Level.ERROR, problem, "make it again"))
        return None
    except _NoTableError as error:
        findings.append(Finding(Level.ERROR, *error.args))
        return None
    for where in repeated:
        problem = f"{where}: the key is there more than once, and only one counts"
        findings.append(Finding(Level.ERROR, problem, "keep one"))
    return content


class TableState(Enum):
    """How far a site's controller is with a table, which it may fill in after the job has begun."""

    MISSING = auto()
    INITIALIZING = auto()
    NO_JSON = auto()
    COMPLETED = auto()


def state_of_table(path: Path) -> TableState:
    """Tell how far a table is.

    Args:
        path: The file.

    Returns:
        INITIALIZING for one that says so or is empty, NO_JSON for what is half written or wrong;
        whether a completed one is right is for the check to say.
    """
    if not path.exists():
        return TableState.MISSING
    try:
        text = _read_text(path)
        content = _parse(text) if text.strip() else {"status": "initializing"}
    except (_NoTableError, RecursionError):
        return TableState.NO_JSON
    initializing = isinstance(content, dict) and content.get("status") == "initializing"
    return TableState.INITIALIZING if initializing else TableState.COMPLETED


class _NoTableError(Exception):
    """What is wrong with a file, and what to do about it."""


def _check_name(path: Path, findings: list[Finding]) -> None:
    if not path.name.endswith(".json"):
        problem = "the file name does not end in .json"
        findings.append(Finding(Level.ERROR, problem, "HCCL refuses it, rename the file"))
    elif path.name.count(".json") > 1:
        # HCCL looks for the first ".json" and wants nothing behind it.
        problem = "the file name has .json more than once"
        findings.append(Finding(Level.ERROR, problem, "HCCL refuses it, rename it"))


def _read_text(path: Path) -> str:
    try:
        if not path.is_file():
            missing = not path.exists()
            problem = "there is no such file" if missing else "this is no regular file"
            raise _NoTableError(problem, "name a rank table")
        if path.stat().st_size > _MOST_BYTES:
            problem = f"the file has more than {_MOST_BYTES} bytes, which no rank table has"
            raise _NoTableError(problem, "name a rank table")
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _NoTableError("the file is not UTF-8 text", "save it as UTF-8") from error
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else "") or str(error)
        mend = "name another, or mend its rights"
        raise _NoTableError(f"the file cannot be read ({reason})", mend) from error


def _parse(text: str) -> Any:
    if not text.strip():
        raise _NoTableError("the file is empty", "make the table again")
    try:
        return json.loads(text, object_pairs_hook=_Object, parse_constant=_refuse_constant)
    except ValueError as error:
        raise _NoTableError(f"the file is not JSON ({error})", _how_to_mend(text)) from error


class _Object(dict[str, Any]):
    """A JSON object that knows which of its keys were there more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        names = [name for name, _ in pairs]
        self.repeated = (
            [name for name in self if names.count(name) > 1] if len(names) > len(self) else []
        )


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _how_to_mend(text: str) -> str:
    if any(line.strip().startswith(("//", "#")) or " //" in line for line in text.splitlines()):
        return "JSON has no comments, take them out"
    return "mend that place, or make the table again"


def _repeated_keys(value: Any, where: str) -> list[str]:
    if isinstance(value, list):
        inner = [(f"{where}[{index}]", item) for index, item in enumerate(value)]
    elif isinstance(value, _Object):
        inner = [(key_path(where, name), item) for name, item in value.items()]
    else:
        return []
    own = [key_path(where, name) for name in value.repeated] if isinstance(value, _Object) else []
    return own + [found for place, item in inner for found in _repeated_keys(item, place)]
