"""What a person sees while something runs."""

import os
import pty
import subprocess
import sys
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import width

from fcn4_dist import terminal
from fcn4_dist.text import cleaned
from tests.letters import ANY_TEXT


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


def test_a_sentence_is_broken_within_its_column_on_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sentence = "8118 is in use: give --master_port 20000 on all"
    rows = [["check", "what was found"], ["port", sentence]]
    assert sentence in terminal.table(rows)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "39")
    assert terminal.table(rows).splitlines() == [
        "check  what was found",
        "-----  --------------------------",
        "port   8118 is in use: give",
        "       --master_port 20000 on all",
    ]


# Each is one letter to who reads it, of 0 to 2 cells.
LETTERS = [
    "a",
    "b",
    " ",
    "-",
    "_",
    "/",
    "é",
    "e\u0301",
    "音",
    "한",
    "\uff41",
    "नि",
    "👩\u200d🎤",
    "🇩🇪",
]
CELLS = st.lists(st.sampled_from(LETTERS), max_size=60).map("".join) | ANY_TEXT.filter(
    # A mark that belongs to no letter is shown in as many ways as there are terminals.
    lambda text: not any(unicodedata.category(letter)[0] == "M" for letter in text)
)
ROWS = st.integers(1, 8).flatmap(
    lambda columns: st.lists(
        st.lists(CELLS, min_size=columns, max_size=columns), min_size=1, max_size=5
    )
)


def without_spaces(text: str) -> str:
    return "".join(text.split())


@given(rows=ROWS, columns=st.integers(40, 200))
def test_a_table_fits_the_terminal_and_loses_nothing(rows: list[list[str]], columns: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        patch.setenv("COLUMNS", str(columns))
        lines = terminal.table(rows).split("\n")
    assert max(map(width, lines)) <= columns
    shown = sorted(without_spaces("".join(lines)).replace("-", ""))
    meant = without_spaces("".join(cleaned(cell) for row in rows for cell in row))
    assert shown == sorted(meant.replace("-", ""))


@given(rows=ROWS)
def test_elsewhere_a_row_is_a_line_with_its_cells_below_each_other(rows: list[list[str]]) -> None:
    # Of what is seen, the last column begins in the same place in all of them.
    rows = [[*row, "|"] for row in rows]
    heading, _, *lines = terminal.table(rows).split("\n")
    assert len(lines) == len(rows) - 1
    assert len({width(line.removesuffix("|")) for line in [heading, *lines]}) == 1
    for line, row in zip([heading, *lines], rows, strict=True):
        assert all(cleaned(cell).strip() in line for cell in row)


WORK = """
import time
from fcn4_dist.terminal import Progress, say
with Progress("training", 4, "steps") as progress:
    for step in range(1, 5):
        time.sleep(0.15)
        progress.show(f"mean loss 0.{step}")
        progress.count()
        say(f"step {step} is done")
"""


def shown_on_a_terminal() -> list[str]:
    """Run it on a terminal, and give what was drawn, line by line."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["sh", "-c", 'stty cols 100 rows 30; exec "$0" -c "$1"', sys.executable, WORK],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    output = b""
    try:
        while part := os.read(ours, 4096):
            output += part
    except OSError:
        # Linux says so when the other side of a terminal has gone.
        pass
    assert process.wait() == 0
    return output.decode().replace("\r", "\n").split("\n")


def test_a_terminal_shows_a_bar_with_the_figures_and_lines_of_their_own_above_it() -> None:
    lines = shown_on_a_terminal()
    for step in range(1, 5):
        assert f"step {step} is done" in lines
    bars = [line for line in lines if line.startswith("training: ")]
    assert any(" 2/4 steps, left 00:0" in bar and "mean loss 0.2" in bar for bar in bars)
    assert bars[-1].startswith("training: 100%|██████████| 4/4 steps, left 00:00, mean loss 0.4")


def test_elsewhere_there_are_lines() -> None:
    result = subprocess.run([sys.executable, "-c", WORK], capture_output=True, text=True)
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert [line for line in lines if "done" in line] == [f"step {n} is done" for n in range(1, 5)]
