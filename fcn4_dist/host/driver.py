"""The driver of the Ascend cards, as this host shows it: its files and the answers of its programs.

Nothing here knows what an answer means.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT_VARIABLE = "FCN4_DIST_HOST_ROOT"
"""Names a folder that stands for "/" where the files of a recorded host are looked for."""

_SECONDS_TO_ANSWER = 30
_FOLDERS_OF_PROGRAMS = (
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/local/Ascend/driver/tools",
)


# Without these a card of its own is of no use; a container is given them one by one.
_DEVICES_OF_ALL_CARDS = ("/dev/davinci_manager", "/dev/devmm_svm", "/dev/hisi_hdc")


@dataclass(frozen=True)
class Driver:
    """The driver of this host's cards.

    Attributes:
        version: Its version; "" if it is not told.
        missing: Device files that are not there, by which all cards are used.
        closed: Device files that this user may not open.
    """

    version: str = ""
    missing: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()

    @classmethod
    def find(cls, cards: Sequence[int]) -> "Driver":
        """Look at the driver.

        Args:
            cards: Physical ids of the cards it shows.
        """
        missing = tuple(
            name for name in _DEVICES_OF_ALL_CARDS if not os.path.lexists(host_path(name))
        )
        needed = [*_DEVICES_OF_ALL_CARDS, *(f"/dev/davinci{card}" for card in cards)]
        closed = (name for name in needed if name not in missing and not may_open(host_path(name)))
        told = read_assignments(host_path("/etc/ascend_install.info"))
        folder = told.get("Driver_Install_Path_Param", "/usr/local/Ascend")
        information = read_assignments(host_path(folder) / "driver/version.info")
        return cls(information.get("Version", ""), missing, tuple(closed))


@dataclass(frozen=True)
class Answer:
    """What a program of the driver has said.

    Attributes:
        text: What it printed; "" if it is missing or did not end.
        failure: Its last line if it failed, else "".
    """

    text: str
    failure: str = ""


def host_path(path: str | Path) -> Path:
    """Find a file of this host.

    Args:
        path: Its absolute path.
    """
    root = os.environ.get(ROOT_VARIABLE)
    return Path(root, str(path).lstrip("/")) if root else Path(path)


def find_program(program: str) -> str:
    """Find a program of the driver, which need not be on the PATH; "" if it is not there."""
    folders = os.pathsep.join(str(host_path(folder)) for folder in _FOLDERS_OF_PROGRAMS)
    return shutil.which(program) or shutil.which(program, path=folders) or ""


def ask(program: str, *arguments: str) -> Answer:
    """Ask a program of the driver.

    Args:
        program: "npu-smi" or "hccn_tool", which need not be on the PATH.
        arguments: Its arguments.
    """
    found = find_program(program)
    if not found:
        return Answer("")
    try:
        result = subprocess.run(
            [found, *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS_TO_ANSWER,
        )
    except subprocess.TimeoutExpired:
        return Answer("", f"no answer in {_SECONDS_TO_ANSWER} s")
    except OSError as error:
        return Answer("", str(error))
    if not result.returncode:
        return Answer(result.stdout)
    lines = [line.strip() for line in (result.stdout + result.stderr).splitlines()]
    return Answer(result.stdout, next(filter(None, reversed(lines)), f"exit {result.returncode}"))


def may_open(path: Path) -> bool:
    """Tell whether this user may use a device file, or read and enter a folder.

    Args:
        path: The file or folder.
    """
    return os.access(path, os.R_OK | (os.X_OK if os.path.isdir(path) else os.W_OK))


def read_assignments(path: Path) -> dict[str, str]:
    """Read lines like "Version=25.2.0", which the driver and CANN keep about themselves.

    Args:
        path: The file; one that cannot be read has none.
    """
    try:
        text = path.read_text("utf-8", "replace")
    except (OSError, ValueError):
        # No path has a zero byte; one that another file names may.
        return {}
    return dict(re.findall(r"^(\w+)=(.*\S)", text, re.MULTILINE))
