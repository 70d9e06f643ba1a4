"""Keeping compiled graphs: one folder for each graph, and nothing left in the environment."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from fcn4_dist.cluster import compile_cache as module
from fcn4_dist.cluster.compile_cache import compile_cache

ENABLE, PATH = "MS_COMPILER_CACHE_ENABLE", "MS_COMPILER_CACHE_PATH"
GRAPH = {"network": {"width": 1.0, "num_classes": 10}, "batch": [8, 1, 96, 1366], "world_size": 2}


@pytest.fixture(autouse=True)
def _without_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENABLE, raising=False)
    monkeypatch.delenv(PATH, raising=False)
    monkeypatch.setattr("sys.argv", [__file__])


@pytest.fixture
def copied_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the cache see a copy of the package, which a test may change."""
    package = tmp_path / "package"
    for room in ("model", "training", "cluster"):
        shutil.copytree(Path(module.__file__).parents[1] / room, package / room)
    monkeypatch.setattr(module, "_PACKAGE", package)
    return package


def folder_for(what: dict[str, Any], job: str = "/job") -> str:
    with compile_cache(what, Path(job)):
        assert os.environ[ENABLE] == "1"
        return os.environ[PATH]


def test_the_cache_is_in_the_folder_of_the_job() -> None:
    assert Path(folder_for(GRAPH)).parent == Path("/job/compile_cache")
    assert folder_for(GRAPH, "/other").startswith("/other/")


@pytest.mark.parametrize("variable", ["MS_ASCEND_CHECK_OVERFLOW_MODE", "RANK_TABLE_FILE"])
def test_what_decides_how_overflows_are_found_shapes_the_graph(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable, raising=False)
    before = folder_for(GRAPH)
    monkeypatch.setenv(variable, "INFNAN_MODE")
    assert folder_for(GRAPH) != before


def test_the_same_graph_finds_its_folder_again() -> None:
    assert folder_for(GRAPH) == folder_for(dict(reversed(GRAPH.items())))


@pytest.mark.parametrize(
    "change",
    [
        {"world_size": 4},
        {"batch": [16, 1, 96, 1366]},
        {"network": {"width": 0.5, "num_classes": 10}},
        {"lr": 0.1},
    ],
    ids=["world size", "batch", "network", "one more setting"],
)
def test_another_graph_has_another_folder(change: dict[str, Any]) -> None:
    assert folder_for(GRAPH | change) != folder_for(GRAPH)


@pytest.mark.parametrize("room", ["model", "training", "cluster"])
def test_changed_code_has_another_folder(room: str, copied_package: Path) -> None:
    before = folder_for(GRAPH)
    code = sorted((copied_package / room).glob("*.py"))[-1]
    code.write_text(code.read_text() + "LEARNING_RATE = 1\n")
    assert folder_for(GRAPH) != before


def test_another_mindspore_has_another_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    folders = set()
    for version in ("2.8.0", "2.9.0"):
        monkeypatch.setattr(module.metadata, "version", lambda name, version=version: version)
        folders.add(folder_for(GRAPH))
    assert len(folders) == 2


def test_the_environment_is_as_it_was_afterwards() -> None:
    before = dict(os.environ)
    folder_for(GRAPH)
    assert dict(os.environ) == before


def test_the_environment_is_as_it_was_after_a_failure_too() -> None:
    before = dict(os.environ)
    with pytest.raises(MemoryError), compile_cache(GRAPH, Path("/job")):
        raise MemoryError
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    "own", [{ENABLE: "0"}, {ENABLE: "1", PATH: "/my/cache"}, {PATH: "/my/cache"}]
)
def test_what_the_user_has_set_is_left_alone(
    own: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    with compile_cache(GRAPH, Path("/job")):
        assert dict(os.environ) == before
    assert dict(os.environ) == before


def test_a_program_that_is_in_no_file_has_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["-c"])
    with compile_cache(GRAPH, Path("/job")):
        assert ENABLE not in os.environ
