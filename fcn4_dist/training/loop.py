"""The training loop: epochs of steps, progress, validation, checkpoints."""

import hashlib
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import Tensor

from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.checkpoints.content import CheckpointDescription, read_checkpoint
from fcn4_dist.checkpoints.loading import load_into_network, parameter_values
from fcn4_dist.cluster.compile_cache import compile_cache
from fcn4_dist.cluster.worker import Worker
from fcn4_dist.config import Settings
from fcn4_dist.errors import Fcn4DistError, StoppedError
from fcn4_dist.model.fcn4 import build_fcn4
from fcn4_dist.pipeline import Batch, read_batches, training_batches
from fcn4_dist.records import Manifest, RecordSet
from fcn4_dist.terminal import Progress, say, still_running, warn
from fcn4_dist.training.plan import (
    FEW_STEPS,
    SHAPING_SETTINGS,
    TrainingPlan,
    plan_training,
    resume_plan,
    settings_for_resuming,
)
from fcn4_dist.training.resuming import Resumption
from fcn4_dist.training.saving import Saver, statistics_of
from fcn4_dist.training.step import TrainingStep
from fcn4_dist.training.validation import Validator
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
    """

    checkpoint: Path
    samples_per_second: float | None
    epoch_losses: tuple[float, ...]
    best: Mapping[str, float]


class Trainer:
    """One training run, as one rank sees it.

    Args:
        settings: The settings of the run.
        manifest: The manifest of the shards.
        record_set: The training set.
        validation_set: The validation set; None for no validation.
        worker: This rank.
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
        worker: Worker,
        stop_asked: Callable[[], bool] = lambda: False,
    ) -> None:
        self.manifest, self.record_set, self.worker = manifest, record_set, worker
        self.stop_asked = stop_asked
        self.resumed = Resumption(settings, worker)
        self.settings, self.plan = self._planned(settings)
        settings = self.settings
        self.folder = CheckpointFolder.from_settings(settings)
        ms.set_seed(settings.seed)
        self.network = build_fcn4(
            settings.num_classes,
            settings.width,
            mixed_precision=settings.float16,
            batch_norm_ranks=worker.world_size if settings.sync_bn else 1,
        )
        self.step = TrainingStep(self.network, worker, settings.lr, settings.loss_scale)
        self.validator = (
            Validator(self.network, validation_set, settings.batch_size, worker)
            if validation_set and settings.val_interval
            else None
        )
        before = self.resumed.description
        self.run_id = before.run_id if before else uuid.uuid4().hex
        self.best: dict[str, float] = dict(before.best) if before else {}
        self._global_step = self.plan.steps_done
        self._first_step_ended = 0.0
        self._seconds_aside = 0.0

    def run(self) -> TrainingSummary:
        """Train all epochs that are left.

        Returns:
            What the run amounts to.

        Raises:
            Fcn4DistError: If the loss is no longer finite, the shards are not what their manifest
                says, a checkpoint cannot be written, or the ranks disagree.
            StoppedError: If a rank was asked to stop; a checkpoint is written then.
        """
        self._start_alike()
        if self.worker.is_main:
            _announce(self.plan, self.worker, self.settings, resumed=self._global_step > 0)
        written = self._checkpoints_of_this_run()
        self.saver = Saver(self.settings, self.step.state(), self.worker, written)
        self._make_up_for_best()
        first_epoch = self._global_step // self.plan.steps_per_epoch + 1
        with Progress(
            "training", self.plan.steps, "steps", visible=self.worker.is_main
        ) as progress:
            progress.count(self._global_step)
            progress.restart_clock()
            epoch_losses = [
                self._run_epoch(epoch, progress)
                for epoch in range(first_epoch, self.plan.epochs + 1)
            ]
        samples_per_second = self._samples_per_second()
        self.saver.finish()
        self._check_equal_weights()
        return TrainingSummary(
            checkpoint=self.folder.file(self.plan.epochs, self.plan.steps_per_epoch),
            samples_per_second=samples_per_second,
            epoch_losses=tuple(epoch_losses),
            best=self.best,
        )

    def _planned(self, settings: Settings) -> tuple[Settings, TrainingPlan]:
        description, path = self.resumed.description, self.resumed.path
        if description is not None:
            given = settings.batch_size
            settings = settings_for_resuming(settings, description, path, self.worker.world_size)
            if self.worker.is_main and settings.batch_size != given:
                say(
                    f"batch_size is {settings.batch_size} instead of {given}, so that the global "
                    f"batch stays {description.global_batch} clips"
                )
        plan = plan_training(len(self.record_set), settings, self.worker.world_size)
        if description is not None:
            plan = resume_plan(plan, description, self.manifest.fingerprint(), path)
        return settings, plan

    def _start_alike(self) -> None:
        if self.resumed.description is not None:
            self.resumed.load(self.step.state(), statistics_of(self.step.state()))
        else:
            if self.settings.pre_trained:
                self.worker.on_main(self._load_pre_trained)
            # The moments are zero on every rank; only the weights need sending.
            self.worker.broadcast_parameters(self.network.get_parameters())
        self.worker.check_agreement(
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
        if self.resumed.description is None or not self.worker.is_main:
            return []
        return self.folder.files_of_run(self.run_id)

    def _make_up_for_best(self) -> None:
        before = self.resumed.description
        if before is None or not self.worker.is_main:
            return
        # The run may have died after it wrote this file, and before it was kept as the best.
        ends_epoch = before.step == before.steps_per_epoch
        if ends_epoch and before.best.get("epoch") == before.epoch:
            self.saver.keep_as_best(self.resumed.path)

    def _run_epoch(self, epoch: int, progress: Progress) -> float:
        batches = training_batches(
            self.plan.clips,
            self.settings.batch_size,
            self.worker.rank,
            self.worker.world_size,
            seed=self.settings.seed,
            epoch=epoch,
        )
        done = self._global_step - (epoch - 1) * self.plan.steps_per_epoch
        losses: list[float] = []
        reader = read_batches(self.record_set, batches[done:])
        for step in range(done + 1, len(batches) + 1):
            self.worker.heartbeat.at(f"reading the batch of epoch {epoch}, step {step}")
            loss, stop = self._run_step(next(reader), epoch, step)
            losses.append(loss)
            progress.count()
            if not self._timed_clips:
                progress.restart_clock()
            rate = progress.units_per_second * self.plan.global_batch
            progress.show(
                f"epoch {epoch}/{self.plan.epochs}  step {step}/{len(batches)}  "
                f"mean loss {np.mean(losses):.4f}  {rate:.1f} samples/s",
                now=step == len(batches),
            )
            begun = time.monotonic()
            self._end_step(epoch, step, stop)
            progress.leave_out(time.monotonic() - begun)
            self._seconds_aside += time.monotonic() - begun
        return float(np.mean(losses))

    def _end_step(self, epoch: int, step: int, stop: bool) -> None:
        ends_epoch = step == self.plan.steps_per_epoch
        self.saver.check()
        if ends_epoch or stop or self._global_step % self.settings.save_step == 0:
            scores = self._validate(epoch) if ends_epoch and not stop else {}
            auc = scores.get("roc_auc_macro")
            is_best = auc is not None and auc > self.best.get("roc_auc_macro", -1.0)
            if is_best:
                self.best = {"epoch": epoch, **scores}
            self.saver.save(self._description(epoch, step, scores), is_best=is_best)
        if stop:
            self.saver.finish()
            # Nobody leaves before rank 0 has written.
            self.worker.check_agreement({"step to stop at": self._global_step})
            raise StoppedError(
                f"stopped by SIGTERM; the checkpoint of epoch {epoch}, step {step} is written: "
                "--resume auto goes on from there"
            )

    def _validate(self, epoch: int) -> dict[str, float]:
        if self.validator is None or epoch % self.settings.val_interval:
            return {}
        scores = self.validator.scores()
        if self.worker.is_main:
            texts = [f"{name} {value:.4f}" for name, value in scores.items()]
            say(f"validation after epoch {epoch}: {', '.join(texts) or 'no class has both kinds'}")
        return scores

    def _run_step(self, batch: Batch, epoch: int, step: int) -> tuple[float, bool]:
        first = self._global_step == self.plan.steps_done
        self.worker.heartbeat.at(f"in epoch {epoch}, step {step}", unhurried=first)
        stop = Tensor(np.float32(self.stop_asked()))
        inputs = Tensor(batch.features), Tensor(batch.labels), stop
        told = self._run_first_step(*inputs) if first else self.step(*inputs).asnumpy()
        self._global_step += 1
        loss = float(told[0])
        if not np.isfinite(loss):
            raise Fcn4DistError(
                f"the loss is {loss} at epoch {epoch}, step {step}: lower --lr (or --loss_scale), "
                f"or start again from a checkpoint in {self.folder.path}"
            )
        return loss, bool(told[1] > 0)

    def _run_first_step(self, *inputs: Tensor) -> np.ndarray:
        begun = time.monotonic()
        notice = "compiling the training step: seconds on a CPU, some minutes on Ascend"
        with (
            still_running(notice, visible=self.worker.is_main),
            compile_cache(self._what_is_compiled(inputs[0]), Path(self.settings.run_dir)),
        ):
            told = self.step(*inputs).asnumpy()
        self._first_step_ended = time.monotonic()
        if self.worker.is_main:
            say(f"compiled; the first step took {self._first_step_ended - begun:.1f} s")
        return told

    def _what_is_compiled(self, features: Tensor) -> dict[str, object]:
        constants = {name: getattr(self.settings, name) for name in SHAPING_SETTINGS}
        return (
            constants
            | {"device": self.settings.device_target}
            | {"world size": self.worker.world_size, "input": str(features.shape)}
        )

    @property
    def _timed_clips(self) -> int:
        return max(self._global_step - self.plan.steps_done - 1, 0) * self.plan.global_batch

    def _samples_per_second(self) -> float | None:
        seconds = time.monotonic() - self._first_step_ended - self._seconds_aside
        return self._timed_clips / seconds if self._timed_clips else None

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
            world_size=self.worker.world_size,
            shards=self.manifest.fingerprint(),
            class_names=self.manifest.class_names,
            parameters=self.manifest.parameters,
            width=self.settings.width,
            settings=self.settings.as_dict(),
            versions=package_versions("mindspore", "numpy"),
            metrics=metrics,
            best=self.best,
        )

    def _check_equal_weights(self) -> None:
        self.worker.heartbeat.at("comparing its weights with those of the others")
        weights = parameter_values(self.network.trainable_params())
        self.worker.check_agreement({"weights after training": _hash_of(weights)})


