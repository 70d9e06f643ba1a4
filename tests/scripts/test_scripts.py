"""The shell scripts: usage, any working directory, loud failures."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fcn4_dist.__main__ import _NEEDED

SCRIPTS = Path(__file__).parents[2] / "scripts"
JOBS = [
    "run_preprocess.sh",
    "run_standalone_train.sh",
    "run_standalone_eval.sh",
    "run_distribute_train.sh",
    "run_distribute_eval.sh",
    "run_cross_validation.sh",
]


def run(script: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        ["bash", str(SCRIPTS / script), *arguments],
        cwd=cwd,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("script", [*JOBS, "quickstart.sh", "run_tests.sh"])
def test_help_prints_the_usage_and_does_nothing(script: str, tmp_path: Path) -> None:
    result = run(script, "--help", cwd=tmp_path)
    assert result.returncode == 0
    assert f"Usage: bash scripts/{script}" in result.stdout
    assert "set -euo" not in result.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("script", "arguments", "sentence"),
    [
        ("run_preprocess.sh", ["--audio_path", "none"], "audio_path none is not a folder"),
        ("run_preprocess.sh", ["2"], "preprocessing needs no device"),
        ("run_standalone_train.sh", ["--lr", "high"], "lr must be a number, got 'high'"),
        ("run_standalone_eval.sh", ["missing.yaml"], "cannot read the settings file missing.yaml"),
        ("run_standalone_train.sh", ["gtzan"], "'gtzan' is not understood"),
        ("run_distribute_train.sh", [], "how many workers? give their number (DEVICE_NUM"),
        ("run_distribute_eval.sh", ["0"], "--device_num must be at least 1, got 0"),
        ("run_cross_validation.sh", ["--folds", "1"], "folds must be at least 2, got 1"),
        ("quickstart.sh", ["now"], "quickstart.sh takes no arguments, got 'now'"),
    ],
)
def test_what_is_wrong_is_said_with_exit_code_2_from_any_folder(
    script: str, arguments: list[str], sentence: str, tmp_path: Path
) -> None:
    result = run(script, *arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert sentence in result.stderr


def test_paths_are_relative_to_where_the_user_stands(tmp_path: Path, real_clips: Path) -> None:
    (tmp_path / "clips").symlink_to(real_clips)
    (tmp_path / "my.yaml").write_text("num_classes: 3\nwindow_seconds: 1.5\nhop_length: 96\n")
    result = run(
        "run_preprocess.sh",
        "my.yaml",
        "--audio_path",
        "clips",
        "--get_mindrecord",
        "0",
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert len(list((tmp_path / "data/npy").rglob("*.npy"))) == 21


def test_a_python_that_is_too_old_is_told_which_ones_are_not(tmp_path: Path) -> None:
    # As hosts of openEuler have it, for which MindSpore up to 2.9 has wheels.
    python = tmp_path / "python"
    # What pyenv has on the PATH needs pyenv.
    found = [*Path.home().glob(".pyenv/versions/3.9*/bin/python"), shutil.which("python3.9")]
    if found[0]:
        python.symlink_to(found[0])
    else:
        older = "import sys; sys.version_info = (3, 9, 18); sys.version = '3.9.18 (main)'"
        code = f"{older}; import runpy; runpy.run_path(sys.argv[1], run_name='__main__')"
        python.write_text(f'#!/bin/bash\nexec {sys.executable} -c "{code}" "$@"\n')
        python.chmod(0o755)
    result = subprocess.run(
        ["bash", str(SCRIPTS / "run_preprocess.sh")],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert "is 3.9" in result.stderr and "needs 3.10 or later" in result.stderr


def test_a_python_without_the_packages_is_told_what_to_do(tmp_path: Path) -> None:
    empty = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(empty)], check=True)
    result = subprocess.run(
        ["bash", str(SCRIPTS / "run_preprocess.sh")],
        env={"PATH": f"{empty / 'bin'}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert f"lacks {', '.join(_NEEDED)}: activate the right" in result.stderr
    assert "pip install '.[train]' in the folder of setup.py" in result.stderr
