"""Versions of what is at work, to be kept with every result."""

from importlib import metadata

from fcn4_dist import __version__


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
