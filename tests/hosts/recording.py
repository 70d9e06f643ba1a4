"""A recorded host, put up in a folder: its driver's programs answer, its files are there.

A recording is what a terminal shows: ``$ command``, what it printed, and ``[exit N]`` where it
failed. ``record.sh`` makes one.
"""

import os
import platform
import re
import shlex
import socket
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from fcn4_dist.host.driver import ROOT_VARIABLE

PROGRAMS = {
    "npu-smi": "usr/local/sbin/npu-smi",
    "hccn_tool": "usr/local/Ascend/driver/tools/hccn_tool",
}
NOT_FOUND = 127
_PROGRAM = """\
#!/bin/sh
answer="$0 answers/$*"
[ -f "$answer" ] || { echo "nobody asked $0 $* on this host"; exit 99; }
cat "$answer"
exit "$(cat "$answer [exit]")"
"""


@dataclass(frozen=True)
class Said:
    """What a command has printed, and its exit code."""

    text: str
    code: int


def read_recording(text: str) -> dict[str, Said]:
    """Give what each command of a recording has said."""
    said: dict[str, Said] = {}
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, printed = part.partition("\n")
        code = re.search(r"^\[exit (\d+)\]\n\Z", printed, re.MULTILINE)
        said[command] = Said(
            printed[: code.start()] if code else printed, int(code[1] if code else 0)
        )
    return said


def put_up(recording: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this machine look like the recorded host.

    Args:
        recording: Its text.
        folder: Stands for "/".
        monkeypatch: Takes it back.
    """
    said = read_recording(recording)
    monkeypatch.setenv(ROOT_VARIABLE, str(folder))
    # A host with cards of its own must not answer for the recorded one.
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    for name in list(os.environ):
        if name.startswith(("ASCEND", "HCCL", "RANK_", "MS_", "KUBERNETES", "SLURM")):
            monkeypatch.delenv(name)
    for line in said.get("env", Said("", 0)).text.splitlines():
        name, _, value = line.partition("=")
        monkeypatch.setenv(name, value)
    user = said["id"].text if "id" in said else "uid=0(root)"
    for command, answer in said.items():
        program, *arguments = shlex.split(command)
        if program in PROGRAMS and answer.code != NOT_FOUND:
            _answer(folder / PROGRAMS[program], " ".join(arguments), answer)
        elif command == "ls -l /dev":
            _make_devices(answer.text, user, folder / "dev")
        elif "Permission denied" in answer.text:
            _shut(_below(folder, arguments[0]))
        elif program == "cat" and not answer.code:
            path = _below(folder, arguments[0])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(answer.text)
        elif program == "ls" and not answer.code:
            for name in answer.text.split():
                _below(folder, name).parent.mkdir(parents=True, exist_ok=True)
                _below(folder, name).touch()
    _fix_this_machine(said, monkeypatch)


def _below(folder: Path, path: str) -> Path:
    return folder / path.lstrip("/")


def _answer(program: Path, arguments: str, answer: Said) -> None:
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(_PROGRAM)
    program.chmod(0o755)
    answers = Path(f"{program} answers")
    answers.mkdir(exist_ok=True)
    (answers / arguments).write_text(answer.text)
    (answers / f"{arguments} [exit]").write_text(str(answer.code))


def _make_devices(listing: str, user: str, folder: Path) -> None:
    folder.mkdir(parents=True)
    for line in listing.splitlines():
        mode, _, owner, group, *_, name = line.split()
        names = re.findall(r"\((.*?)\)", user)
        of_user = mode[1:3] if owner == names[0] else mode[4:6] if group in names else mode[7:9]
        if "rw" in (of_user, "rw" if user.startswith("uid=0(") else ""):
            (folder / name).touch()
        else:
            _shut(folder / name)


def _shut(path: Path) -> None:
    """Put a file there that nobody may open, not even root, who runs the tests in containers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(path)


def _fix_this_machine(said: dict[str, Said], monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = said["hostname -I"].text.split() if "hostname -I" in said else []
    interface = [SimpleNamespace(address=each, family=socket.AF_INET) for each in addresses]
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: {"eth0": interface})
    if "uname -m" in said:
        processor = said["uname -m"].text.strip()
        monkeypatch.setattr(platform, "machine", lambda: processor)
    if "python -V" in said:
        numbers = said["python -V"].text.split()[1].split(".")
        monkeypatch.setattr(sys, "version_info", tuple(map(int, numbers)))
    if "pip list" in said:
        packages = dict(line.split()[:2] for line in said["pip list"].text.splitlines())
        real = metadata.version

        def version(name: str) -> str:
            if name not in ("mindspore", "mpi4py"):
                return real(name)
            if name not in packages:
                raise metadata.PackageNotFoundError(name)
            return packages[name]

        monkeypatch.setattr(metadata, "version", version)
