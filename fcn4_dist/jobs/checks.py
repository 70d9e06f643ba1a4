"""What would stop a train or eval job besides the workers: shards, steps, checkpoints, folders."""

import os
from collections.abc import Iterator
from pathlib import Path

from fcn4_dist.audio import FeatureParameters
from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.checkpoints.container import read_shapes
from fcn4_dist.checkpoints.content import (
    CheckpointDescription,
    check_description,
    read_description,
)
from fcn4_dist.checkpoints.fitting import check_weights
from fcn4_dist.checkpoints.folder import find_resume_file
from fcn4_dist.clips.class_names import parse_class_names, unnamed
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.files import check_writable
from fcn4_dist.findings import Finding, Level, counted, errors_in, finding_of
from fcn4_dist.jobs.shards import find_validation_set, open_shards, role_findings
from fcn4_dist.model import check_documented_size
from fcn4_dist.records import Manifest, check_shards
from fcn4_dist.records.class_counts import classes_without_clips_in
from fcn4_dist.runs.folder import DEFAULT_RUNS
from fcn4_dist.runs.occupancy import check_goes_on, check_unoccupied
from fcn4_dist.text import count, unlike
from fcn4_dist.training.plan import plan_run, plan_training


def check_job(
    command: str,
    settings: Settings,
    world_size: int,
    *,
    on_main: bool = True,
    generation: str = "",
) -> list[Finding]:
    """Find what would stop a job, before anything is started. MindSpore is not imported.

    Args:
        command: "train" or "eval".
        settings: The settings of the job.
        world_size: Number of ranks it will have.
        on_main: Whether rank 0 runs on this host: others need no checkpoints.
        generation: Of its cards, if there are any that are to be used.
    """
    about_sets: list[Finding] = []
    findings = [finding_of("shards", lambda: _check_shards(command, settings, about_sets))]
    findings += about_sets
    if command == "train" and generation:
        findings += _check_window(settings, generation)
    if command == "train" and findings[0].level is Level.OK:
        findings += _check_validation(settings)
    if command == "train" and findings[0].level is Level.OK and not settings.resume:
        findings.append(finding_of("steps", lambda: _check_steps(settings, world_size)))
    if on_main and (command == "eval" or settings.pre_trained):
        findings.append(finding_of("checkpoint", lambda: _check_checkpoint(command, settings)))
        usable = not errors_in(findings)
        if command == "train" and usable:
            findings += _check_dense_layer(settings)
        if usable:
            findings += _remarks_on_checkpoint(command, settings)
    if on_main and command == "train" and settings.resume:
        findings.append(finding_of("resume", lambda: _check_resume(settings, world_size)))
    if on_main and command == "train":
        folder = settings.checkpoint_path
        findings.append(finding_of("folder", lambda: _check_folder(folder, "checkpoint_path")))
        findings.append(finding_of("folder", lambda: _check_lock(settings)))
    if settings.reader_threads:
        findings.append(finding_of("threads", lambda: _check_reader_threads(settings)))
    run_dir = settings.run_dir or DEFAULT_RUNS
    findings.append(finding_of("folder", lambda: _check_folder(run_dir, "run_dir")))
    if on_main and settings.run_dir and not settings.resume:
        findings.append(finding_of("folder", lambda: _check_run_folder(command, settings.run_dir)))
    return findings


def _check_shards(command: str, settings: Settings, about_sets: list[Finding]) -> str:
    manifest, record_set = open_shards(command, settings)
    about_sets += role_findings(command, settings, manifest)
    about_sets += _remarks_on_classes(command, manifest, record_set.name)
    check_shards(record_set)
    # The first validation may come after hours.
    if command == "train" and (validation := find_validation_set(settings, manifest)):
        check_shards(validation)
    shards = count(len(record_set.shards), "shard")
    return f"{count(len(record_set), 'clip')} in {shards} of {record_set.folder}"


def _remarks_on_classes(command: str, manifest: Manifest, named: str) -> Iterator[Finding]:
    """Say which classes are not to be learnt from a training set, or are scored nevertheless."""
    training, consequence = named, "nothing is learnt of them"
    unscored: set[str] = set()
    if command == "eval":
        training, consequence = next(iter(manifest.sets)), "the means count their scores, too"
        unscored = set(classes_without_clips_in(manifest, named))
    lacking = classes_without_clips_in(manifest, training)
    if untaught := [name for name in lacking if name not in unscored]:
        sentence = f"the training set has no clip of classes: {counted(untaught)}; {consequence}"
        yield Finding(Level.WARNING, sentence, check="sets")


def _check_window(settings: Settings, generation: str) -> list[Finding]:
    parameters = FeatureParameters.from_settings(settings)
    found = check_documented_size(
        parameters.n_mels,
        parameters.frames_in(settings.window_seconds),
        parameters.hop_length / parameters.sample_rate,
        generation,
    )
    return [found] if found else []


def _check_validation(settings: Settings) -> list[Finding]:
    """Find why no validation can be the best; without patience, that is no more than a warning."""
    why = _why_no_best(settings) if settings.val_interval else ""
    if not why:
        return []
    if settings.patience:
        waits = f"patience {settings.patience} waits for a macro ROC-AUC that no validation has"
        mend = "train without --patience, or with a validation set that has one"
        return [Finding(Level.ERROR, f"{waits}, since {why}", mend, "validation")]
    mend = "if it is not to be chosen, --val_interval 0 says so"
    return [
        Finding(Level.WARNING, f"no checkpoint will be the best, since {why}", mend, "validation")
    ]


