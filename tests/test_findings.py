"""What checks find: raised or given, it becomes one kind of finding."""

from pathlib import Path

import pytest

from fcn4_dist.errors import InputError
from fcn4_dist.findings import Finding, Level, finding_of, refuse_errors


def _refused() -> str:
    raise InputError("this is wrong: mend it")


def _unreadable() -> str:
    return Path("/no/manifest.json").read_text()


def test_every_check_that_raises_gives_a_finding_instead() -> None:
    assert finding_of("one", lambda: "all is well") == Finding(Level.OK, "all is well", check="one")
    assert str(finding_of("one", _refused)) == "this is wrong: mend it"
    assert str(finding_of("one", _unreadable)) == (
        "/no/manifest.json: there is no /no (No such file or directory): name one that is, or "
        "bring it back"
    )
    assert finding_of("one", _unreadable).level is finding_of("one", _refused).level is Level.ERROR


def test_a_finding_says_what_to_do_behind_what_it_is() -> None:
    assert str(Finding(Level.ERROR, "this is wrong", "mend it")) == "this is wrong: mend it"
    assert str(Finding(Level.OK, "all is well")) == "all is well"


def test_all_errors_refuse_a_job_at_once_and_warnings_do_not() -> None:
    refuse_errors([Finding(Level.WARNING, "odd"), Finding(Level.NOTE, "by the way")])
    with pytest.raises(InputError) as caught:
        refuse_errors([Finding(Level.ERROR, f"{name} is wrong") for name in "abc"])
    assert str(caught.value).splitlines() == ["a is wrong", "b is wrong", "c is wrong"]
