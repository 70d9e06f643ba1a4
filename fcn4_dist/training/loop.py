"""The training loop: epochs of steps, progress, checkpoints."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor

from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.checkpoints.content import (
    CheckpointDescription,
    load_into_network,
    parameter_values,
    read_checkpoint,
    write_checkpoint,
)
from fcn4_dist.cluster.compile_cache import compile_cache
from fcn4_dist.cluster.worker import Worker
from fcn4_dist.config import SETTINGS, Settings
from fcn4_dist.errors import Fcn4DistError
from fcn4_dist.model.fcn4 import build_fcn4
from fcn4_dist.pipeline import Batch, read_batches, training_batches
from fcn4_dist.records import Manifest, RecordSet
from fcn4_dist.terminal import Progress, say, still_running, warn
from fcn4_dist.training.plan import FEW_STEPS, TrainingPlan, plan_training
from fcn4_dist.training.step import TrainingStep
from fcn4_dist.versions import package_versions

_STATISTICS = (".moving_mean", ".moving_variance")


@dataclass(frozen=True)
class TrainingSummary:
    """What a finished run amounts to.

    Attributes:
        checkpoint: The last checkpoint.
        samples_per_second: Over all ranks, without the first step, which compiles; None if there
            was no other.
        epoch_losses: Mean loss of each epoch.
    """

    checkpoint: Path
    samples_per_second: float | None
    epoch_losses: tuple[float, ...]


class Trainer:
    """One training run, as one rank sees it.

    Args:
        settings: The settings of the run.
        manifest: The manifest of the shards.
        record_set: The training set.
        worker: This rank.
    """

    def __init__(
        self, settings: Settings, manifest: Manifest, record_set: RecordSet, worker: Worker
    ) -> None:
        self.settings, self.manifest = settings, manifest
        self.record_set, self.worker = record_set, worker
        self.plan = plan_training(len(record_set), settings, worker.world_size)
        self.folder = CheckpointFolder.from_settings(settings)
        ms.set_seed(settings.seed)
        self.network = build_fcn4(
            settings.num_classes,
            settings.width,
            mixed_precision=settings.float16,
            batch_norm_ranks=worker.world_size if settings.sync_bn else 1,
        )
        self.step = TrainingStep(self.network, worker, settings.lr, settings.loss_scale)
        self._global_step = 0
        self._first_step_ended = 0.0
        self._written: list[Path] = []

    def run(self) -> TrainingSummary:
        """Train all epochs.

        Returns:
            What the run amounts to.

        Raises:
            Fcn4DistError: If the loss is no longer finite, the shards are not what their manifest
                says, a checkpoint cannot be written, or the ranks disagree.
        """
        self._start_alike()
        if self.worker.is_main:
            _announce(self.plan, self.worker, self.settings)
        epochs = range(1, self.plan.epochs + 1)
        total = self.plan.epochs * self.plan.steps_per_epoch
        with Progress("training", total, "steps", visible=self.worker.is_main) as progress:
            epoch_losses = [self._run_epoch(epoch, progress) for epoch in epochs]
        seconds = time.monotonic() - self._first_step_ended
        timed_clips = (self._global_step - 1) * self.plan.global_batch
        self._check_equal_weights()
        return TrainingSummary(
            checkpoint=self.folder.file(self.plan.epochs, self.plan.steps_per_epoch),
            samples_per_second=timed_clips / seconds if timed_clips else None,
            epoch_losses=tuple(epoch_losses),
        )

    def _start_alike(self) -> None:
        if self.settings.pre_trained:
            self.worker.on_main(self._load_pre_trained)
        # The moments are zero on every rank; only the weights need sending.
        self.worker.broadcast_parameters(self.network.get_parameters())
        self.worker.check_agreement(
            {
                "number of steps": self.plan.steps_per_epoch * self.plan.epochs,
                "shards' manifest": int(self.manifest.fingerprint()[:15], 16),
            }
        )
        self.network.set_train(True)

    def _load_pre_trained(self) -> None:
        path = self.folder.find(self.settings.model_name)
        left = load_into_network(self.network, read_checkpoint(path), fresh_dense=True)
        said = f"; {', '.join(left)} are of another size and start fresh" if left else ""
        say(f"weights from {path}{said}")

    def _run_epoch(self, epoch: int, progress: Progress) -> float:
        batches = training_batches(
            self.plan.clips,
            self.settings.batch_size,
            self.worker.rank,
            self.worker.world_size,
            seed=self.settings.seed,
            epoch=epoch,
        )
        losses: list[float] = []
        reader = read_batches(self.record_set, batches)
        for step in range(1, len(batches) + 1):
            self.worker.heartbeat.at(f"reading the batch of epoch {epoch}, step {step}")
            losses.append(self._run_step(next(reader), epoch, step))
            progress.count()
            if self._global_step == 1:
                progress.restart_clock()
            rate = progress.units_per_second * self.plan.global_batch
            progress.show(
                f"epoch {epoch}/{self.plan.epochs}  step {step}/{len(batches)}  "
                f"mean loss {np.mean(losses):.4f}  {rate:.1f} samples/s",
                now=step == len(batches),
            )
            if self._global_step % self.settings.save_step == 0 or step == len(batches):
                self._save(epoch, step)
        return float(np.mean(losses))

    def _run_step(self, batch: Batch, epoch: int, step: int) -> float:
        first = self._global_step == 0
        self.worker.heartbeat.at(f"in epoch {epoch}, step {step}", unhurried=first)
        inputs = Tensor(batch.features), Tensor(batch.labels)
        loss = self._run_first_step(*inputs) if first else float(self.step(*inputs).asnumpy())
        self._global_step += 1
        if not np.isfinite(loss):
            raise Fcn4DistError(
                f"the loss is {loss} at epoch {epoch}, step {step}: lower --lr (or --loss_scale), "
                f"or start again from a checkpoint in {self.folder.path}"
            )
        return loss

    def _run_first_step(self, features: Tensor, labels: Tensor) -> float:
        begun = time.monotonic()
        notice = "compiling the training step: seconds on a CPU, some minutes on Ascend"
        with (
            still_running(notice, visible=self.worker.is_main),
            compile_cache(self._what_is_compiled(features), Path(self.settings.run_dir)),
        ):
            loss = float(self.step(features, labels).asnumpy())
        self._first_step_ended = time.monotonic()
        if self.worker.is_main:
            say(f"compiled; the first step took {self._first_step_ended - begun:.1f} s")
        return loss

    def _what_is_compiled(self, features: Tensor) -> dict[str, object]:
        constants = {
            name: value
            for name, value in self.settings.as_dict().items()
            if not SETTINGS[name].is_path
        }
        return constants | {"world size": self.worker.world_size, "input": str(features.shape)}

    def _save(self, epoch: int, step: int) -> None:
        self.worker.heartbeat.at(f"writing the checkpoint of epoch {epoch}, step {step}")
        statistics = self.worker.mean(parameter_values(self._statistics()))
        if not self.worker.is_main:
            return
        values = parameter_values(self.step.state()) | statistics
        description = CheckpointDescription(
            epoch=epoch,
            step=step,
            global_step=self._global_step,
            global_batch=self.plan.global_batch,
            class_names=self.manifest.class_names,
            parameters=self.manifest.parameters,
            width=self.settings.width,
            settings=self.settings.as_dict(),
            versions=package_versions("mindspore", "numpy"),
        )
        path = self.folder.file(epoch, step)
        write_checkpoint(path, values, description)
        self._remove_oldest(path)

    def _remove_oldest(self, newest: Path) -> None:
        # Only of this run's own: what else lies in the folder is somebody's.
        self._written.append(newest)
        while len(self._written) > self.settings.keep_checkpoint_max:
            self._written.pop(0).unlink(missing_ok=True)

    def _statistics(self) -> list[Parameter]:
        # Batch-norm's moving statistics differ from rank to rank: each saw other samples.
        return [p for p in self.network.get_parameters() if p.name.endswith(_STATISTICS)]

    def _check_equal_weights(self) -> None:
        self.worker.heartbeat.at("comparing its weights with those of the others")
        weights = parameter_values(self.network.trainable_params())
        self.worker.check_agreement({"weights after training": _hash_of(weights)})


def _announce(plan: TrainingPlan, worker: Worker, settings: Settings) -> None:
    say(
        f"training {plan.clips} clips, {settings.device_target} workers: {worker.world_size}; "
        f"{plan.epochs} epochs of {plan.steps_per_epoch} steps of {plan.global_batch} clips "
        f"({settings.batch_size} a worker); {plan.left_out} clips are left out of each epoch, "
        "others each time"
    )
    earlier = CheckpointFolder.from_settings(settings).files()
    if earlier:
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
