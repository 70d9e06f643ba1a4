"""Names of classes, paths and groups: which look damaged, and which look the same."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence

from fcn4_dist.text import is_unseen

AUDIO_SUFFIXES = frozenset(
    {".aif", ".aiff", ".au", ".flac", ".m4a", ".mp3", ".ogg", ".opus", ".wav"}
)
"""File name endings, in lower case, that count as audio."""

_AUDIO_NAME = re.compile(rf"\.(?:{'|'.join(sorted(each[1:] for each in AUDIO_SUFFIXES))})\b", re.I)
_LIST = re.compile(r"\s*[\[({].*['\"].*[\])}]\s*")
_NUMBER = re.compile(r"0*(\d+)(?:\.0*)?")
# Letters, signs and marks that nothing is drawn for.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_IDEOGRAPHIC_SPACE = "\u3000"
_NO_CHARACTERS = frozenset("\ufffd\ufffe\uffff")
_JOINERS = "\u200c\u200d"
# Of Cyrillic and Greek, those that are drawn as Latin ones are, in lower case.
_FOREIGN = frozenset(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u051b\u051d\u04bb"
    "\u03bf\u03b1\u03bd\u03b9\u03ba\u03c1\u03c5"
)
_DRAWN_ALIKE = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u051b\u051d\u04bb"
    "\u03bf\u03b1\u03bd\u03b9\u03ba\u03c1\u03c5\u2018\u2019\u02bc\u201b\u201c\u201d",
    "aeopcyxijsdqwhoavikpu''''\"\"",
)


def damage_in(name: str) -> str:
    """Say what a name holds that nobody means to be in one; "" if there is nothing of the kind.

    Args:
        name: Of a class, a clip or a group; blanks around it do not count.
    """
    if name == "nan":
        return "an empty cell, as pandas writes it"
    if name.isascii() and name.isprintable():
        return ""
    for place, letter in enumerate(name):
        if is_unseen(letter) or letter in _BLANK:
            return f"the character U+{ord(letter):04X}, which is not seen"
        if letter in _JOINERS and not _joins(name, place):
            return f"the character U+{ord(letter):04X}, which joins nothing there"
        if letter.isspace() and letter not in f" {_IDEOGRAPHIC_SPACE}":
            return f"the blank U+{ord(letter):04X}, which is no space"
        if letter in _NO_CHARACTERS:
            return "letters that were lost when it was saved"
    if any(map(_mixes_scripts, re.findall(r"\w+", name))):
        return "letters of another script that are drawn as its own are"
    try:
        name.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return ""
    return "letters that were UTF-8 and were read as something else"


def damage_in_label(name: str) -> str:
    """Say what is wrong with the name of a class; "" if nothing is."""
    if damage := damage_in(name) or _lonely_quote_in(name):
        return damage
    if _LIST.fullmatch(name):
        return "a list, as Python writes it"
    return "the name of an audio file" if _AUDIO_NAME.search(name) else ""


def damage_in_path(path: str) -> str:
    """Say what looks wrong with a path that leads to no file; "" if nothing does."""
    if damage := damage_in(path) or _lonely_quote_in(path):
        return damage
    if "\\" in path:
        return "a backslash, where folders are separated by /"
    if re.match(r"\w+:/", path):
        return "an address instead of a path"
    return "" if re.search(r"\.\w+$", path) else "no ending of a file name at its end"


def look_of(name: str) -> str:
    """Give what is the same for names that a person would take for the same.

    They differ by case, by blanks, by their Unicode form, by what is not seen, by letters that are
    drawn alike, or as 1 and 1.0 do.
    """
    if not name.isascii():
        name = unicodedata.normalize("NFKC", name)
        name = "".join(filter(_is_drawn, name)).casefold().translate(_DRAWN_ALIKE)
        name = "".join("-" if unicodedata.category(each) == "Pd" else each for each in name)
        name = unicodedata.normalize("NFKC", name)
    name = " ".join(name.casefold().split())
    number = _NUMBER.fullmatch(name)
    return number[1] if number else name


def looking_alike(names: Iterable[str]) -> list[list[str]]:
    """Give the sets of different names that look the same."""
    alike = defaultdict(list)
    for name in dict.fromkeys(names):
        alike[look_of(name)].append(name)
    return [same for same in alike.values() if len(same) > 1]


def _lonely_quote_in(name: str) -> str:
    # A quote behind a number stands for inches.
    is_lonely = name.count('"') % 2 and re.search(r'^\s*"|(?<!\d)"\s*$', name)
    return "a quote without its partner" if is_lonely else ""


def _mixes_scripts(word: str) -> bool:
    letters = {letter for letter in word.casefold() if letter.isalpha()}
    foreign, own = letters & _FOREIGN, letters - _FOREIGN
    return bool(foreign and own) and all(
        unicodedata.name(letter, "").startswith("LATIN") for letter in own
    )


def told_apart(names: Sequence[str]) -> list[str]:
    """Quote names that look the same so that a difference is seen."""
    by_case_or_blanks = len({" ".join(name.casefold().split()) for name in names}) == 1
    return list(map(repr if by_case_or_blanks else ascii, names))


def _joins(name: str, place: int) -> bool:
    around = name[max(place - 1, 0) : place] + name[place + 1 : place + 2]
    return len(around) == 2 and not any(letter.isascii() for letter in around)


def _is_drawn(letter: str) -> bool:
    is_variant = "\ufe00" <= letter <= "\ufe0f" or letter in _JOINERS
    return not (is_variant or is_unseen(letter) or letter in _BLANK)
