"""Going on where a checkpoint was written, as if nothing had happened."""

from pathlib import Path

import numpy as np
from mindspore import Parameter, Tensor

from fcn4_dist.checkpoints.content import (
    RANK_STATISTICS,
    Checkpoint,
    CheckpointDescription,
    read_checkpoint,
)
from fcn4_dist.checkpoints.folder import find_resume_file
from fcn4_dist.checkpoints.loading import load_state
from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.config import Settings
from fcn4_dist.terminal import say, warn
from fcn4_dist.training.averaging import names_in_checkpoint
from fcn4_dist.training.saving import statistics_of


class Resumption:
    """The checkpoint a run goes on from; only rank 0 needs to have the file.

    Args:
        settings: Name the checkpoint.
        ranks: This rank; all ranks have to make one.

    Raises:
        InputError: If the file named cannot be used.
    """

    def __init__(self, settings: Settings, ranks: Ranks) -> None:
        self._ranks = ranks
        self._checkpoint: Checkpoint | None = None
        self.path = Path()
        self.description: CheckpointDescription | None = None
        if not settings.resume:
            return
        ranks.on_main(lambda: self._read(settings))
        read = self._checkpoint.description if self._checkpoint else None
        text = ranks.broadcast(read.to_json() if read else "")
        self.path = Path(ranks.broadcast(str(self.path) if ranks.is_main else ""))
        self.description = CheckpointDescription.from_json(text) if text else None

    def load(self, state: list[Parameter]) -> None:
        """Put everything that training changes back, on every rank.

        Args:
            state: All parameters that training changes.
        """
        if self.description is None:
            return

        def read() -> None:
            assert self._checkpoint
            load_state(state, self._checkpoint, names_in_checkpoint(state))

        self._ranks.on_main(read)
        self._ranks.broadcast_parameters(state)
        self._load_own_statistics(statistics_of(state))
        if self._ranks.is_main:
            say(
                f"goes on from {self.path}: epoch {self.description.epoch}, step "
                f"{self.description.step} of {self.description.steps_per_epoch}"
            )
        self._checkpoint = None

    def _load_own_statistics(self, statistics: list[Parameter]) -> None:
        assert self.description
        if self.description.world_size != self._ranks.size:
            # There are others' now: all go on with the average.
            return
        size = sum(parameter.size for parameter in statistics)
        of_ranks = np.zeros((self._ranks.size, size), np.float32)
        if self._checkpoint:
            of_ranks = np.ascontiguousarray(self._checkpoint.values[RANK_STATISTICS])
        own = self._ranks.broadcast(of_ranks)[self._ranks.rank]
        ends = np.cumsum([parameter.size for parameter in statistics])[:-1]
        for parameter, value in zip(statistics, np.split(own, ends), strict=True):
            parameter.set_data(Tensor(value.reshape(parameter.shape)))

    def _read(self, settings: Settings) -> None:
        path = find_resume_file(settings, warn)
        if path is None:
            say(f"nothing to go on from in {settings.checkpoint_path}: a new run begins")
            return
        self.path, self._checkpoint = path, read_checkpoint(path)
