"""Saving what a run needs to go on: gathered from the ranks, written in the background."""

import time
from pathlib import Path

import numpy as np
from mindspore import Parameter

from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.checkpoints.content import RANK_STATISTICS, CheckpointDescription
from fcn4_dist.checkpoints.loading import HostCopy, parameter_values
from fcn4_dist.checkpoints.writer import CheckpointWriter
from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.config import Settings
from fcn4_dist.terminal import say
from fcn4_dist.training.averaging import names_in_checkpoint

_STATISTICS = (".moving_mean", ".moving_variance")


class Saver:
    """Saves checkpoints of a run; all ranks have to call it alike, rank 0 writes.

    Args:
        settings: Settings of the run.
        state: All parameters that training changes.
        ranks: This rank.
        written: Checkpoints of this run that are there already.
    """

    def __init__(
        self, settings: Settings, state: list[Parameter], ranks: Ranks, written: list[Path]
    ) -> None:
        self._state, self._ranks = state, ranks
        self._names = names_in_checkpoint(state)
        folder = CheckpointFolder.from_settings(settings)
        self._writer = CheckpointWriter(folder, settings.keep_checkpoint_max, written)
        self._copy = HostCopy(state if ranks.is_main else [])
        # The collectives compile at their first call, for which training should not wait.
        self._gathered()

    def save(self, description: CheckpointDescription, *, is_best: bool) -> None:
        """Hand a checkpoint to the writer.

        Args:
            description: What to say of it.
            is_best: Whether it is to be kept as the best one besides.

        Raises:
            Fcn4DistError: If an earlier one could not be written.
        """
        place = f"epoch {description.epoch}, step {description.step}"
        self._ranks.heartbeat.at(f"saving the checkpoint of {place}")
        begun = time.monotonic()
        average, of_ranks = self._gathered()
        if not self._ranks.is_main:
            return
        # What the copy before holds may still be being written.
        self._writer.finish()
        values = {self._names[name]: value for name, value in (self._copy.take() | average).items()}
        values[RANK_STATISTICS] = of_ranks
        self._writer.save(values, description, is_best=is_best)
        waited = time.monotonic() - begun
        say(f"saving the checkpoint of {place}; training waited {waited:.2f} s")

    def keep_as_best(self, path: Path) -> None:
        """Keep a checkpoint as the best one besides; for rank 0."""
        self._writer.keep_as_best(path)

    def check(self) -> None:
        """Let a write that failed reach the run.

        Raises:
            Fcn4DistError: If a checkpoint could not be written.
        """
        self._writer.check()

    def finish(self) -> None:
        """Wait until everything is written.

        Raises:
            Fcn4DistError: If a checkpoint could not be written.
        """
        self._ranks.heartbeat.at("waiting for the last checkpoint to be written")
        self._writer.finish()

    def _gathered(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Give batch-norm's statistics: averaged by name, and those of every rank."""
        own = parameter_values(statistics_of(self._state))
        # What is used alone holds the average; each rank goes on with its own.
        average = self._ranks.all_reduce_mean(own)
        joined = np.concatenate([value.ravel() for value in own.values()])
        return average, self._ranks.all_gather(joined)


def statistics_of(state: list[Parameter]) -> list[Parameter]:
    """List batch-norm's moving statistics, which differ from rank to rank."""
    return [parameter for parameter in state if parameter.name.endswith(_STATISTICS)]
