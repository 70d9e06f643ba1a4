"""What a person sees on each recorded host: doctor, a dry run, a rank table.

To rewrite what is expected: ``FCN4_REWRITE=1 pytest tests/hosts``, then read the difference.
"""

import os
import re
import sys
from pathlib import Path

import pytest

from fcn4_dist.cli import main
from fcn4_dist.cluster.launch import path_of_workers
from fcn4_dist.cluster.topology import free_port
from fcn4_dist.findings import Finding, Level
from fcn4_dist.host.cards import find_card_ids, find_host_addresses
from fcn4_dist.jobs import doctor
from tests.hosts.recording import put_up

HOSTS = sorted(path.parent for path in Path(__file__).parent.glob("*/session.txt"))
IMPORTED = Finding(Level.OK, "MindSpore, then scikit-learn", check="imports")
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(params=HOSTS, ids=lambda path: path.name)
def host(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of a recording; this machine looks like its host."""
    folder: Path = request.param
    monkeypatch.delenv("PYTHONPATH", raising=False)
    put_up((folder / "session.txt").read_text("utf-8"), tmp_path / "root", monkeypatch)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(192)))
    # It takes seconds, and is shown in tests/cluster/test_imports.py.
    monkeypatch.setattr(doctor, "check_imports", lambda _: IMPORTED)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return folder


@pytest.fixture
def flags(shards: Path, small_flags: dict[str, str]) -> list[str]:
    """Flags of a job that only the host could stop."""
    flags = {**small_flags, "data_dir": str(shards), "batch_size": "1", "run_dir": "run"}
    return [f"--{name}={value}" for name, value in flags.items()]


def seen(capsys: pytest.CaptureFixture[str], tmp_path: Path, shards: Path, *arguments: str) -> str:
    """Give what a command prints and its exit code, as they are on every machine."""
    port = str(free_port())
    wishes = [] if arguments[0] == "rank-table" else ["--master_port", port]
    code = main([*arguments, *wishes])
    captured = capsys.readouterr()
    text = captured.out + captured.err
    for place, word in {
        path_of_workers(os.environ): "PATH",
        str(Path(sys.executable).parent): "PYTHON",
        str(shards): "SHARDS",
        str(tmp_path / "work"): "FOLDER",
        str(REPOSITORY): "REPOSITORY",
        port: "PORT",
    }.items():
        text = text.replace(place, word)
    # A row of the rule is as wide as the longest sentence, and that as a path of this machine.
    text = re.sub(r"^[- ]+$", lambda match: match[0][:40].rstrip(), text, flags=re.MULTILINE)
    return re.sub(r" +$", "", text, flags=re.MULTILINE) + f"[exit {code}]\n"


def compare(text: str, expected: Path) -> None:
    if os.environ.get("FCN4_REWRITE"):
        expected.write_text(text, "utf-8")
    assert text == expected.read_text("utf-8")


def test_doctor(
    host: Path,
    flags: list[str],
    shards: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = seen(capsys, tmp_path, shards, "doctor", *flags)
    # These rows are of this machine's packages, shards and folders.
    others = r"^(imports|shards|steps|folder|checkpoint)\b.*\n"
    compare(re.sub(others, "", text, flags=re.MULTILINE), host / "doctor.txt")


def test_dry_run(
    host: Path,
    flags: list[str],
    shards: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cards = find_card_ids()
    devices = f"{cards[0]},{cards[-1]}"
    arguments = ["launch", "--dry_run", "--devices", devices, "train", *flags]
    text = seen(capsys, tmp_path, shards, *arguments)
    compare(f"$ launch --dry_run --devices {devices}\n{text}", host / "dry_run.txt")


def test_rank_table(
    host: Path, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = find_host_addresses()[0]
    text = seen(capsys, tmp_path, shards, "rank-table", "generate", "--server_ip", address)
    tables = sorted(Path.cwd().glob("*.json"))
    compare(text + "".join(table.read_text() for table in tables), host / "rank_table.txt")
