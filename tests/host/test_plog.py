"""What CANN has said is found where it says it, and is told with what to do.

The files of tests/data/cann are lines of real hosts; their README names the sources.
"""

import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fcn4_dist.host.cann_errors import CANN_ERRORS, cann_error
from fcn4_dist.host.plog import Report, find_report, plog_folders, report_in
from fcn4_dist.log import cleaned

LINES = Path(__file__).parents[1] / "data/cann"
PROCESS = 4711
FOLDERS = [
    ({"ASCEND_PROCESS_LOG_PATH": "logs", "ASCEND_WORK_PATH": "work", "HOME": "home"}, "logs"),
    ({"ASCEND_WORK_PATH": "work", "HOME": "home"}, "work/log"),
    ({"HOME": "home", "ASCEND_PROCESS_LOG_PATH": ""}, "home/ascend/log"),
]


def written(folder: Path, name: str, kind: str = "debug", process: int = PROCESS) -> Path:
    """Put a plog where CANN does; return it."""
    path = folder / kind / "plog" / f"plog-{process}_20261126023000123.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((LINES / name).read_bytes())
    return path


def found(folder: Path, log: Path | None = None, since: float | None = None) -> Report | None:
    """Look for a report of the process that CANN's logs in the folder are of."""
    begun = time.time() if since is None else since
    return find_report(log, PROCESS, begun, {"ASCEND_PROCESS_LOG_PATH": str(folder)})


@pytest.mark.parametrize(
    ("name", "code", "line"),
    [
        ("plog_out_of_memory.log", "EL0004", "desc=[driver error:out of memory]"),
        ("plog_operator.log", "EZ9999", "there is an aivector error exception, core id is 18"),
        ("plog_link.log", "EI0006", "wait socket establish timeout, role[1] rank[1]"),
        ("plog_collective.log", "EI0002", "Notify wait execute failed, device_id=0"),
        ("plog_port.log", "EI0019", "specific port[60000] fail"),
        ("error_earlier_job.txt", "EJ0001", "Maybe the last training process is running."),
        ("error_collective.txt", "EI0002", "serverId[192.0.2.1], deviceId[0], Heartbeat Lost"),
        ("error_inner.txt", "EZ9999", "there is an aivec error exception"),
        ("error_memory_8.5.txt", "EL0004", "requested by GE module."),
        ("error_memory_8.3.txt", "EL0004", "Failed to allocate memory."),
    ],
)
def test_the_code_and_the_line_that_tells_most_are_found(
    name: str, code: str, line: str, tmp_path: Path
) -> None:
    path = written(tmp_path, name)
    report = found(tmp_path)
    assert report and report.error.code == code
    assert line in "\n".join(report.lines)
    assert report.path == path
    assert 0 < len(report.lines) <= 4
    assert all(len(shown) <= 300 for shown in report.lines)
    # The same lines go to the process's own log, if CANN is asked to print them.
    in_log = found(tmp_path / "nothing", log=LINES / name)
    assert in_log == Report(report.error, report.lines, LINES / name)


def test_a_run_that_was_well_has_no_report(tmp_path: Path) -> None:
    written(tmp_path, "plog_well.log", "run")
    assert found(tmp_path, log=LINES / "plog_well.log") is None
    assert found(tmp_path / "nothing", log=tmp_path / "nothing.log") is None


@pytest.mark.parametrize(("variables", "folder"), FOLDERS)
def test_plogs_lie_where_cann_s_variables_say(
    variables: dict[str, str], folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert plog_folders(variables) == [Path(folder, "debug/plog"), Path(folder, "run/plog")]
    path = written(Path(folder), "plog_operator.log", "run")
    report = find_report(None, PROCESS, time.time(), variables)
    assert report and report.path == path


def test_plogs_of_another_process_or_of_an_earlier_one_with_its_number_are_passed_over(
    tmp_path: Path,
) -> None:
    written(tmp_path, "plog_operator.log", process=471)
    written(tmp_path, "plog_operator.log", process=47110)
    assert found(tmp_path) is None
    path = written(tmp_path, "plog_operator.log")
    assert found(tmp_path) is not None
    day = 24 * 3600
    os.utime(path, (time.time() - day, time.time() - day))
    assert found(tmp_path) is None


def test_a_cause_tells_more_than_a_wait_and_a_wait_more_than_an_inner_error(
    tmp_path: Path,
) -> None:
    names = ["plog_collective.log", "plog_link.log", "plog_operator.log", "plog_out_of_memory.log"]
    log = tmp_path / "rank_0.log"
    codes = []
    for name in names:
        log.write_text((log.read_text() if log.exists() else "") + (LINES / name).read_text())
        report = found(tmp_path, log=log)
        codes.append(report and report.error.code)
    assert codes == ["EI0002", "EI0002", "EZ9999", "EL0004"]


def test_the_log_of_the_process_comes_before_its_plog(tmp_path: Path) -> None:
    written(tmp_path, "plog_port.log")
    report = found(tmp_path, log=LINES / "error_earlier_job.txt")
    assert report and report.error.code == "EJ0001"


def test_of_a_huge_file_the_ends_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, "plog_operator.log")
    with path.open("ab") as file:
        # Sparse: a gigabyte that is not there.
        file.seek(1 << 30)
        file.write(b"\n" + (LINES / "plog_port.log").read_bytes())
    begun = time.monotonic()
    report = found(tmp_path)
    assert report and report.error.code == "EI0019"
    assert time.monotonic() - begun < 2


