"""What a person sees while something runs."""

import time

import pytest

from fcn4_dist import terminal


def test_long_silent_work_is_announced_and_said_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(terminal, "_SECONDS_BETWEEN_REMINDERS", 0.01)
    printed = ""
    with terminal.still_running("compiling: may take minutes"):
        while "so far" not in printed:
            time.sleep(0.01)
            printed += capsys.readouterr().out
    assert printed.startswith(
        "compiling: may take minutes …\nstill compiling, for 0:00:00 so far …"
    )


def test_ranks_that_do_not_show_it_say_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(terminal, "_SECONDS_BETWEEN_REMINDERS", 0.01)
    with terminal.still_running("compiling", visible=False):
        time.sleep(0.05)
    assert capsys.readouterr().out == ""


def test_a_table_has_columns_as_wide_as_their_widest_cell() -> None:
    rows = [["class", "ROC-AUC"], ["pop", "0.9"], ["classical", "1.0"]]
    assert terminal.table(rows) == (
        "class      ROC-AUC\n---------  -------\npop        0.9\nclassical  1.0"
    )
