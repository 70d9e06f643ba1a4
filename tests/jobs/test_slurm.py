"""Training under a real Slurm, submitted with the batch script of docs/."""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fcn4_dist.checkpoints.content import read_checkpoint
from fcn4_dist.config import Settings
from tests.jobs.slurm import Slurm, slurm, why_no_slurm
from tests.jobs.two_hosts import why_impossible

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
SCRIPT = "docs/slurm.sbatch"
TRAIN = "scripts/run_distribute_train.sh"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    """A Slurm of two nodes."""
    if reason := why_no_slurm() or why_impossible():
        if os.environ.get("FCN4_SLURM_REQUIRED") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with slurm(tmp_path_factory.mktemp("slurm")) as running:
        yield running


@pytest.fixture(scope="module")
def config(
    preprocessed: Settings, small_flags: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Settings of a small job on the CPU."""
    settings = small_flags | {
        "data_dir": preprocessed.mr_path,
        "device_target": "CPU",
        "width": "0.05",
        "batch_size": "2",
        "epoch_size": "1",
    }
    path = tmp_path_factory.mktemp("config") / "job.yaml"
    path.write_text("".join(f"{name}: {value}\n" for name, value in settings.items()))
    return path


def folders(tmp_path: Path) -> list[str]:
    return ["--run_dir", str(tmp_path / "run"), "--checkpoint_path", str(tmp_path / "weight")]


def weights(tmp_path: Path) -> dict[str, np.ndarray]:
    (checkpoint,) = (tmp_path / "weight").glob("*-1_4.ckpt")
    return dict(read_checkpoint(checkpoint).values)


def wait_for(log: Path, line: str) -> None:
    ends = time.monotonic() + 60
    while not (log.exists() and re.search(line, log.read_text())):
        assert time.monotonic() < ends, log.read_text() if log.exists() else "nothing printed"
        time.sleep(0.2)


def test_two_nodes_train_what_two_workers_of_one_do(
    site: Slurm, config: Path, tmp_path: Path
) -> None:
    together, alone = tmp_path / "together", tmp_path / "alone"
    # What srun sets for MPI is for none of these processes.
    mpi = ["env", "SLURM_MPI_TYPE=pmix"]
    assert "PMIX_RANK=1" in site.run(*mpi, "srun", "--nodes=2", "env")[1]
    log = tmp_path / "job.log"
    script = [f"--output={log}", SCRIPT, "1", str(config), *folders(together)]
    number = site.submit(*script, cwd=REPOSITORY, before=mpi)
    code, printed = site.run("bash", TRAIN, "2", str(config), *folders(alone), cwd=REPOSITORY)
    assert code == 0, printed
    job = site.wait_for_end(number)
    printed = log.read_text()
    assert job["ExitCode"] == "0:0", printed
    for node in range(2):
        assert f"Slurm: node {node} of 2, master node0" in printed
        assert f"starting 2 workers on 2 nodes, rank {node} here" in printed

    found, expected = weights(together), weights(alone)
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_sigterm_of_slurm_ends_in_a_checkpoint_and_the_job_waits_for_its_next_turn(
    site: Slurm, config: Path, tmp_path: Path
) -> None:
    log = tmp_path / "job.log"
    endless = ["--epoch_size", "100000", "--save_step", "100000", "--val_interval", "0"]
    arguments = [SCRIPT, "1", str(config), *folders(tmp_path), *endless]
    number = site.submit(f"--output={log}", *arguments, cwd=REPOSITORY)
    wait_for(log, r"epoch 2\b|epoch: 2\b|step 4\b")
    # As --signal=TERM@120 has it, and preemption: to every process of every step.
    site.run("scancel", "--signal=TERM", number)
    job = site.wait_for_end(number)
    site.run("scancel", number)
    assert (job["JobState"], job["Restarts"]) == ("PENDING", "1"), log.read_text()
    written = list((tmp_path / "weight").glob("*.ckpt"))
    assert written and all(read_checkpoint(path).values for path in written)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["srun", "--nodes=2", "--ntasks-per-node=2"], "srun has started 4 launchers on 2 nodes"),
        (["salloc", "--nodes=2", "--quiet"], "put 'srun --ntasks-per-node=1' before it"),
    ],
)
def test_more_or_fewer_launchers_than_nodes_are_refused(
    site: Slurm, config: Path, flags: list[str], sentence: str
) -> None:
    code, printed = site.run(*flags, "bash", TRAIN, "1", str(config), cwd=REPOSITORY)
    assert code == 2, printed
    assert sentence in printed


@pytest.mark.parametrize(
    ("ending", "flags", "state"),
    [
        ("trap 'exit 75' TERM; while true; do sleep 0.1; done", ["--signal=TERM"], "PENDING"),
        ("trap 'exit 75' TERM; while true; do sleep 0.1; done", ["--full"], "CANCELLED"),
        ("exit 76", [], "PENDING"),
        ("exit 2", [], "FAILED"),
        ("exit 0", [], "COMPLETED"),
    ],
    ids=["a signal", "scancel", "a dead worker", "an error", "a good end"],
)
def test_the_batch_script_asks_for_another_turn_where_there_is_something_to_go_on_with(
    site: Slurm, tmp_path: Path, ending: str, flags: list[str], state: str
) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / TRAIN).write_text(f"echo begun\n{ending}\n")
    log = tmp_path / "job.log"
    number = site.submit(f"--output={log}", str(REPOSITORY / SCRIPT), cwd=tmp_path)
    if flags:
        wait_for(log, "begun")
        site.run("scancel", *flags, number)
    assert site.wait_for_end(number)["JobState"] == state, log.read_text()
    site.run("scancel", number)
