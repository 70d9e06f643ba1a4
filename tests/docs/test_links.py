"""Every link of a page leads somewhere, and every file it names is there."""

import re
from itertools import pairwise

import pytest

from tests.docs.pages import ALL_PAGES, PAGES, REPOSITORY, inline_of, text_of, tokens_of


def anchors_of(page: str) -> set[str]:
    """The names that GitHub gives the headings of a page."""
    tokens = tokens_of(page)
    titles = [
        "".join(part.content for part in following.children or ())
        for token, following in pairwise(tokens)
        if token.type == "heading_open"
    ]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", ALL_PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for token in inline_of(tokens_of(page)):
        target = str(token.attrGet("href") or token.attrGet("src") or "")
        if not target or re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        file = (REPOSITORY / page).parent / path if path else REPOSITORY / page
        assert file.exists(), f"{page}: {target}"
        if anchor:
            linked = str(file.resolve().relative_to(REPOSITORY))
            assert anchor in anchors_of(linked), f"{page}: {target}"


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_are_there(page: str) -> None:
    named = set(re.findall(r"(?<![\w./-])(?:scripts|configs|docs|tests)/[\w/.-]*\w", text_of(page)))
    assert {name for name in named if not (REPOSITORY / name).exists()} == set()
