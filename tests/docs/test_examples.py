"""Every command that a page shows is understood, with all its flags and settings.

The scripts are run by the real shell, with a Python that only tells what it was called with.
"""

import argparse
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fcn4_dist.cli import main
from fcn4_dist.cli.main import COMMANDS
from fcn4_dist.cli.settings import load
from fcn4_dist.jobs import launch as jobs_launch
from tests.docs.pages import PAGES, REPOSITORY, inline_of, pages, text_of, tokens_of

PROGRAM = "fcn4-dist"


def examples_in(page: str) -> list[str]:
    """The commands of a page: lines of its bash blocks, and code within its text.

    Of settings and scripts: what is by itself on a line of a comment, without placeholders.
    """
    if not page.endswith(".md"):
        return re.findall(
            r"^#(?: Examples?:)? +((?:bash |fcn4-dist )[^\[\n]*)$", text_of(page), re.M
        )
    tokens = tokens_of(page)
    blocks = [one.content for one in tokens if one.type == "fence" and one.info == "bash"]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    codes = [one.content for one in inline_of(tokens) if one.type == "code_inline"]
    for code in codes:
        # Within text a command may be just named.
        if re.fullmatch(rf"{PROGRAM}( [a-z-]+){{1,2}}", code):
            lines.append(f"{code} --help")
        elif re.match(rf"{PROGRAM} [a-z]", code):
            lines.append(code)
    return lines


def calls_in(line: str) -> Iterator[list[str]]:
    """The programs of a line, each with its arguments."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    call: list[str] = []
    for word in [*words, ";"]:
        if re.fullmatch("[();<>|&]+", word):
            yield call
            call = []
        else:
            call.append(word)


def arguments_of(call: list[str], arguments_of_script: Any) -> list[str] | None:
    """What fcn4-dist is called with, itself or by a script; None if it is not called."""
    if PROGRAM in call:
        return call[call.index(PROGRAM) + 1 :]
    if call[:1] == ["bash"] and Path(call[1]).name.startswith("run_") and "tests" not in call[1]:
        return arguments_of_script(call[1:])
    return None


@pytest.fixture
def arguments_of_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a script of scripts/, and give what it calls fcn4-dist with."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nshift\nprintf '%s\\n' \"$@\"\n")
    python.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    def told(script: list[str]) -> list[str]:
        done = subprocess.run(["bash", *script], stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout.splitlines()

    return told


@pytest.fixture
def parse_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands read their command line and their settings, and do nothing."""

    def settings_only(parsed: argparse.Namespace) -> None:
        if parsed.declaration.settings:
            load(parsed)

    for command in [*COMMANDS, *(action for one in COMMANDS for action in one.actions)]:
        if command.name != "launch":
            monkeypatch.setitem(vars(command), "run", settings_only)
    for name in ("launch", "dry_run"):
        monkeypatch.setattr(jobs_launch, name, lambda *_: 0)


@pytest.mark.usefixtures("parse_only")
@pytest.mark.parametrize("page", [*PAGES, *pages("configs/*.yaml", "scripts/*.sh")])
def test_the_commands_of_a_page_are_understood(
    page: str,
    arguments_of_script: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(REPOSITORY)
    for line in examples_in(page):
        for call in calls_in(line):
            arguments = arguments_of(call, arguments_of_script)
            if arguments is None:
                continue
            try:
                code: object = main(arguments)
            except SystemExit as end:
                code = end.code
            assert not code, f"{page}: {line}: {capsys.readouterr().err}"


def test_the_pages_have_examples() -> None:
    assert sum(len(examples_in(page)) for page in PAGES) > 50
