"""The bytes of a checkpoint file: MindSpore's format, with a checksum over all of it.

MindSpore's ``.ckpt`` is a Protocol Buffers message ``Checkpoint { repeated Value value = 1 }``,
``Value { string tag = 1; Tensor tensor = 2 }``, ``Tensor { repeated int64 dims = 1; string type =
2; bytes content = 3 }``: a sequence of records, so a file can be read record by record. Ours
begins with a text named ``fcn4_dist`` and ends with the SHA-256 of every byte before, as one more
text: what is cut off, added or changed anywhere is noticed, and no crash can part the two.
``mindspore.load_checkpoint`` reads the file and gives the texts as strings. No MindSpore here.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from fcn4_dist.files import open_file

TEXT_NAME = "fcn4_dist"
CHECKSUM_NAME = "fcn4_dist.sha256"

_VALUE = _TAG = _DIMS_PACKED = 0x0A
_TENSOR = _TYPE = 0x12
_DIM, _CONTENT = 0x08, 0x1A
_TEXT_TYPE = "str"
_TYPES = {
    "Float16": np.float16,
    "Float32": np.float32,
    "Float64": np.float64,
    "Int8": np.int8,
    "Int16": np.int16,
    "Int32": np.int32,
    "Int64": np.int64,
    "UInt8": np.uint8,
    "UInt16": np.uint16,
    "UInt32": np.uint32,
    "UInt64": np.uint64,
    "Bool": np.bool_,
}
_TYPE_NAMES = {np.dtype(kind): name for name, kind in _TYPES.items()}
_LONGEST_VARINT = 10
_BLOCK = 1 << 22


class DamagedError(Exception):
    """A file that is no whole checkpoint; the text says what is wrong with it."""


@dataclass(frozen=True)
class _Record:
    name: str
    kind: str
    dims: tuple[int, ...]
    content: int
    """Where the content begins in the file."""
    length: int
    begin: int
    """Where the record begins."""


def write_container(file: BinaryIO, text: str, values: Mapping[str, np.ndarray]) -> None:
    """Write a checkpoint.

    Args:
        file: Open for writing.
        text: What the file says of itself.
        values: Name -> array of a numeric type.
    """
    digest = hashlib.sha256()

    def put(data: bytes | memoryview) -> None:
        file.write(data)
        digest.update(data)

    for part in _text_record(TEXT_NAME, text):
        put(part)
    for name, value in values.items():
        for part in _array_record(name, value):
            put(part)
    for part in _text_record(CHECKSUM_NAME, digest.hexdigest()):
        file.write(part)


def read_text(path: Path) -> str | None:
    """Read what a file says of itself, without reading the arrays.

    Returns:
        The text; None if this is no file of ours.

    Raises:
        DamagedError: If it is no checkpoint, or breaks off.
        OSError: If the file cannot be read.
    """
    with open_file(path) as file:
        records = list(_records(file))
        ours = [record.name for record in records if record.name.startswith(TEXT_NAME)]
        if records[0].name == TEXT_NAME:
            return _text_of(file, records[0])
        if ours:
            raise DamagedError("its beginning is not what this package writes")
        return None


def read_values(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays of a checkpoint, ours or MindSpore's own.

    Raises:
        DamagedError: If it is no checkpoint, or breaks off.
        OSError: If the file cannot be read.
    """
    values: dict[str, np.ndarray] = {}
    parts: list[bytes] = []
    with open_file(path) as file:
        records = list(_records(file))
        for record, following in zip(records, [*records[1:], None], strict=True):
            if record.kind == _TEXT_TYPE:
                continue
            if record.kind not in _TYPES:
                raise DamagedError(f"{record.name} is of the unknown type {record.kind!r}")
            file.seek(record.content)
            parts.append(file.read(record.length))
            # MindSpore cuts what is large into several records of one name.
            if following is None or following.name != record.name:
                values[record.name] = _array_of(record, b"".join(parts))
                parts = []
    return values


