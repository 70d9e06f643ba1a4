"""Nothing is imported from the working directory, whatever modules somebody keeps there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fcn4_dist.cluster.launch import PROGRAM
from tests.cluster.test_mpi import MPIRUN

REPOSITORY = Path(__file__).parents[2]
SCRIPTS = REPOSITORY / "scripts"
OTHERS = ("fcn4_dist", "jinja2", "librosa", "mindspore", "mpi4py", "msgspec", "numba", "numpy")
OTHERS += ("psutil", "scipy", "sklearn", "soundfile", "soxr", "tensorboardX", "tqdm", "yaml")
TRAP = "import sys; sys.stderr.write('IMPORTED ' + __name__ + '\\n'); raise SystemExit(9)\n"


@pytest.fixture(scope="module")
def trapped(real_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a module for each of Python's and of ours, which all end the process."""
    folder = tmp_path_factory.mktemp("trapped")
    for name in {*sys.stdlib_module_names, *OTHERS}:
        (folder / f"{name}.py").write_text(TRAP)
    (folder / "clips").symlink_to(real_clips)
    settings = ("num_classes: 3", "window_seconds: 1.5", "hop_length: 96", "width: 0.05")
    settings += ("audio_path: clips", "device_target: CPU", "batch_size: 2", "epoch_size: 1")
    (folder / "job.yaml").write_text("\n".join(settings) + "\n")
    return folder


def run(folder: Path, *command: str, **variables: str) -> str:
    """Run a command there, and give what it printed, with all logs of the job."""
    given = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=folder, env=given | variables, capture_output=True, text=True, timeout=300
    )
    logs = "\n".join(path.read_text() for path in folder.glob("runs/*/*.log"))
    told = done.stdout + done.stderr + logs
    assert "IMPORTED" not in told, told
    assert done.returncode == 0, told
    return told


@pytest.fixture
def some(tmp_path: Path) -> Path:
    """The same of modules that Python does not import before it runs a program."""
    for name in ("queue", "random", "logging", "tempfile", *OTHERS[1:]):
        (tmp_path / f"{name}.py").write_text(TRAP)
    return tmp_path


def test_the_program_starts_where_modules_have_the_names_of_pythons(trapped: Path) -> None:
    assert run(trapped, sys.executable, PROGRAM, "--version").startswith("fcn4-dist ")


@pytest.mark.parametrize("path", [":/nowhere", "/nowhere:", ":"])
def test_an_empty_entry_of_pythonpath_leads_nowhere(some: Path, trapped: Path, path: str) -> None:
    told = run(some, sys.executable, PROGRAM, "--version", PYTHONPATH=path)
    assert told.startswith("fcn4-dist ")
    command = ["bash", str(SCRIPTS / "run_preprocess.sh"), "--help"]
    assert "Usage" in run(trapped, *command, PYTHONPATH=path)


def test_as_a_module_it_starts_again_by_its_path_with_pythons_own_flags(some: Path) -> None:
    command = [sys.executable, "-X", "utf8=1", "-W", "ignore", "-m", "fcn4_dist", "--version"]
    assert run(some, *command, PYTHONPATH=f":{REPOSITORY}").startswith("fcn4-dist ")


@pytest.mark.slow
def test_every_way_of_working_does_without_the_modules_there(trapped: Path) -> None:
    run(trapped, "bash", str(SCRIPTS / "run_preprocess.sh"), "job.yaml", "--processes", "2")
    config = ["--config", "job.yaml"]
    train = ["bash", str(SCRIPTS / "run_distribute_train.sh"), "2", "job.yaml"]
    assert "trained 1 epoch," in run(trapped, *train, "--run_dir", "runs/launched", PYTHONPATH=":")
    program = [sys.executable, PROGRAM]
    run(trapped, *program, "train", *config, "--run_dir", "runs/single", "--prefix", "single")
    mpirun = [str(Path(sys.executable).with_name(MPIRUN[0])), *MPIRUN[1:], "-n", "2"]
    run(trapped, *mpirun, *program, "train", *config, "--run_dir", "runs/mpi", "--prefix", "mpi")
    run(trapped, *program, "tag", "weight/single-1_8.ckpt", str(trapped / "clips/rain"))
    run(trapped, *program, "doctor", *config, "--device_num", "2")
