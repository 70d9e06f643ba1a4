"""The pages that people read, and what stands in them."""

from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

REPOSITORY = Path(__file__).parents[2]


def pages(*patterns: str) -> list[str]:
    """Files of the repository, by their names below it."""
    found = {path for pattern in patterns for path in REPOSITORY.glob(pattern)}
    return sorted(str(path.relative_to(REPOSITORY)) for path in found)


PAGES = pages("README*.md", "CONTRIBUTING.md", "docs/*.md", "rank_table/*.md")
"""For those who use the package, or change it."""
ALL_PAGES = pages("*.md", "*/*.md", "tests/**/*.md")
_MARKDOWN = MarkdownIt("commonmark").enable("table")


def text_of(page: str) -> str:
    return (REPOSITORY / page).read_text(encoding="utf-8")


def tokens_of(page: str) -> list[Token]:
    return _MARKDOWN.parse(text_of(page))


def inline_of(tokens: Sequence[Token]) -> Iterator[Token]:
    """What stands within lines: text, code, links, pictures."""
    for token in tokens:
        yield from token.children or ()


def rows_below(heading: str, page: str) -> list[str]:
    """The rows of the page's table that has this heading."""
    lines = text_of(page).splitlines()
    below = lines[lines.index(heading) + 2 :]
    return list(takewhile(lambda line: line.startswith("|"), below))
