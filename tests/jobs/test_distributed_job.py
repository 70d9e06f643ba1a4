"""Real training on real workers that goes wrong, and what is left behind."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fcn4_dist.cluster.launch import plan_launch
from fcn4_dist.cluster.supervision import run_launch
from fcn4_dist.cluster.topology import local_topology
from fcn4_dist.config import LoadedSettings, Settings
from fcn4_dist.runs.folder import choose_run_folder, save_settings
from tests.sealing import change_sealed

PROGRAM = Path(__file__).with_name("sleeping_program.py")


@pytest.fixture
def settings(preprocessed: Settings, tmp_path: Path) -> Settings:
    """Settings of a small job on two workers, four steps an epoch."""
    return replace(
        preprocessed,
        device_target="CPU",
        width=0.05,
        batch_size=2,
        epoch_size=1,
        checkpoint_path=str(tmp_path / "weight"),
        run_dir=str(tmp_path / "run"),
    )


def write_settings(settings: Settings) -> Path:
    """Save settings in the job's folder, for --config."""
    return save_settings(choose_run_folder(LoadedSettings(settings, {}), "train"))


def launch_command(settings: Settings, ranks: int = 2) -> list[str]:
    """Give the command that trains on some workers."""
    launch = [sys.executable, "-m", "fcn4_dist", "launch", "--device_num", str(ranks)]
    return [*launch, "train", "--config", str(write_settings(settings))]


def run(settings: Settings, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Train to the end."""
    command = launch_command(settings)
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)


def test_a_rank_asleep_in_its_data_is_named_with_its_stack(
    settings: Settings, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program = [str(PROGRAM), "train", "--config", str(write_settings(settings))]
    launch = plan_launch(program, local_topology(2), tmp_path / "run", step_timeout=4)
    assert run_launch(launch) == 1
    output = capfd.readouterr().out
    assert "rank 1 is reading the batch of epoch 1, step 3; its Python stack:" in output
    assert re.search(r'rank 1 \|   File ".*sleeping_program.py", line \d+ in fall_asleep', output)
    assert "rank 0 is" not in output


@pytest.mark.slow
def test_rank_0_that_computes_metrics_for_long_is_not_taken_for_a_hang(
    settings: Settings, tmp_path: Path
) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import sys, time\n"
        "from fcn4_dist.cli import main\n"
        "from fcn4_dist.evaluation import intervals, metrics\n"
        "def slowly(function):\n"
        "    def slow(*arguments):\n"
        "        time.sleep(1.5)\n"
        "        return function(*arguments)\n"
        "    return slow\n"
        "metrics._class_metrics = slowly(metrics._class_metrics)\n"
        "intervals.ClassRanking.weighted_roc_auc = slowly(\n"
        "    intervals.ClassRanking.weighted_roc_auc)\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    for command in ("train", "eval"):
        folder = tmp_path / command
        config = write_settings(replace(settings, run_dir=str(folder)))
        arguments = [str(program), command, "--config", str(config)]
        launch = plan_launch(
            arguments, local_topology(2), folder, step_timeout=3, start_timeout=120
        )
        assert run_launch(launch) == 0
    assert (folder / "metrics.json").exists()


def test_ranks_that_end_with_other_weights_fail_the_run(
    settings: Settings, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys\n"
        "from fcn4_dist.cli import main\n"
        "from fcn4_dist.jobs import train\n"
        "def train_astray(loaded):\n"
        "    from mindspore import Tensor\n"
        "    from fcn4_dist.training.loop import Trainer\n"
        "    check = Trainer._check_equal_weights\n"
        "    def disturb(trainer):\n"
        "        bias = trainer.network.dense.bias\n"
        "        values = bias.asnumpy().copy()\n"
        "        values[0] += 1e-7 * (os.environ['RANK_ID'] == '1')\n"
        "        bias.set_data(Tensor(values))\n"
        "        check(trainer)\n"
        "    Trainer._check_equal_weights = disturb\n"
        "    whole(loaded)\n"
        "whole, train.train = train.train, train_astray\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    arguments = [str(program), "train", "--config", str(write_settings(settings))]
    assert run_launch(plan_launch(arguments, local_topology(2), tmp_path / "run")) == 1
    sentence = "rank 1 and rank 0 do not agree on the weights after training"
    assert sentence in capfd.readouterr().out


@pytest.mark.slow
def test_a_restart_takes_the_compiled_step_and_gets_the_same_bits(
    settings: Settings, tmp_path: Path
) -> None:
    settings = replace(settings, fused_first_block=False)
    first = losses_of_run(settings, tmp_path)
    kept = read_all(Path(settings.run_dir, "compile_cache"))
    second = losses_of_run(settings, tmp_path)
    assert read_all(Path(settings.run_dir, "compile_cache")) == kept != {}
    assert first == second != []
    # Another constant in the graph is another graph.
    third = losses_of_run(replace(settings, lr=0.05), tmp_path)
    assert len(os.listdir(Path(settings.run_dir, "compile_cache"))) == 2
    shutil.rmtree(settings.run_dir)
    assert losses_of_run(replace(settings, lr=0.05), tmp_path) == third


def read_all(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def losses_of_run(settings: Settings, cwd: Path) -> list[float]:
    """Train anew in the job's folder; give the loss of each step, to the last bit."""
    for name in ("metrics.jsonl", "predictions.csv"):
        Path(settings.run_dir, name).unlink(missing_ok=True)
    result = run(settings, cwd)
    assert result.returncode == 0, result.stdout
    lines = map(json.loads, Path(settings.run_dir, "metrics.jsonl").read_text().splitlines())
    return [line["loss"] for line in lines if line["kind"] == "step"]


def test_ranks_with_other_shards_are_named_before_the_first_step(
    settings: Settings, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other shards"
    shutil.copytree(settings.mr_path, other)
    change_sealed(other / "manifest.json", lambda manifest: manifest["split"].update(seed=2))
    write_settings(settings)
    file = save_settings(
        LoadedSettings(replace(settings, mr_path=str(other)), {}), prefix="rank_1_"
    )
    # Each host has its own settings file; here each rank.
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys\n"
        "from fcn4_dist.cli import main\n"
        "own = 'rank_1_' if os.environ['RANK_ID'] == '1' else ''\n"
        f"sys.exit(main(['train', '--config', {str(file.parent)!r} + f'/{{own}}settings.yaml']))\n"
    )
    assert run_launch(plan_launch([str(program)], local_topology(2), tmp_path / "run")) == 1
    assert "rank 1 and rank 0 do not agree on the shards' manifest" in capfd.readouterr().out
