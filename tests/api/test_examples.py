"""The examples in the documentation of the Python interface run, and give what they say."""

import doctest
from pathlib import Path

import pytest

import fcn4_dist
from fcn4_dist.log import kept_off_terminal

WAY = ("preprocess", "train", "evaluate", "export", "tag", "taggram", "top_tags", "load")


@pytest.mark.slow
def test_the_examples_run_one_after_the_other(
    real_clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "music").symlink_to(real_clips)
    monkeypatch.chdir(tmp_path)
    names = {"fcn4_dist": fcn4_dist}
    finder = doctest.DocTestFinder(recurse=False)
    runner = doctest.DocTestRunner(
        optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.FAIL_FAST
    )
    for function in WAY:
        (example,) = finder.find(getattr(fcn4_dist, function), function, globs=names)
        # What one has made, the next one uses.
        example.globs = names
        # That so few clips make few steps is beside the point.
        with kept_off_terminal(tmp_path / "warnings"):
            runner.run(example, clear_globs=False)
        assert runner.summarize(verbose=False) == (0, runner.tries), function


def test_every_function_has_an_example() -> None:
    functions = {name for name in fcn4_dist.__all__ if name[0].islower()}
    assert functions == set(WAY)
