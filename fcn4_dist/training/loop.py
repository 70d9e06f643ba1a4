"""The training loop: epochs of steps, validation, checkpoints."""

import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import mindspore as ms
import numpy as np

from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.checkpoints.content import CheckpointDescription, read_checkpoint
from fcn4_dist.checkpoints.loading import load_into_network, parameter_values
from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.config import Settings
from fcn4_dist.errors import Fcn4DistError, StoppedError
from fcn4_dist.evaluation import PREDICTIONS_NAME, write_predictions
from fcn4_dist.model.fcn4 import Fcn4, build_fcn4, use_jit_level
from fcn4_dist.pipeline import training_batches
from fcn4_dist.records import Manifest, RecordSet
from fcn4_dist.runs.history import RunHistory
from fcn4_dist.terminal import say, warn
from fcn4_dist.training.announcing import announce, divergence
from fcn4_dist.training.averaging import name_as_average, start_average
from fcn4_dist.training.best import BestValidation
from fcn4_dist.training.plan import (
    TrainingPlan,
    plan_training,
    resume_plan,
    settings_for_resuming,
)
from fcn4_dist.training.profiling import StepProfile
from fcn4_dist.training.resuming import Resumption
from fcn4_dist.training.samples import Samples
from fcn4_dist.training.saving import Saver
from fcn4_dist.training.schedule import Schedule
from fcn4_dist.training.sinking import SinkingStepper
from fcn4_dist.training.step import TrainingStep
from fcn4_dist.training.stepping import Stepper, StepsTaken
from fcn4_dist.training.validation import Validator
from fcn4_dist.training.watching import Watch
from fcn4_dist.versions import package_versions


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
    """

    checkpoint: Path
    samples_per_second: float | None
    epoch_losses: tuple[float, ...]
    best: Mapping[str, float]
    ended_early: bool


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
        self.manifest, self.record_set, self.ranks = manifest, record_set, ranks
        self.resumed = Resumption(settings, ranks)
        self.settings, self.plan = self._planned(settings)
        settings = self.settings
        self.folder = CheckpointFolder.from_settings(settings)
        ms.set_seed(settings.seed)
        self.network = self._build_network()
        self.average = self._build_network() if settings.ema_decay else None
        if self.average:
            name_as_average(self.average)
        self.step = TrainingStep(
            self.network,
            ranks,
            settings.loss_scale,
            settings.weight_decay,
            self.average,
            settings.accumulation_steps,
            settings.all_reduce_buckets or 1,
        )
        for cell in filter(None, (self.step, *self.step.cells(), self.average)):
            use_jit_level(cell, settings.jit_level)
        self.schedule = Schedule(settings, self.plan)
        self.stepper = self._build_stepper(stop_asked)
        self.validator = (
            Validator(self.average or self.network, validation_set, settings, ranks)
            if validation_set and settings.val_interval
            else None
        )
        before = self.resumed.description
        self.run_id = before.run_id if before else uuid.uuid4().hex
        patience = settings.patience if self.validator else 0
        self.best = BestValidation(settings.val_interval, patience, before.best if before else {})
        self._global_step = self.plan.steps_done

    def run(self) -> TrainingSummary:
        """Train all epochs that are left, or until ``patience`` is at its end.

        Returns:
            What the run amounts to.

        Raises:
            Fcn4DistError: If the loss is no longer finite, the shards are not what their manifest
                says, a checkpoint cannot be written, or the ranks disagree.
            StoppedError: If a rank was asked to stop; a checkpoint is written then.
        """
        self._start_alike()
        if self.ranks.is_main:
            announce(self.plan, self.ranks, self.settings, resumed=self._global_step > 0)
        written = self._checkpoints_of_this_run()
        self.saver = Saver(self.settings, self.step.state(), self.ranks, written)
        self._make_up_for_best()
        self.watch = Watch(self.plan, self._open_history(), visible=self.ranks.is_main)
        self.profile = StepProfile(
            self.settings.profile,
            Path(self.settings.run_dir),
            self.settings.device_target,
            self.ranks,
        )
        with self.watch, self.profile:
            epoch_losses = list(self._epochs())
        self.saver.finish()
        self._check_equal_weights()
        epoch, step = self._place
        return TrainingSummary(
            checkpoint=self.folder.file(epoch, step),
            samples_per_second=self.watch.samples_per_second,
            epoch_losses=tuple(epoch_losses),
            best=self.best.scores,
            ended_early=epoch < self.plan.epochs,
        )

    def _planned(self, settings: Settings) -> tuple[Settings, TrainingPlan]:
        description, path = self.resumed.description, self.resumed.path
        if description is not None:
            given = settings.batch_size
            settings = settings_for_resuming(settings, description, path, self.ranks.size)
            if self.ranks.is_main and settings.batch_size != given:
                say(
                    f"batch_size is {settings.batch_size} instead of {given}, so that the global "
                    f"batch stays {description.global_batch} clips"
                )
        plan = plan_training(len(self.record_set), settings, self.ranks.size)
        if description is not None:
            plan = resume_plan(plan, description, self.manifest.fingerprint(), path)
        return settings, plan

    def _build_network(self) -> Fcn4:
        return build_fcn4(
            self.settings.num_classes,
            self.settings.width,
            amp_level=self.settings.amp_in_use,
            amp_dtype=self.settings.amp_dtype,
            batch_norm_ranks=self.ranks.size if self.settings.sync_bn else 1,
            fused_first_block=self.settings.fusion_in_use,
        )

    def _build_stepper(self, stop_asked: Callable[[], bool]) -> Stepper | SinkingStepper:
        settings, ranks = self.settings, self.ranks
        samples = Samples(settings, self.record_set, ranks)
        what = self.step, settings, samples, self.schedule
        if not settings.sink_in_use:
            return Stepper(*what, ranks, stop_asked)
        stepper = SinkingStepper(*what, self.plan, ranks, stop_asked)
        if ranks.is_main and stepper.steps != settings.sink_size:
            say(
                f"sink_size is {stepper.steps} instead of {settings.sink_size}, so that the "
                f"{self.plan.steps_per_epoch} steps of an epoch are whole calls"
            )
        return stepper

    def _start_alike(self) -> None:
        if self.resumed.description is not None:
            self.resumed.load(self.step.state())
        else:
            if self.settings.pre_trained:
                self.ranks.on_main(self._load_pre_trained)
            # The moments are zero on every rank; only the weights need sending.
            self.ranks.broadcast_parameters(self.network.get_parameters())
            if self.average:
                start_average(self.average, self.network)
        self.ranks.check_agreement(
            {
                "number of steps": self.plan.steps - self.plan.steps_done,
                "shards' manifest": int(self.manifest.fingerprint()[:15], 16),
            }
        )
        self.network.set_train(True)

    def _load_pre_trained(self) -> None:
        path = self.folder.find(self.settings.model_name, warn)
        left = load_into_network(self.network, read_checkpoint(path), fresh_dense=True)
        said = f"; {', '.join(left)} are of another size and start fresh" if left else ""
        say(f"weights from {path}{said}")

    def _checkpoints_of_this_run(self) -> list[Path]:
        if self.resumed.description is None or not self.ranks.is_main:
            return []
        return self.folder.files_of_run(self.run_id)

    def _make_up_for_best(self) -> None:
        before = self.resumed.description
        if before is None or not self.ranks.is_main:
            return
        # The run may have died after it wrote this file, and before it was kept as the best.
        ends_epoch = before.step == before.steps_per_epoch
        if ends_epoch and before.best.get("epoch") == before.epoch:
            self.saver.keep_as_best(self.resumed.path)

    def _open_history(self) -> RunHistory | None:
        if not self.ranks.is_main:
            return None
        before = self.resumed.description
        earlier = before.run_dir if before else None
        return RunHistory(Path(self.settings.run_dir), self.plan.steps_done, earlier)

    def _epochs(self) -> Iterator[float]:
        """Run the epochs, and give the mean loss of each."""
        epoch, steps = divmod(self._global_step, self.plan.steps_per_epoch)
        # In the middle of an epoch there is nothing to decide yet.
        while epoch < self.plan.epochs and (steps or not self._ends_early(epoch)):
            epoch, steps = epoch + 1, 0
            yield self._run_epoch(epoch)

    def _ends_early(self, epoch: int) -> bool:
        if not self.best.patience:
            return False
        # Only rank 0 knows the scores.
        ends = np.array([self.best.ends_training(epoch)], dtype=np.int32)
        return bool(self.ranks.broadcast(ends)[0])

    @property
    def _place(self) -> tuple[int, int]:
        """Epoch, and step within it, of the last step."""
        epochs, steps = divmod(self._global_step - 1, self.plan.steps_per_epoch)
        return epochs + 1, steps + 1

    def _run_epoch(self, epoch: int) -> float:
        step = self._global_step - (epoch - 1) * self.plan.steps_per_epoch
        self.stepper.begin_epoch(epoch, step)
        self.watch.begin_epoch(epoch)
        while step < self.plan.steps_per_epoch:
            taken = self.stepper.take(epoch, step + 1, self._global_step + 1)
            self._record(epoch, step, taken)
            steps = len(taken.losses)
            step += steps
            self._global_step += steps
            with self.watch.aside():
                self._look_up(epoch, step, steps, taken.stop)
            self.profile.add(taken)
        return self.watch.mean_loss

    def _record(self, epoch: int, step: int, taken: StepsTaken) -> None:
        """Record steps that were taken after one of the epoch, up to one of no finite loss."""
        finite = list(takewhile(np.isfinite, taken.losses))
        first = self._global_step + 1
        lrs = [self.schedule.learning_rate(first + number) for number in range(len(finite))]
        self.watch.end_steps(epoch, step + 1, finite, lrs, taken)
        if len(finite) < len(taken.losses):
            loss = taken.losses[len(finite)]
            self._give_up(f"the loss is {loss}", epoch, step + 1 + len(finite))

    def _look_up(self, epoch: int, step: int, steps: int, stop: bool) -> None:
        """Validate and save if the last steps were those to do it, and stop if a rank is asked."""
        ends_epoch = step == self.plan.steps_per_epoch
        scores: Mapping[str, float] = {}
        is_best = False
        self.saver.check()
        # The card may have gone on behind the step that was to be saved.
        is_due = self._global_step % self.settings.save_step < steps
        if ends_epoch or stop or is_due:
            # Before a validation, too, which can only say that the scores are no numbers.
            self._check_finite_weights(epoch, step)
            if ends_epoch:
                if not stop:
                    scores, is_best = self._validate(epoch)
                # Before the checkpoint, from which on nobody would come back to it.
                self.watch.end_epoch(epoch, self._learning_rate, scores, best=is_best)
            self.saver.save(self._description(epoch, step, scores), is_best=is_best)
        if stop:
            self.saver.finish()
            # Nobody leaves before rank 0 has written.
            self.ranks.check_agreement({"step to stop at": self._global_step})
            raise StoppedError(
                f"stopped by SIGTERM; the checkpoint of epoch {epoch}, step {step} is written: "
                "--resume auto goes on from there"
            )

    def _validate(self, epoch: int) -> tuple[Mapping[str, float], bool]:
        if self.validator is None or epoch % self.settings.val_interval:
            return {}, False
        validation = self.validator.validate(epoch)
        if validation is None:
            return {}, False
        is_best = self.best.offer(epoch, validation.scores)
        if is_best:
            path = Path(self.settings.run_dir) / PREDICTIONS_NAME
            write_predictions(validation.predictions, path)
        return validation.scores, is_best

    @property
    def _learning_rate(self) -> float:
        """The learning rate of the last step."""
        return self.schedule.learning_rate(self._global_step)

    def _give_up(self, what: str, epoch: int, step: int) -> None:
        """End a run that has diverged.

        Raises:
            Fcn4DistError: Always.
        """
        self.saver.finish()
        ids = self._global_batch_ids(epoch, step)
        self.watch.end_run(epoch, step, what, ids)
        # What else lies in the folder is of other runs.
        written = self.folder.files_of_run(self.run_id) if self.ranks.is_main else []
        newest = written[-1] if written else None
        raise Fcn4DistError(divergence(what, epoch, step, ids, Path(self.settings.run_dir), newest))

    def _check_finite_weights(self, epoch: int, step: int) -> None:
        # A gradient may overflow where the loss does not; no checkpoint is to hold what it leaves.
        for parameter in self.network.trainable_params():
            if not np.isfinite(parameter.asnumpy().sum(dtype=np.float64)):
                self._give_up(f"{parameter.name} is no longer finite", epoch, step)

    def _global_batch_ids(self, epoch: int, step: int) -> list[str]:
        (batch,) = training_batches(
            self.plan.clips, self.plan.global_batch, 0, 1, seed=self.settings.seed, epoch=epoch
        )[step - 1 : step]
        return [self.record_set.clips[index].id for index in batch]

    def _description(
        self, epoch: int, step: int, metrics: Mapping[str, float]
    ) -> CheckpointDescription:
        return CheckpointDescription(
            run_id=self.run_id,
            epoch=epoch,
            step=step,
            steps_per_epoch=self.plan.steps_per_epoch,
            global_step=self._global_step,
            global_batch=self.plan.global_batch,
            world_size=self.ranks.size,
            shards=self.manifest.fingerprint(),
            class_names=self.manifest.class_names,
            parameters=self.manifest.parameters,
            width=self.settings.width,
            settings=self.settings.as_dict(),
            versions=package_versions("mindspore", "numpy"),
            metrics=metrics,
            best=self.best.scores,
        )

    def _check_equal_weights(self) -> None:
        self.ranks.heartbeat.at("comparing its weights with those of the others")
        weights = parameter_values(self.network.trainable_params())
        self.ranks.check_agreement({"weights after training": _hash_of(weights)})


def _hash_of(values: Mapping[str, np.ndarray]) -> int:
    digest = hashlib.sha256()
    for name in sorted(values):
        digest.update(values[name].tobytes())
    # 60 bits, so that it stays positive in the 64 that ranks compare.
    return int(digest.hexdigest()[:15], 16)
