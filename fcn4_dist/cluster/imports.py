"""Importing scikit-learn beside MindSpore, which fails on some hosts: found before work starts."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from fcn4_dist.cluster.launch import PROGRAM, python_path_of_workers
from fcn4_dist.errors import InputError
from fcn4_dist.findings import Finding, Level

_NO_ROOM = re.compile(r"(/[^\s:]+): cannot allocate memory in static TLS block")
_SECONDS_TO_IMPORT = 120.0
# As a worker of a job does it, with nothing from the working directory.
_PROGRAM = """
import sys
sys.path[:] = filter(None, sys.path)
import runpy
runpy.run_path(sys.argv[1])
from fcn4_dist.cluster.device import prepare_environment
prepare_environment("Ascend")
import mindspore
import sklearn.metrics
"""


def import_scikit_learn() -> None:
    """Import what metrics are computed by, now rather than at the first validation.

    Raises:
        InputError: If it cannot be imported, with what to do.
    """
    try:
        import sklearn.metrics  # noqa: F401
    except ImportError as error:
        text = str(error)
        raise InputError(": ".join(_fault(text, text.partition("\n")[0]))) from error


def check_imports(environment: Mapping[str, str]) -> Finding:
    """Import what a worker imports, in a process of its own.

    Args:
        environment: The variables workers will start from.
    """
    variables = {**environment, "PYTHONPATH": python_path_of_workers(environment)}
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, PROGRAM],
            env=variables,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS_TO_IMPORT,
        )
    except subprocess.TimeoutExpired:
        sentence = f"not checked: importing takes more than {_SECONDS_TO_IMPORT:.0f} s here"
        return Finding(Level.NOTE, sentence, check="imports")
    if done.returncode == 0:
        return Finding(Level.OK, "MindSpore, then scikit-learn", check="imports")
    last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    return Finding(Level.ERROR, *_fault(done.stderr, last), "imports")


def _fault(text: str, line: str) -> tuple[str, str]:
    """Tell what an import failed by, and what to do; ``line`` is the one that says most."""
    if found := _NO_ROOM.search(text):
        library = Path(found[1]).resolve()
        sentence = f"{library.name}, which scikit-learn needs, finds no room beside MindSpore"
        return sentence, f"export LD_PRELOAD={library}"
    return f"MindSpore and scikit-learn cannot be imported together ({line})", "install them again"
