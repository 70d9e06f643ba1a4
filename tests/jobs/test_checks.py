"""What would stop a train or eval job is found without MindSpore.

Every sentence is a case of tests/cluster/test_preflight.py, and in docs/launch_checks.md.
"""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.config import Settings
from fcn4_dist.findings import Level
from fcn4_dist.jobs.checks import check_job

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def settings(preprocessed: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a job that nothing would stop."""
    monkeypatch.chdir(tmp_path)
    return replace(preprocessed, device_target="CPU", batch_size=2)


def levels(command: str, settings: Settings, ranks: int = 2) -> dict[str, Level]:
    """Give the worst level of each check."""
    worst: dict[str, Level] = {}
    for result in check_job(command, settings, ranks):
        if worst.get(result.check) is not Level.ERROR:
            worst[result.check] = result.level
    return worst


def test_a_job_that_nothing_would_stop_has_no_error_and_leaves_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    found = levels("train", settings)
    assert found == {"shards": Level.OK, "steps": Level.OK, "folder": Level.OK}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("ranks", "level"), [(8, Level.OK), (9, Level.ERROR)])
def test_the_global_batch_has_to_fit_into_the_training_set(
    settings: Settings, ranks: int, level: Level
) -> None:
    assert levels("train", settings, ranks)["steps"] is level


def test_without_shards_nothing_is_said_of_steps(settings: Settings) -> None:
    found = levels("train", replace(settings, data_dir="nothing"))
    assert found == {"shards": Level.ERROR, "folder": Level.OK}


def test_the_shards_of_a_validation_hours_later_are_looked_at_before(
    settings: Settings, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(settings.shard_folder, tmp_path / "shards"))
    (folder / "val.mindrecord1").unlink()
    without = replace(settings, data_dir=str(folder))
    assert levels("train", without)["shards"] is Level.ERROR
    assert levels("train", replace(without, val_interval=0))["shards"] is Level.OK


def test_an_evaluation_needs_a_checkpoint_and_takes_any_batch(settings: Settings) -> None:
    found = levels("eval", replace(settings, batch_size=1000))
    assert found == {"shards": Level.OK, "checkpoint": Level.ERROR, "folder": Level.OK}


def test_training_needs_a_checkpoint_only_to_start_from(settings: Settings) -> None:
    assert levels("train", replace(settings, pre_trained=True))["checkpoint"] is Level.ERROR


def test_a_job_that_goes_on_is_held_against_its_checkpoint_which_gives_the_batch(
    settings: Settings,
) -> None:
    # A batch that would not fit is not that of the run that goes on.
    found = levels("train", replace(settings, resume="auto", batch_size=1000))
    assert found == {"shards": Level.OK, "resume": Level.OK, "folder": Level.OK}
    found = levels("train", replace(settings, resume="none.ckpt"))
    assert found == {"shards": Level.OK, "resume": Level.ERROR, "folder": Level.OK}


def test_a_folder_that_another_run_writes_to_is_refused_to_training_alone(
    settings: Settings,
) -> None:
    with CheckpointFolder.from_settings(settings).kept_to_this_job():
        assert levels("train", settings)["folder"] is Level.ERROR
        assert levels("train", replace(settings, prefix="Other"))["folder"] is Level.OK
        assert levels("eval", settings)["folder"] is Level.OK
    assert levels("train", settings)["folder"] is Level.OK


def test_everything_that_is_wrong_is_found_at_once(settings: Settings) -> None:
    wrong = replace(settings, data_dir="nothing", pre_trained=True, run_dir="/dev/null/x")
    sentences = [one.sentence for one in check_job("train", wrong, 2) if one.level is Level.ERROR]
    assert len(sentences) == 3
    assert all("\n" not in sentence for sentence in sentences)


def test_the_checks_do_without_mindspore(settings: Settings) -> None:
    program = (
        "import sys\n"
        "from fcn4_dist.config import load_settings\n"
        "from fcn4_dist.jobs.checks import check_job\n"
        "from fcn4_dist.jobs.doctor import doctor\n"
        "from fcn4_dist.jobs.launch import launch\n"
        f"settings = load_settings(flags={{'data_dir': {settings.mr_path!r}}}).settings\n"
        "check_job('train', settings, 2)\n"
        "sys.exit(str('mindspore' in sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert result.stderr.strip() == "False"
