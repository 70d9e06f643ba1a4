"""Tagging in an environment that has what the extra onnx brings, and nothing else."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from fcn4_dist.tagging import Tagger, load_network
from fcn4_dist.versions import EXTRAS

REPOSITORY = Path(__file__).parents[2]
_OTHERS = {"mindspore", "mpi4py"}.union(*EXTRAS.values()) - set(EXTRAS["onnx"])


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of an environment that has every installed package but those of other extras."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for entry in Path(sysconfig.get_paths()["purelib"]).iterdir():
        of_ours = entry.name.startswith(("fcn4", "_editable", "__editable"))
        if not of_ours and entry.name.partition("-")[0] not in _OTHERS:
            (packages / entry.name).symlink_to(entry)
    (packages / "fcn4_dist.pth").write_text(f"{REPOSITORY}\n")
    return folder / "bin" / "python"


def run(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([python, *arguments], capture_output=True, text=True, timeout=120)


def test_the_environment_has_neither_mindspore_nor_librosa(python: Path) -> None:
    for name in ("mindspore", "librosa"):
        assert f"No module named '{name}'" in run(python, "-c", f"import {name}").stderr


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
def test_a_wheel_from_the_source_archive_installs_what_each_use_needs(
    tmp_path: Path, exported: Path, checkpoint: Path, real_clip: Path
) -> None:
    source = tmp_path / "a clone"
    shutil.copytree(REPOSITORY / "fcn4_dist", source / "fcn4_dist")
    for name in ("setup.py", "pyproject.toml", "README.md", "MANIFEST.in", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    # The wheel is built of what the archive holds.
    build = [sys.executable, "-m", "build", "--outdir", tmp_path / "dist", source]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "environment"], check=True)
    python = tmp_path / "environment" / "bin" / "python"

    # A folder that Python is told to look in may hold this package, too.
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def pip(*arguments: str) -> None:
        command = [python, "-m", "pip", *arguments, "--quiet"]
        subprocess.run(command, env=variables, check=True)

    def fcn4_dist(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [python.with_name("fcn4-dist"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=variables)

    pip("install", str(wheel))
    assert fcn4_dist("train", "--help").returncode == 0
    train = fcn4_dist("train", "--device_target", "CPU")
    assert train.returncode == 2
    assert "MindSpore is not installed in this Python: pip install 'fcn4_dist[tr" in train.stderr
    tag = ["tag", str(real_clip), "--model", str(exported), "--json"]
    refused = fcn4_dist(*tag)
    assert refused.returncode == 2
    pip("install", refused.stderr.rpartition("pip install ")[2].strip().strip("'"))
    scores = json.loads(fcn4_dist(*tag).stdout)["scores"]
    tags = Tagger(load_network(checkpoint)).tag(real_clip)
    np.testing.assert_allclose(list(scores.values()), tags.scores, atol=2e-5)
    pip("check")


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("preprocess --audio_path . --get_mindrecord 0", "librosa, numba, scikit-learn, tensorb"),
        ("export --checkpoint CHECKPOINT --file_format ONNX", "onnx is not installed in this"),
        ("tag SONG --model MODEL --plot song.png", "jinja2 and matplotlib are not installed"),
        ("report .", "jinja2 and matplotlib are not installed in this Python: pip install "),
    ],
)
def test_what_needs_more_says_what_to_install(
    command: str,
    sentence: str,
    python: Path,
    exported: Path,
    checkpoint: Path,
    real_clip: Path,
    tmp_path: Path,
) -> None:
    files = {"SONG": real_clip, "MODEL": exported, "CHECKPOINT": checkpoint}
    named = [str(files.get(word, word)) for word in command.split()]
    program = [python, "-m", "fcn4_dist", *named]
    done = subprocess.run(program, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert f"fcn4-dist: error: {sentence}" in done.stderr


def test_one_line_of_python_does_the_same(
    python: Path, exported: Path, checkpoint: Path, real_clip: Path
) -> None:
    line = f"import fcn4_dist; print(fcn4_dist.top_tags({str(real_clip)!r}, {str(exported)!r}, 2))"
    done = run(python, "-c", line)
    (first, score), second = Tagger(load_network(checkpoint)).tag(real_clip).top(2)
    assert done.stdout.startswith(f"[('{first}', {score:.4f}"[:-2])
    assert second[0] in done.stdout
    program = (
        "import fcn4_dist\n"
        "[getattr(fcn4_dist, name) for name in fcn4_dist.__all__]\n"
        f"over_time = fcn4_dist.taggram({str(real_clip)!r}, {str(exported)!r})\n"
        "assert over_time._repr_png_() is None\n"
        "over_time.plot()\n"
    )
    done = run(python, "-c", program)
    assert "matplotlib are not installed in this Python: pip install" in done.stderr


def test_a_checkpoint_asks_for_mindspore(python: Path, checkpoint: Path, real_clip: Path) -> None:
    done = run(python, "-m", "fcn4_dist", "tag", str(real_clip), "--checkpoint", str(checkpoint))
    assert done.returncode == 2
    assert "MindSpore is not installed in this Python" in done.stderr
