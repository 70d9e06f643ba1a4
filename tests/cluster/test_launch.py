"""How a job is started: the msrun command, its environment, and how failures are told."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from fcn4_dist.cluster.launch import free_port, plan_launch, run_launch
from fcn4_dist.errors import InputError


def test_the_command_is_the_documented_msrun_line() -> None:
    launch = plan_launch(["-m", "fcn4_dist", "train"], ranks=4, log_folder=Path("/job"))
    command = [re.sub(r"port=\d+", "port=PORT", word) for word in launch.command]
    assert command == [
        "msrun",
        "--worker_num=4",
        "--local_worker_num=4",
        "--master_addr=127.0.0.1",
        "--master_port=PORT",
        "--log_dir=/job",
        "--worker_log_name=rank",
        "--join=True",
        "--tail_worker_log=4",
        "python",
        "-m",
        "fcn4_dist",
        "train",
    ]


def test_msrun_itself_understands_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    from mindspore.parallel.cluster.run import get_args

    launch = plan_launch(["-m", "fcn4_dist", "train", "--lr", "1"], 2, Path("/job"))
    monkeypatch.setattr(sys, "argv", list(launch.command))
    understood = get_args()
    assert (understood.worker_num, understood.local_worker_num, understood.join) == (2, 2, True)
    assert understood.task_script == "python"
    assert understood.task_script_args == ["-m", "fcn4_dist", "train", "--lr", "1"]


def test_what_an_earlier_job_left_in_the_environment_is_taken_out() -> None:
    stale = {
        "MS_ROLE": "MS_WORKER",
        "MS_WORKER_NUM": "8",
        "MS_SCHED_HOST": "10.0.0.1",
        "MS_SCHED_PORT": "8118",
        "MS_NODE_ID": "3",
    }
    launch = plan_launch(["x.py"], 2, Path("/job"), environment={**stale, "GLOG_v": "1"})
    assert set(launch.environment) == {"PATH", "PYTHONPATH", "GLOG_v", "FCN4_DIST_LAUNCHED"}


def test_workers_run_this_python_and_this_package() -> None:
    given = {"PATH": "/usr/bin", "PYTHONPATH": "/cann/python"}
    launch = plan_launch(["x.py"], 2, Path("/job"), environment=given)
    assert launch.environment["PATH"] == f"{Path(sys.executable).parent}:/usr/bin"
    assert launch.environment["PYTHONPATH"] == f"{Path(__file__).parents[2]}:/cann/python"


def test_ports_are_free_ones() -> None:
    assert 1024 <= free_port() <= 65535


def test_a_missing_msrun_is_said_before_anything_starts(tmp_path: Path) -> None:
    launch = plan_launch(["x.py"], 2, tmp_path / "logs", environment={})
    launch.environment["PATH"] = str(tmp_path)  # type: ignore[index]
    with pytest.raises(InputError, match=r"msrun.* is not on the PATH"):
        run_launch(launch)
    assert not (tmp_path / "logs").exists()


def test_a_worker_that_fails_brings_the_job_down_and_is_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys, time\n"
        "if os.environ['MS_ROLE'] == 'MS_SCHED': time.sleep(600)\n"
        "print('rank 0 speaks', flush=True) if os.environ['RANK_ID'] == '0' else None\n"
        "if os.environ['RANK_ID'] == '0': time.sleep(600)\n"
        "sys.exit('fcn4-dist: error: the shard is gone')\n"
    )
    assert run_launch(plan_launch([str(program)], 2, tmp_path / "logs")) == 1
    output = capfd.readouterr().out
    assert "rank 0 speaks" in output
    assert "exit with exception. Error code: 1" in output
    assert "rank 1: fcn4-dist: error: the shard is gone" in output
    assert f"every rank's log is in {tmp_path / 'logs'}" in output


@pytest.mark.parametrize(
    ("number", "exit_code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143)]
)
def test_a_stopped_launcher_leaves_no_process_behind(
    tmp_path: Path, number: signal.Signals, exit_code: int
) -> None:
    worker = tmp_path / "worker.py"
    worker.write_text("import time\nprint('at work', flush=True)\ntime.sleep(600)\n")
    program = (
        "from pathlib import Path\n"
        "from fcn4_dist.cluster.launch import plan_launch, run_launch\n"
        f"run_launch(plan_launch([{str(worker)!r}], 2, Path({str(tmp_path / 'logs')!r})))\n"
    )
    launcher = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert launcher.stdout is not None
    assert launcher.stdout.readline() == b"at work\n"
    assert _processes_that_run(worker)
    launcher.send_signal(number)
    assert launcher.wait(30) == exit_code
    assert not _processes_that_run(worker)


def _processes_that_run(program: Path) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline", "status"])
        if str(program) in (process.info["cmdline"] or [])
        and process.info["status"] != psutil.STATUS_ZOMBIE
    ]
