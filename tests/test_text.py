"""Text from anywhere, fit to be shown and to be copied."""

import csv
import io
import json
import os
import pickle
import subprocess
import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.errors import Fcn4DistError, InputError, SettingsError
from fcn4_dist.findings import Finding, Level, refuse_errors
from fcn4_dist.text import (
    Lines,
    cell_of,
    cleaned,
    count,
    csv_line,
    json_text,
    named,
    shell_command,
    text_of_cell,
    unlike,
)
from tests.letters import ANY_TEXT


@given(ANY_TEXT)
def test_a_text_that_is_shown_is_a_line_and_steers_nothing(text: str) -> None:
    shown = cleaned(text)
    kinds = {unicodedata.category(letter) for letter in shown.replace("\u200c", "")}
    assert not {"Cc", "Cs", "Zl", "Zp"} & kinds
    assert not set("\u200b\u200e\u202e\u2066\ufeff\xad") & set(shown)
    assert cleaned(shown) == shown
    # What is seen stays as it is.
    if text.isprintable():
        assert shown == text


@given(st.lists(ANY_TEXT))
def test_lines_stay_lines(texts: list[str]) -> None:
    lines = [cleaned(text) for text in texts]
    assert cleaned(Lines("\n".join(lines))).split("\n") == (lines or [""])


@pytest.mark.parametrize(
    "text", ["\u0645\u06cc\u200c\u062e\u0648", "👩\u200d🎤", "雨\u3000音", "12\xa0in", "é"]
)
def test_what_words_are_spelt_with_is_shown(text: str) -> None:
    assert cleaned(text) == text


@given(ANY_TEXT)
def test_the_sentence_of_an_error_is_a_line_whoever_prints_it(text: str) -> None:
    for error in (Fcn4DistError(f"{text} is gone"), SettingsError("lr", f"is {text}")):
        assert len(str(error).splitlines()) == 1
        assert str(error) == cleaned(str(error))


def test_an_error_with_several_sentences_has_a_line_for_each_and_takes_them_along() -> None:
    findings = [Finding(Level.ERROR, sentence, "mend") for sentence in ("a\nb", "c\x1b[2J")]
    with pytest.raises(InputError) as info:
        refuse_errors(findings)
    lines = [r"a\nb: mend", r"c\x1b[2J: mend"]
    assert str(info.value).split("\n") == lines
    for again in (InputError(str(info.value)), pickle.loads(pickle.dumps(info.value))):
        assert str(again).split("\n") == lines
    finding = Finding(Level.ERROR, str(info.value))
    assert str(finding).split("\n") == lines


@given(st.lists(ANY_TEXT.filter(lambda text: "\0" not in text), min_size=1))
def test_a_command_that_is_copied_has_the_words_it_was_made_of(words: list[str]) -> None:
    try:
        meant = [os.fsencode(word) for word in words]
    except UnicodeEncodeError:
        # What is no name of any file is no word of any command.
        return
    line = shell_command(words)
    assert line == cleaned(line)
    script = f"for word in {line}; do printf '%s\\0' \"$word\"; done"
    done = subprocess.run(["bash", "-c", os.fsencode(script)], capture_output=True, check=True)
    assert done.stdout.split(b"\0")[:-1] == meant


@given(ANY_TEXT | st.text("'=+-@\t\r ax", max_size=4))
def test_any_reader_reads_the_cells_of_a_line(text: str) -> None:
    line = csv_line([text, "a", 0.5])
    (row,) = csv.reader(io.StringIO(line + "\n", newline=""), strict=True)
    assert [text_of_cell(row[0]), *row[1:]] == [text, "a", "0.5"]


@given(ANY_TEXT | st.text("'=+-@\t\r ax", max_size=4))
def test_no_cell_is_a_formula_and_every_text_comes_back(text: str) -> None:
    cell = cell_of(text)
    assert not cell.startswith(tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"))
    assert text_of_cell(cell) == text
    # What earlier versions have written as it is.
    assert cell == text or text.lstrip("'")[0] in "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (1, "clip", "1 clip"),
        (0, "clip", "0 clips"),
        (2, "epoch", "2 epochs"),
        (2, "batch", "2 batches"),
        (3, "class", "3 classes"),
    ],
)
def test_things_are_counted_in_words(number: int, noun: str, text: str) -> None:
    assert count(number, noun) == text


@given(ANY_TEXT)
def test_json_says_any_text_and_keeps_what_can_be_seen_as_far_as_the_stream_has_it(
    text: str,
) -> None:
    for encoding in ("utf-8", "ascii", "latin-1"):
        line = json_text({text: [text]}, encoding)
        assert json.loads(line) == {text: [text]}
        assert line.encode(encoding) and line.isprintable()
    assert (f'"{text}"' in json_text(text)) == (text.isprintable() and not set('"\\\\') & set(text))


def test_short_lists_that_differ_are_written_whole_and_long_ones_where_they_part() -> None:
    assert unlike(["jazz", "rock"], ["jazz"]) == ("jazz, rock", "jazz")
    tags = [f"tag {number}" for number in range(300)]
    others = [*tags[:250], "drone", *tags[251:]]
    here = "of which number 251 is"
    assert unlike(tags, others) == (f"300, {here} tag 250", f"300, {here} drone")
    assert unlike(tags, tags[:-1]) == ("300", "299")


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ([3], "node 3"),
        ([0, 2, 5], "nodes 0, 2, 5"),
        ([6, 7], "nodes 6, 7"),
        (range(1, 128), "nodes 1 to 127"),
        ([0, 1, 2, 4, 8, 9], "nodes 0 to 2, 4, 8, 9"),
        (range(1, 99, 2), f"nodes {', '.join(map(str, range(1, 41, 2)))}, … (49 in all)"),
    ],
)
def test_numbers_of_many_are_written_as_runs(numbers: Sequence[int], text: str) -> None:
    assert named("node", numbers) == text
