"""Lines for people: cleaned, on the terminal as they are, in files with time, level and rank."""

import io
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fcn4_dist import log
from fcn4_dist.cli import main
from fcn4_dist.terminal import detail, fail, put, say, say_result, warn
from fcn4_dist.text import Lines


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Leave the logger as it was."""
    before = list(log.logger().handlers)
    log.show(log.Verbosity.NORMAL)
    yield
    log.logger().handlers[:] = before
    log.show(log.Verbosity.NORMAL)


def test_the_terminal_shows_lines_as_they_are_and_errors_on_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say(Lines("two clips\nof \x1b[31mrock"))
    warn("one\nis 100 % short")
    fail(Lines("one is gone\nand another"))
    shown = capsys.readouterr()
    assert shown.out == "two clips\nof \\x1b[31mrock\nwarning: one\\nis 100 % short\n"
    assert shown.err == "fcn4-dist: error: one is gone\nfcn4-dist: error: and another\n"


def test_a_log_has_time_level_and_rank_and_can_be_shown_as_the_terminal_would(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rank_3.log"
    log.keep_log(path, rank=3)
    say(Lines("two clips\nof rock"))
    warn("one is short")
    say()
    fail(Lines("one is gone\nand another"))
    lines = path.read_text().splitlines()
    for line, level in zip(
        lines, ["INFO", "INFO", "WARNING", "INFO", "ERROR", "ERROR"], strict=True
    ):
        assert re.match(rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d {level} rank 3:", line)
    terminal = capsys.readouterr()
    assert [log.as_shown(line) for line in lines] == (terminal.out + terminal.err).splitlines()


def test_lines_of_other_programs_in_a_log_are_shown_as_they_are() -> None:
    line = "[ERROR] ME(1:2): 2026-11-25 out of memory"
    assert log.as_shown(line) == line


def test_an_error_nobody_expected_is_in_the_log_with_its_trace(tmp_path: Path) -> None:
    path = tmp_path / "rank_0.log"
    log.keep_log(path, rank=0)
    try:
        raise KeyError("lr\x07")
    except KeyError:
        fail("KeyError: unexpected", trace=True)
    text = path.read_text()
    assert "Traceback (most recent call last)" in text
    assert "\x07" not in text
    assert log.as_shown(text.splitlines()[-1]) == "fcn4-dist: error: KeyError: unexpected"


def test_beside_data_lines_for_people_go_to_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with log.stdout_is_data():
        say("tagging")
        put(json.dumps({"song": "a\x1b.wav"}))
    say("done")
    assert capsys.readouterr() == ('{"song": "a\\u001b.wav"}\ndone\n', "tagging\n")


def test_another_rank_shows_its_errors_alone() -> None:
    terminal = io.StringIO()
    log.errors_only(terminal, rank=2)
    say("reading")
    fail("the shard is gone")
    assert terminal.getvalue() == "fcn4-dist: error: rank 2: the shard is gone\n"


def test_programs_that_use_the_package_may_listen_too(caplog: pytest.LogCaptureFixture) -> None:
    log.logger().addHandler(caplog.handler)
    say("heard")
    assert [(each.levelno, each.getMessage()) for each in caplog.records] == [
        (logging.INFO, "heard")
    ]


def test_a_program_that_listens_first_does_not_silence_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.logger().handlers[:] = [logging.NullHandler()]
    say("heard")
    assert capsys.readouterr().out == "heard\n"


def test_a_log_ends_where_the_next_begins_and_may_go_on_behind_an_earlier_one(
    tmp_path: Path,
) -> None:
    for job in ("first", "second", "first"):
        log.keep_log(tmp_path / job, rank=0, append=True)
        say(f"the {job} job")
    log.end_log()
    say("nobody's line")
    first, second = ((tmp_path / job).read_text() for job in ("first", "second"))
    assert first.count("the first job") == 2 and second.count("the second job") == 1
    assert "nobody" not in first + second and "the second job" not in first


def test_a_log_on_a_full_disk_does_not_end_the_job(capsys: pytest.CaptureFixture[str]) -> None:
    log.keep_log(Path("/dev/full"), rank=0, append=True)
    say("step 1")
    fail("the shard is gone")
    log.logger().handlers[:] = []
    shown = capsys.readouterr()
    assert shown == ("step 1\n", "fcn4-dist: error: the shard is gone\n")


@pytest.mark.parametrize("line", ["say('a line')", "fail('a fault')"])
def test_a_process_whose_output_is_closed_goes_on(line: str) -> None:
    program = f"import tqdm; from fcn4_dist.terminal import fail, say; {line}; raise SystemExit(7)"
    command = f'exec "{sys.executable}" -c "{program}" >&- 2>&-'
    assert subprocess.run(["sh", "-c", command]).returncode == 7


def test_a_hostile_file_name_reaches_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(tmp_path / "\x1b]0;owned\x07")]) == 2
    shown = capsys.readouterr().err
    assert "\x1b" not in shown and "\x07" not in shown and "\\x1b]0;owned" in shown


def test_lines_can_be_kept_off_the_terminal_but_not_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with log.kept_off_terminal(tmp_path / "kept.log"):
        say("a line")
        warn("a warning")
        fail("an error")
    say("afterwards")
    captured = capsys.readouterr()
    assert captured.out == "afterwards\n"
    assert captured.err == "fcn4-dist: error: an error\n"
    kept = [log.as_shown(line) for line in (tmp_path / "kept.log").read_text().splitlines()]
    assert kept == ["a line", "warning: a warning", "fcn4-dist: error: an error"]


LINES = ["a detail", "a line", "a result", "warning: a warning", "fcn4-dist: error: an error"]


def say_each_kind() -> None:
    detail("a detail")
    say("a line")
    say_result("a result")
    warn("a warning")
    fail("an error")


@pytest.mark.parametrize(
    ("verbosity", "first"),
    [(log.Verbosity.VERBOSE, 0), (log.Verbosity.NORMAL, 1), (log.Verbosity.QUIET, 2)],
)
def test_the_terminal_shows_what_is_asked_for_and_a_log_holds_all_of_it(
    verbosity: log.Verbosity, first: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.keep_log(tmp_path / "rank_0.log", rank=0)
    log.show(verbosity)
    say_each_kind()
    log.end_log()
    shown = capsys.readouterr()
    assert (shown.out + shown.err).splitlines() == LINES[first:]
    kept = (tmp_path / "rank_0.log").read_text().splitlines()
    assert [log.as_shown(line) for line in kept] == LINES
    # As a launcher shows what its worker has logged.
    for line in kept:
        log.say_as_logged(line)
    assert capsys.readouterr() == shown


def test_a_warning_of_several_lines_stays_whole_where_little_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.keep_log(tmp_path / "rank_0.log", rank=0)
    warn(Lines("two are short\n  a.wav"))
    log.show(log.Verbosity.QUIET)
    capsys.readouterr()
    for line in (tmp_path / "rank_0.log").read_text().splitlines():
        log.say_as_logged(line)
    assert capsys.readouterr().out == "warning: two are short\n  a.wav\n"


@pytest.mark.parametrize(
    ("variables", "is_terminal", "coloured"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
    ],
)
def test_warnings_and_errors_have_colour_on_a_terminal_alone(
    variables: dict[str, str],
    is_terminal: bool,
    coloured: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in {"TERM": "xterm", "NO_COLOR": "", "FORCE_COLOR": "", **variables}.items():
        monkeypatch.setenv(name, value)
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: is_terminal, raising=False)
    log.keep_log(tmp_path / "rank_0.log", rank=0)
    say_each_kind()
    shown = capsys.readouterr()
    assert ("\x1b[1;33mwarning:\x1b[0m a warning" in shown.out) == coloured
    assert ("\x1b[1;31mfcn4-dist: error:\x1b[0m an error" in shown.err) == coloured
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown.out + shown.err)
    assert plain.splitlines() == LINES[1:]
    assert "\x1b" not in (tmp_path / "rank_0.log").read_text()
