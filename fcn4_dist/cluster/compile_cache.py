"""Keeping a compiled graph for the next start of the same job."""

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

_ENABLE, _PATH = "MS_COMPILER_CACHE_ENABLE", "MS_COMPILER_CACHE_PATH"
_PACKAGE = Path(__file__).parents[1]
_COMPILED_CODE = ("model", "training", "cluster")
_FOLDER = "compile_cache"
# How a step finds out that something has overflowed.
_OVERFLOW_MODE, _TABLE = "MS_ASCEND_CHECK_OVERFLOW_MODE", "RANK_TABLE_FILE"


@contextmanager
def compile_cache(what: Mapping[str, object], folder: Path) -> Iterator[None]:
    """Let MindSpore keep what it compiles in this context, or take it from an earlier run.

    MindSpore numbers what it compiles and never compares it: with another order, or with another
    constant in the code, it would run the wrong graph without a word. So only one graph goes into
    a cache, whose name says everything that shapes the graph.

    Args:
        what: Everything besides code and versions that shapes the graph; JSON can hold it.
        folder: Folder of the job; the cache is a folder in it.
    """
    # MindSpore reads the program, which a notebook, or "python -c", has in no file.
    in_a_file = os.path.isfile(sys.argv[0])
    if not in_a_file or _ENABLE in os.environ or _PATH in os.environ:
        # In the latter cases the user has a cache of his own.
        yield
        return
    os.environ[_ENABLE] = "1"
    os.environ[_PATH] = str(folder / _FOLDER / _key(what))
    try:
        yield
    finally:
        del os.environ[_ENABLE], os.environ[_PATH]


def _key(what: Mapping[str, object]) -> str:
    digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode())
    digest.update(metadata.version("mindspore").encode())
    digest.update(os.environ.get(_OVERFLOW_MODE, "").encode())
    digest.update(b"table" if _TABLE in os.environ else b"no table")
    for room in _COMPILED_CODE:
        for module in sorted((_PACKAGE / room).glob("*.py")):
            digest.update(module.read_bytes())
    return digest.hexdigest()[:16]
