"""What is installed, and what is said where something is not."""

import runpy
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import setuptools
from packaging.requirements import Requirement

from fcn4_dist import __main__, cli, versions
from fcn4_dist.errors import InputError
from fcn4_dist.versions import EXTRAS, check_extra, install_command, missing_extra

REPOSITORY = Path(__file__).parents[1]
MODULES = {"pyyaml": "yaml", "scikit-learn": "sklearn"}


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What setup.py says."""
    said: dict[str, Any] = {}
    monkeypatch.setattr(setuptools, "setup", lambda **keywords: said.update(keywords))
    runpy.run_path(str(REPOSITORY / "setup.py"))
    return said


def modules_of(requirements: list[str]) -> set[str]:
    names = {Requirement(each).name for each in requirements}
    return {MODULES.get(name.lower(), name) for name in names}


def without(monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    monkeypatch.setattr(
        versions, "find_spec", lambda name: None if name in missing else find_spec(name)
    )


def test_what_is_looked_for_is_what_setup_py_installs(metadata: dict[str, Any]) -> None:
    extras = metadata["extras_require"]
    for extra, modules in EXTRAS.items():
        assert set(modules) == modules_of(extras[extra]) - {"ml_dtypes"}
    assert set(__main__._NEEDED) == modules_of(metadata["install_requires"])


def test_the_extra_train_brings_all_that_others_bring(metadata: dict[str, Any]) -> None:
    train = modules_of(metadata["extras_require"]["train"])
    assert train - {"ml_dtypes"} == {"mindspore", "mpi4py"}.union(*EXTRAS.values())


def test_a_site_keeps_its_mindspore_and_its_protobuf(metadata: dict[str, Any]) -> None:
    assert not {"mindspore", "mpi4py", "onnx"} & modules_of(metadata["extras_require"]["ascend"])


@pytest.mark.parametrize(
    ("extra", "missing", "sentence"),
    [
        ("onnx", ["onnxruntime"], "onnxruntime is not installed in this Python: pip install "),
        ("export", ["onnx", "onnxruntime"], "onnx and onnxruntime are not installed in this"),
        ("ascend", ["librosa", "numba", "sklearn"], "librosa, numba and scikit-learn are not"),
    ],
)
def test_what_is_missing_is_named_by_what_pip_calls_it(
    extra: str, missing: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, *missing)
    with pytest.raises(InputError, match=sentence) as raised:
        check_extra(extra)
    assert str(raised.value).endswith(f"pip install 'fcn4_dist[{extra}]'")
    check_extra("report")


def test_a_package_that_was_never_installed_is_not_looked_for_by_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def version(name: str) -> str:
        raise versions.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(versions.metadata, "version", version)
    assert install_command("onnx") == f"pip install '{REPOSITORY}[onnx]'"


def test_a_command_that_has_not_looked_says_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*_: Any) -> int:
        raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn.metrics")

    monkeypatch.setattr(sys.modules["fcn4_dist.cli.main"], "parse", run)
    assert cli.main(["folds"]) == 1
    said = capsys.readouterr().err
    assert said == f"fcn4-dist: error: {missing_extra('sklearn')}\n"
    assert "scikit-learn is not installed in this Python: pip install" in said


def test_a_module_of_nobodys_extra_is_unexpected() -> None:
    assert missing_extra("queue2") is None
