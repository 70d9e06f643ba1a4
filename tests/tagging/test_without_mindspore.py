"""Tagging in an environment in which MindSpore is not installed."""

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from fcn4_dist.tagging import Tagger, load_network

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of an environment that has every installed package but MindSpore."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for entry in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if not entry.name.lower().startswith(("mindspore", "fcn4", "_editable", "__editable")):
            (packages / entry.name).symlink_to(entry)
    (packages / "fcn4_dist.pth").write_text(f"{REPOSITORY}\n")
    return folder / "bin" / "python"


def run(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([python, *arguments], capture_output=True, text=True, timeout=120)


def test_the_environment_has_no_mindspore(python: Path) -> None:
    assert "No module named 'mindspore'" in run(python, "-c", "import mindspore").stderr


def test_an_onnx_file_gives_the_tags_of_its_checkpoint(
    python: Path, exported: Path, checkpoint: Path, real_clips: Path
) -> None:
    songs = sorted(real_clips.glob("*/*.ogg"))[::5]
    command = ["-m", "fcn4_dist", "tag", *map(str, songs), "--model", str(exported), "--json"]
    done = run(python, *command)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [song["path"] for song in told] == [str(song) for song in songs]
    tagger = Tagger(load_network(checkpoint))
    for song, content in zip(songs, told, strict=True):
        tags = tagger.tag(song)
        assert content["top"] == [name for name, _ in tags.top(5)]
        np.testing.assert_allclose(list(content["scores"].values()), tags.scores, atol=2e-5)


@pytest.mark.slow
def test_installing_the_package_for_onnx_is_all_it_takes(
    tmp_path: Path, exported: Path, checkpoint: Path, real_clip: Path
) -> None:
    source = tmp_path / "source"
    shutil.copytree(REPOSITORY / "fcn4_dist", source / "fcn4_dist")
    for name in ("setup.py", "pyproject.toml", "README.md"):
        shutil.copy(REPOSITORY / name, source)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "environment"], check=True)
    installed = tmp_path / "environment" / "bin" / "python"
    install = ["-m", "pip", "install", "--quiet", f"{source}[onnx]"]
    subprocess.run([installed, *install], check=True)
    assert "No module named 'mindspore'" in run(installed, "-c", "import mindspore").stderr
    command = [installed.with_name("fcn4-dist"), "tag", real_clip, "--model", exported, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    scores = json.loads(done.stdout)["scores"]
    tags = Tagger(load_network(checkpoint)).tag(real_clip)
    np.testing.assert_allclose(list(scores.values()), tags.scores, atol=2e-5)


def test_one_line_of_python_does_the_same(
    python: Path, exported: Path, checkpoint: Path, real_clip: Path
) -> None:
    line = f"import fcn4_dist; print(fcn4_dist.top_tags({str(real_clip)!r}, {str(exported)!r}, 2))"
    done = run(python, "-c", line)
    (first, score), second = Tagger(load_network(checkpoint)).tag(real_clip).top(2)
    assert done.stdout.startswith(f"[('{first}', {score:.4f}"[:-2])
    assert second[0] in done.stdout


def test_a_checkpoint_asks_for_mindspore(python: Path, checkpoint: Path, real_clip: Path) -> None:
    done = run(python, "-m", "fcn4_dist", "tag", str(real_clip), "--checkpoint", str(checkpoint))
    assert done.returncode == 2
    assert "MindSpore is not installed in this Python" in done.stderr
