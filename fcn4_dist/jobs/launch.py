"""The launch job: check once on this host, then start the workers."""

import shlex
from pathlib import Path

from fcn4_dist.cluster.device import check_mindspore
from fcn4_dist.cluster.launch import plan_launch, run_launch
from fcn4_dist.config import LoadedSettings
from fcn4_dist.jobs.evaluate import check_evaluation
from fcn4_dist.jobs.run_folder import choose_run_folder, save_settings
from fcn4_dist.jobs.train import check_training
from fcn4_dist.terminal import say


def launch(command: str, loaded: LoadedSettings, ranks: int) -> int:
    """Run a command on several workers of this host.

    The workers read the settings from the job's folder, where they are saved first.

    Args:
        command: "train" or "eval".
        loaded: Its settings.
        ranks: Number of workers.

    Returns:
        The exit code.

    Raises:
        InputError: If something is found wrong before a worker is started.
    """
    check_mindspore()
    _CHECKS[command](loaded.settings, ranks)
    loaded = choose_run_folder(loaded, command)
    say(loaded.to_yaml(command))
    settings_file = save_settings(loaded)
    program = ["-m", "fcn4_dist", command, "--config", str(settings_file)]
    plan = plan_launch(program, ranks, Path(loaded.settings.run_dir))
    say(f"starting {ranks} workers, which takes some seconds: {shlex.join(plan.command)}")
    return run_launch(plan)


_CHECKS = {"train": check_training, "eval": check_evaluation}
