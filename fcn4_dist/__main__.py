"""``fcn4-dist``, ``python -m fcn4_dist``, and by its path what scripts and launchers start.

Started by its path, it uses the package it is a part of, whatever else is installed. Nothing is
imported from the working directory, where a queue.py of somebody's own is not Python's: where
Python would, the program starts itself again by its path.

Older Pythons have to be able to read this file, to say that they are too old.
"""

import os
import sys

_OLDEST = (3, 10)
_NEEDED = (
    "audioread",
    "msgspec",
    "numpy",
    "psutil",
    "scipy",
    "shtab",
    "soundfile",
    "soxr",
    "tqdm",
    "wcwidth",
    "yaml",
)


def main() -> int:
    """Run ``fcn4-dist`` with the arguments of this process, and give its exit code."""
    _open_standard_streams()
    _leave_working_directory()
    try:
        from fcn4_dist.cli import main as run
    except KeyboardInterrupt:
        print("fcn4-dist: interrupted", file=sys.stderr)
        return 130

    return run()


def _open_standard_streams() -> None:
    """Open those that our starter has closed, or a file of ours would be written to as one."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is given out.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


def _leave_working_directory() -> None:
    """Start again by this file's path, where Python would import from the working directory."""
    path = os.environ.get("PYTHONPATH", "")
    folders = [folder for folder in path.split(os.pathsep) if folder]
    by_module = __name__ == "__main__" and bool(__package__)
    by_module = by_module and not getattr(sys.flags, "safe_path", False)
    # An empty entry, as in PYTHONPATH=:/folder, stands for the working directory.
    if not by_module and path == os.pathsep.join(folders):
        return
    os.environ["PYTHONPATH"] = os.pathsep.join(folders)
    # Before our own arguments stand those of Python, and "-m fcn4_dist" or a file.
    before = sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv[1:])]
    own = before[: -2 if before[-2:-1] in (["-m"], ["-c"]) else -1]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *own, os.path.abspath(__file__), *sys.argv[1:]])


def _refuse_python() -> None:
    """End in a sentence where this Python cannot run the package."""
    import importlib.util

    this = "fcn4-dist: error: this Python (" + sys.executable + ")"
    if sys.version_info < _OLDEST:
        sys.exit(
            _said(
                this + " is " + sys.version.split()[0] + ", and this package needs 3.10 or later: "
                "make an environment of Python 3.10, 3.11 or 3.12, which MindSpore has wheels for"
            )
        )
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        # A site's own MindSpore stays as it is.
        extra = "train" if importlib.util.find_spec("mindspore") is None else "ascend"
        sys.exit(
            _said(
                this + " lacks " + ", ".join(missing) + ": activate the right environment (source "
                ".venv/bin/activate after scripts/quickstart.sh), or run pip install '.["
                + extra
                + "]' in the folder of setup.py"
            )
        )


def _said(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 2


def _use_this_package() -> None:
    """Have ``fcn4_dist`` be the folder of this file; what is in it are no modules by themselves."""
    import importlib.util

    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != folder]
    if "fcn4_dist" in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(
        "fcn4_dist", os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    assert spec and spec.loader
    package = importlib.util.module_from_spec(spec)
    sys.modules["fcn4_dist"] = package
    spec.loader.exec_module(package)


if not __package__:
    # Processes that are spawned come here, too, before they import anything of the package.
    if __name__ == "__main__":
        _open_standard_streams()
        if sys.version_info >= _OLDEST:
            _leave_working_directory()
        _refuse_python()
    _use_this_package()

if __name__ == "__main__":
    sys.exit(main())
