"""The command doctor: every check of a launch as a table, and nothing started."""

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from fcn4_dist.cli import main
from fcn4_dist.cluster import device, preflight
from fcn4_dist.findings import Finding, Level
from fcn4_dist.host.host import Host
from fcn4_dist.jobs import doctor
from tests.cluster.site_examples import STEP

IMPORTED = Finding(Level.OK, "MindSpore, then scikit-learn", check="imports")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RANK_TABLE_FILE", raising=False)
    # It takes seconds, and is shown in tests/cluster/test_imports.py.
    monkeypatch.setattr(doctor, "check_imports", lambda _: IMPORTED)


@pytest.fixture
def good_flags(shards: Path, small_flags: dict[str, str]) -> list[str]:
    """Flags of a job that nothing would stop."""
    flags = {**small_flags, "data_dir": str(shards), "device_target": "CPU", "batch_size": "2"}
    return [f"--{name}={value}" for name, value in flags.items()] + ["--device_num", "2"]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, str], str]:
    """Give the exit code, the rows of the table by what was checked, and the last line."""
    code = main(["doctor", *arguments])
    captured = capsys.readouterr()
    assert captured.err == ""
    # Before the table may stand which of two equal flags counts.
    told = captured.out.splitlines()
    heading, rule, *lines = [line for line in told if not line.startswith("note: --")]
    assert heading.split() == ["check", "result", "what", "was", "found"]
    width = rule.index("  ")
    rows: dict[str, str] = {}
    for line in lines[:-1]:
        rows.setdefault(line[:width].strip(), " ".join(line[width:].split()))
    return code, rows, lines[-1]


def test_a_job_that_nothing_would_stop_ends_with_exit_code_0(
    good_flags: list[str], shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, rows, verdict = run(capsys, *good_flags)
    assert (code, verdict) == (0, "nothing found that would stop the job")
    assert list(rows) == [
        *("MindSpore", "msrun", "MPI", "variables", "device", "workers", "address", "port"),
        *("shards", "steps", "folder", "imports", "shards (eval)", "checkpoint (eval)"),
    ]
    assert rows["workers"] == "ok 2 on this host"
    assert rows["shards"] == f"ok 16 clips in 2 shards of {shards}"
    assert rows["steps"] == "ok 4 an epoch, of 4 clips"
    assert list(tmp_path.iterdir()) == []


def test_before_the_first_training_there_is_nothing_wrong_with_no_checkpoint(
    good_flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    _, rows, _ = run(capsys, *good_flags)
    assert rows["checkpoint (eval)"].startswith("note there is no checkpoint weight/MusicTagger")


def test_what_would_stop_the_job_is_counted_and_ends_with_exit_code_2(
    good_flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [*good_flags, "--batch_size=100", "--checkpoint_path=/dev/null/x"]
    code, rows, verdict = run(capsys, *flags)
    assert (code, verdict) == (2, "2 would stop the job")
    assert rows["steps"].startswith("error an epoch has no step")
    assert rows["folder"].startswith("error checkpoint_path /dev/null/x cannot be written to")


def test_without_cards_and_shards_every_check_that_can_be_made_still_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Host, "find", lambda: Host((), "", ("192.0.2.1",)))
    code, rows, verdict = run(capsys)
    errors = {check for check, row in rows.items() if row.startswith("error")}
    assert (code, errors) == (2, {"workers", "shards"})
    assert verdict == "2 would stop the job"
    assert rows["device_target"] == "ok no Ascend card or driver here: CPU"


def test_a_host_with_cards_is_looked_at_as_it_is(
    good_flags: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Host, "find", lambda: Host((0, 1), "A2", ("192.0.2.1",)))
    monkeypatch.delenv("ASCEND_HOME_PATH", raising=False)
    code, rows, _ = run(capsys, *good_flags, "--device_target=Ascend")
    assert code == 2
    assert rows["device"] == "ok 2 Ascend cards (0, 1), A2"
    assert rows["card and MindSpore"].endswith(" on A2")
    assert rows["CANN"].startswith("error CANN")
    assert rows["workers"] == "ok 2 on this host, on cards 0, 1"


def test_flags_that_contradict_each_other_are_a_row_of_the_table(
    good_flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, rows, _ = run(capsys, *good_flags, "--nnodes=2")
    assert code == 2
    assert rows["workers"].startswith("error --nnodes 2 needs --master_addr")
    assert rows["steps"] == "ok 8 an epoch, of 2 clips"


def test_the_rank_table_of_the_site_is_checked_as_a_launch_would(
    good_flags: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "site.json").write_text("")
    monkeypatch.setenv("RANK_TABLE_FILE", "site.json")
    code, rows, _ = run(capsys, *good_flags)
    assert code == 2
    assert rows["workers"] == (
        "error site.json cannot be used as a rank table: the file is empty: make the table again"
    )


def test_a_node_of_slurm_sees_its_place(
    good_flags: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in STEP.items():
        monkeypatch.setenv(name, value)
    _, rows, _ = run(capsys, *good_flags, "--master_addr=203.0.113.9")
    assert rows["site"] == "ok Slurm: node 1 of 2, master 203.0.113.9"
    assert rows["address"] == "ok node 1 of 2, node 0 is 203.0.113.9"
    monkeypatch.delenv("SLURM_STEP_NUM_TASKS")
    code, rows, verdict = run(capsys, *good_flags)
    assert (code, verdict) == (2, "1 would stop the job")
    assert "'srun --ntasks-per-node=1' before it" in rows["site"]


def test_what_an_earlier_job_left_is_a_warning(
    good_flags: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MS_SCHED_PORT", "8118")
    code, rows, _ = run(capsys, *good_flags)
    assert code == 0
    assert rows["variables"].startswith("warning left by an earlier job")


def test_a_python_without_mpi4py_is_no_reason_to_stop(
    good_flags: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "MPI_PACKAGE", "no-such-package")
    code, rows, _ = run(capsys, *good_flags)
    assert code == 0
    assert rows["MPI"].startswith("note mpi4py is not installed")


def test_a_python_without_mindspore_is_told_all_the_rest_too(
    good_flags: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device.metadata, "version", _no_package)
    code, rows, verdict = run(capsys, *good_flags)
    assert (code, verdict) == (2, "1 would stop the job")
    assert rows["MindSpore"].startswith("error MindSpore is not installed in this Python")
    assert "msrun" not in rows


def _no_package(name: str) -> str:
    raise PackageNotFoundError(name)


def test_settings_come_from_a_file_as_for_a_launch(
    good_flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my.yaml").write_text("seed: 3\nbatch_size: 4\n")
    flags = [flag for flag in good_flags if not flag.startswith("--batch_size")]
    _, rows, _ = run(capsys, "--config", "my.yaml", *flags)
    assert rows["steps"] == "ok 2 an epoch, of 8 clips"