def _why_no_best(settings: Settings) -> str:
    if settings.val_interval > settings.epoch_size:
        return (
            f"val_interval {settings.val_interval} is more than epoch_size {settings.epoch_size}, "
            "so that no epoch is validated"
        )
    manifest, _ = open_shards("train", settings)
    validation = find_validation_set(settings, manifest)
    if validation is None:
        known = ", ".join(manifest.sets)
        return f"the shards hold no set of val_filename {settings.val_filename}, only {known}"
    clips = validation.clips.count_labels()
    if not any(0 < clips.get(name, 0) < len(validation) for name in validation.class_names):
        return (
            f"each class has all of the {count(len(validation), 'clip')} of the set of "
            f"{settings.val_filename}, or none"
        )
    return ""


def _check_steps(settings: Settings, world_size: int) -> str:
    _, record_set = open_shards("train", settings)
    plan = plan_training(len(record_set), settings, world_size)
    return f"{plan.steps_per_epoch} an epoch, of {count(plan.global_batch, 'clip')}"


def _check_checkpoint(command: str, settings: Settings) -> str:
    path = CheckpointFolder.from_settings(settings).find(settings.model_name)
    description = read_description(path)
    width = settings.width
    if command == "eval":
        manifest, _ = open_shards("eval", settings)
        check_description(description, path, manifest.class_names, manifest.parameters)
        _check_class_names(settings, description, path, manifest.class_names)
        width = description.width if description else width
    check_weights(path, settings.num_classes, width, fresh_dense=command == "train")
    return str(path)


def _check_class_names(
    settings: Settings,
    description: CheckpointDescription | None,
    path: Path,
    of_shards: tuple[str, ...],
) -> None:
    """Hold the names that somebody gives the classes of a checkpoint against those of the shards.

    Those that a checkpoint of this package has are the shards'; of another program, they have to be
    given.
    """
    names = parse_class_names(settings.class_names)
    if not names:
        if description is None:
            raise unnamed(path, len(of_shards))
        return
    if names != of_shards:
        given, found = unlike(names, of_shards)
        raise InputError(
            f"class_names says that the classes of {path} are {given}, and those of the shards are "
            f"{found}: name shards of the same classes in the same order with --data_dir, or mend "
            "--class_names"
        )


def _remarks_on_checkpoint(command: str, settings: Settings) -> Iterator[Finding]:
    """Say where a checkpoint may be another than is meant, or its scores better than they are."""
    folder = CheckpointFolder.from_settings(settings)
    path = folder.find(settings.model_name)
    if told := folder.told_of_several_runs():
        yield Finding(Level.WARNING, f"{told}; {path.name} is taken", check="checkpoint")
    description = read_description(path)
    if command == "eval" and description:
        manifest, record_set = open_shards("eval", settings)
        if description.shards != manifest.fingerprint():
            yield Finding(
                Level.WARNING,
                f"{path} was trained with other shards than those in {settings.shard_folder}: "
                f"clips of the set {record_set.name} may be among those it was trained on",
                "score it with the shards of its run for a score of clips it has not seen",
                "checkpoint",
            )


def _check_dense_layer(settings: Settings) -> list[Finding]:
    """Say so where a run begins with a dense layer that was trained on other classes."""
    path = CheckpointFolder.from_settings(settings).find(settings.model_name)
    description = read_description(path)
    manifest, _ = open_shards("train", settings)
    if description and description.class_names == manifest.class_names:
        return []
    if read_shapes(path)["dense.bias"] != (settings.num_classes,):
        # It starts fresh.
        return []
    whose = "says not of which classes" if description is None else "is of other classes"
    sentence = (
        f"the dense layer of {path} {whose}, but of as many as the shards have: the run begins "
        "with its weights all the same"
    )
    return [Finding(Level.WARNING, sentence, check="checkpoint")]


def _check_resume(settings: Settings, world_size: int) -> str:
    path = find_resume_file(settings, warn=lambda text: None)
    description = read_description(path) if path else None
    if settings.run_dir:
        run_id = description.run_id if description else None
        check_goes_on(Path(settings.run_dir), run_id, settings.save_step)
    if path is None:
        return f"nothing to go on from in {settings.checkpoint_path} yet"
    assert description
    manifest, record_set = open_shards("train", settings)
    check_description(description, path, manifest.class_names, manifest.parameters)
    shards = manifest.fingerprint()
    _, plan = plan_run(settings, len(record_set), shards, world_size, description, path)
    return f"{path}, step {description.global_step} of {plan.steps}"


def _check_reader_threads(settings: Settings) -> str:
    # MindSpore takes as many as the host has cores, also where a process keeps to some of them.
    cores = os.cpu_count() or 1
    if settings.reader_threads > cores:
        raise InputError(
            f"reader_threads {settings.reader_threads} are more than the "
            f"{count(cores, 'core')} of this host, which MindSpore refuses: give fewer, or 0"
        )
    return f"{settings.reader_threads} threads to read shards, on {count(cores, 'core')}"


def _check_lock(settings: Settings) -> str:
    folder = CheckpointFolder.from_settings(settings)
    folder.check_free()
    return f"no other run writes to {settings.checkpoint_path}"


def _check_run_folder(command: str, run_dir: str) -> str:
    check_unoccupied(Path(run_dir), command)
    return f"run_dir {run_dir} holds no other job"


def _check_folder(folder: str, setting: str) -> str:
    check_writable(Path(folder), setting)
    return f"{setting} {folder} can be written to"
