"""Names from anywhere, as a page can show them."""

import unicodedata

_LONGEST = 160
_UNSEEN = ("Cc", "Cs")


def readable(text: str) -> str:
    """Write what has no letter, control characters and bytes that are not UTF-8, as escapes."""
    if text.isprintable():
        return text
    return "".join(
        letter.encode("unicode_escape").decode()
        if unicodedata.category(letter) in _UNSEEN
        else letter
        for letter in text
    )


def counted(number: int, noun: str) -> str:
    """Write a number of things."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def shorten(text: str) -> str:
    """Cut out the middle of a long text, since the end tells paths apart."""
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return f"{text[:half]} … {text[-half:]}"