def _announce(plan: TrainingPlan, worker: Worker, settings: Settings, *, resumed: bool) -> None:
    say(
        f"training {plan.clips} clips, {settings.device_target} workers: {worker.world_size}; "
        f"{plan.epochs} epochs of {plan.steps_per_epoch} steps of {plan.global_batch} clips "
        f"({settings.batch_size} a worker); {plan.left_out} clips are left out of each epoch, "
        "others each time"
    )
    earlier = CheckpointFolder.from_settings(settings).files()
    if earlier and not resumed:
        warn(
            f"{settings.checkpoint_path} holds {len(earlier)} checkpoints of an earlier run; they "
            "stay, unless this run writes one of the same name: --checkpoint_path or --prefix "
            "keeps runs apart"
        )
    if plan.steps_per_epoch < FEW_STEPS:
        warn(
            f"only {plan.steps_per_epoch} steps an epoch, fewer than {FEW_STEPS}: a smaller "
            "--batch_size or fewer workers may train better"
        )


def _hash_of(values: Mapping[str, np.ndarray]) -> int:
    digest = hashlib.sha256()
    for name in sorted(values):
        digest.update(values[name].tobytes())
    # 60 bits, so that it stays positive in the 64 that ranks compare.
    return int(digest.hexdigest()[:15], 16)
