"""What record.sh prints is what a recording holds."""

import subprocess
from pathlib import Path

import pytest

from tests.hosts.recording import PROGRAMS, put_up, read_recording

FOLDER = Path(__file__).parent


def test_a_host_is_recorded_as_it_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = (FOLDER / "driver-not-permitted/session.txt").read_text("utf-8")
    put_up(recording, tmp_path, monkeypatch)
    monkeypatch.setenv("PATH", f"{(tmp_path / PROGRAMS['npu-smi']).parent}:/usr/bin:/bin")
    result = subprocess.run(["sh", FOLDER / "record.sh"], capture_output=True, text=True)
    said, again = read_recording(recording), read_recording(result.stdout)
    for command in ("npu-smi info", "npu-smi info -m", "npu-smi info -l"):
        assert again[command] == said[command]


def test_a_program_that_was_not_found_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_up("$ npu-smi info\nsh: 1: npu-smi: not found\n[exit 127]\n", tmp_path, monkeypatch)
    assert not (tmp_path / PROGRAMS["npu-smi"]).exists()
