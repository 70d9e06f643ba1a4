"""Shards that were written one by one become one MindRecord set.

MindSpore's readers find the shards of a set by the header of any one of them. It is JSON in the
first page of a file, behind its length in eight bytes (little-endian), as MindSpore's
``ShardHeader::SerializeHeader`` (mindrecord/meta/shard_header.cc) writes it. A writer of one shard
says there that this one is the whole set; here it is made to say what the writer of the whole set
would have said, byte for byte.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fcn4_dist.errors import Fcn4DistError
from fcn4_dist.versions import installed_mindspore

_BYTES_OF_LENGTH = 8
_LONGEST_HEADER = 128 * 2**20
"""The largest that MindSpore allows (kMaxHeaderSize)."""


def join_set(path: Path, rows: int, files: Sequence[str], rows_of_set: int) -> None:
    """Have a shard that was written alone say that it is one of a set.

    Args:
        path: The shard; its name is one of ``files``.
        rows: How many rows it has; at least 1.
        files: Names of all shards of the set, in order; they lie in one folder.
        rows_of_set: How many rows these have together.

    Raises:
        Fcn4DistError: If its header is not of the form that is known.
        OSError: If it cannot be written.
    """
    place = list(files).index(path.name)
    with path.open("r+b") as file:
        size = int.from_bytes(file.read(_BYTES_OF_LENGTH), "little")
        text = file.read(size) if size <= _LONGEST_HEADER else b""
        try:
            joined = _joined(json.loads(text), place, files, rows_of_set / rows)
        except (ValueError, KeyError, TypeError) as error:
            raise Fcn4DistError(
                f"the shard {path} has a header of a form that is not known, so that the shards "
                f"would be no set for MindSpore {installed_mindspore()}: install a version of it "
                "that docs/ascend.md names"
            ) from error
        file.seek(0)
        file.write(len(joined).to_bytes(_BYTES_OF_LENGTH, "little"))
        file.write(joined.ljust(size, b"\0"))


def _joined(header: dict[str, Any], place: int, files: Sequence[str], times: float) -> bytes:
    if len(header["shard_addresses"]) != 1:
        raise ValueError("not written alone")
    header["shard_addresses"] = list(files)
    header["shard_id"] = place
    for page in header["page"]:
        page["shard_id"] = place
    # Bytes by which the labels of all rows were made shorter: the same for each row, since each
    # has as many labels, of 0 or 1. Not every version has it.
    if "compression_size" in header:
        header["compression_size"] = round(header["compression_size"] * times)
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":"))
    return text.encode()