def read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Read the shapes of all arrays of a checkpoint, and not the arrays.

    Raises:
        DamagedError: If it is no checkpoint, or breaks off.
        OSError: If the file cannot be read.
    """
    with open_file(path) as file:
        records = list(_records(file))
    return {record.name: record.dims for record in records if record.kind != _TEXT_TYPE}


def verify_container(path: Path) -> None:
    """Make sure that a file of ours is whole, to the last bit.

    Raises:
        DamagedError: If it is not.
        OSError: If the file cannot be read.
    """
    with open_file(path) as file:
        records = list(_records(file))
        last = records[-1]
        if last.name != CHECKSUM_NAME:
            raise DamagedError("it breaks off: the checksum at its end is missing")
        digest = hashlib.sha256()
        file.seek(0)
        left = last.begin
        while left:
            block = file.read(min(left, _BLOCK))
            digest.update(block)
            left -= len(block)
        expected = b"".join(_text_record(CHECKSUM_NAME, digest.hexdigest()))
        if file.read() != expected:
            raise DamagedError("its checksum is wrong: bytes of it have changed")


def _records(file: BinaryIO) -> Iterator[_Record]:
    size = os.fstat(file.fileno()).st_size
    if not size:
        raise DamagedError("it is empty")
    file.seek(0)
    while (begin := file.tell()) < size:
        length = _expect(file, _VALUE, size)
        end = file.tell() + length
        name = _bytes(file, _expect(file, _TAG, end), end)
        tensor_end = file.tell() + _expect(file, _TENSOR, end)
        dims, kind = [], b""
        content = content_length = -1
        while file.tell() < end:
            field = file.read(1)[0]
            if field == _DIM:
                dims.append(_varint(file))
            elif field == _DIMS_PACKED:
                packed_end = _end(file, _varint(file), end)
                while file.tell() < packed_end:
                    dims.append(_varint(file))
            elif field == _TYPE:
                kind = _bytes(file, _varint(file), end)
            elif field == _CONTENT:
                content_length = _varint(file)
                content = file.tell()
                file.seek(_end(file, content_length, end))
            else:
                raise DamagedError("it is no checkpoint, or damaged")
        if content < 0 or tensor_end > end:
            raise DamagedError("it is no checkpoint, or damaged")
        # MindSpore says of a scalar that it has no element.
        shape = () if dims == [0] and content_length else tuple(dims)
        yield _Record(_decode(name), _decode(kind), shape, content, content_length, begin)


def _expect(file: BinaryIO, field: int, end: int) -> int:
    if file.read(1) != bytes([field]):
        raise DamagedError("it is no checkpoint, or damaged")
    length = _varint(file)
    _end(file, length, end)
    return length


def _end(file: BinaryIO, length: int, end: int) -> int:
    if file.tell() + length > end:
        raise DamagedError("it breaks off")
    return file.tell() + length


def _bytes(file: BinaryIO, length: int, end: int) -> bytes:
    _end(file, length, end)
    return file.read(length)


def _varint(file: BinaryIO) -> int:
    number = 0
    for position in range(_LONGEST_VARINT):
        byte = file.read(1)
        if not byte:
            raise DamagedError("it breaks off")
        number |= (byte[0] & 0x7F) << (7 * position)
        if byte[0] < 0x80:
            return number
    raise DamagedError("it is no checkpoint, or damaged")


def _decode(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError as error:
        raise DamagedError("it is no checkpoint, or damaged") from error


def _text_of(file: BinaryIO, record: _Record) -> str:
    file.seek(record.content)
    try:
        return file.read(record.length).decode("utf-32-le")
    except UnicodeDecodeError as error:
        raise DamagedError("its description is damaged") from error


def _array_of(record: _Record, content: bytes) -> np.ndarray:
    try:
        return np.frombuffer(content, _TYPES[record.kind]).reshape(record.dims)
    except ValueError as error:
        raise DamagedError(f"{record.name} has not the size it says") from error


def _text_record(name: str, text: str) -> list[bytes | memoryview]:
    # MindSpore keeps a text as NumPy does, four bytes a character.
    return _record(name, _TEXT_TYPE, (len(text),), memoryview(text.encode("utf-32-le")))


def _array_record(name: str, value: np.ndarray) -> list[bytes | memoryview]:
    flat = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
    return _record(name, _TYPE_NAMES[value.dtype], value.shape or (0,), memoryview(flat.data))


def _record(
    name: str, kind: str, dims: tuple[int, ...], content: memoryview
) -> list[bytes | memoryview]:
    tensor = b"".join(bytes([_DIM]) + _to_varint(size) for size in dims)
    tensor += _field(_TYPE, kind.encode()) + bytes([_CONTENT]) + _to_varint(len(content))
    tensor_length = len(tensor) + len(content)
    value = _field(_TAG, name.encode()) + bytes([_TENSOR]) + _to_varint(tensor_length)
    head = bytes([_VALUE]) + _to_varint(len(value) + tensor_length) + value + tensor
    return [head, content]


def _field(field: int, content: bytes) -> bytes:
    return bytes([field]) + _to_varint(len(content)) + content


def _to_varint(number: int) -> bytes:
    parts = bytearray()
    while number >= 0x80:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)
