"""What an evaluation scores, and on what, where that is named in one word or not at all."""

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fcn4_dist.config import LoadedSettings, Settings, load_settings
from fcn4_dist.errors import InputError
from fcn4_dist.jobs.found_settings import find_settings
from fcn4_dist.records import read_manifest
from tests.checkpoints.examples import write_example
from tests.reports.run_folders import write_description

RUN = "3f2a9c4e"
WINDOW, WIDTH = 1.25, 0.05


@dataclass(frozen=True)
class Trained:
    """A run on the shards of the real clips, on windows shorter than what the shards keep.

    Attributes:
        run: Its folder.
        best: Its best checkpoint.
        last: Its last one.
        shards: Folder of its shards.
    """

    run: Path
    best: Path
    last: Path
    shards: Path


@pytest.fixture(scope="module")
def trained(
    preprocessed: Settings, shards: Path, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    run, weight = folder / "runs/train", folder / "elsewhere"
    of_run = replace(
        preprocessed,
        window_seconds=WINDOW,
        clip_seconds=1.5,
        width=WIDTH,
        run_dir=str(run),
        checkpoint_path=str(weight),
        data_dir=str(shards),
    ).as_dict()
    manifest = read_manifest(shards)
    write_description(run, settings=of_run, run_id=RUN)
    said = {"run_id": RUN, "settings": of_run, "width": WIDTH, "parameters": manifest.parameters}
    said |= {"class_names": manifest.class_names, "shards": manifest.fingerprint()}
    first = write_example(weight, 1, 8, **said)
    last = write_example(weight, 2, 8, **said)
    best = weight / "MusicTagger-best.ckpt"
    shutil.copy(first, best)
    return Trained(run, best, last, shards)


@pytest.fixture
def here(trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(told: list[str] | None = None, **flags: str) -> LoadedSettings:
    tell = [].append if told is None else told.append
    return find_settings("eval", load_settings(flags=flags, of_shards=True), tell)


def file_of(loaded: LoadedSettings) -> Path:
    return Path(loaded.settings.checkpoint_path, loaded.settings.model_name)


@pytest.mark.usefixtures("here")
def test_the_folder_of_a_run_says_all_that_its_evaluation_needs(trained: Trained) -> None:
    told: list[str] = []
    loaded = found(told, model=str(trained.run))
    assert file_of(loaded) == trained.best
    assert loaded.settings.shard_folder == str(trained.shards)
    assert told == [f"shards: {trained.shards}, of the same run"]
    assert (loaded.settings.num_classes, loaded.settings.n_mels) == (3, 32)
    # It sees a clip as the network did while it learnt.
    assert (loaded.settings.window_seconds, loaded.settings.clip_seconds) == (WINDOW, 1.5)
    assert loaded.settings.width == WIDTH
    assert loaded.origins["width"] == f"found in {trained.best}"
    assert not loaded.is_given("checkpoint_path")


@pytest.mark.usefixtures("here")
def test_a_network_has_many_names_and_the_old_ones_go_on_working(trained: Trained) -> None:
    folder, data = str(trained.best.parent), {"data_dir": str(trained.shards)}
    for flags, expected in (
        ({"model": folder}, trained.best),
        ({"model": str(trained.last)}, trained.last),
        ({"model": "best", "checkpoint_path": folder}, trained.best),
        ({"model": "last", "checkpoint_path": folder}, trained.last),
        ({"checkpoint_path": folder}, trained.best),
        ({"checkpoint_path": folder, "model_name": "last"}, trained.last),
        ({"checkpoint": str(trained.last)}, trained.last),
    ):
        loaded = found(**flags, **data)
        assert loaded.settings.width == WIDTH, flags
        if "model" in flags:
            assert file_of(loaded) == expected
    before = found(checkpoint_path=folder, model_name=trained.last.name, **data)
    assert file_of(before) == trained.last


@pytest.mark.usefixtures("here")
def test_a_model_and_another_name_that_contradicts_it_are_refused(trained: Trained) -> None:
    model = {"model": str(trained.best)}
    for flags, sentence in (
        ({"model_name": "MusicTagger-2_8.ckpt"}, r"--model: .*--model_name names another"),
        ({"model_name": "last"}, r"--model: .*-best.ckpt, and --model_name names another"),
        ({"checkpoint_path": "weight"}, r"--model: .*--checkpoint_path names another \(weight\)"),
    ):
        with pytest.raises(InputError, match=sentence):
            found(**model, **flags)
    right = {"model_name": trained.best.name, "checkpoint_path": str(trained.best.parent)}
    assert file_of(found(**model, **right)) == trained.best


def test_a_flag_wins_over_what_a_file_says(trained: Trained, here: Path) -> None:
    (here / "my.yaml").write_text("checkpoint_path: weight\nmodel_name: Mine-1_1.ckpt\n")
    of_file = load_settings("my.yaml", {"model": str(trained.run)}, of_shards=True)
    assert file_of(find_settings("eval", of_file, tell=lambda line: None)) == trained.best


@pytest.mark.usefixtures("here")
def test_an_exported_model_is_no_checkpoint() -> None:
    Path("a.onnx").touch()
    with pytest.raises(InputError, match=r"--model: a\.onnx is an exported model, and eval scores"):
        found(model="a.onnx")


def test_without_a_name_and_without_weight_it_is_the_newest_run_that_is_scored(
    trained: Trained, here: Path
) -> None:
    assert found() == load_settings(of_shards=True)
    (here / "runs").symlink_to(trained.run.parent)
    told: list[str] = []
    loaded = found(told)
    assert file_of(loaded) == trained.best
    assert told[0] == f"model: {trained.best}, of the newest run, runs/train"
    assert loaded.settings.shard_folder == str(trained.shards)
    # Shards that are given are those that are scored.
    assert found(data_dir="mine").settings.data_dir == "mine"
    (here / "weight").mkdir()
    assert found() == load_settings(of_shards=True)


def test_a_run_whose_shards_are_gone_is_scored_on_those_that_are_here(
    trained: Trained, here: Path
) -> None:
    shutil.copytree(trained.run, here / "run")
    path = here / "run/run.json"
    path.write_text(path.read_text().replace(str(trained.shards), "/gone"))
    os.symlink(trained.shards, here / "data")
    assert found(model="run").settings.shard_folder == "data/"
    (here / "data").unlink()
    assert found(model="run").settings.shard_folder == "/gone"


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.sets(st.sampled_from(["window_seconds", "clip_seconds", "num_classes", "n_mels"])))
def test_whatever_is_given_rightly_the_evaluation_is_the_same(
    names: set[str], trained: Trained
) -> None:
    right = {"window_seconds": "1.25", "clip_seconds": "1.5", "num_classes": "3", "n_mels": "32"}
    flags = {name: right[name] for name in names}
    alike = found(model=str(trained.run), **flags).settings
    assert alike == found(model=str(trained.run)).settings
