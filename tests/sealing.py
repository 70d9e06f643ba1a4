"""Documents with a checksum, changed by somebody who gives them the right one."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def resealed(content: dict[str, Any], **how: Any) -> bytes:
    """Write a document as JSON, with the checksum of what it is now.

    Args:
        content: The document.
        how: Given to ``json.dumps``.
    """
    text = json.dumps({key: content[key] for key in content if key != "sha256"}, **how)
    # Bytes of names that are no UTF-8 go out as they came in.
    return sealed(text.encode("utf-8", "surrogateescape").removesuffix(b"}"))


def sealed(data: bytes) -> bytes:
    """Give an object of JSON that lacks its end a checksum of all before it, and the end."""
    return data + f',\n"sha256": "{hashlib.sha256(data).hexdigest()}"\n}}\n'.encode()


def change_sealed(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a document and give it the right checksum."""
    content = json.loads(path.read_text())
    change(content)
    # A manifest's is of what it was: without it, it is computed from what is there.
    content.pop("fingerprint", None)
    path.write_bytes(resealed(content))
