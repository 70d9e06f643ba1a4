"""The launch job: check once on this host, then start the workers."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from fcn4_dist.cluster.device import check_mindspore
from fcn4_dist.cluster.launch import plan_launch, run_launch
from fcn4_dist.config import LoadedSettings
from fcn4_dist.jobs.evaluate import check_evaluation
from fcn4_dist.jobs.run_folder import choose_run_folder
from fcn4_dist.jobs.train import check_training
from fcn4_dist.terminal import say


def launch(
    command: str, loaded: LoadedSettings, worker_arguments: Sequence[str], *, ranks: int
) -> int:
    """Run a command on several workers of this host.

    Args:
        command: "train" or "eval".
        loaded: Its settings.
        worker_arguments: The flags they came from, which every worker gets.
        ranks: Number of workers.

    Returns:
        The exit code.

    Raises:
        InputError: If something is found wrong before a worker is started.
    """
    check_mindspore()
    if command == "train":
        check_training(loaded.settings, world_size=ranks)
    else:
        check_evaluation(loaded.settings)
    run_dir = choose_run_folder(loaded, command).settings.run_dir
    plan = plan_launch([command, *worker_arguments, "--run_dir", run_dir], ranks, Path(run_dir))
    say(f"starting {ranks} workers, which takes some seconds: {shlex.join(plan.command)}")
    return run_launch(plan)
