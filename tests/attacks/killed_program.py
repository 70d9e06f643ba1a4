"""The real command, which is killed at one of the changes it makes to files.

``KILL_FOLDER`` is the folder whose changes count: files opened to be written, renamed or removed,
folders made. ``KILL_AT`` is the number of the change, from 1, in whatever process makes it; 0 kills
nothing, and writes how many there were to the file ``KILL_COUNT``. ``KILL_AFTER`` are seconds from
then on, in which the write may get to its middle.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

FOLDER = os.environ["KILL_FOLDER"]
AT = int(os.environ["KILL_AT"])
AFTER = float(os.environ.get("KILL_AFTER", 0))
OWN = os.getpid()
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.link", "os.rmdir", "os.truncate")
TO_WRITE = os.O_WRONLY | os.O_RDWR
changes = 0


def count(event: str, arguments: tuple[Any, ...]) -> None:
    """Notice a change, and die of it if it is the one."""
    global changes
    if event != "open" and event not in CHANGES:
        return
    if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & TO_WRITE):
        return
    path = arguments[0]
    if not isinstance(path, str | bytes | os.PathLike) or os.getpid() != OWN:
        return
    if not os.path.abspath(os.fsdecode(path)).startswith(FOLDER):
        return
    changes += 1
    if changes == AT:
        if AFTER:
            threading.Thread(target=die_later, daemon=True).start()
        else:
            os.kill(OWN, signal.SIGKILL)


def die_later() -> None:
    time.sleep(AFTER)
    os.kill(OWN, signal.SIGKILL)


if __name__ == "__main__":
    sys.addaudithook(count)
    from fcn4_dist.cli import main

    code = main(sys.argv[1:])
    if not AT:
        Path(os.environ["KILL_COUNT"]).write_text(str(changes))
    sys.exit(code)