def test_of_many_plogs_of_a_process_the_last_ones_are_read(tmp_path: Path) -> None:
    first = written(tmp_path, "plog_operator.log")
    later = [first.with_name(f"plog-{PROCESS}_2026112602{number:07}.log") for number in range(300)]
    for number, path in enumerate(later):
        path.write_text("")
        os.utime(path, (time.time() + number, time.time() + number))
    assert found(tmp_path) is None
    later[-1].write_bytes(first.read_bytes())
    os.utime(later[-1], (time.time() + 300, time.time() + 300))
    assert found(tmp_path) is not None


def test_a_name_that_looks_like_a_code_is_none(tmp_path: Path) -> None:
    log = tmp_path / "rank_0.log"
    log.write_text("skipped rock/E10001: broken\nloss-E20002: 1\nVE1001: a\n0xEE9999: b\n")
    assert found(tmp_path, log=log) is None


def test_a_log_full_of_errors_is_read_in_no_time(tmp_path: Path) -> None:
    log = tmp_path / "rank_0.log"
    log.write_bytes(b"EE9999: Inner Error!\n" * 100_000 + b"EL0004: Failed to allocate.\n")
    begun = time.monotonic()
    report = found(tmp_path, log=log)
    assert report and report.lines == ("EL0004: Failed to allocate.",)
    assert time.monotonic() - begun < 5


def test_what_could_steer_a_terminal_is_written_out(tmp_path: Path) -> None:
    log = tmp_path / "rank_0.log"
    log.write_bytes(b"EL0004: Failed \x1b[2J\x07\xff to allocate.\n")
    report = found(tmp_path, log=log)
    assert report and report.lines == ("EL0004: Failed \\x1b[2J\\x07� to allocate.",)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    name=st.sampled_from(sorted(path.name for path in LINES.glob("*_*"))),
    cuts=st.lists(st.tuples(st.integers(0, 4000), st.binary(max_size=40)), max_size=6),
    end=st.integers(0, 6000),
)
def test_a_damaged_plog_gives_a_report_or_none_and_never_an_error(
    tmp_path: Path, name: str, cuts: list[tuple[int, bytes]], end: int
) -> None:
    content = bytearray((LINES / name).read_bytes())
    for place, other in cuts:
        content[place : place + len(other)] = other
    path = written(tmp_path, name)
    path.write_bytes(content[:end])
    report = found(tmp_path)
    if report is not None:
        assert 0 < len(report.lines) <= 4
        assert all(len(line) <= 300 and line == cleaned(line) for line in report.lines)
        assert "\n" not in "".join(report.lines)
        assert str(report.error)


@pytest.mark.parametrize(
    "text", ["", "E12345: no word of cards", "the code is E39999", "Ascend is well", "VE1001: a"]
)
def test_other_texts_are_no_reports(text: str) -> None:
    assert report_in(text) is None


def test_every_known_error_says_what_it_means_and_what_to_do() -> None:
    codes = [error.code for error in CANN_ERRORS]
    assert codes == sorted(set(codes))
    for error in CANN_ERRORS:
        assert cann_error(error.code) is error
        assert error.meaning and error.mend
        assert not (error.meaning + error.mend).endswith(".")


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("EI9999", "CANN's error EI9999, an inner error of the communication library (HCCL): "),
        ("EH0005", "CANN's error EH0005, an error of CANN's interface (AscendCL): look the code"),
        ("EQ0001", "CANN's error EQ0001, an error of CANN: look the code up at https://"),
    ],
)
def test_of_an_unknown_error_the_part_of_cann_is_told(code: str, sentence: str) -> None:
    assert str(cann_error(code)).startswith(sentence)
