"""Two hosts on one machine: network namespaces joined by a cable, each with files of its own."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ADDRESSES = ("10.214.7.1", "10.214.7.2")

# Everything below the folder is the host's own: it lies in memory, in a mount namespace.
_ENTER = """
set -e
mount -t tmpfs none "$1"
cp -r "$2"/. "$1"
cd "$1"
shift 2
code=0
"$@" || code=$?
cp -r . "$KEPT"
exit $code
"""


@dataclass(frozen=True)
class HostOfTwo:
    """One of the two.

    Attributes:
        name: Of its network namespace.
        cable: Its end of the cable.
        files: What its folder holds when a command starts.
        kept: Where its folder is copied when the command has ended.
        folder: Where both see their own files.
    """

    name: str
    cable: str
    files: Path
    kept: Path
    folder: Path

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a command on this host, in its folder."""
        self.kept.mkdir(exist_ok=True)
        enter = ["bash", "-c", _ENTER, "host", str(self.folder), str(self.files)]
        environment = {**os.environ, "KEPT": str(self.kept)}
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        return subprocess.Popen(
            ["ip", "netns", "exec", self.name, "unshare", "--mount", *enter, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )

    def cut_cable(self) -> None:
        """Take the network away."""
        _run("ip", "-n", self.name, "link", "set", self.cable, "down")

    def end_all(self) -> None:
        """Kill whatever still runs on this host."""
        for pid in _run("ip", "netns", "pids", self.name).split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


def why_impossible() -> str:
    """Say why there cannot be two hosts here; "" if there can."""
    if os.geteuid() != 0:
        return "making network namespaces needs root"
    if missing := [name for name in ("ip", "unshare") if shutil.which(name) is None]:
        return f"making network namespaces needs {' and '.join(missing)}"
    name = f"fcn4-try-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode:
        return "this system does not allow network namespaces"
    _run("ip", "netns", "del", name)
    return ""


@contextmanager
def two_hosts(folder: Path) -> Iterator[tuple[HostOfTwo, HostOfTwo]]:
    """Set up two hosts, and take them away in the end.

    Args:
        folder: An empty folder for their files.
    """
    (folder / "host").mkdir()
    hosts = []
    for number in range(2):
        (folder / f"files_{number}").mkdir()
        hosts.append(
            HostOfTwo(
                name=f"fcn4-{os.getpid()}-{number}",
                cable=f"veth{os.getpid() % 100000}n{number}",
                files=folder / f"files_{number}",
                kept=folder / f"kept_{number}",
                folder=folder / "host",
            )
        )
    first, second = hosts
    try:
        for host in hosts:
            _run("ip", "netns", "add", host.name)
        cable = ["ip", "link", "add", first.cable, "netns", first.name, "type", "veth"]
        _run(*cable, "peer", "name", second.cable, "netns", second.name)
        for host, address in zip(hosts, ADDRESSES, strict=True):
            _run("ip", "-n", host.name, "addr", "add", f"{address}/24", "dev", host.cable)
            for device in ("lo", host.cable):
                _run("ip", "-n", host.name, "link", "set", device, "up")
        yield first, second
    finally:
        for host in hosts:
            subprocess.run(["ip", "netns", "del", host.name], capture_output=True)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
