"""What is kept as JSON: every kind of document has a type, and all have one reader and one writer.

A value that its type does not allow ends in one sentence that names the file, the place in it and
what was expected. Keys that a type does not know are passed over: a later version may write more.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar

import msgspec
from msgspec import Meta

from fcn4_dist.errors import InputError
from fcn4_dist.files import open_file, write_atomically

MILLIONS_OF_ROWS = 1 << 32
"""Bytes that a document with a row for each clip may have; others have far fewer."""

Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Positive = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]
Number = Integer | float
"""Stays what it was, where hashes and comparisons tell 2 from 2.0."""
FileName = Annotated[str, Meta(pattern=r"\A(?!\.{1,2}\Z)[^/\0]+\Z", max_length=255)]
"""Of a file in a folder that is known: a bare name leads nowhere else."""
Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
"""In hexadecimal. Files are named by it: what is none leads nowhere else."""
Sha256OrNone = Annotated[str, Meta(pattern=r"\A([0-9a-f]{64})?\Z")]
"""The same, or "" for none."""
if TYPE_CHECKING:
    Value = Any
else:
    # Earlier versions have kept whole numbers of any size.
    Scalar = bool | int | float | str | None
    Value = Scalar | list[Scalar] | dict[str, Scalar | list[Scalar]]
    """What a setting or a rule may be. No deeper, so that nobody who walks through it falls."""

_MISSING = re.compile(r"Object missing required field `(.*)`")
_PLACE = re.compile(r"(.*) - at `\$\.?(.*)`", re.DOTALL)
_LONGEST_REASON = 200
# Larger ones have rows of millions, and a checksum.
_MOST_SEARCHED = 1 << 20
_BETWEEN_OBJECTS = re.compile(rb",\n(?=\{)")
# What a processor keeps at hand.
_BYTES_A_PART = 1 << 16
_SEAL = ',\n"sha256": "{}"\n}}\n'
"""The end of a sealed document: the SHA-256 of all bytes before it."""


@dataclass(frozen=True, slots=True)
class Document:
    """A kind of JSON document: a frozen dataclass below this class.

    Attributes:
        format: The number that documents of this kind begin with; None if they have none.
        unsealed_format: The number of those that earlier versions wrote without a seal, which are
            still read; None for a kind that has no seal. A sealed document ends in a checksum of
            all its bytes, so that one in which anything was changed is refused; its kind has the
            field ``sha256``, which is "" for one without.
        mend: What to do about one that cannot be read; "" if those who read it say that.
        most_bytes: A file that is larger is refused unread.
    """

    format: ClassVar[int | None] = None
    unsealed_format: ClassVar[int | None] = None
    mend: ClassVar[str] = ""
    most_bytes: ClassVar[int] = 1 << 26


_Kind = TypeVar("_Kind", bound=Document)
_Any = TypeVar("_Any")


def read(path: Path, kind: type[_Kind]) -> _Kind:
    """Read a file that holds a document.

    Args:
        path: The file.
        kind: The type of the document.

    Raises:
        InputError: If it cannot be read, is too large, or is no such document.
    """
    try:
        with open_file(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > kind.most_bytes:
                raise _unreadable(kind, f"{path} has {size} bytes, at most {kind.most_bytes} fit")
            data = file.read(size)
    except OSError as error:
        raise _unreadable(kind, f"cannot read {path}: {error.strerror}") from error
    return parse(data, kind, str(path))


def parse(data: bytes | str, kind: type[_Kind], place: str) -> _Kind:
    """Read a document that is part of something else.

    Args:
        data: The JSON text.
        kind: The type of the document.
        place: Where it stood, for the error.

    Raises:
        InputError: If it is no such document.
    """
    try:
        if kind.format is not None:
            _check_format(data, kind, place)
        document = _decode(data, kind)
        if len(data) <= _MOST_SEARCHED:
            json.loads(_text_of(data), object_pairs_hook=_refuse_repeated)
        return document
    except (ValueError, RecursionError, MemoryError) as error:
        raise _unreadable(kind, f"{place} is damaged{_told(error)}") from error


def parts_of(array: msgspec.Raw, kind: type[_Any]) -> Iterator[list[_Any]]:
    """Read an array of objects some at a time, so that nobody has to hold them all.

    Args:
        array: The JSON text, in which objects begin lines, as :func:`write` has them do.
        kind: The type of the objects.

    Raises:
        ValueError: If it is no array of such objects, or has another form.
    """
    text = memoryview(array)
    if text[:1] != b"[":
        raise ValueError("no array")
    begin, end = 1, len(text) - 1
    while begin < end:
        # No text holds a line break. What is no break between two of these objects leaves the
        # parts on both sides incomplete.
        cut = _BETWEEN_OBJECTS.search(text, begin + _BYTES_A_PART)
        stop = cut.start() if cut else end
        part = b"".join((b"[", text[begin:stop], b"]"))
        yield _decode(part, list[kind])  # type: ignore[valid-type]
        begin = stop + 1


def write(path: Path, document: Document | Mapping[str, Any]) -> None:
    """Write a document atomically: a line for each key, and for each item of its lists of objects.

    Args:
        path: File to write; its folder is made if missing.
        document: A document, or what nobody reads back: values that JSON can hold, by key.
    """
    content = _content(document) if isinstance(document, Document) else document
    digest = hashlib.sha256()
    with write_atomically(path) as file:
        for piece in _pieces(content):
            # File names that are not UTF-8 have left as escapes.
            data = piece.encode()
            file.write(data)
            digest.update(data)
        sealed = isinstance(document, Document) and document.unsealed_format is not None
        file.write((_SEAL.format(digest.hexdigest()) if sealed else "\n}\n").encode())


def to_line(document: Document) -> str:
    """Give a document as one line of ASCII."""
    return json.dumps(_content(document), default=asdict)


@dataclass(frozen=True, slots=True)
class _Head:
    format: Integer | str | None = None
    sha256: Any = None


def _check_format(data: bytes | str, kind: type[Document], place: str) -> None:
    found = _decode(data, _Head)
    if found.format not in (kind.format, kind.unsealed_format or kind.format):
        shown = _cleaned(repr(found.format))
        sentence = f"{place} has format {shown}, this version reads {kind.format}"
        raise _unreadable(kind, sentence)
    if kind.unsealed_format is None or (found.format != kind.format and not found.sha256):
        return
    raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    text = memoryview(raw)[: -len(_SEAL.format("0" * 64))]
    if not raw.endswith(_SEAL.format(hashlib.sha256(text).hexdigest()).encode()):
        sentence = f"{place} is not as it was written (its checksum is wrong)"
        raise _unreadable(kind, sentence)


def _decode(data: bytes | str, kind: type[_Any]) -> _Any:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError:
        raise
    except ValueError:
        # File names that are not UTF-8 are lone surrogates here, and what is not finite is NaN:
        # Python writes and reads both, msgspec neither.
        return msgspec.convert(json.loads(_text_of(data)), kind)


def _text_of(data: bytes | str) -> str:
    return data if isinstance(data, str) else data.decode("utf-8", "surrogateescape")


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> None:
    """Refuse an object that means one thing to who reads its first key, and another to the last."""
    if len(names := {name for name, _ in pairs}) < len(pairs):
        twice = next(name for name in names if sum(name == each for each, _ in pairs) > 1)
        raise msgspec.ValidationError(f"The key {twice!r} is there more than once")


def _unreadable(kind: type[Document], sentence: str) -> InputError:
    return InputError(f"{sentence}: {kind.mend}" if kind.mend else sentence)


def _told(error: Exception) -> str:
    """Say where a document is wrong and what was expected there."""
    if isinstance(error, RecursionError):
        return " (lists or objects in it are too deep)"
    if isinstance(error, MemoryError):
        return " (it does not fit into memory)"
    if not isinstance(error, msgspec.ValidationError):
        return f" (it is no JSON: {_cleaned(str(error))})"
    reason, place = str(error), ""
    if placed := _PLACE.fullmatch(reason):
        reason, place = placed.groups()
    if missing := _MISSING.fullmatch(reason):
        reason, place = "it is missing", f"{place}.{missing[1]}".lstrip(".")
    if "matching regex" in reason:
        is_hash = "{64}" in reason
        form = "a SHA-256 in hexadecimal" if is_hash else "the name of a file, without folders"
        reason = f"expected {form}"
    reason = _cleaned(reason.replace("`", ""))
    return f"{f' at {place}' if place else ''} ({reason[:1].lower()}{reason[1:]})"


def _cleaned(text: str) -> str:
    """Make text of a file fit to be shown."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text[:_LONGEST_REASON])
    return shown + "…" if len(text) > _LONGEST_REASON else shown


