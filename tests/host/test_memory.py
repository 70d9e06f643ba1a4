"""What a process says that got no more memory, as each of what it is made of puts it."""

import pytest

from fcn4_dist.host.memory import no_memory, out_of_memory_kills, refused_memory

# Of MindSpore 2.8.0's CPU back end under "ulimit -v".
MINDSPORE = """
----------------------------------------------------
- Memory not enough:
----------------------------------------------------
Memory isn't enough and alloc failed, kernel name: 0_Default/Broadcast-op0, alloc size: 4B.
"""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (MINDSPORE, "Memory isn't enough and alloc failed, kernel name: 0_Default/Broadcast-op0,"),
        ("Traceback:\n  x = bytearray(9)\nMemoryError\n", "MemoryError"),
        (
            "numpy.core._exceptions._ArrayMemoryError: Unable to allocate 7.28 TiB for an array",
            "numpy.core._exceptions._ArrayMemoryError: Unable to allocate 7.28 TiB",
        ),
        (
            "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::b",
            "terminate called after throwing an instance of 'std::bad_alloc'",
        ),
        ("OSError: [Errno 12] Cannot allocate memory", "OSError: [Errno 12] Cannot allocate"),
        (
            "ImportError: libx.so: failed to map segment from shared object",
            "ImportError: libx.so: failed to map segment",
        ),
    ],
)
def test_the_line_that_tells_is_found(text: str, line: str) -> None:
    assert refused_memory(text).startswith(line)
    assert no_memory(refused_memory(text)).endswith("or of the site's job)")


@pytest.mark.parametrize(
    "text",
    ["", "killed", "libgomp.so.1: cannot allocate memory in static TLS block", "memory: 3 GB"],
)
def test_nothing_else_is_taken_for_it(text: str) -> None:
    assert refused_memory(text) == ""


def test_what_the_system_has_killed_is_counted() -> None:
    assert out_of_memory_kills() >= 0
