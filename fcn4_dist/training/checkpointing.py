"""Checkpoints of a run: gathered from the ranks, written in the background, and gone on from."""

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from mindspore import Parameter, Tensor, nn

from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.checkpoints.content import (
    RANK_STATISTICS,
    Checkpoint,
    CheckpointDescription,
    read_checkpoint,
)
from fcn4_dist.checkpoints.folder import find_resume_file
from fcn4_dist.checkpoints.loading import HostCopy, load_into_network, load_state, parameter_values
from fcn4_dist.checkpoints.writer import CheckpointWriter
from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.model.batch_norm import moving_statistics
from fcn4_dist.records import Manifest
from fcn4_dist.terminal import detail, say, warn
from fcn4_dist.training.plan import Position, TrainingPlan
from fcn4_dist.training.step import names_in_checkpoint
from fcn4_dist.training.stepping import StepsTaken
from fcn4_dist.training.validation import Validation
from fcn4_dist.versions import package_versions


class Saver:
    """Saves checkpoints of a run; all ranks have to call it alike, rank 0 writes.

    Args:
        run_id: The same in all checkpoints of the run.
        settings: The settings of the run.
        plan: Its steps.
        manifest: The manifest of the shards.
        state: All parameters that training changes.
        ranks: This rank.
    """

    def __init__(
        self,
        run_id: str,
        settings: Settings,
        plan: TrainingPlan,
        manifest: Manifest,
        state: list[Parameter],
        ranks: Ranks,
    ) -> None:
        self._run_id, self._settings, self._plan = run_id, settings, plan
        self._manifest, self._state, self._ranks = manifest, state, ranks
        self._names = names_in_checkpoint(state)
        self._folder = CheckpointFolder.from_settings(settings)
        written = self._folder.files_of_run(run_id) if ranks.is_main and plan.steps_done else []
        self._writer = CheckpointWriter(self._folder, settings.keep_checkpoint_max, written)
        self._copy = HostCopy(state if ranks.is_main else [])
        # The collectives compile at their first call, for which training should not wait.
        self._gathered()

    def is_due(self, taken: StepsTaken) -> bool:
        """Tell whether to save after some steps: at the end of an epoch, too, and before a stop."""
        # The card may have gone on behind the step that was to be saved.
        passed = taken.last.global_step % self._settings.save_step < len(taken.outcomes)
        return passed or taken.stop or taken.last.ends_epoch

    def save(self, position: Position, validation: Validation, best: Mapping[str, float]) -> None:
        """Hand a checkpoint to the writer; one of the same step is replaced.

        Args:
            position: The last step that was taken.
            validation: What the validation at this step gave, as far as it is known; the best is
                kept twice.
            best: Epoch and scores of the best validation so far; empty for none.

        Raises:
            Fcn4DistError: If an earlier one could not be written.
        """
        self._ranks.heartbeat.at(f"saving the checkpoint of {position}")
        begun = time.monotonic()
        average, of_ranks = self._gathered()
        if not self._ranks.is_main:
            return
        # What the copy before holds may still be being written.
        waiting = "waiting for the checkpoint before to be written"
        self._ranks.heartbeat.goes_on(waiting, may_take_long=True)
        self._writer.finish()
        values = {self._names[name]: value for name, value in (self._copy.take() | average).items()}
        values[RANK_STATISTICS] = of_ranks
        description = self._description(position, validation.scores, best)
        self._writer.save(values, description, is_best=validation.is_best)
        waited = time.monotonic() - begun
        scores = " with its scores" if validation.scores else ""
        detail(f"saving the checkpoint of {position}{scores}; training waited {waited:.2f} s")

    def file(self, position: Position) -> Path:
        """Name the checkpoint of a step."""
        return self._folder.file(position.epoch, position.step)

    def newest_file(self) -> Path | None:
        """Find the last checkpoint of the run, on rank 0; None for none, or on other ranks."""
        # What else lies in the folder is of other runs.
        written = self._folder.files_of_run(self._run_id) if self._ranks.is_main else []
        return written[-1] if written else None

    def make_up_for_best(self, resumed: "ResumedCheckpoint") -> None:
        """Keep the checkpoint that is gone on from as the best one, if it is; for rank 0.

        The run may have died after it wrote this file, and before it was kept as the best.
        """
        before = resumed.description
        if before is None or before.step < before.steps_per_epoch:
            return
        if before.best.get("epoch") == before.epoch:
            self._writer.keep_as_best(resumed.path)

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
        waiting = "waiting for the checkpoint to be written"
        self._ranks.heartbeat.at(waiting, may_take_long=True)
        self._writer.finish()

    def _description(
        self, position: Position, metrics: Mapping[str, float], best: Mapping[str, float]
    ) -> CheckpointDescription:
        return CheckpointDescription(
            run_id=self._run_id,
            epoch=position.epoch,
            step=position.step,
            steps_per_epoch=position.steps_per_epoch,
            global_step=position.global_step,
            global_batch=self._plan.global_batch,
            world_size=self._ranks.size,
            shards=self._manifest.fingerprint(),
            class_names=self._manifest.class_names,
            parameters=self._manifest.parameters,
            width=self._settings.width,
            settings=self._settings.as_dict(),
            versions=package_versions("mindspore", "numpy"),
            metrics=metrics,
            best=best,
            loss_scaling=self._settings.loss_scaling_in_use,
        )

    def _gathered(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Give batch-norm's statistics: averaged by name, and those of every rank."""
        own = parameter_values(moving_statistics(self._state))
        # What is used alone holds the average; each rank goes on with its own.
        average = self._ranks.all_reduce_mean(own)
        joined = np.concatenate([value.ravel() for value in own.values()])
        return average, self._ranks.all_gather(joined)


class ResumedCheckpoint:
    """The checkpoint a run goes on from, if any; only rank 0 needs to have the file.

    Args:
        settings: Name the checkpoint.
        ranks: This rank; all ranks have to make one.

    Attributes:
        description: What it says of itself; None for a new run.
        path: Where it is.

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
        read = self._checkpoint = ranks.on_main(lambda: _read_resume_file(settings))
        own = [read.description.to_json(), str(read.path)] if read and read.description else None
        if found := ranks.broadcast(own):
            self.description, self.path = CheckpointDescription.from_json(found[0]), Path(found[1])

    def load(self, state: list[Parameter]) -> None:
        """Put everything that training changes back, on every rank.

        Args:
            state: All parameters that training changes.
        """
        world_size = self.description.world_size if self.description else 0
        statistics = moving_statistics(state)

        def load() -> None:
            assert self._checkpoint
            load_state(state, self._checkpoint, names_in_checkpoint(state))
            own = self._checkpoint.values.get(RANK_STATISTICS, np.zeros(()))
            if own.shape != (world_size, sum(each.size for each in statistics)):
                raise InputError(
                    f"{self.path} lacks batch-norm's statistics of its {world_size} ranks, without "
                    "which the run cannot go on: start a new one from its weights with "
                    "--pre_trained True"
                )

        self._ranks.on_main(load)
        self._ranks.broadcast_parameters(state)
        self._load_own_statistics(statistics, world_size)
        if self._ranks.is_main and self.description:
            say(
                f"goes on from {self.path}: epoch {self.description.epoch}, step "
                f"{self.description.step} of {self.description.steps_per_epoch}"
            )
        # Its values are not needed any more.
        self._checkpoint = None

    def _load_own_statistics(self, statistics: list[Parameter], world_size: int) -> None:
        if world_size != self._ranks.size:
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


def load_pre_trained(network: nn.Cell, settings: Settings) -> None:
    """Let a new run begin with the weights that ``pre_trained`` asks for; for rank 0.

    Raises:
        InputError: If there is no such checkpoint, or it does not fit.
    """
    path = CheckpointFolder.from_settings(settings).find(settings.model_name, warn)
    left = load_into_network(network, read_checkpoint(path), fresh_dense=True)
    said = f"; {', '.join(left)} are of another size and start fresh" if left else ""
    say(f"weights from {path}{said}")


def _read_resume_file(settings: Settings) -> Checkpoint | None:
    path = find_resume_file(settings, warn)
    if path is None:
        say(f"nothing to go on from in {settings.checkpoint_path}: a new run begins")
        return None
    return read_checkpoint(path)