def _content(document: Document) -> dict[str, Any]:
    head = {} if document.format is None else {"format": document.format}
    # Not asdict, which would copy a million rows.
    own = {each.name: getattr(document, each.name) for each in fields(document)}
    if document.unsealed_format is not None:
        # Of all that is written before it.
        del own["sha256"]
    return head | own


def _pieces(content: Mapping[str, Any]) -> Iterator[str]:
    before = "{\n"
    for key, value in content.items():
        yield f"{before}{json.dumps(key)}: "
        before = ",\n"
        if isinstance(value, Sequence) and value and _is_object(value[0]):
            begin = "[\n"
            for item in value:
                yield begin + (_row_text(item) if is_dataclass(item) else _text(item))
                begin = ",\n"
            yield "\n]"
        else:
            yield _text(value)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) or is_dataclass(value)


def _row_text(row: Any) -> str:
    """Give what :func:`_text` gives, ten times as fast."""
    try:
        text = msgspec.json.format(msgspec.json.encode(row), indent=0).decode()
    except UnicodeEncodeError:
        return _text(row)
    return text if text.isprintable() else _text(row)


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=asdict)
    # The bytes of a path that is not UTF-8 are surrogates here, which only an escape can carry.
    return text if text.isprintable() else json.dumps(value, default=asdict)
