"""The command cross-validate: every fold preprocessed, trained and scored, then one table."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fcn4_dist import documents
from fcn4_dist.clips import Collection, choose_for_dataset, split_clips
from fcn4_dist.config import Affects, LoadedSettings, Settings, differences
from fcn4_dist.config.forms import unexpanded
from fcn4_dist.errors import Fcn4DistError, InputError
from fcn4_dist.evaluation import PREDICTIONS_NAME, read_predictions, summary_text
from fcn4_dist.jobs.auto_settings import choose_device, say_device
from fcn4_dist.jobs.disk_room import check_room_ahead
from fcn4_dist.jobs.fold_steps import StepRunner
from fcn4_dist.jobs.folds import write_folds
from fcn4_dist.jobs.preprocess_checks import with_audio
from fcn4_dist.jobs.preprocess_steps import read_and_count
from fcn4_dist.jobs.shown_settings import say_settings
from fcn4_dist.jobs.stages import check_stages
from fcn4_dist.runs.cross_validation import (
    CrossValidationRecord,
    fold_folder,
    read_cross_validation,
)
from fcn4_dist.runs.folder import DEFAULT_RUNS, choose_run_folder, save_settings, settings_file
from fcn4_dist.runs.occupancy import CROSS_VALIDATION_NAME, check_unoccupied
from fcn4_dist.terminal import Progress, say
from fcn4_dist.text import count, span

_STEPS = 3
"""Of a fold: preprocess, train, eval."""
LOG_NAME = "steps.log"
# How the work is done may be changed: what stopped a run may have to be mended there.
_THE_SAME_IN_ALL = set(Affects) - {Affects.FOLD, Affects.WORK}


def cross_validate(loaded: LoadedSettings, device_num: int | None) -> None:
    """Run a cross-validation in ``run_dir``; begun before, it goes on where it was.

    It is over the published folds of a collection that has some, or its published splits, else
    over ``folds`` that are drawn.

    Args:
        loaded: The settings; what is of a single fold (``fold``, the folders of shards and
            checkpoints) is seen to here.
        device_num: Workers of each training and evaluation; None for a single one, not launched.

    Raises:
        InputError: If a setting does not go with a cross-validation, or the folder holds another.
        Fcn4DistError: If a step fails.
    """
    loaded = choose_device(_of_all_folds(loaded))
    say_device(loaded)
    check_stages(loaded.settings, device_num)
    loaded, record = _settle_folds(loaded)
    loaded = choose_run_folder(loaded, "cross-validate")
    settings = loaded.settings
    folder = Path(settings.run_dir)
    record = replace(record, settings=settings.as_dict() | {"device_num": device_num})
    _check_same(folder, settings, record)
    documents.write(folder / CROSS_VALIDATION_NAME, record)
    config = save_settings(loaded)
    say_settings(loaded, None, config)
    say(f"what the steps of a fold print goes to {folder}/fold-N/{LOG_NAME}")
    with Progress("cross-validation", _STEPS * len(record.folds), "steps") as progress:
        runner = StepRunner(progress)
        for fold in record.folds:
            title, of_fold = record.title(fold), fold_folder(folder, fold)
            # They are whole if they are there, and all that is needed of a fold.
            if (of_fold / "eval" / PREDICTIONS_NAME).exists():
                progress.count(_STEPS)
                say(f"{title} is finished: {of_fold}")
                continue
            for name, arguments in _steps(settings, config, fold, of_fold, record):
                if code := runner.run(f"{title}: {name}", arguments, of_fold / LOG_NAME):
                    error = Fcn4DistError(
                        f"fold {fold}: {name} ended with exit code {code}; the same command with "
                        f"--run_dir {folder} goes on from there"
                    )
                    error.exit_code = code
                    raise error
            say(f"{title}: {_main_figures(of_fold)}")
    say()
    write_folds(read_cross_validation(folder), folder)


def _main_figures(of_fold: Path) -> str:
    metrics = read_predictions(of_fold / "eval" / PREDICTIONS_NAME).metrics
    return f"{summary_text(metrics)}, {count(metrics.clips, 'clip')}"


def _of_all_folds(loaded: LoadedSettings) -> LoadedSettings:
    """Settle what is the same for all folds, whatever a settings file says of a single job."""
    settings, origins = replace(loaded.settings, fold=1), dict(loaded.origins)
    # In a settings file, where other jobs need it, it has no effect.
    of_a_fold = {
        name: setting.default
        for name, setting in settings.declarations.items()
        if setting.affected(settings) is Affects.FOLD
    }
    for name in of_a_fold:
        if origins.get(name) == f"--{name}" and not (
            name == "split" and settings.split != "random"
        ):
            raise InputError(f"--{name}: a cross-validation sees to it in each fold: leave it out")
    if settings.pre_trained:
        raise InputError(
            f"{origins['pre_trained']}: pre_trained does not go with a cross-validation, as the "
            "weights may have been trained on the clips of a fold: leave it out"
        )
    train, val, _ = settings.set_names
    # In a settings file, the other ones are of a single job.
    is_asked = origins.get("split") == "--split" or settings.split == "kfold"
    # The collection says which folds there are.
    of_a_fold.pop("fold")
    origins.pop("fold", None)
    own = of_a_fold | {
        "split": settings.split if is_asked else "auto",
        "train_filename": f"{train}.mindrecord0",
        "val_filename": f"{val}.mindrecord0",
    }
    if settings.model_name == settings.declarations["model_name"].default:
        # Chosen by the fold that is scored, the best checkpoint would flatter.
        own["model_name"] = "last"
    return replace(
        loaded,
        settings=replace(settings, **own),
        origins={**origins, **dict.fromkeys(own, "cross-validate")},
    )


def _settle_folds(loaded: LoadedSettings) -> tuple[LoadedSettings, CrossValidationRecord]:
    """Find out over which folds it is, and the number of classes; only once.

    Returns:
        The settings, and a record that still lacks them.
    """
    folder, asked = Path(loaded.settings.run_dir), loaded.settings.split
    path = folder / CROSS_VALIDATION_NAME
    is_begun = loaded.settings.run_dir and path.exists()
    begun = documents.read(path, CrossValidationRecord) if is_begun else None
    if begun and asked in ("auto", begun.split):
        classes = begun.settings.get("num_classes", loaded.settings.num_classes)
        loaded = choose_for_dataset(loaded).found({"num_classes": classes}, str(path))
        record = begun if begun.published else _drawn(loaded)
    else:
        loaded, collection = read_and_count(loaded)
        record = _new_record(loaded, collection)
        _check_splits(loaded.settings, collection, record)
        own_shards = replace(loaded.settings, mr_path=loaded.settings.run_dir or DEFAULT_RUNS)
        there = with_audio(collection, loaded.settings)
        say(check_room_ahead(there, own_shards, len(record.folds)))
    _check_number_of_folds(loaded, record)
    own: dict[str, Any] = {"split": record.split, "fold": record.folds[0]}
    if record.has_splits and loaded.origins.get("model_name") == "cross-validate":
        # Chosen by the validation set, it is scored on another.
        own["model_name"] = "best"
    return replace(loaded, settings=replace(loaded.settings, **own)), record


def _new_record(loaded: LoadedSettings, collection: Collection) -> CrossValidationRecord:
    settings = loaded.settings
    if settings.split != "kfold" and collection.folds:
        has_tests = collection.has_splits and any(c.role == "test" for c in collection.clips)
        return CrossValidationRecord({}, collection.folds, "test" if has_tests else "val")
    if settings.split == "published":
        raise InputError(
            f"--split published: the collection in audio_path {settings.audio_path} has no "
            "published folds: leave it out, and folds are drawn"
        )
    return _drawn(loaded)


def _drawn(loaded: LoadedSettings) -> CrossValidationRecord:
    return CrossValidationRecord({"folds": loaded.settings.folds})


def _check_splits(
    settings: Settings, collection: Collection, record: CrossValidationRecord
) -> None:
    """Refuse folds that cannot be, before the first one is trained on."""
    # Folds that are drawn are looked at together, and other published splits when they are read.
    alone = record.published and not collection.has_splits
    for fold in record.folds if alone else record.folds[:1]:
        of_fold = replace(settings, split=record.split, fold=fold)
        split_clips(collection.clips, {}, of_fold, collection.folds)


def _check_number_of_folds(loaded: LoadedSettings, record: CrossValidationRecord) -> None:
    number = loaded.settings.folds
    if record.published and loaded.is_given("folds") and number != len(record.published):
        kind = "splits" if record.has_splits else "folds"
        raise InputError(
            f"{loaded.origins['folds']}: the collection has the published {kind} "
            f"{span(record.published)}: leave out folds to take these, or give --split kfold to "
            f"draw {number}"
        )


def _check_same(folder: Path, settings: Settings, record: CrossValidationRecord) -> None:
    """Refuse to go on with what other settings have begun to train."""
    path = folder / CROSS_VALIDATION_NAME
    if path.exists():
        begun = documents.read(path, CrossValidationRecord)
        differing = differences(begun.settings, settings, _THE_SAME_IN_ALL)
        workers = begun.settings.get("device_num"), record.settings["device_num"]
        asked = {"split": (begun.split, record.split), "device_num": workers}
        differing += [
            f"{name} {before} instead of {now}"
            for name, (before, now) in asked.items()
            if before != now
        ]
        # Shards are written again in any case.
        if differing and any(folder.glob("fold-*/weight/*.ckpt")):
            raise InputError(
                f"{folder} holds a cross-validation with other settings ({', '.join(differing)}): "
                "name another folder with --run_dir, or remove this one"
            )
    elif settings_file(settings).exists() or any(folder.glob("fold-*")):
        raise InputError(
            f"{folder} holds another job, or lacks its {CROSS_VALIDATION_NAME}: name another "
            "folder with --run_dir"
        )
    else:
        check_unoccupied(folder)


def _steps(
    settings: Settings, config: Path, fold: int, folder: Path, record: CrossValidationRecord
) -> Iterator[tuple[str, list[str]]]:
    """Give the name and the arguments of each command of a fold."""
    device_num = record.settings["device_num"]
    shards = ["--config", unexpanded(config), "--mr_path", unexpanded(folder / "mindrecord")]
    job = [*shards, "--checkpoint_path", unexpanded(folder / "weight")]
    # On this host alone, also where a site has given the job several.
    launch = ["launch", "--nnodes", "1", "--device_num", str(device_num)] if device_num else []
    yield "preprocess", ["preprocess", *shards, "--fold", str(fold)]
    train = ["train", *job, "--run_dir", unexpanded(folder / "train"), "--resume", "auto"]
    yield "train", [*launch, *train]
    evaluate = ["eval", *job, "--run_dir", unexpanded(folder / "eval")]
    if record.has_splits:
        evaluate += ["--val_filename", f"{settings.set_names[2]}.mindrecord0"]
    yield "eval", [*launch, *evaluate]
