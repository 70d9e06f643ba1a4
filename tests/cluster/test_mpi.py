"""Ranks started by a real mpirun become a cluster of their own."""

import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from fcn4_dist.cluster import mpi
from fcn4_dist.cluster.launch import plan_launch
from fcn4_dist.cluster.mpi import MpiRanks, become_mpi_rank, started_by_mpi
from fcn4_dist.cluster.topology import local_topology
from fcn4_dist.config import Settings

MPIRUN = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none"]


@pytest.fixture
def job(preprocessed: Settings, small_flags: dict[str, str], tmp_path: Path) -> Path:
    """Folder of a job with its settings in job.yaml."""
    settings = small_flags | {
        "data_dir": preprocessed.mr_path,
        "device_target": "CPU",
        "width": "0.05",
        "batch_size": "2",
        "epoch_size": "1",
    }
    text = "".join(f"{name}: {value}\n" for name, value in settings.items())
    (tmp_path / "job.yaml").write_text(text)
    return tmp_path


def mpirun(job: Path, ranks: int, *arguments: str) -> list[str]:
    """Give the command that runs fcn4-dist under mpirun."""
    own = [str(Path(sys.executable).parent / MPIRUN[0]), *MPIRUN[1:]]
    return [*own, "-n", str(ranks), sys.executable, "-m", "fcn4_dist", *arguments]


def run(job: Path, ranks: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        mpirun(job, ranks, *arguments), cwd=job, capture_output=True, text=True, timeout=300
    )


def test_one_process_and_no_process_of_mpirun_are_no_mpi_job() -> None:
    assert not started_by_mpi({})
    assert not started_by_mpi({"OMPI_COMM_WORLD_SIZE": "1"})
    assert started_by_mpi({"OMPI_COMM_WORLD_SIZE": "2"})
    assert started_by_mpi({"PMI_SIZE": "4"})
    assert not started_by_mpi({"OMPI_COMM_WORLD_SIZE": "2", "FCN4_DIST_LAUNCHED": "/job"})


def test_a_task_of_srun_is_one_of_several_and_a_batch_script_is_not() -> None:
    assert started_by_mpi({"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2"})
    assert not started_by_mpi({"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1"})
    assert not started_by_mpi({"SLURM_PROCID": "0", "SLURM_NTASKS": "8"})


def test_a_rank_has_the_environment_that_a_launcher_would_have_given_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mpi, "_keep_output", lambda log, rank: None)
    ranks = MpiRanks.__new__(MpiRanks)
    ranks.rank, ranks.size, ranks.local_rank, ranks.local_size = 1, 2, 1, 2
    launch = plan_launch(["x.py"], local_topology(2), tmp_path, {}, {"HCCL_BUFFSIZE": "100"})
    environment = {"OMPI_COMM_WORLD_SIZE": "2", "PMIX_RANK": "1", "RANK_TABLE_FILE": "/t.json"}
    become_mpi_rank(ranks, launch, environment)
    assert environment["HCCL_BUFFSIZE"] == "100"
    assert environment["MS_ROLE"] == "MS_WORKER"
    assert environment["RANK_ID"] == environment["MS_NODE_ID"] == environment["DEVICE_ID"] == "1"
    assert not {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "RANK_TABLE_FILE"} & set(environment)


@pytest.mark.slow
def test_mpirun_trains_and_evaluates_as_the_launcher_does(job: Path) -> None:
    trained = run(job, 2, "train", "--config", "job.yaml", "--run_dir", "mpi")
    assert trained.returncode == 0, trained.stdout + trained.stderr
    assert "training 16 clips, CPU workers: 2; 1 epoch of 4 steps of 4 clips" in trained.stdout
    assert trained.stdout.count("compiling the training step: ") == 1
    assert "training 16 clips" in (job / "mpi/rank_0.log").read_text()
    assert (job / "mpi/rank_1.log").exists()

    command = [sys.executable, "-m", "fcn4_dist", "launch", "--device_num", "2", "train"]
    folders = ["--run_dir", "msrun", "--checkpoint_path", "weight_msrun"]
    launched = subprocess.run(
        [*command, "--config", "job.yaml", *folders],
        cwd=job,
        capture_output=True,
        text=True,
    )
    assert launched.returncode == 0, launched.stdout
    name = "MusicTagger-1_4.ckpt"
    # How many lines there are before the last depends on the time that the steps take.
    assert losses(trained.stdout)[-1] == losses(launched.stdout)[-1]

    scored = run(job, 3, "eval", "--config", "job.yaml", "--model_name", name, "--run_dir", "e")
    assert scored.returncode == 0, scored.stdout + scored.stderr
    assert json.loads((job / "e/metrics.json").read_text())["clips"] == 5


def losses(output: str) -> list[str]:
    """Find the losses that a training has printed."""
    return [line.split("mean loss ")[1][:6] for line in output.splitlines() if "mean loss" in line]


def test_what_is_wrong_is_said_once_before_anything_starts(job: Path) -> None:
    result = run(job, 2, "train", "--config", "job.yaml", "--batch_size", "9")
    assert result.returncode == 2
    assert result.stderr.count("an epoch has no step") == 1
    assert not (job / "runs").exists()


def test_a_killed_rank_ends_the_job_and_its_scheduler(job: Path) -> None:
    arguments = ["train", "--config", "job.yaml", "--run_dir", "killed", "--save_step", "100000"]
    arguments += ["--epoch_size", "100000"]
    started = subprocess.Popen(
        mpirun(job, 2, *arguments), cwd=job, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert started.stdout is not None
    assert any(b"training: " in line for line in iter(started.stdout.readline, b""))
    ranks = [
        process for process in psutil.Process(started.pid).children() if "train" in line_of(process)
    ]
    family = [*ranks, *(child for rank in ranks for child in rank.children(recursive=True))]
    assert len(family) >= 3  # two ranks and the scheduler
    ranks[1].kill()
    begun = time.monotonic()
    started.communicate(timeout=60)
    assert started.returncode != 0
    _, alive = psutil.wait_procs(family, timeout=5)
    assert not alive
    assert time.monotonic() - begun < 10


def line_of(process: psutil.Process) -> str:
    return " ".join(process.cmdline())
