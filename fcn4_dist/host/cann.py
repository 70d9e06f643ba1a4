"""Whether CANN is there, may be read, and goes with the installed MindSpore."""

import os
from collections.abc import Mapping
from pathlib import Path

from fcn4_dist.findings import Finding, Level
from fcn4_dist.host.driver import host_path, may_open, read_assignments

# From the version check of each MindSpore wheel (mindspore/run_check): beginnings of its version,
# and versions of CANN's compiler it accepts.
CANN_OF_MINDSPORE = {
    "2.7.1": ("7.8", "8.2", "8.3"),
    "2.7.2": ("8.5",),
    "2.8": ("8.2", "8.3", "8.5"),
    "2.9": ("8.2", "8.3", "8.5", "9.0"),
    "2.10": ("8.2", "8.3", "8.5", "9.0", "9.1"),
}
# Where CANN keeps its compiler's version; the second is that of later ones.
_INFORMATION = ("compiler/version.info", "share/info/compiler/version.info")


def check_cann(environment: Mapping[str, str], mindspore: str) -> Finding:
    """Look for CANN, which MindSpore needs to use a card.

    Args:
        environment: The variables workers will start from.
        mindspore: Version of MindSpore; "" if there is none.
    """
    home = environment.get("ASCEND_HOME_PATH", "")
    folder = host_path(home) if home.startswith("/") else Path(home)
    nearest = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if home and not may_open(nearest):
        sentence = f"this user may not read CANN in {home}"
        mend = (
            "ask whoever installed it to install it with --install-for-all, or 'chmod -R o+rX' it"
        )
        return Finding(Level.ERROR, sentence, mend, "CANN")
    if not home or not os.path.isdir(folder):
        return _missing(f"names {home}, which is no folder" if home else "is not set")
    told = next(filter(None, (read_assignments(folder / name) for name in _INFORMATION)), {})
    compiler = told.get("Version", "")
    accepted = _accepted_by(mindspore)
    if not compiler or not accepted:
        sentence = f"{home}; its version was not checked ({home}/{_INFORMATION[0]})"
        return Finding(Level.NOTE, sentence, check="CANN")
    release = told.get("version_dir", compiler)
    if minor_version(compiler) not in accepted:
        # CANN 8.1.RC1 calls its compiler 7.7.0.1.238, and MindSpore goes by that.
        own = minor_version(compiler) == minor_version(release)
        cann = compiler if own else f"{release} (compiler {compiler})"
        return Finding(
            Level.WARNING,
            f"CANN {cann} in {home} does not match MindSpore {mindspore}, which takes "
            f"{', '.join(accepted)}",
            "source the set_env.sh of a matching CANN, or install a matching MindSpore",
            "CANN",
        )
    return Finding(Level.OK, f"{release} in {home}", check="CANN")


def _accepted_by(mindspore: str) -> tuple[str, ...]:
    return next(
        (cann for own, cann in CANN_OF_MINDSPORE.items() if f"{mindspore}.".startswith(f"{own}.")),
        (),
    )


def minor_version(version: str) -> str:
    """Give the first two numbers of a version."""
    return ".".join(version.split(".")[:2])


def _missing(reason: str) -> Finding:
    found = sorted(host_path("/usr/local/Ascend").glob("*/set_env.sh"))
    if not found:
        sentence = f"CANN is not in /usr/local/Ascend, and ASCEND_HOME_PATH {reason}"
        mend = (
            "install CANN's toolkit and the kernels (ops) for this card, or source the "
            "set_env.sh of the one that is elsewhere"
        )
        return Finding(Level.ERROR, sentence, mend, "CANN")
    script = f"/usr/local/Ascend/{found[0].parent.name}/set_env.sh"
    sentence = f"CANN's environment is missing (ASCEND_HOME_PATH {reason})"
    return Finding(Level.ERROR, sentence, f"source {script}", "CANN")
