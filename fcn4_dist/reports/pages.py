"""Pages that need nothing but themselves, out of templates, and names from anywhere on them."""

import unicodedata
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

_LONGEST = 160
_UNSEEN = ("Cc", "Cs")


def render_page(template: str, content: dict[str, Any], **filters: Any) -> bytes:
    """Make a page. Texts are escaped, whatever they hold.

    Args:
        template: Name of a file in ``templates``.
        content: What the template names.
        filters: What else it may apply to values.

    Returns:
        HTML in UTF-8.
    """
    environment = Environment(
        loader=PackageLoader("fcn4_dist.reports"),
        autoescape=True,
        finalize=lambda value: readable(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"shorten": shorten, **filters}
    return environment.get_template(template).render(content).encode()


def readable(text: str) -> str:
    """Write what has no letter, control characters and bytes that are not UTF-8, as escapes."""
    return "".join(
        letter.encode("unicode_escape").decode()
        if unicodedata.category(letter) in _UNSEEN
        else letter
        for letter in text
    )


def shorten(text: str) -> str:
    """Cut out the middle of a long text, since the end tells paths apart."""
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return f"{text[:half]} … {text[-half:]}"


def counted(number: int, noun: str) -> str:
    """Write a number of things."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
