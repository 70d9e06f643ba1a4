"""What a text may be, and paths as a shell reads them."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.config.forms import Form, expanded, fault_of, shown, unexpanded

BYTES = [Form.FILE, Form.PATH]


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("text", ["a\nb", "a\x00", "\x1b[2J", "\x85", "\u2028", "\u202e", "\ud800"])
def test_no_text_steers_a_terminal_or_breaks_a_line(form: Form, text: str) -> None:
    assert fault_of(f"a{text}b", form) == (
        "hold no control characters, and none that cannot be seen"
    )


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize(
    "text", ["a", "雨", "día", "x y", "# x", "'\"", "[a-", "CON", "None", "a:b"]
)
def test_names_of_any_language_are_names(form: Form, text: str) -> None:
    assert fault_of(text, form) == ""


@pytest.mark.parametrize("form", Form)
def test_bytes_that_are_no_utf_8_are_in_names_of_files_that_exist(form: Form) -> None:
    assert (fault_of("caf\udce9", form) == "") == (form in BYTES)


@pytest.mark.parametrize("form", [form for form in Form if form is not Form.TEXT])
@pytest.mark.parametrize("text", [" a", "a ", "\u3000a", "~", "~/a", "~user/a"])
def test_blanks_around_and_what_a_shell_replaces_are_no_names(form: Form, text: str) -> None:
    assert fault_of(text, form)
    assert fault_of(f"./{text}/.", Form.PATH) == ""


@pytest.mark.parametrize(
    ("text", "form", "fits"),
    [
        ("a" * 255, Form.PATH, True),
        ("a" * 256, Form.PATH, False),
        ("é" * 128, Form.PATH, False),
        ("/".join(["a" * 99] * 38), Form.PATH, True),
        ("/".join(["a" * 99] * 39), Form.PATH, False),
        ("a" * 256, Form.FILE, False),
        ("a" * 200, Form.BEGINNING, True),
        ("a" * 201, Form.BEGINNING, False),
        ("a" * 2**16, Form.TEXT, True),
        ("a" * (2**16 + 1), Form.TEXT, False),
    ],
)
def test_no_name_is_longer_than_the_system_takes(text: str, form: Form, fits: bool) -> None:
    assert (fault_of(text, form) == "") == fits


@pytest.mark.parametrize("text", ["a/b", "/", "..", ".x", "-x", "a*", "a?", "a\u200db", "a\u00adb"])
def test_what_names_of_files_begin_with_is_a_name_that_can_be_seen_and_typed(text: str) -> None:
    assert fault_of(text, Form.BEGINNING)


@pytest.mark.parametrize("text", ["/", "a/", "..", "a/..", "."])
def test_a_folder_is_no_file(text: str) -> None:
    assert fault_of(text, Form.FILE) == "name a file"
    assert fault_of(text, Form.PATH) == ""


# Paths -------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("DATA", "/data")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("AP", raising=False)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("~", "/home/me"),
        ("~/x", "/home/me/x"),
        ("$DATA/x", "/data/x"),
        ("${DATA}1/$DATA", "/data1//data"),
        ("~/$$x", "/home/me/$x"),
        ("a$", "a$"),
        ("a$-b", "a$-b"),
        ("a~", "a~"),
        ("./~", "./~"),
        ("./$DATA", "./$DATA"),
        ("", ""),
    ],
)
def test_a_path_means_what_it_means_to_a_shell(text: str, path: str) -> None:
    assert expanded(text) == path


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("$AP/x", "the variable AP is not set ($$ stands for the letter $)"),
        ("${EMPTY}/x", "the variable EMPTY is not set ($$ stands for the letter $)"),
        ("~nobody1/x", "~nobody1 is no user's folder (./~nobody1 is what is really called so)"),
    ],
)
def test_a_path_that_means_nothing_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match="is") as caught:
        expanded(text)
    assert str(caught.value) == sentence


def test_a_file_that_is_there_is_meant_as_it_stands(tmp_path: Path) -> None:
    for name in ("A$AP.mp3", "cash$$.mp3"):
        (tmp_path / name).touch()
        assert expanded(name) == name
        assert expanded(f"{tmp_path}/{name}") == f"{tmp_path}/{name}"
    (tmp_path / "cash$.mp3").touch()
    assert expanded("cash$$.mp3") == "cash$.mp3"


@given(text=st.text("a$/~.{}é ", max_size=12).filter(lambda text: not text.startswith("~")))
def test_a_path_that_is_written_down_is_read_as_it_was(text: str) -> None:
    assert expanded(unexpanded(text)) == text
    assert not os.path.lexists(text) or expanded(text)


@given(value=st.one_of(st.text(), st.integers(), st.floats(), st.just(10**5000)))
def test_any_value_is_shown_printably_and_short(value: object) -> None:
    assert shown(value).isprintable()
    assert len(shown(value)) < 110
