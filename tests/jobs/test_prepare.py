"""Every check runs on every way of starting: single card, launch, mpirun, doctor.

The host shows two Ascend cards that are not there; nothing is started on them.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.test_mpi import MPIRUN

# Of a process of its own: a training takes SIGTERM and the device for itself.
PROGRAM = """
import sys
from fcn4_dist.cli import main
from fcn4_dist.host.host import Host
Host.find = lambda: Host((0, 1), sys.argv[1], ("192.0.2.1",))
sys.exit(main(sys.argv[2:]))
"""
MPIRUN_2 = [str(Path(sys.executable).parent / MPIRUN[0]), *MPIRUN[1:], "-n", "2"]
# Before the interpreter, and behind it.
WAYS: dict[str, tuple[list[str], list[str]]] = {
    "single card": ([], ["train", "--device_id", "2"]),
    "launch": ([], ["launch", "--device_num", "3", "train"]),
    "mpirun": ([*MPIRUN_2[:-1], "3"], ["train"]),
    "doctor": ([], ["doctor", "--device_num", "3"]),
}
TOO_FEW_CARDS = {
    "single card": "device_id is 2, and the cards this host has",
    "launch": "3 workers need as many cards",
    "mpirun": "mpirun started 3 processes on this host, which has 2 cards",
    "doctor": "3 workers need as many cards",
}

Start = Callable[..., tuple[int, str]]


@pytest.fixture
def start(
    shards: Path, small_flags: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Start:
    """Start a job on cards of a generation, and give its exit code and all it printed."""
    (tmp_path / "stand").mkdir()
    monkeypatch.chdir(tmp_path / "stand")
    for name in ("RANK_TABLE_FILE", "ASCEND_RT_VISIBLE_DEVICES", "ASCEND_HOME_PATH"):
        monkeypatch.delenv(name, raising=False)
    good = {**small_flags, "data_dir": str(shards), "batch_size": "2", "device_target": "Ascend"}

    def started(
        before: list[str], arguments: list[str], generation: str, **settings: str
    ) -> tuple[int, str]:
        flags = [f"--{name}={value}" for name, value in (good | settings).items()]
        command = [*before, sys.executable, "-c", PROGRAM, generation, *arguments, *flags]
        result = subprocess.run(command, capture_output=True, text=True, timeout=300)
        return result.returncode, result.stdout + result.stderr

    return started


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("generation", "settings", "sentences"),
    [
        (
            "310P3",
            {"data_dir": "nothing", "pre_trained": "True", "checkpoint_path": "/dev/null/x"},
            [
                "ASCEND_HOME_PATH is not set",
                "the cards are 310P3, and MindSpore trains on",
                "nothing/manifest.json is missing",
                "there is no checkpoint",
                "checkpoint_path /dev/null/x cannot be written to",
            ],
        ),
        (
            "910",
            {"mixed_precision": "True", "amp_dtype": "bfloat16", "batch_size": "100"},
            ["the first Ascend 910 has no bfloat16", "an epoch has no step"],
        ),
    ],
    ids=["310P3", "910"],
)
def test_every_check_runs_on_every_way_of_starting(
    way: str, generation: str, settings: dict[str, str], sentences: list[str], start: Start
) -> None:
    code, printed = start(*WAYS[way], generation, **settings)
    assert code == 2, printed
    counts = {text: printed.count(text) for text in [*sentences, TOO_FEW_CARDS[way]]}
    assert counts == dict.fromkeys(counts, 1), printed
    assert "Traceback" not in printed
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("before", "arguments"), [([], ["train"]), (MPIRUN_2, ["train"])], ids=["single card", "mpirun"]
)
def test_a_warning_is_printed_once_for_a_host_before_the_settings(
    before: list[str],
    arguments: list[str],
    start: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cann = tmp_path / "cann"
    (cann / "compiler").mkdir(parents=True)
    (cann / "compiler/version.info").write_text("Version=1.0\n")
    monkeypatch.setenv("ASCEND_HOME_PATH", str(cann))
    # It fails in the end, as there are no cards.
    _, printed = start(before, arguments, "A2")
    warned, settings, _ = printed.partition("at their defaults, see ")
    assert settings
    assert printed.count(f"CANN 1.0 in {cann} does not match") == 1, printed
    assert f"warning: CANN 1.0 in {cann}" in warned
