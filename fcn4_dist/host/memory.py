"""Memory of the host that a process is refused, or is killed for the want of."""

import re
from contextlib import suppress
from pathlib import Path

MORE_MEMORY = (
    "lower --batch_size, start fewer workers, or raise the limit (ulimit -v, the memory of the "
    "container or of the site's job)"
)
"""What to do."""

# What Python, NumPy, C++, the C library and MindSpore's CPU back end say of it. Static TLS is
#  another matter.
_REFUSED = re.compile(
    r"MemoryError|std::bad_alloc|[Uu]nable to allocate \S+ [KMGT]?i?B|[Mm]emory isn't enough"
    r"|[Cc]annot allocate memory(?! in static TLS)|failed to map segment from shared object"
)
_LONGEST = 200


def refused_memory(text: str) -> str:
    """Find the line that says that a process got no more memory; "" if there is none.

    Args:
        text: What was printed, or the text of an error.
    """
    lines = (line.strip() for line in text.splitlines() if _REFUSED.search(line))
    return next(lines, "")[:_LONGEST]


def no_memory(line: str) -> str:
    """Give the sentence about a process that got no more memory.

    Args:
        line: What said so.
    """
    return f"there was no more memory for this process ({line}): {MORE_MEMORY}"


def out_of_memory_kills() -> int:
    """Count the processes the system has killed for want of memory since it was started."""
    with suppress(OSError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return 0
