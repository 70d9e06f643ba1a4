"""What has to be right before MindSpore is imported: the device and the environment."""

import ctypes
import os
import platform
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from fcn4_dist.errors import InputError
from fcn4_dist.host.cards import DEVICE_FOLDER, find_card_ids
from fcn4_dist.versions import install_command

LAUNCHED_VARIABLE = "FCN4_DIST_LAUNCHED"
"""Set by our launcher in every process of a distributed job, to the job's folder."""

PYTHONS_OF_MINDSPORE = ((3, 10), (3, 11), (3, 12))
"""Those of its wheels that this package runs on; all of them are for both processors."""

_PROCESSORS_OF_MINDSPORE = ("x86_64", "aarch64")

NO_CARD = (
    "device_target is Ascend, and this machine shows no Ascend card (/dev/davinci*)",
    "give --device_target CPU to run on the processor",
)
"""What is wrong where there is none, and what to do."""
_LOG_VARIABLES = {
    "GLOG_v": ("0", "1", "2", "3", "4"),
    "GLOG_stderrthreshold": ("0", "1", "2", "3", "4"),
    "GLOG_logtostderr": ("0", "1"),
}
"""MindSpore's own (mindspore/log.py), and the values that it can be imported with."""


def check_device(device_target: str, device_folder: Path = DEVICE_FOLDER) -> None:
    """Refuse a device this machine does not have.

    Args:
        device_target: "Ascend" or "CPU".
        device_folder: Where the driver shows its cards.

    Raises:
        InputError: If there is no card of that kind.
    """
    if device_target == "Ascend" and not find_card_ids(device_folder):
        raise InputError(": ".join(NO_CARD))


def check_mindspore(environment: Mapping[str, str] = os.environ) -> str:
    """Find the installed MindSpore, which has to accept the variables it reads on its import.

    Args:
        environment: The variables.

    Returns:
        Its version.

    Raises:
        InputError: If there is none, or a variable has a value that it does not take.
    """
    for name, values in _LOG_VARIABLES.items():
        if (value := environment.get(name, "").strip()) and value not in values:
            raise InputError(
                f"the variable {name} is {value!r}, which MindSpore refuses: set it to one of "
                f"{', '.join(values)}, or unset it"
            )
    if environment.get("GLOG_logtostderr", "").strip() == "0" and not environment.get(
        "GLOG_log_dir", ""
    ):
        raise InputError(
            "the variable GLOG_logtostderr is 0, and GLOG_log_dir, where MindSpore would log to, "
            "is not set: set it, or unset GLOG_logtostderr"
        )
    try:
        return metadata.version("mindspore")
    except metadata.PackageNotFoundError as error:
        python, processor = sys.version_info[:2], platform.machine()
        if python in PYTHONS_OF_MINDSPORE and processor in _PROCESSORS_OF_MINDSPORE:
            raise InputError(
                f"MindSpore is not installed in this Python: {install_command('train')}, or "
                "activate the environment that has it"
            ) from error
        raise InputError(
            f"there is no MindSpore for Python {'.'.join(map(str, python))} on {processor}: make "
            "an environment of Python 3.10, 3.11 or 3.12 on x86_64 or aarch64"
        ) from error


def prepare_environment(
    device_target: str,
    environment: MutableMapping[str, str] = os.environ,
    version: str | None = None,
) -> None:
    """Set and load what has to be there when MindSpore is imported; call it before.

    What the user has set is left alone.

    Args:
        device_target: "Ascend" or "CPU".
        environment: The variables to change.
        version: Of MindSpore; None for the installed one.

    Raises:
        InputError: If MindSpore is not installed.
    """
    version = version or check_mindspore(environment)
    # MindSpore's notes on every connection and deprecation drown the run's own lines; its
    # errors still show.
    environment.setdefault("GLOG_v", "3")
    if device_target == "CPU" and _has_slow_convolutions(version):
        # oneDNN 3 picks its reference convolution on processors with AVX-512: 200 times slower
        # than what it picks when it is told of AVX2 only.
        environment.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")
    _load_before_mindspore()


def launched() -> bool:
    """Tell whether our launcher started this process as a part of a distributed job.

    Raises:
        InputError: If variables of another job speak of a role this process does not have.
    """
    if LAUNCHED_VARIABLE in os.environ:
        return True
    if "MS_ROLE" in os.environ:
        raise InputError(
            "the variable MS_ROLE is set, by an earlier job or by another launcher: unset it, or "
            "start several workers with 'fcn4-dist launch'"
        )
    return False


def job_folder() -> Path | None:
    """Name the folder of the distributed job this process is a part of; None if it is of none."""
    folder = os.environ.get(LAUNCHED_VARIABLE)
    return Path(folder) if folder else None


def _load_before_mindspore() -> None:
    """Load the OpenMP library of scikit-learn, which takes no time, unlike scikit-learn itself.

    On aarch64 it needs room in a block that is given out once in a process (static TLS), and of
    which MindSpore and CANN leave none: what comes after them "cannot allocate memory" there.
    """
    package = find_spec("sklearn")
    for folder in (package and package.submodule_search_locations) or ():
        for library in Path(folder).parent.glob("scikit_learn.libs/libgomp*"):
            # Whoever cannot do without is told when scikit-learn is imported.
            with suppress(OSError):
                ctypes.CDLL(str(library))


def _has_slow_convolutions(version: str) -> bool:
    major, minor = (int(part) for part in version.split(".")[:2])
    return (major, minor) >= (2, 9)
