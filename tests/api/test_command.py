"""Commands that Python calls: what is refused, what is shown, how they end."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fcn4_dist
from fcn4_dist.api.retelling import Retelling
from fcn4_dist.cluster.device import LAUNCHED_VARIABLE
from fcn4_dist.config import SETTINGS, load_settings
from fcn4_dist.terminal import Progress, progress_in

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_importing_the_package_costs_nothing_and_shows_all_it_offers() -> None:
    program = (
        "import fcn4_dist, sys\n"
        "assert set(fcn4_dist.__all__) <= set(dir(fcn4_dist))\n"
        "assert not {'numpy', 'yaml', 'mindspore'} & {*sys.modules}\n"
        "[getattr(fcn4_dist, name) for name in fcn4_dist.__all__]\n"
        "assert not {'mindspore', 'sklearn', 'matplotlib', 'IPython'} & {*sys.modules}\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_there_is_no_other_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        fcn4_dist.trian  # noqa: B018


@pytest.mark.parametrize(
    ("keywords", "sentence"),
    [
        ({"batchsize": 8}, "batchsize is not a setting, did you mean 'batch_size'?"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number, got '2.5'"),
        ({"lr": "fast"}, "lr must be a number, got 'fast'"),
        ({"mixed_precision": 2}, "mixed_precision must be True or False, got '2'"),
        ({"config": "no.yaml"}, "cannot read the settings file no.yaml: No such file or directory"),
    ],
)
def test_a_wrong_keyword_is_refused_in_the_words_of_its_flag(
    keywords: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(fcn4_dist.InputError) as refusal:
        fcn4_dist.train(**keywords)
    assert sentence in str(refusal.value)
    assert isinstance(refusal.value, fcn4_dist.Fcn4DistError)
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: fcn4_dist.train(3), "data must be the path of a file or folder, got 3"),
        (lambda: fcn4_dist.train(["music"]), "data must be the path of a file or folder, got "),
        (lambda: fcn4_dist.train(config=3), "config must be the path of a file or folder, got 3"),
        (lambda: fcn4_dist.train(run_dir=b"x"), "a setting is text, a number, True, False or a"),
        (lambda: fcn4_dist.train(device_num="a"), "device_num must be a whole number, got 'a'"),
        (lambda: fcn4_dist.train("music", device_num=2), "device_num is for shards"),
        (lambda: fcn4_dist.evaluate(None), "model must be the path of a file or folder, got None"),
        (lambda: fcn4_dist.tag("song.mp3", 3), "model must be the path of a file or folder, got 3"),
        (lambda: fcn4_dist.export(None, "a.onnx"), "model must be the path of a file or folder"),
        (lambda: fcn4_dist.export("run", 3), "output must be the path of a file or folder, got 3"),
        (lambda: fcn4_dist.Run(None), "folder must be the path of a file or folder, got None"),
    ],
)
def test_what_is_no_path_and_no_number_is_refused_in_a_sentence(
    call: Callable[[], object], sentence: str
) -> None:
    with pytest.raises(fcn4_dist.InputError, match=re.escape(sentence)):
        call()


def test_what_the_command_refuses_is_raised_and_leaves_no_folder(capsys: Captured) -> None:
    with pytest.raises(fcn4_dist.InputError, match=r"manifest\.json") as refusal:
        fcn4_dist.train(data_dir="nowhere", device_target="CPU")
    assert "\n" not in str(refusal.value)
    assert not str(refusal.value).startswith("fcn4-dist")
    assert not list(Path("runs").iterdir())
    assert str(refusal.value) not in "".join(capsys.readouterr())


def test_a_keyword_may_be_the_name_that_a_setting_has_elsewhere() -> None:
    with pytest.raises(fcn4_dist.InputError, match=r"nowhere/manifest\.json is missing"):
        fcn4_dist.train(data_dir="nowhere", epochs=3, device="cpu", output_dir="mine")


def test_a_rank_of_a_job_starts_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LAUNCHED_VARIABLE, "somewhere")
    with pytest.raises(fcn4_dist.InputError, match="a rank cannot start another job"):
        fcn4_dist.train("shards")


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(fcn4_dist.InputError, match="holds no training"):
        fcn4_dist.Run(tmp_path)


@given(st.data())
def test_a_python_value_is_the_same_setting_as_in_a_file(data: st.DataObject) -> None:
    from fcn4_dist.api.command import Call

    kinds = {
        "lr": st.floats(1e-6, 1),
        "batch_size": st.integers(1, 4096),
        "deterministic": st.booleans(),
        "run_dir": st.sampled_from(["runs/a b", Path("runs/ü"), "-x", "a,b"]),
        "mr_name": st.sampled_from([["train", "val"], ("a", "b")]),
        "prefix": st.none() | st.just("Other"),
    }
    values = {name: data.draw(kind, name) for name, kind in kinds.items()}
    settings = Call("train", None, values).loaded.settings
    for name, value in values.items():
        expected = SETTINGS[name].default if value is None else value
        expected = tuple(expected) if isinstance(expected, list) else expected
        expected = os.fspath(expected) if isinstance(expected, Path) else expected
        assert getattr(settings, name) == expected
    assert load_settings().settings.lr == SETTINGS["lr"].default


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.sampled_from(["", "loss 0.5  lr 0.1"]))
def test_a_line_of_progress_is_understood(done: int, total: int, figures: str) -> None:
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fcn4_dist.terminal.say", said.append)
        progress = Progress("making features", total, "clips")
        progress.count(done)
        progress.show(figures, now=True)
    (line,) = said
    read = progress_in(line)
    assert read is not None, line
    assert read.groupdict() == {
        "title": "making features",
        "done": str(done),
        "total": str(total),
        "unit": "clips",
        "figures": figures or None,
    }


def test_a_quiet_call_shows_warnings_alone(capsys: Captured) -> None:
    lines = ["training 16 clips", "warning: only 4 steps an epoch", "training: 1/4 steps  lr 0.1"]
    for quiet in (True, False):
        with Retelling(quiet=quiet) as retelling:
            for line in lines:
                retelling.say(line)
        shown = lines[1:2] if quiet else lines
        assert capsys.readouterr().out.splitlines() == shown
