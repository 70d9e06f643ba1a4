"""Names that look damaged, and names that look the same."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.clips.magnatagatune import MODELZOO_TAGS
from fcn4_dist.clips.names import (
    damage_in,
    damage_in_label,
    damage_in_path,
    look_of,
    looking_alike,
    told_apart,
)

SOUND = [
    "rock",
    "R&B; Soul",
    "Folk, World, & Country",
    "雨\u3000音",
    "Música",
    "don't",
    "C# (live)",
    "(rock)",
    "[drums]",
]
SOUND += [
    "\u0645\u06cc\u200c\u062e\u0648",
    "👩\u200d🎤",
    "❤\ufe0f",
    "µ-Ziq",
    '12"',
    "AC/DC",
]
SOUND += ["Beyoncé", unicodedata.normalize("NFD", "Beyoncé"), "Übung", "ÆØÅ", "中文", "Ελλάδα"]


@pytest.mark.parametrize("name", [*SOUND, *MODELZOO_TAGS])
def test_what_people_call_music_is_no_damage(name: str) -> None:
    assert damage_in_label(name) == ""


@pytest.mark.parametrize(
    "name",
    ["ro\u200bck", "rock\ufeff", "ro\xadck", "rock\u200d", "hip\xa0hop", "\u202erock", "rock\x1b[m",
     "a\nb", "a\tb", "rock\ufffd", "rock\u2800", "Beyonc\xc3\xa9", "don\xe2\u20ac\u2122t",
     "\udce9", "rock\u2028", "rock\U000e0061", "ro\u2003ck", "r\u043eck"],
)  # fmt: skip
def test_what_nobody_types_is_damage(name: str) -> None:
    assert damage_in(name) and damage_in(name).isprintable()


@pytest.mark.parametrize("name", ["b.wav;rock", "a.MP3", "x/b.ogg, y"])
def test_the_name_of_a_file_is_no_label(name: str) -> None:
    assert damage_in_label(name) == "the name of an audio file"


@pytest.mark.parametrize("name", ["nan", "['rock', 'pop']", '["rock"]', '"rock', 'rock"'])
def test_what_programs_write_in_place_of_a_label_is_none(name: str) -> None:
    assert damage_in_label(name)


@pytest.mark.parametrize(
    "path", ["rock\\a.wav", "a", "a.wav;rock", "a.wav,", "file:///a.wav", 'a.wav"', "a\xa0.wav"]
)
def test_a_path_of_no_file_may_tell_why(path: str) -> None:
    assert damage_in_path(path)
    assert damage_in_path("rock/01 - a.wav") == ""


ALIKE = [
    ("rock", "Rock"), ("rock", "ROCK "), ("hip hop", "hip  hop"), ("hip hop", "hip\xa0hop"),
    ("Beyonc\xe9", "Beyonce\u0301"), ("rock", "ro\u200bck"), ("rock", "r\u043eck"),
    ("hip-hop", "hip\u2010hop"), ("hip-hop", "hip\u2013hop"), ("don't", "don\u2019t"),
    ("ﬁddle", "fiddle"), ("rock", "\uff52\uff4f\uff43\uff4b"), ("rock", "rock\ufe0f"),
    ("Straße", "STRASSE"), ("1", "1.0"), ("7", "07"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_names_that_look_the_same_have_one_look(one: str, other: str) -> None:
    assert looking_alike([one, "jazz", other]) == [[one, other]]


def test_names_that_look_the_same_are_shown_by_their_difference() -> None:
    assert told_apart(["rock", "Rock "]) == ["'rock'", "'Rock '"]
    assert told_apart(["\xe9", "e\u0301"]) == [r"'\xe9'", r"'e\u0301'"]


def test_names_that_look_different_have_two() -> None:
    assert looking_alike([*MODELZOO_TAGS, "hiphop", "hip hop", "new age", "newage"]) == []


@given(st.text())
def test_a_look_looks_like_itself(name: str) -> None:
    assert look_of(look_of(name)) == look_of(name)
    assert look_of(f" {name}\t") == look_of(name)
