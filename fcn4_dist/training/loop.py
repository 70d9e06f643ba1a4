"""The training loop: epochs of steps, validation, checkpoints."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import mindspore as ms
import numpy as np

from fcn4_dist.checkpoints.content import CheckpointDescription
from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.config import Settings
from fcn4_dist.errors import Fcn4DistError, StoppedError
from fcn4_dist.model.build import build_network
from fcn4_dist.records import Manifest, RecordSet
from fcn4_dist.refusals import explain
from fcn4_dist.runs.history import METRICS_LINES_NAME
from fcn4_dist.runs.occupancy import find_course
from fcn4_dist.terminal import warn
from fcn4_dist.training.agreement import check_equal_weights
from fcn4_dist.training.checkpointing import ResumedCheckpoint, Saver, load_pre_trained
from fcn4_dist.training.data import TrainingData
from fcn4_dist.training.loss_scaling import SMALLEST_SCALE
from fcn4_dist.training.monitor import Monitor, say_batch_size, say_plan
from fcn4_dist.training.plan import Position, plan_run
from fcn4_dist.training.profiling import StepProfiler
from fcn4_dist.training.schedule import Schedule
from fcn4_dist.training.sinking import SinkingStepper
from fcn4_dist.training.step import build_step, find_not_finite
from fcn4_dist.training.stepping import Stepper, StepsTaken
from fcn4_dist.training.validation import Validation, Validator


@dataclass(frozen=True)
class TrainingSummary:
    """What a finished run amounts to.

    Attributes:
        checkpoint: The last checkpoint.
        samples_per_second: Over all ranks, without the first step, which compiles, and without
            validation and checkpoints; None if there was no other step.
        epoch_losses: Mean loss of each epoch that was run, from the step it went on at.
        best: Epoch and scores of the best validation; empty for none.
        ended_early: Whether ``patience`` ended it.
        skipped_steps: How many steps, of all that were taken, changed nothing, because they
            overflowed at their loss scale.
        loss_scale: That of the last step, where it is dynamic; else None.
    """

    checkpoint: Path
    samples_per_second: float | None
    epoch_losses: tuple[float, ...]
    best: Mapping[str, float]
    ended_early: bool
    skipped_steps: int
    loss_scale: float | None


class Trainer:
    """One training run, as one rank sees it.

    Args:
        settings: The settings of the run.
        manifest: The manifest of the shards.
        record_set: The training set.
        validation_set: The validation set; None for no validation.
        ranks: This rank.
        stop_asked: Tells whether this rank is asked to stop.

    Raises:
        InputError: If the checkpoint that is to be resumed cannot be.
    """

    def __init__(
        self,
        settings: Settings,
        manifest: Manifest,
        record_set: RecordSet,
        validation_set: RecordSet | None,
        ranks: Ranks,
        stop_asked: Callable[[], bool] = lambda: False,
    ) -> None:
        given, self.manifest, self.ranks = settings, manifest, ranks
        self.resumed = ResumedCheckpoint(settings, ranks)
        before = self.resumed.description
        settings, self.plan = plan_run(
            given, len(record_set), manifest.fingerprint(), ranks.size, before, self.resumed.path
        )
        if ranks.is_main:
            say_batch_size(given, settings, self.plan)
        self.settings = settings
        self.run_id = before.run_id if before else uuid.uuid4().hex
        self.position = self.plan.start
        ms.set_seed(settings.seed)
        self.network = build_network(settings, ranks.size)
        average = build_network(settings, ranks.size) if settings.ema_decay else None
        self.step = build_step(self.network, average, settings, ranks)
        schedule = Schedule(settings, self.plan)
        self.data = TrainingData(settings, record_set, ranks)
        stepper = SinkingStepper if settings.sink_in_use else Stepper
        self.stepper = stepper(self.step, settings, self.data, schedule, ranks, stop_asked)
        best = before.best if before else {}
        self.validator = Validator(average or self.network, validation_set, settings, ranks, best)
        self.saver = Saver(self.run_id, settings, self.plan, manifest, self.step.state(), ranks)
        # A run that died in its validation, or was stopped before, has it still to come.
        self._owes_validation = (
            before is not None and not before.metrics and self._validates_after(self.position)
        )
        earlier = self._earlier_folder(before) if before and ranks.is_main else None
        self.monitor = Monitor(schedule, settings, ranks, earlier, again=self._owes_validation)
        self.profiler = StepProfiler(settings, ranks)

    def run(self) -> TrainingSummary:
        """Train all epochs that are left, or until ``patience`` is at its end.

        Returns:
            What the run amounts to.

        Raises:
            Fcn4DistError: If the loss is no longer finite, the shards are not what their manifest
                says, a checkpoint cannot be written, or the ranks disagree.
            StoppedError: If a rank was asked to stop; a checkpoint is written then.
        """
        self._start()
        epoch_losses = []
        with self.monitor, self.profiler:
            if self._owes_validation:
                self._make_up_for_validation()
            while not self._has_ended:
                epoch_losses.append(self._train_epoch())
        self.saver.finish()
        self._check_equal_weights()
        return TrainingSummary(
            checkpoint=self.saver.file(self.position),
            samples_per_second=self.monitor.samples_per_second,
            epoch_losses=tuple(epoch_losses),
            best=self.validator.best.scores,
            ended_early=self.position.epoch < self.plan.epochs,
            skipped_steps=self.monitor.skipped_steps,
            loss_scale=self.monitor.loss_scale,
        )

    def _train_epoch(self) -> float:
        """Train an epoch, or what is left of it; give the mean loss of its steps."""
        next_step = self.position.after(1)
        epoch = next_step.epoch
        batches = self.data.batches(next_step)
        self.monitor.begin_epoch(epoch)
        while next_step.epoch == epoch:
            taken = self.stepper.take(batches, next_step)
            self.position, next_step = taken.last, taken.last.after(1)
            self.monitor.log(taken)
            self._check_outcomes(taken)
            with self.monitor.paused():
                self.saver.check()
                if self.saver.is_due(taken):
                    self._check_weights()
                    self._save(self._end_epoch(taken.stop))
                if taken.stop:
                    self._stop()
            self.profiler.step(taken)
        return self.monitor.mean_loss

    def _earlier_folder(self, before: CheckpointDescription) -> Path | None:
        """Find the folder with the lines of the steps that were taken before, on rank 0."""
        # It may have been moved since, and its old place be another job's.
        places = [before.run_dir, Path(self.settings.run_dir)]
        found = find_course(self.run_id, [place for place in places if place])
        if found is None:
            warn(
                f"the {METRICS_LINES_NAME} of the steps before is gone from {before.run_dir}: the "
                "one of this job begins behind them"
            )
        return found

    def _start(self) -> None:
        """Give every rank the same weights, and make sure that all are about to do the same."""
        if self.resumed.description is not None:
            self.resumed.load(self.step.state())
        else:
            if self.settings.pre_trained:
                self.ranks.on_main(lambda: load_pre_trained(self.network, self.settings))
            # The moments are zero on every rank; only the weights need sending.
            self.ranks.broadcast_parameters(self.network.get_parameters())
            self.step.start_average()
        self.step.start()
        self.ranks.check_agreement(
            {
                "number of steps": self.plan.steps - self.plan.steps_done,
                "shards' manifest": self.manifest.fingerprint()[:12],
            }
        )
        self.network.set_train(True)
        if self.ranks.is_main:
            say_plan(self.plan, self.settings, self.ranks.size)
            self.saver.make_up_for_best(self.resumed)

    @property
    def _has_ended(self) -> bool:
        if self.position.global_step >= self.plan.steps:
            return True
        # In the middle of an epoch there is nothing to decide yet.
        return self.position.ends_epoch and self.validator.ends_training(self.position.epoch)

    def _check_outcomes(self, taken: StepsTaken) -> None:
        smallest = min(SMALLEST_SCALE, self.settings.loss_scale)
        for number, outcome in enumerate(taken.outcomes):
            if not outcome.skipped and not np.isfinite(outcome.loss):
                self._give_up(f"the loss is {outcome.loss}", taken.first.after(number))
            if outcome.skipped and outcome.loss_scale == smallest:
                what = f"numbers overflow even at the smallest loss scale, {smallest:g},"
                self._give_up(what, taken.first.after(number))

    def _check_weights(self) -> None:
        # A gradient may overflow where the loss does not. No checkpoint is to hold what it leaves,
        # and a validation could only say that the scores are no numbers.
        if name := find_not_finite(self.network):
            self._give_up(f"{name} is no longer finite", self.position)

    def _end_epoch(self, stop: bool) -> Validation:
        """At the end of an epoch, validate it, unless the run is to stop, and record it."""
        validation = Validation()
        if not self.position.ends_epoch:
            return validation
        if self._validates_after(self.position) and not stop:
            # Whatever becomes of the validation, the epoch is not lost.
            self._save(validation)
            self.saver.finish()
            validation = self._validate()
        # Before the checkpoint has its scores, from which on nobody would come back to it.
        self.monitor.end_epoch(self.position, validation)
        return validation

    def _make_up_for_validation(self) -> None:
        """Validate the epoch whose checkpoint, without scores, is gone on from."""
        with self.monitor.paused():
            self.monitor.begin_epoch(self.position.epoch)
            validation = self._validate()
            self.monitor.end_epoch(self.position, validation)
            self._save(validation)

    def _validates_after(self, position: Position) -> bool:
        return position.ends_epoch and self.validator.is_due(position.epoch)

    def _validate(self) -> Validation:
        epoch = self.position.epoch
        try:
            return self.validator.validate(epoch)
        except (Fcn4DistError, ImportError, MemoryError, OSError) as error:
            reason = str(error) or type(error).__name__
            if isinstance(error, OSError | MemoryError):
                reason = explain(error)
            raise Fcn4DistError(
                f"the validation after epoch {epoch} failed ({reason}); the epoch is in "
                f"{self.saver.file(self.position)}: --resume auto makes up for the validation and "
                "goes on, with --val_interval 0 without any"
            ) from error

    def _save(self, validation: Validation) -> None:
        self.saver.save(self.position, validation, self.validator.best.scores)

    def _stop(self) -> NoReturn:
        self.saver.finish()
        # Nobody leaves before rank 0 has written.
        self.ranks.check_agreement({"step to stop at": self.position.global_step})
        raise StoppedError(
            f"stopped by SIGTERM; the checkpoint of {self.position} is written: --resume auto goes "
            "on from there"
        )

    def _give_up(self, what: str, position: Position) -> NoReturn:
        """End a run that has diverged at a step."""
        self.saver.finish()
        ids = self.data.global_batch_ids(position)
        sentence = self.monitor.end_run(position, what, ids, self.saver.newest_file())
        # Nobody leaves before rank 0 has written.
        self.ranks.check_agreement({"step the run ends at": position.global_step})
        raise Fcn4DistError(sentence)

    def _check_equal_weights(self) -> None:
        self.ranks.heartbeat.at("comparing its weights with those of the others")
        check_equal_weights(self.network, self.ranks, repeatable=self.settings.repeatable)
