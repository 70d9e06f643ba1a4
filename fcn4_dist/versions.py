"""What is installed: versions, to be kept with every result, and what the extras bring."""

import shlex
from collections.abc import Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from fcn4_dist import __version__
from fcn4_dist.errors import InputError

EXTRAS = {
    "onnx": ("onnxruntime",),
    "export": ("onnx", "onnxruntime"),
    "report": ("jinja2", "matplotlib"),
    "ascend": ("librosa", "numba", "sklearn", "tensorboardX", "jinja2", "matplotlib"),
}
"""Modules by the extra that brings them; ``train`` brings MindSpore and mpi4py besides."""

_PACKAGES = {"sklearn": "scikit-learn"}


def package_versions(*names: str) -> dict[str, str]:
    """Give the versions of this package and of installed packages, by name.

    Args:
        names: Packages that must be installed.
    """
    return {"fcn4_dist": __version__} | {name: metadata.version(name) for name in names}


def installed_mindspore() -> str:
    """Give the version of MindSpore; "" if it is not installed."""
    try:
        return metadata.version("mindspore")
    except metadata.PackageNotFoundError:
        return ""


def check_extra(extra: str) -> None:
    """Look for what an extra brings, before work that needs it.

    Args:
        extra: One of :data:`EXTRAS`.

    Raises:
        InputError: If some of it is not installed, with what to install.
    """
    if missing := [name for name in EXTRAS[extra] if find_spec(name) is None]:
        raise _not_installed(missing, extra)


def missing_extra(module: str) -> InputError | None:
    """Give the error for a module that cannot be found; None where no extra brings it.

    Args:
        module: Its name, as a ModuleNotFoundError tells it.
    """
    name = module.partition(".")[0]
    bringing = (extra for extra, modules in EXTRAS.items() if name in modules)
    extra = next(bringing, None)
    return _not_installed([name], extra) if extra else None


def install_command(extra: str) -> str:
    """Give the command that installs an extra, also where this package runs from its sources."""
    try:
        metadata.version("fcn4_dist")
    except metadata.PackageNotFoundError:
        # Never what somebody else may give that name.
        return f"pip install {shlex.quote(f'{Path(__file__).parents[1]}[{extra}]')}"
    return f"pip install 'fcn4_dist[{extra}]'"


def _not_installed(modules: Sequence[str], extra: str) -> InputError:
    names = [_PACKAGES.get(name, name) for name in modules]
    listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    return InputError(
        f"{listed} {'is' if len(names) == 1 else 'are'} not installed in this Python: "
        f"{install_command(extra)}"
    )
