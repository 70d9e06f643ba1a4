"""README_CN.md says in Chinese what README.md says: it has the same structure, to be kept in step.

What is no language is the same: headings by their level, code but for its comments, links and
pictures, code within the text, tables by their rows and columns, and every figure.
"""

import re
from collections import Counter

import pytest

from tests.docs.pages import inline_of, text_of, tokens_of

PAGES = ("README.md", "README_CN.md")


def headings(page: str) -> list[str]:
    return [token.tag for token in tokens_of(page) if token.type == "heading_open"]


def code(page: str) -> list[tuple[str, str]]:
    """The blocks of code, without comments."""
    blocks = [token for token in tokens_of(page) if token.type == "fence"]
    return [(one.info, re.sub(r" *# .*", "", one.content)) for one in blocks]


def links(page: str) -> "Counter[str]":
    """Where links and pictures lead to, but for the translation's."""
    targets = [str(one.attrGet("href") or one.attrGet("src")) for one in inline_of(tokens_of(page))]
    return Counter(one for one in targets if one not in {"None", *PAGES})


def code_in_text(page: str) -> "Counter[str]":
    return Counter(one.content for one in inline_of(tokens_of(page)) if one.type == "code_inline")


def tables(page: str) -> list[list[int]]:
    """How many cells each row of each table has."""
    rows = [
        [
            token.type
            for token in tokens_of(page)
            if token.type in {"table_open", "tr_open", "td_open"}
        ]
    ]
    text = " ".join(rows[0]).split("table_open")[1:]
    return [[row.count("td_open") for row in table.split("tr_open")[1:]] for table in text]


def figures(page: str) -> "Counter[str]":
    """Every figure with a point in it, and what is written as one with its unit."""
    return Counter(re.findall(r"\d+\.\d+|\d+(?= (?:ms|s|GB|%)\b)", text_of(page)))


@pytest.mark.parametrize("part", [headings, code, links, code_in_text, tables, figures])
def test_both_have_the_same(part: object) -> None:
    assert callable(part)
    english, chinese = (part(page) for page in PAGES)
    assert chinese == english


def test_each_leads_to_the_other() -> None:
    for page, other in (PAGES, PAGES[::-1]):
        assert f"]({other})" in text_of(page).splitlines()[2]
